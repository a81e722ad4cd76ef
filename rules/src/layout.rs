//! Layouts: which fields an event has, in their order. A source has few of them, so what a plan
//! makes of a layout is remembered: the values to look at, and by each the last one seen there
//! with its answer. Most values are that of the event before, and cost one comparison.

use events::{Event, FieldId};

use crate::compile::pool::View;
use crate::known::Known;
use crate::limits;
use crate::plan::Plan;

/// The layouts met; ones with the same place push each other out. Past the last lies the one of
/// events with too many fields, made anew each time.
#[derive(Default)]
pub(crate) struct Layouts {
    kept: Vec<Layout>,
    /// Buffer: by logical field, the stamp of a layout and the best candidate present.
    best: Vec<(u32, u32)>,
    stamp: u32,
}

/// One layout, for one plan.
#[derive(Default)]
struct Layout {
    /// [`Plan::id`]; 0 is no plan's.
    plan: u32,
    keywords: bool,
    ids: Vec<FieldId>,
    places: Vec<Place>,
    /// By place.
    lasts: Vec<Known>,
}

/// A value to look at.
pub(crate) struct Place {
    /// Its place in the order of the event's fields.
    pub(crate) at: u32,
    pub(crate) field: FieldId,
    /// Index into [`Plan::looks`].
    pub(crate) look: u32,
    pub(crate) counting: Counting,
}

impl Place {
    pub(crate) fn new(at: u32, field: FieldId, look: usize) -> Self {
        Self { at, field, look: look as u32, counting: Counting::default() }
    }
}

/// Which views of a look count. Where several candidates of one logical field are present, only
/// the first in its order does.
#[derive(Default)]
pub(crate) struct Counting(Option<Box<[u64]>>);

impl Counting {
    fn of(views: impl Iterator<Item = bool>) -> Self {
        let (mut bits, mut all) = (Vec::new(), true);
        for (counts, at) in views.zip(0..) {
            if at % 64 == 0 {
                bits.push(0);
            }
            if let Some(word) = bits.last_mut() {
                *word |= u64::from(counts) << (at % 64);
            }
            all &= counts;
        }
        Self((!all).then(|| bits.into()))
    }

    /// Whether a view counts, by its place among the look's.
    #[inline]
    pub(crate) fn counts(&self, view: usize) -> bool {
        match &self.0 {
            None => true,
            Some(bits) => bits.get(view / 64).is_some_and(|word| word >> (view % 64) & 1 == 1),
        }
    }

    /// All of it as one number; `None` if there are too many views.
    #[inline]
    pub(crate) fn bits(&self) -> Option<u64> {
        match self.0.as_deref() {
            None => Some(u64::MAX),
            Some([bits]) => Some(*bits),
            Some(_) => None,
        }
    }
}

impl Layouts {
    /// The values of an event to look at, by a plan; those that only keywords look at if these
    /// may lie in the event.
    #[inline]
    pub(crate) fn of(
        &mut self,
        event: &Event,
        plan: &Plan,
        keywords: bool,
    ) -> (&[Place], &mut [Known]) {
        let ids = event.ids();
        // The products do not wait for each other.
        let sum = ids.clone().fold(u64::from(plan.id), |sum, id| {
            let term = (id.index() as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            sum.rotate_left(1).wrapping_add(term)
        });
        let fits = ids.len() <= limits::LAYOUT_FIELDS_MAX;
        let at =
            if fits { (sum >> 32) as usize % limits::LAYOUTS_MAX } else { limits::LAYOUTS_MAX };
        let same = self.kept.get(at).is_some_and(|layout| {
            (layout.plan, layout.keywords) == (plan.id, keywords)
                && layout.ids.len() == ids.len()
                && layout.ids.iter().zip(ids).all(|(a, b)| *a == b)
        });
        if !same {
            self.learn(at, event, plan, keywords);
        }
        match self.kept.get_mut(at) {
            Some(Layout { places, lasts, .. }) => (places, lasts),
            None => (&[], &mut []),
        }
    }

    /// Makes the layout of an event the one kept at a place.
    #[cold]
    fn learn(&mut self, at: usize, event: &Event, plan: &Plan, keywords: bool) {
        if self.kept.is_empty() {
            self.kept.resize_with(limits::LAYOUTS_MAX + 1, Layout::default);
        }
        let Self { kept, best, stamp } = self;
        let Some(layout) = kept.get_mut(at) else { return };
        layout.places.clear();
        layout.lasts.clear();
        layout.ids.clear();
        (layout.plan, layout.keywords) = (plan.id, keywords);
        if event.len() <= limits::LAYOUT_FIELDS_MAX {
            layout.ids.extend(event.ids());
        }
        *stamp = stamp.wrapping_add(1);
        if *stamp == 0 {
            best.fill((0, 0));
            *stamp = 1;
        }
        let mut contested = false;
        for (field, at) in event.ids().zip(0u32..) {
            let Some(look) = plan.look(field) else { continue };
            if !keywords && plan.looks[look].table.is_none() {
                continue;
            }
            for view in &plan.looks[look].views {
                let logical = view.logical as usize;
                if best.len() <= logical {
                    best.resize(logical + 1, (0, 0));
                }
                let best = &mut best[logical];
                if best.0 != *stamp {
                    *best = (*stamp, view.rank);
                } else if best.1 != view.rank {
                    contested = true;
                    best.1 = best.1.min(view.rank);
                }
            }
            layout.places.push(Place::new(at, field, look));
        }
        layout.lasts.resize(layout.places.len(), Known::default());
        if contested {
            let counts = |view: &View| best[view.logical as usize].1 == view.rank;
            for place in &mut layout.places {
                place.counting =
                    Counting::of(plan.looks[place.look as usize].views.iter().map(counts));
            }
        }
    }
}
