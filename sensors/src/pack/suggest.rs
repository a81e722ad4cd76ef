//! Which pack fits lines that none declares, and what did not decode: for a person who connects a
//! new device.

use std::collections::BTreeMap;

use events::{Event, Timestamp, field};

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
    /// Lines of which it fills at least two columns.
    pub lines: usize,
    /// Columns it fills, of all lines together.
    pub columns: usize,
}

const GENERIC: [&str; 4] = ["syslog", "json", "plain", "key-value"];
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
        out
    }

    fn fitting(&self, lines: &[&[u8]], header: &str, received: Timestamp) -> Vec<Fit> {
        let offset = events::time::BEIJING_OFFSET_SECS;
        let mut all: Vec<Fit> = Vec::new();
        for name in self.names() {
            let mut fit = Fit { pack: name.to_owned(), lines: 0, columns: 0 };
            for line in lines {
                let record = Record { header: Some(header), ..Record::utf8(line) };
                let mut event = Event::new();
                let decoded = self.decode_record(Some(name), &record, received, offset, &mut event);
                // What any envelope gives does not tell packs apart.
                let said = event.fields().filter(|(id, _)| {
                    id.column().is_some()
                        && ![field::MESSAGE, field::HOST_NAME, field::LOG_LEVEL].contains(id)
                        && ![field::PROCESS_NAME, field::PROCESS_PID].contains(id)
                });
                let columns = said.count();
                if matches!(decoded, Decoded::Ok(_)) && columns >= 2 {
                    fit.lines += 1;
                    fit.columns += columns;
                }
            }
            if fit.lines > 0 {
                all.push(fit);
            }
        }
        all.sort_by(|a, b| (b.lines, b.columns, &a.pack).cmp(&(a.lines, a.columns, &b.pack)));
        all.truncate(FITTING_MAX);
        all
    }
}

#[cfg(test)]
mod tests {
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

    proptest! {
        #[test]
        fn any_bytes_are_safe(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            suggest(&bytes);
        }
    }
}
