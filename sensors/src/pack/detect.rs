//! Finding the pack of a record whose sensor names none: by program name, then by the texts the
//! packs declare, in one pass.

use std::collections::BTreeMap;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use hashbrown::HashMap;

use super::Pack;
use crate::limits::DETECT_BYTES_MAX;

/// The index over all packs' `[match]`.
pub(crate) struct Detector {
    apps: HashMap<String, Vec<String>>,
    texts: Option<AhoCorasick>,
    /// By pattern of `texts`: the pack's priority and name.
    owners: Vec<(i32, String)>,
}

impl std::fmt::Debug for Detector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Detector({} texts)", self.owners.len())
    }
}

impl Detector {
    pub(crate) fn new(packs: &BTreeMap<String, Pack>) -> Self {
        let mut order: Vec<&Pack> = packs.values().collect();
        order.sort_by_key(|p| (-p.priority, p.name.as_str()));
        let mut apps: HashMap<String, Vec<String>> = HashMap::new();
        let (mut texts, mut owners) = (Vec::new(), Vec::new());
        for pack in order {
            for app in &pack.apps {
                apps.entry(app.to_ascii_lowercase()).or_default().push(pack.name.clone());
            }
            for text in pack.contains.iter().filter(|t| !t.is_empty()) {
                texts.push(text.as_str());
                owners.push((pack.priority, pack.name.clone()));
            }
        }
        // A table of all states, as every record of a program that no pack names goes through it.
        // Only absurdly many texts fail to build; then only program names are looked at.
        let kind = Some(AhoCorasickKind::DFA);
        let texts = AhoCorasick::builder().kind(kind).build(texts).ok();
        Self { apps, texts, owners }
    }

    /// The pack of a message, if any declares it.
    pub(crate) fn find<'p>(
        &self,
        packs: &'p BTreeMap<String, Pack>,
        app: Option<&str>,
        message: &str,
    ) -> Option<&'p Pack> {
        let fits = |name: &String| {
            let pack = packs.get(name)?;
            let ok = pack.run.detect.as_ref().is_none_or(|regex| regex.is_match(message));
            ok.then_some(pack)
        };
        if let Some(app) = app {
            let named = match self.apps.get(app) {
                Some(names) => Some(names),
                None => self.apps.get(&app.to_ascii_lowercase()),
            };
            if let Some(found) = named.and_then(|names| names.iter().find_map(fits)) {
                return Some(found);
            }
        }
        let head = message.len().min(DETECT_BYTES_MAX);
        let texts = self.texts.as_ref()?;
        let mut hits: Vec<usize> = texts
            .find_overlapping_iter(&message.as_bytes()[..head])
            .map(|found| found.pattern().as_usize())
            .collect();
        // Patterns are numbered in the order of priority.
        hits.sort_unstable();
        hits.dedup();
        hits.into_iter().filter_map(|at| self.owners.get(at)).find_map(|(_, name)| fits(name))
    }
}
