//! Which pack fits lines that none declares, and what did not decode: for a person who connects a
//! new device.

use std::collections::{BTreeMap, BTreeSet};

use events::{Event, FieldId, Timestamp, field};

use super::{Decoded, Packs, Record};
use crate::decode::columns;
use crate::limits::{HEADER_BYTES_MAX, SAMPLE_CHARS_MAX, SAMPLES_MAX, SUGGEST_LINES_MAX};

/// What became of lines, and what would fit them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Suggestion {
    /// Lines looked at.
    pub lines: usize,
    /// How many each pack decodes when the sensor names none.
    pub found: BTreeMap<String, usize>,
    /// How many no pack decodes, by code.
    pub failed: BTreeMap<&'static str, usize>,
    /// The first lines that are not decoded, or by a generic pack alone: code or pack, and text.
    pub samples: Vec<(String, String)>,
    /// Packs that could be named for those lines, the best first.
    pub fitting: Vec<Fit>,
}

/// How a pack fits lines that are not its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fit {
    /// The pack.
    pub pack: String,
    /// Lines of which it fills at least two columns, or which it keeps as text.
    pub lines: usize,
    /// Columns it fills, of all lines together; none when it keeps them as text.
    pub columns: usize,
}

const GENERIC: [&str; 4] = ["syslog", "json", PLAIN, "key-value"];
/// The pack of text without form.
const PLAIN: &str = "plain";
/// Columns of one line that make a pack fit it.
const COLUMNS_MIN: usize = 2;
/// The part of the lines that a pack must fit at least, one in so many: a line that another program
/// wrote fits some pack by chance.
const FITTING_PART: usize = 4;
/// Packs shown.
const FITTING_MAX: usize = 5;

impl Packs {
    /// Looks at lines of one source, as a file holds them.
    pub fn suggest<'l>(
        &self,
        lines: impl Iterator<Item = &'l [u8]>,
        received: Timestamp,
    ) -> Suggestion {
        let offset = events::time::BEIJING_OFFSET_SECS;
        let (mut out, mut open, mut header) = (Suggestion::default(), Vec::new(), String::new());
        for line in lines.filter(|l| !l.trim_ascii().is_empty()).take(SUGGEST_LINES_MAX) {
            out.lines += 1;
            if columns::is_header(line)
                && let Ok(text) = std::str::from_utf8(line)
                && header.len() + text.len() < HEADER_BYTES_MAX
            {
                header.push_str(text);
                header.push('\n');
            }
            let record = Record { header: Some(&header), ..Record::utf8(line) };
            let mut event = Event::new();
            let decoded = self.decode_record(None, &record, received, offset, &mut event);
            let word = match decoded {
                Decoded::Ok(pack) => {
                    *out.found.entry(pack.to_owned()).or_default() += 1;
                    pack
                }
                Decoded::Failed(code) => {
                    *out.failed.entry(code).or_default() += 1;
                    code
                }
            };
            if matches!(decoded, Decoded::Failed(_)) || GENERIC.contains(&word) {
                if out.samples.len() < SAMPLES_MAX {
                    let text = String::from_utf8_lossy(line);
                    let text = text.chars().take(SAMPLE_CHARS_MAX).collect();
                    out.samples.push((word.to_owned(), text));
                }
                open.push(line);
            }
        }
        out.fitting = self.fitting(&open, &header, received);
        if out.fitting.is_empty() {
            out.fitting.extend(self.as_text(&open, &out.found, received));
        }
        out
    }

    /// The pack that would tell most of a record that none declares, if one tells more than `found`,
    /// which has it now.
    pub(crate) fn best(
        &self,
        record: &Record<'_>,
        found: Option<&str>,
        received: Timestamp,
    ) -> Option<String> {
        let line = record.text.as_deref().map_or(record.bytes, str::as_bytes);
        let fitting = self.fitting(&[line], record.header.unwrap_or(""), received);
        let first = fitting.into_iter().next().map(|fit| fit.pack)?;
        (found != Some(&*first)).then_some(first)
    }

    /// Whether a pack takes what no other declares.
    pub(crate) fn is_generic(pack: &str) -> bool {
        GENERIC.contains(&pack)
    }

    /// The packs that say more of lines than a generic one does, best first: by lines, then by what
    /// they tell of them.
    fn fitting(&self, lines: &[&[u8]], header: &str, received: Timestamp) -> Vec<Fit> {
        let plain: Vec<BTreeSet<FieldId>> = lines
            .iter()
            .map(|line| {
                let told = GENERIC.iter().map(|name| self.told(name, line, header, received));
                told.max_by_key(BTreeSet::len).unwrap_or_default()
            })
            .collect();
        let mut all: Vec<Fit> = Vec::new();
        for name in self.names() {
            let mut fit = Fit { pack: name.to_owned(), lines: 0, columns: 0 };
            for (line, plain) in lines.iter().zip(&plain) {
                let told = self.told(name, line, header, received);
                let more = GENERIC.contains(&name) || !told.is_subset(plain);
                if told.len() >= COLUMNS_MIN && more {
                    fit.lines += 1;
                    fit.columns += told.len();
                }
            }
            if fit.lines > 0 && fit.lines * FITTING_PART >= lines.len() {
                all.push(fit);
            }
        }
        all.sort_by(|a, b| (b.lines, b.columns, &a.pack).cmp(&(a.lines, a.columns, &b.pack)));
        all.truncate(FITTING_MAX);
        all
    }

    /// The pack that keeps lines as they are, for those that no other takes: that of most other lines
    /// if it does, for they are the lines above a table, or the rest of a record.
    fn as_text(
        &self,
        lines: &[&[u8]],
        found: &BTreeMap<String, usize>,
        received: Timestamp,
    ) -> Option<Fit> {
        let mut event = Event::new();
        let mut decodes = |pack, line: &[u8]| {
            matches!(self.decode(pack, line, received, &mut event), Decoded::Ok(_))
        };
        let mut lost = lines.to_vec();
        lost.retain(|line| !decodes(None, line) && decodes(Some(PLAIN), line));
        let most =
            found.iter().filter(|(pack, _)| !Self::is_generic(pack)).max_by_key(|(_, n)| **n);
        let named = most.map(|(pack, _)| pack.as_str());
        let takes = named.filter(|pack| lost.iter().all(|line| decodes(Some(pack), line)));
        let pack = takes.unwrap_or(PLAIN).to_owned();
        (!lost.is_empty()).then_some(Fit { pack, lines: lost.len(), columns: 0 })
    }

    /// The columns that a pack fills of a line; none if it cannot decode it. What any envelope gives
    /// does not tell packs apart.
    fn told(
        &self,
        pack: &str,
        line: &[u8],
        header: &str,
        received: Timestamp,
    ) -> BTreeSet<FieldId> {
        const ENVELOPE: [FieldId; 5] = [
            field::MESSAGE,
            field::HOST_NAME,
            field::LOG_LEVEL,
            field::PROCESS_NAME,
            field::PROCESS_PID,
        ];
        let offset = events::time::BEIJING_OFFSET_SECS;
        let record = Record { header: Some(header), ..Record::utf8(line) };
        let mut event = Event::new();
        match self.decode_record(Some(pack), &record, received, offset, &mut event) {
            Decoded::Ok(_) => {
                event.ids().filter(|id| id.column().is_some() && !ENVELOPE.contains(id)).collect()
            }
            Decoded::Failed(_) => BTreeSet::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{check, detect};
    use super::*;
    use proptest::prelude::{any, proptest};

    fn suggest(text: &[u8]) -> Suggestion {
        let packs = Packs::embedded().unwrap();
        packs.suggest(text.split(|b| *b == b'\n'), Timestamp::from_secs(1_795_406_706))
    }

    #[test]
    fn a_device_of_its_own_name_finds_a_pack_that_fits() {
        let found = suggest(
            b"<134>Nov 23 12:05:06 gw vpnd: action=login result=fail user=li srcip=10.1.1.9\n\
              <134>Nov 23 12:05:07 gw vpnd: action=login result=ok user=wu srcip=10.1.1.8\n\
              total nonsense\n",
        );
        assert_eq!((found.lines, found.failed["S101"]), (3, 1));
        assert_eq!(found.found["syslog"], 2);
        assert_eq!(found.samples.len(), 3);
        assert_eq!(found.fitting[0].pack, "sangfor-vpn");
        assert_eq!(found.fitting[0].lines, 2);
    }

    #[test]
    fn what_is_declared_needs_no_suggestion() {
        let found = suggest(
            b"Nov 23 12:05:06 h sshd[1]: Failed password for a from 10.0.0.9 port 1 ssh2\n",
        );
        assert_eq!(found.found["linux-sshd"], 1);
        assert!(found.samples.is_empty() && found.fitting.is_empty());
    }

    /// The packs as if one of them declared nothing: a device whose name and words are its own.
    fn without(name: &str) -> Packs {
        let mut packs = Packs::embedded().unwrap();
        if let Some(pack) = packs.all.get_mut(name) {
            pack.apps.clear();
            pack.contains.clear();
        }
        packs.detector = detect::Detector::new(&packs.all);
        packs
    }

    /// Packs whose records another one reads as well when they do not declare themselves, and why.
    const ALIKE: [(&str, &str, &str); 3] = [
        ("docker", "json", "its `log` is that of Fluent Bit, which the generic pack reads"),
        ("integrity", "json", "our own sensor writes ECS names, which need no mapping"),
        ("sysmon", "windows-json", "it is a Windows log, which its channel tells"),
    ];

    #[test]
    fn the_pack_of_its_own_examples_is_suggested_first() {
        for name in Packs::embedded().unwrap().names() {
            let packs = without(name);
            let lines = check::records(packs.get(name).unwrap());
            let lines = lines.iter().map(String::as_bytes);
            let found = packs.suggest(lines, Timestamp::from_secs(1_795_406_706));
            // What decodes without a suggestion needs none.
            let most = found.found.iter().max_by_key(|(_, n)| **n).map(|(pack, _)| pack);
            let best = found.fitting.first().map(|f| &f.pack).or(most).map(String::as_str);
            let alike = ALIKE.iter().find(|(of, _, _)| *of == name).map(|(_, other, _)| *other);
            assert_eq!(best, Some(alike.unwrap_or(name)), "{name}: {found:?}");
        }
    }

    #[test]
    fn text_without_form_is_kept_as_text() {
        let found = suggest(b"2026-11-23 12:05:06 startup archives unpack\n2026-11-23 x y\n");
        let plain = Fit { pack: "plain".to_owned(), lines: 2, columns: 0 };
        assert_eq!((found.failed["S101"], found.fitting), (2, vec![plain]));
    }

    #[test]
    fn what_stands_above_a_table_is_of_its_pack() {
        let found = suggest(
            "事件 ID  含义\n00\t已启动日志。\n\
             10,11/23/26,12:05:06,分配,10.1.2.77,pc,025E1001024D,,1,0,,,,,,,,,0\n"
                .as_bytes(),
        );
        assert_eq!((found.found["windows-dhcp"], found.failed["S101"]), (1, 2));
        let own = Fit { pack: "windows-dhcp".to_owned(), lines: 2, columns: 0 };
        assert_eq!(found.fitting, [own]);
    }

    #[test]
    fn a_pack_that_tells_no_more_than_a_generic_one_is_not_suggested() {
        let found = suggest(br#"{"source.ip":"10.0.0.1","user.name":"li"}"#);
        let packs: Vec<_> = found.fitting.iter().map(|f| f.pack.as_str()).collect();
        assert_eq!(packs, ["json"], "Docker's has the same members");
    }

    proptest! {
        #[test]
        fn any_bytes_are_safe(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            suggest(&bytes);
        }
    }
}
