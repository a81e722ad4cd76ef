//! Verdict logic: expectations over facts. Each expectation is one step of the unit.

use serde::Deserialize;

use super::fact::{Fact, Facts};

/// How a fact is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// Equal (words without regard to case).
    Eq,
    /// Not equal.
    Ne,
    /// At most.
    Le,
    /// At least.
    Ge,
    /// Between two numbers, both included.
    Between,
    /// One of a list of words.
    In,
    /// None of a list of words; every word of a list fact is looked at.
    NotIn,
    /// Every word of a list is contained in the list fact.
    Covers,
    /// Nothing found: an absent fact or an empty list.
    Empty,
    /// Something found.
    Present,
    /// A list of at least so many.
    CountGe,
    /// A list of at most so many.
    CountLe,
    /// One word of the list is among those named.
    Has,
}

/// What an absent fact means where a value is compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IfAbsent {
    /// The step is not met (the default: a setting that is not there is not made).
    #[default]
    Fail,
    /// The step is met (the built-in default is good).
    Pass,
}

/// One comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// The fact's name.
    pub fact: String,
    /// How it is compared.
    pub op: Op,
    /// With what.
    pub wanted: Wanted,
    /// What absence means.
    pub absent: IfAbsent,
}

/// The other side of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub enum Wanted {
    /// Nothing, for `empty` and `present`.
    Nothing,
    /// A number.
    Int(i64),
    /// Two numbers.
    Range(i64, i64),
    /// A word.
    Word(String),
    /// Words.
    Words(Vec<String>),
}

/// One step: met when any of its conditions is.
#[derive(Clone, Debug, PartialEq)]
pub struct Expect {
    /// At least one.
    pub any: Vec<Condition>,
}

/// The outcome of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Met.
    Met,
    /// Not met.
    Unmet,
    /// What it needs was not seen.
    Unseen,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCondition {
    fact: String,
    op: Op,
    value: Option<toml::Value>,
    #[serde(default)]
    absent: IfAbsent,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawExpect {
    fact: Option<String>,
    op: Option<Op>,
    value: Option<toml::Value>,
    #[serde(default)]
    absent: IfAbsent,
    #[serde(default)]
    any: Vec<RawCondition>,
}

impl RawExpect {
    /// The expectation, or what is wrong with it.
    pub(crate) fn parse(self) -> Result<Expect, String> {
        let any = match (self.fact, self.op, self.any) {
            (Some(fact), Some(op), any) if any.is_empty() => {
                vec![RawCondition { fact, op, value: self.value, absent: self.absent }]
            }
            (None, None, any) if !any.is_empty() => any,
            _ => return Err("an expectation is either fact, op and value, or a list `any`".into()),
        };
        let any = any.into_iter().map(parse_condition).collect::<Result<_, _>>()?;
        Ok(Expect { any })
    }
}

fn parse_condition(raw: RawCondition) -> Result<Condition, String> {
    let RawCondition { fact, op, value, absent } = raw;
    let wanted = match (op, value) {
        (Op::Empty | Op::Present, None) => Wanted::Nothing,
        (Op::Eq | Op::Ne, Some(toml::Value::String(word))) => Wanted::Word(word),
        (
            Op::Eq | Op::Ne | Op::Le | Op::Ge | Op::CountGe | Op::CountLe,
            Some(toml::Value::Integer(n)),
        ) => Wanted::Int(n),
        (Op::Between, Some(toml::Value::Array(two))) => match two.as_slice() {
            [toml::Value::Integer(low), toml::Value::Integer(high)] if low <= high => {
                Wanted::Range(*low, *high)
            }
            _ => return Err(format!("{fact}: `between` takes two numbers, the smaller first")),
        },
        (Op::In | Op::NotIn | Op::Covers | Op::Has, Some(toml::Value::Array(words))) => {
            Wanted::Words(
                words
                    .iter()
                    .map(|w| w.as_str().map(str::to_owned))
                    .collect::<Option<_>>()
                    .ok_or_else(|| format!("{fact}: only words in the list"))?,
            )
        }
        _ => return Err(format!("{fact}: this comparison does not take that value")),
    };
    Ok(Condition { fact, op, wanted, absent })
}

impl Expect {
    /// Judges the step on what was seen.
    pub fn judge(&self, facts: &Facts) -> Step {
        let mut unseen = false;
        for condition in &self.any {
            match condition.judge(facts.get(&condition.fact)) {
                Step::Met => return Step::Met,
                Step::Unmet => {}
                Step::Unseen => unseen = true,
            }
        }
        if unseen { Step::Unseen } else { Step::Unmet }
    }

    /// What is wanted, for a person: `PASS_MAX_DAYS between 1 and 90`.
    pub fn show(&self) -> String {
        let all: Vec<String> = self.any.iter().map(Condition::show).collect();
        all.join(" | ")
    }
}

impl Condition {
    fn judge(&self, fact: &Fact) -> Step {
        let met = match fact {
            Fact::Unseen(_) => return Step::Unseen,
            Fact::List(list) if list.is_empty() => return self.judge(&Fact::Absent),
            Fact::Absent => match self.op {
                Op::Empty => true,
                Op::Present => false,
                Op::CountLe => true,
                _ => self.absent == IfAbsent::Pass,
            },
            Fact::List(list) if self.op == Op::Covers => self.covers(list),
            Fact::List(list) if self.op == Op::Has => list.iter().any(|word| self.among(word)),
            Fact::List(list) if matches!(self.op, Op::CountGe | Op::CountLe) => {
                self.counts(list.len() as i64)
            }
            // Every value of a list must satisfy a comparison meant for one.
            Fact::List(list) => list.iter().all(|word| self.holds(&Fact::word(word))),
            one => self.holds(one),
        };
        if met { Step::Met } else { Step::Unmet }
    }

    fn holds(&self, fact: &Fact) -> bool {
        let word = match fact {
            Fact::Int(n) => n.to_string(),
            Fact::Text(t) => t.clone(),
            _ => return false,
        };
        let number = word.parse::<i64>().ok();
        match (self.op, &self.wanted) {
            (Op::Empty, _) => false,
            (Op::Present, _) => true,
            (Op::Eq, Wanted::Int(n)) => number == Some(*n),
            (Op::Ne, Wanted::Int(n)) => number != Some(*n),
            (Op::Le, Wanted::Int(n)) => number.is_some_and(|v| v <= *n),
            (Op::Ge, Wanted::Int(n)) => number.is_some_and(|v| v >= *n),
            (Op::Between, Wanted::Range(low, high)) => {
                number.is_some_and(|v| (*low..=*high).contains(&v))
            }
            (Op::Eq, Wanted::Word(w)) => w.eq_ignore_ascii_case(&word),
            (Op::Ne, Wanted::Word(w)) => !w.eq_ignore_ascii_case(&word),
            (Op::In, Wanted::Words(l)) => l.iter().any(|w| w.eq_ignore_ascii_case(&word)),
            (Op::NotIn, Wanted::Words(l)) => !l.iter().any(|w| w.eq_ignore_ascii_case(&word)),
            (Op::Covers, _) => self.covers(&[word]),
            (Op::Has, _) => self.among(&word),
            (Op::CountGe | Op::CountLe, _) => self.counts(1),
            _ => false,
        }
    }

    fn among(&self, word: &str) -> bool {
        let Wanted::Words(words) = &self.wanted else { return false };
        words.iter().any(|w| w.eq_ignore_ascii_case(word))
    }

    fn counts(&self, count: i64) -> bool {
        let Wanted::Int(n) = self.wanted else { return false };
        if self.op == Op::CountGe { count >= n } else { count <= n }
    }

    fn covers(&self, list: &[String]) -> bool {
        let Wanted::Words(words) = &self.wanted else { return false };
        words.iter().all(|w| list.iter().any(|l| l.eq_ignore_ascii_case(w)))
    }

    fn show(&self) -> String {
        let wanted = match &self.wanted {
            Wanted::Nothing => String::new(),
            Wanted::Int(n) => format!(" {n}"),
            Wanted::Range(low, high) => format!(" {low}..{high}"),
            Wanted::Word(w) => format!(" {w}"),
            Wanted::Words(l) => format!(" [{}]", l.join(", ")),
        };
        let op = match self.op {
            Op::Eq => "=",
            Op::Ne => "≠",
            Op::Le => "≤",
            Op::Ge => "≥",
            Op::Between => "∈",
            Op::In => "∈",
            Op::NotIn => "∉",
            Op::Covers => "⊇",
            Op::Empty => "= ∅",
            Op::Present => "≠ ∅",
            Op::CountGe => "# ≥",
            Op::CountLe => "# ≤",
            Op::Has => "∩",
        };
        format!("{} {op}{wanted}", self.fact)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expect(text: &str) -> Expect {
        toml::from_str::<RawExpect>(text).unwrap().parse().unwrap()
    }

    fn judge(text: &str, fact: Fact) -> Step {
        let mut facts = Facts::default();
        facts.set("f", fact);
        expect(text).judge(&facts)
    }

    #[test]
    fn comparisons() {
        let text = |t: &str| Fact::Text(t.into());
        let list = |l: &[&str]| Fact::List(l.iter().map(|s| (*s).to_owned()).collect());
        for (logic, fact, step) in [
            ("fact='f'\nop='le'\nvalue=90", Fact::Int(90), Step::Met),
            ("fact='f'\nop='le'\nvalue=90", Fact::Int(91), Step::Unmet),
            ("fact='f'\nop='le'\nvalue=90", text("never"), Step::Unmet),
            ("fact='f'\nop='le'\nvalue=90", Fact::Absent, Step::Unmet),
            ("fact='f'\nop='le'\nvalue=90\nabsent='pass'", Fact::Absent, Step::Met),
            ("fact='f'\nop='between'\nvalue=[1,600]", Fact::Int(0), Step::Unmet),
            ("fact='f'\nop='eq'\nvalue='no'", text("No"), Step::Met),
            ("fact='f'\nop='empty'", list(&[]), Step::Met),
            ("fact='f'\nop='empty'", list(&["x"]), Step::Unmet),
            ("fact='f'\nop='present'", Fact::Absent, Step::Unmet),
            ("fact='f'\nop='not_in'\nvalue=['rc4']", list(&["aes", "RC4"]), Step::Unmet),
            ("fact='f'\nop='covers'\nvalue=['a','b']", list(&["b", "a", "c"]), Step::Met),
            ("fact='f'\nop='ge'\nvalue=2", list(&["2", "1"]), Step::Unmet),
            ("fact='f'\nop='count_ge'\nvalue=2", list(&["a", "b"]), Step::Met),
            ("fact='f'\nop='count_ge'\nvalue=1", Fact::Absent, Step::Unmet),
            ("fact='f'\nop='count_le'\nvalue=1", list(&["a", "b"]), Step::Unmet),
            ("fact='f'\nop='has'\nvalue=['c','b']", list(&["a", "b"]), Step::Met),
            ("fact='f'\nop='has'\nvalue=['c']", list(&["a", "b"]), Step::Unmet),
            ("fact='f'\nop='empty'", Fact::Unseen("denied".into()), Step::Unseen),
        ] {
            assert_eq!(judge(logic, fact.clone()), step, "{logic} on {fact:?}");
        }
    }

    #[test]
    fn any_needs_one_and_unseen_is_not_unmet() {
        let any = expect("any=[{fact='a',op='eq',value=1},{fact='b',op='eq',value=1}]");
        let mut facts = Facts::default();
        assert_eq!(any.judge(&facts), Step::Unmet);
        facts.set("a", Fact::Unseen("denied".into()));
        assert_eq!(any.judge(&facts), Step::Unseen);
        facts.set("b", Fact::Int(1));
        assert_eq!(any.judge(&facts), Step::Met);
    }

    #[test]
    fn impossible_comparisons_do_not_load() {
        for bad in ["fact='f'\nop='le'\nvalue='x'", "fact='f'\nop='empty'\nvalue=1", "op='eq'"] {
            assert!(toml::from_str::<RawExpect>(bad).unwrap().parse().is_err(), "{bad}");
        }
    }
}
