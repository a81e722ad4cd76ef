//! From a pack's text to what runs.

use std::collections::BTreeMap;

use events::logsource::LogSourceId;
use events::{FieldId, LogSource};
use regex::{Regex, RegexBuilder};

use super::spec::{Constant, FieldSpec, MappedSpec, PackSpec, Part, Stage, TestSpec};
use super::{Pack, PackProblem};
use crate::decode::{FieldMap, Target};
use crate::limits::{PACK_BYTES_MAX, REGEX_BYTES_MAX};

/// A pattern ready to run: its groups are numbered fields.
pub(crate) struct Pattern {
    pub(crate) contains: String,
    pub(crate) regex: Regex,
    pub(crate) groups: Vec<(usize, String)>,
    pub(crate) set: Constants,
    pub(crate) logsource: Option<LogSourceId>,
}

pub(crate) type Constants = Vec<(FieldId, Constant)>;

pub(crate) struct When {
    pub(crate) field: FieldId,
    pub(crate) values: Vec<Wanted>,
    pub(crate) set: Constants,
    pub(crate) logsource: LogSource,
    pub(crate) part: Option<Part>,
}

pub(crate) enum Wanted {
    Exact(String),
    Prefix(String),
}

impl Wanted {
    pub(crate) fn matches(&self, value: &str) -> bool {
        match self {
            Self::Exact(want) => value.eq_ignore_ascii_case(want),
            Self::Prefix(want) => {
                value.get(..want.len()).is_some_and(|head| head.eq_ignore_ascii_case(want))
            }
        }
    }
}

/// What runs of a pack.
pub(crate) struct Compiled {
    pub(crate) logsource: LogSourceId,
    pub(crate) stages: Vec<Stage>,
    pub(crate) inner: Option<FieldId>,
    pub(crate) utc: bool,
    pub(crate) columns: Vec<String>,
    pub(crate) time: Vec<Vec<FieldId>>,
    pub(crate) map: FieldMap,
    pub(crate) set: Constants,
    pub(crate) patterns: Vec<Pattern>,
    pub(crate) pattern_required: bool,
    pub(crate) when: Vec<When>,
    pub(crate) detect: Option<Regex>,
    pub(crate) start: Option<Regex>,
    pub(crate) tests: Vec<TestSpec>,
}

/// Parses and compiles one file; every problem of it is reported.
pub(crate) fn compile(file: &str, text: &str) -> Result<Pack, Vec<PackProblem>> {
    let fail = |code, line, message: String| vec![PackProblem::new(code, file, line, message)];
    if text.len() > PACK_BYTES_MAX {
        return Err(fail("S201", None, format!("larger than {PACK_BYTES_MAX} bytes")));
    }
    let spec: PackSpec = toml::from_str(text).map_err(|e| {
        let line = e.span().map(|s| text.bytes().take(s.start).filter(|b| *b == b'\n').count() + 1);
        fail("S202", line, e.message().to_owned())
    })?;
    let mut problems = Vec::new();
    let mut problem = |code, message: String| {
        problems.push(PackProblem::new(code, file, None, message));
    };
    if file.strip_suffix(".toml").is_some_and(|stem| stem != spec.name) {
        problem("S203", format!("the name `{}` is not that of the file", spec.name));
    }
    if spec.decode.is_empty() {
        problem("S204", "`decode` is empty".to_owned());
    }
    let patterns: Vec<Pattern> = spec
        .pattern
        .into_iter()
        .filter_map(|p| match regex(&p.regex) {
            Ok(regex) => Some(Pattern {
                contains: p.contains,
                groups: groups(&regex),
                regex,
                set: constants(&p.set),
                logsource: p.logsource.as_ref().map(LogSourceId::intern),
            }),
            Err(message) => {
                problem("S205", message);
                None
            }
        })
        .collect();
    let detect = spec.matches.regex.as_deref().and_then(|text| match regex(text) {
        Ok(regex) => Some(regex),
        Err(message) => {
            problem("S205", message);
            None
        }
    });
    let start = spec.start.as_deref().map(regex).transpose().unwrap_or_else(|message| {
        problem("S205", message);
        None
    });
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(Pack {
        name: spec.name,
        title: spec.title,
        note: spec.note,
        verified: spec.verified,
        logsource: spec.logsource.clone(),
        priority: spec.priority,
        apps: spec.matches.app,
        contains: spec.matches.contains,
        run: Compiled {
            logsource: LogSourceId::intern(&spec.logsource),
            stages: spec.decode,
            utc: spec.utc,
            columns: spec.columns,
            inner: spec.inner.as_deref().and_then(FieldId::intern),
            time: spec
                .time
                .iter()
                .map(|names| names.split(' ').filter_map(FieldId::intern).collect())
                .collect(),
            map: field_map(spec.fields),
            set: constants(&spec.set),
            patterns,
            pattern_required: spec.pattern_required,
            when: spec.when.into_iter().filter_map(when).collect(),
            detect,
            start,
            tests: spec.test,
        },
    })
}

fn when(spec: super::spec::WhenSpec) -> Option<When> {
    let wanted = |value: String| match value.strip_suffix('*') {
        Some(prefix) => Wanted::Prefix(prefix.to_owned()),
        None => Wanted::Exact(value),
    };
    Some(When {
        field: FieldId::intern(&spec.field)?,
        values: spec.values.into_iter().map(wanted).collect(),
        set: constants(&spec.set),
        logsource: spec.logsource,
        part: spec.part,
    })
}

fn regex(text: &str) -> Result<Regex, String> {
    RegexBuilder::new(text).size_limit(REGEX_BYTES_MAX).build().map_err(|e| e.to_string())
}

fn groups(regex: &Regex) -> Vec<(usize, String)> {
    regex
        .capture_names()
        .enumerate()
        .filter_map(|(index, name)| Some((index, name?.to_owned())))
        .collect()
}

fn constants(set: &BTreeMap<String, Constant>) -> Constants {
    set.iter().filter_map(|(name, value)| Some((FieldId::intern(name)?, value.clone()))).collect()
}

fn field_map(fields: BTreeMap<String, FieldSpec>) -> FieldMap {
    let mut map = FieldMap::default();
    let plain = |to: String| MappedSpec {
        to,
        values: BTreeMap::new(),
        other: None,
        lower: false,
        mac: false,
    };
    for (native, spec) in fields {
        let targets = match spec {
            FieldSpec::One(to) => vec![plain(to)],
            FieldSpec::Mapped(mapped) => vec![mapped],
            FieldSpec::Many(all) => all.into_iter().map(plain).collect(),
        };
        for target in targets {
            let Some(field) = FieldId::intern(&target.to) else { continue };
            let values = target.values.iter().map(|(k, v)| (k.to_lowercase(), v.clone())).collect();
            let MappedSpec { other, lower, mac, .. } = target;
            map.add(&native, Target { field, values, other, lower, mac });
        }
    }
    map
}
