//! A record, wherever it lies: an event in memory or a row of an archive file.

use std::borrow::Cow;

use events::time::BEIJING_OFFSET_SECS;
use events::{Event, EventId, FieldId, SiteId, Timestamp, Value};

use super::expr::Place;
use crate::archive::rest::value_of;
use crate::archive::rows::Rows;

/// One record to look at.
#[derive(Clone, Copy)]
pub(super) enum View<'a> {
    Event(&'a Event),
    Row(&'a Rows<'a>, usize),
}

impl View<'_> {
    pub(super) fn id(&self) -> EventId {
        match self {
            Self::Event(event) => event.id,
            Self::Row(rows, at) => rows.id(*at),
        }
    }

    pub(super) fn time(&self) -> Timestamp {
        match self {
            Self::Event(event) => event.time,
            Self::Row(rows, at) => rows.time(*at),
        }
    }

    pub(super) fn site(&self) -> SiteId {
        match self {
            Self::Event(event) => event.site,
            Self::Row(rows, at) => rows.site(*at),
        }
    }

    pub(super) fn is_exercise(&self) -> bool {
        match self {
            Self::Event(event) => event.exercise.is_some(),
            Self::Row(rows, at) => rows.exercise(*at).is_some(),
        }
    }

    pub(super) fn raw(&self) -> &str {
        match self {
            Self::Event(event) => event.raw_text(),
            Self::Row(rows, at) => rows.raw(*at),
        }
    }

    /// Whether any value of a place fulfils a test.
    pub(super) fn any(&self, place: &Place, test: &mut dyn FnMut(Value<'_>) -> bool) -> bool {
        match place {
            Place::Field(field) => self.any_field(*field, test),
            Place::Raw => test(Value::Str(self.raw())),
            _ => test(Value::Str(&self.head(place))),
        }
    }

    /// The first value of a place as text; empty if there is none.
    pub(super) fn text(&self, place: &Place) -> String {
        let mut text = String::new();
        self.any(place, &mut |value| {
            text = value.text().into_owned();
            true
        });
        text
    }

    fn any_field(&self, field: FieldId, test: &mut dyn FnMut(Value<'_>) -> bool) -> bool {
        match self {
            Self::Event(event) => event.all(field).any(test),
            Self::Row(rows, at) => {
                if rows.typed(*at, field).is_some_and(&mut *test) {
                    return true;
                }
                rows.may_have_rest(*at, field.name())
                    && rows.rest(*at).all(field.name()).iter().any(|json| test(value_of(json)))
            }
        }
    }

    fn head(&self, place: &Place) -> Cow<'static, str> {
        let source = |part: usize| -> Cow<'static, str> {
            match self {
                Self::Event(event) => {
                    let source = event.logsource.get();
                    Cow::Owned([source.product, source.category, source.service][part].clone())
                }
                Self::Row(rows, at) => Cow::Owned(rows.source(*at, part).to_owned()),
            }
        };
        match place {
            Place::Id => Cow::Owned(self.id().to_string()),
            Place::Site => Cow::Owned(self.site().to_string()),
            Place::Sensor => match self {
                Self::Event(event) => Cow::Borrowed(event.sensor.name()),
                Self::Row(rows, at) => Cow::Owned(rows.sensor(*at).to_owned()),
            },
            Place::Product => source(0),
            Place::Category => source(1),
            Place::Service => source(2),
            Place::Time => Cow::Owned(self.time().to_rfc3339_at(BEIJING_OFFSET_SECS)),
            Place::Field(_) | Place::Raw => Cow::Borrowed(""),
        }
    }
}
