//! A policy (C2SP tlog-policy): the logs and witnesses somebody trusts, and how many must have
//! signed. A verifier brings one of their own; a bundle carries that of its producer.

use std::collections::BTreeMap;

use super::error::EvidenceError;
use super::limits;
use super::note::{Note, VerifyingKey};
use super::witness::{Witness, WitnessKey};

/// Logs, witnesses and the quorum.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// Keys of logs.
    pub logs: Vec<VerifyingKey>,
    /// Witnesses; the URL is empty when none is given.
    pub witnesses: Vec<Witness>,
    /// The rule.
    quorum: Rule,
}

#[derive(Clone, Debug, Default)]
enum Rule {
    /// No witness is needed.
    #[default]
    None,
    Witness(usize),
    Group(usize, Vec<Rule>),
}

/// Who signed a note, measured by a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witnessed {
    /// Names and times (seconds of the Unix epoch) of those that signed.
    pub by: Vec<(String, u64)>,
    /// Names of those whose line does not verify.
    pub bad: Vec<String>,
    /// Whether the quorum is reached.
    pub enough: bool,
}

impl Policy {
    /// The flat policy: `quorum` of these witnesses.
    pub fn flat(witnesses: Vec<Witness>, quorum: usize) -> Result<Self, EvidenceError> {
        if quorum > witnesses.len() {
            return Err(EvidenceError::BadPolicy { line: 0, problem: "more than there are" });
        }
        let members = (0..witnesses.len()).map(Rule::Witness).collect();
        let quorum = if quorum == 0 { Rule::None } else { Rule::Group(quorum, members) };
        Ok(Self { logs: Vec::new(), witnesses, quorum })
    }

    /// Whether any witness is needed.
    pub fn needs_witnesses(&self) -> bool {
        !matches!(self.quorum, Rule::None)
    }

    /// Reads the text form.
    pub fn parse(text: &str) -> Result<Self, EvidenceError> {
        let mut out = Self::default();
        let mut names: BTreeMap<&str, Rule> = BTreeMap::new();
        let mut quorum = None;
        for (n, line) in text.split('\n').enumerate() {
            let bad = |problem| EvidenceError::BadPolicy { line: n + 1, problem };
            if n >= limits::POLICY_LINES_MAX {
                return Err(bad("too many lines"));
            }
            if line.chars().any(|c| c.is_control() && c != '\t') {
                return Err(bad("control characters"));
            }
            let words: Vec<&str> = line.split([' ', '\t']).filter(|w| !w.is_empty()).collect();
            match words[..] {
                [] => {}
                [first, ..] if first.starts_with('#') => {}
                ["log", key] | ["log", key, _] => {
                    let key: VerifyingKey = key.parse().map_err(|_| bad("not the key of a log"))?;
                    if out.logs.iter().any(|k| k.public() == key.public()) {
                        return Err(bad("the same log twice"));
                    }
                    out.logs.push(key);
                }
                ["witness", name, key, ref url @ ..] if url.len() < 2 => {
                    let key: WitnessKey =
                        key.parse().map_err(|_| bad("not the key of a witness"))?;
                    if out.witnesses.iter().any(|w| w.key.public() == key.public()) {
                        return Err(bad("the same witness twice"));
                    }
                    define(&mut names, name, Rule::Witness(out.witnesses.len())).map_err(bad)?;
                    let url = url.first().copied().unwrap_or_default().to_owned();
                    out.witnesses.push(Witness { key, url });
                }
                ["group", name, threshold, ref members @ ..] if !members.is_empty() => {
                    // A name is taken: nobody counts twice.
                    let members: Option<Vec<Rule>> =
                        members.iter().map(|m| names.remove(m)).collect();
                    let members = members.ok_or(bad("a member that is not defined or is taken"))?;
                    let least = match threshold {
                        "any" => Some(1),
                        "all" => Some(members.len()),
                        number => number.parse().ok().filter(|k| (1..=members.len()).contains(k)),
                    };
                    let least = least.ok_or(bad("the number of a group is from 1 to its size"))?;
                    define(&mut names, name, Rule::Group(least, members)).map_err(bad)?;
                }
                ["quorum", name] if quorum.is_none() => {
                    let found = if name == "none" { Some(Rule::None) } else { names.remove(name) };
                    quorum = Some(found.ok_or(bad("the quorum is not defined"))?);
                }
                _ => return Err(bad("not a line of a policy")),
            }
        }
        let missing = EvidenceError::BadPolicy { line: 0, problem: "there is no quorum line" };
        out.quorum = quorum.ok_or(missing)?;
        Ok(out)
    }

    /// The text form of a flat policy, with the log's key and without URLs.
    pub fn text(&self, log: &VerifyingKey) -> String {
        let mut text = format!("log {log}\n");
        for (n, witness) in self.witnesses.iter().enumerate() {
            text.push_str(&format!("witness w{} {}\n", n + 1, witness.key));
        }
        match &self.quorum {
            Rule::Group(least, members) => {
                let names: Vec<String> = (1..=members.len()).map(|n| format!("w{n}")).collect();
                text.push_str(&format!("group g {least} {}\nquorum g\n", names.join(" ")));
            }
            Rule::Witness(n) => text.push_str(&format!("quorum w{}\n", n + 1)),
            Rule::None => text.push_str("quorum none\n"),
        }
        text
    }

    /// Who of the witnesses signed a note.
    pub(super) fn judge(&self, note: &Note<'_>) -> Witnessed {
        let (mut by, mut bad, mut signed) = (Vec::new(), Vec::new(), Vec::new());
        for witness in &self.witnesses {
            let name = witness.key.name().to_owned();
            let found = witness.key.cosigned(note);
            signed.push(matches!(found, Ok(Some(_))));
            match found {
                Ok(Some(time)) => by.push((name, time)),
                Ok(None) => {}
                Err(_) => bad.push(name),
            }
        }
        Witnessed { enough: self.quorum.met(&signed), by, bad }
    }
}

impl Rule {
    fn met(&self, signed: &[bool]) -> bool {
        match self {
            Self::None => true,
            Self::Witness(n) => signed.get(*n).copied().unwrap_or(false),
            Self::Group(least, members) => {
                members.iter().filter(|m| m.met(signed)).count() >= *least
            }
        }
    }
}

fn define<'a>(
    names: &mut BTreeMap<&'a str, Rule>,
    name: &'a str,
    rule: Rule,
) -> Result<(), &'static str> {
    if name == "none" || names.insert(name, rule).is_some() {
        return Err("a name that is taken");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u8) -> String {
        Vkey::new(&format!("w.example/{n}"), [&[4], &[n; 32][..]].concat()).unwrap().to_string()
    }
    use crate::evidence::vkey::Vkey;

    #[test]
    fn groups_within_groups_count() {
        let text = format!(
            "# two of X and one of Y\n\nwitness X1 {}\nwitness X2 {}\nwitness X3 {} https://x3\n\
             group X 2 X1 X2 X3\nwitness Y1 {}\n\twitness  Y2 {}\ngroup Y any Y1 Y2\n\
             group both all X Y\nquorum both\n",
            key(1),
            key(2),
            key(3),
            key(4),
            key(5)
        );
        let policy = Policy::parse(&text).unwrap();
        assert_eq!(policy.witnesses.len(), 5);
        assert_eq!(policy.witnesses[2].url, "https://x3");
        let met = |signed: [bool; 5]| policy.quorum.met(&signed);
        assert!(met([true, false, true, false, true]));
        assert!(!met([true, true, true, false, false]));
        assert!(!met([true, false, false, true, true]));
    }

    #[test]
    fn what_is_no_policy_is_told_with_its_line() {
        let (a, b) = (key(1), key(2));
        for (line, text) in [
            (0, format!("witness a {a}\n")),
            (1, "quorum a\n".to_owned()),
            (2, format!("witness a {a}\nwitness b {a}\nquorum a")),
            (2, format!("witness a {a}\nwitness a {b}\nquorum a")),
            (2, format!("witness a {a}\ngroup g 2 a\nquorum g")),
            (3, format!("witness a {a}\ngroup g 1 a\ngroup h 1 a\nquorum h")),
            (2, format!("witness a {a}\ngroup g 1 a a\nquorum g")),
            (2, "quorum none\nquorum none\n".to_owned()),
            (1, "witness a b\n".to_owned()),
            (1, format!("log {a}\n")),
            (1, format!("witness none {a}\n")),
        ] {
            let error = Policy::parse(&text).unwrap_err();
            let EvidenceError::BadPolicy { line: found, .. } = error else { panic!("{error}") };
            assert_eq!(found, line, "{text}: {error}");
        }
        assert!(!Policy::parse("quorum none").unwrap().needs_witnesses());
    }

    #[test]
    fn a_flat_policy_reads_back() {
        let log = VerifyingKey::new("l.example", [9; 32]).unwrap();
        let of = |n| Witness { key: key(n).parse().unwrap(), url: String::new() };
        for quorum in 0..=2 {
            let policy = Policy::flat(vec![of(1), of(2)], quorum).unwrap();
            let back = Policy::parse(&policy.text(&log)).unwrap();
            assert_eq!(back.text(&log), policy.text(&log));
            assert_eq!(back.logs, std::slice::from_ref(&log));
            for signed in [[false, false], [true, false], [true, true]] {
                assert_eq!(back.quorum.met(&signed), policy.quorum.met(&signed));
            }
        }
        assert!(Policy::flat(vec![of(1)], 2).is_err());
    }
}
