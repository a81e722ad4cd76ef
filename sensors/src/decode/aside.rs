//! What a protocol says of a record beside the record itself: Splunk's envelope, OpenTelemetry's
//! attributes, a journal entry's fields.

use events::event::Marks;
use events::{Event, FieldId, Timestamp, Value, field};

/// What stands beside a record. It counts where the record says nothing itself.
#[derive(Clone, Debug, Default)]
pub struct Aside<'a> {
    /// When it happened.
    pub time: Option<Timestamp>,
    /// Further fields; several of one name are kept all.
    pub fields: Vec<(FieldId, Value<'a>)>,
    /// The same for texts that do not stand there as they are.
    pub made: Vec<(FieldId, String)>,
}

impl<'a> Aside<'a> {
    /// Adds a field by its name; an empty text says nothing.
    pub fn add(&mut self, name: &str, value: Value<'a>) {
        if let Some(id) = FieldId::intern(name)
            && value != Value::Str("")
        {
            self.fields.push((id, value));
        }
    }

    /// Adds a field whose text is made of what stands there.
    pub fn add_made(&mut self, name: &str, text: String) {
        if let Some(id) = FieldId::intern(name)
            && !text.is_empty()
        {
            self.made.push((id, text));
        }
    }

    /// The program that wrote the record, if it is named.
    pub fn app(&self) -> Option<&'a str> {
        let of_program = |(id, _): &&(FieldId, Value<'a>)| *id == field::PROCESS_NAME;
        self.fields.iter().find(of_program).and_then(|(_, value)| value.as_str())
    }

    /// Fills what a decoded event lacks.
    pub fn fill(&self, event: &mut Event) {
        if let Some(time) = self.time
            && event.marks.has(Marks::NO_TIME)
        {
            event.time = time;
            event.marks.0 &= !Marks::NO_TIME;
        }
        let fields = self.fields.iter().copied();
        let all = fields.chain(self.made.iter().map(|(id, text)| (*id, Value::Str(text))));
        let lacking: Vec<_> = all.filter(|(id, _)| event.get(*id).is_none()).collect();
        for (id, value) in lacking {
            event.push(id, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_itself_comes_first() {
        let mut event = Event::new();
        event.push(field::HOST_NAME, Value::Str("own"));
        event.marks.set(Marks::NO_TIME);
        let mut aside = Aside { time: Some(Timestamp::from_secs(7)), ..Aside::default() };
        aside.add("host.name", Value::Str("other"));
        aside.add("tag", Value::Str("a"));
        aside.add("tag", Value::Str("b"));
        aside.add("empty", Value::Str(""));
        aside.add_made("tag", "c".to_owned());
        aside.add_made("host.name", "made".to_owned());
        aside.add_made("empty", String::new());
        aside.fill(&mut event);
        assert_eq!(event.str(field::HOST_NAME), Some("own"));
        assert_eq!((event.time, event.len()), (Timestamp::from_secs(7), 4));
        assert!(!event.marks.has(Marks::NO_TIME));
    }
}
