//! Typed values out of JSON nodes; what does not fit becomes a problem.

use events::{Text, Timestamp};

use crate::json::{Member, Node, Value};
use crate::problem::Problems;

/// Where problems go.
pub(crate) struct Ctx<'a> {
    pub(crate) problems: Problems<'a>,
}

/// An object whose keys were checked.
#[derive(Clone)]
pub(crate) struct Obj<'n> {
    pub(crate) node: &'n Node,
    pub(crate) members: &'n [Member],
    pub(crate) pointer: String,
}

impl<'n> Obj<'n> {
    pub(crate) fn get(&self, key: &str) -> Option<&'n Node> {
        self.members.iter().find(|m| m.key == key).map(|m| &m.node)
    }

    /// Pointer to a member.
    pub(crate) fn at(&self, key: &str) -> String {
        join(&self.pointer, key)
    }
}

/// RFC 6901.
pub(crate) fn join(pointer: &str, key: &str) -> String {
    format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"))
}

pub(crate) fn span(node: &Node) -> (usize, usize) {
    (node.start, node.end)
}

impl Ctx<'_> {
    pub(crate) fn error(&mut self, code: &'static str, pointer: &str, node: &Node, text: Text) {
        self.problems.error(code, pointer, span(node), text);
    }

    /// An object none of whose keys is outside `allowed`.
    pub(crate) fn object<'n>(
        &mut self,
        node: &'n Node,
        pointer: &str,
        allowed: &[&[&str]],
    ) -> Option<Obj<'n>> {
        let object = self.dictionary(node, pointer)?;
        for member in object.members {
            if allowed.iter().any(|keys| keys.contains(&member.key.as_str())) {
                continue;
            }
            let key = &member.key;
            let near = nearest(key, allowed.iter().copied().flatten().copied());
            let (zh, en) = match near {
                Some(near) => (format!("，是否为 {near}？"), format!("; did you mean {near}?")),
                None => (String::new(), String::new()),
            };
            self.problems.error(
                "P004",
                &join(pointer, key),
                (member.key_start, member.key_end),
                Text::new(format!("未知的键 {key}{zh}"), format!("unknown key {key}{en}")),
            );
        }
        Some(object)
    }

    /// An object with keys of the author's choice.
    pub(crate) fn dictionary<'n>(&mut self, node: &'n Node, pointer: &str) -> Option<Obj<'n>> {
        match &node.value {
            Value::Object(members) => Some(Obj { node, members, pointer: pointer.to_owned() }),
            _ => {
                self.wrong(node, pointer, "对象", "an object");
                None
            }
        }
    }

    pub(crate) fn wrong(&mut self, node: &Node, pointer: &str, zh: &str, en: &str) {
        let found = node.kind();
        self.error(
            "P006",
            pointer,
            node,
            Text::new(format!("应为{zh}，实为 {found}"), format!("must be {en}, not {found}")),
        );
    }

    pub(crate) fn bad(&mut self, obj: &Obj<'_>, key: &str, zh: &str, en: &str) {
        let node = obj.get(key).unwrap_or(obj.node);
        self.error("P007", &obj.at(key), node, Text::new(zh, en));
    }

    /// Reports a missing member.
    pub(crate) fn require<'n>(&mut self, obj: &Obj<'n>, key: &str) -> Option<&'n Node> {
        let found = obj.get(key);
        if found.is_none() {
            let start = obj.node.start;
            self.problems.error(
                "P005",
                &obj.at(key),
                (start, start + 1),
                Text::new(format!("缺少 {key}"), format!("{key} is missing")),
            );
        }
        found
    }

    pub(crate) fn as_str<'n>(&mut self, node: &'n Node, pointer: &str) -> Option<&'n str> {
        match &node.value {
            Value::String(text) => Some(text),
            _ => {
                self.wrong(node, pointer, "字符串", "a string");
                None
            }
        }
    }

    /// An optional string.
    pub(crate) fn string(&mut self, obj: &Obj<'_>, key: &str) -> Option<String> {
        let node = obj.get(key)?;
        self.as_str(node, &obj.at(key)).map(str::to_owned)
    }

    /// A required string.
    pub(crate) fn need_string(&mut self, obj: &Obj<'_>, key: &str) -> Option<String> {
        self.require(obj, key)?;
        self.string(obj, key)
    }

    /// A required string with one permitted value.
    pub(crate) fn constant(&mut self, obj: &Obj<'_>, key: &str, wanted: &str) {
        if let Some(found) = self.need_string(obj, key)
            && found != wanted
        {
            self.bad(obj, key, &format!("应为 {wanted}"), &format!("must be {wanted}"));
        }
    }

    pub(crate) fn boolean(&mut self, obj: &Obj<'_>, key: &str) -> Option<bool> {
        let node = obj.get(key)?;
        match node.value {
            Value::Bool(value) => Some(value),
            _ => {
                self.wrong(node, &obj.at(key), "布尔值", "true or false");
                None
            }
        }
    }

    /// A whole number within bounds.
    pub(crate) fn integer(&mut self, obj: &Obj<'_>, key: &str, min: u64, max: u64) -> Option<u64> {
        let node = obj.get(key)?;
        let value = match &node.value {
            Value::Number(number) => number.as_u64(),
            _ => {
                self.wrong(node, &obj.at(key), "整数", "a whole number");
                return None;
            }
        };
        match value {
            Some(value) if (min..=max).contains(&value) => Some(value),
            _ => {
                self.bad(
                    obj,
                    key,
                    &format!("应为 {min} 到 {max} 的整数"),
                    &format!("must be a whole number from {min} to {max}"),
                );
                None
            }
        }
    }

    /// A list of strings, with the place of each.
    pub(crate) fn list<'n>(
        &mut self,
        obj: &Obj<'n>,
        key: &str,
        least: usize,
    ) -> Vec<(&'n str, &'n Node, String)> {
        let Some(node) = obj.get(key) else { return Vec::new() };
        let pointer = obj.at(key);
        let Value::Array(items) = &node.value else {
            self.wrong(node, &pointer, "数组", "a list");
            return Vec::new();
        };
        if items.len() < least {
            self.bad(obj, key, &format!("至少 {least} 项"), &format!("at least {least} entries"));
        }
        let mut out = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let at = format!("{pointer}/{index}");
            if let Some(text) = self.as_str(item, &at) {
                out.push((text, item, at));
            }
        }
        out
    }

    pub(crate) fn strings(&mut self, obj: &Obj<'_>, key: &str, least: usize) -> Vec<String> {
        self.list(obj, key, least).into_iter().map(|(text, ..)| text.to_owned()).collect()
    }

    /// A list of objects.
    pub(crate) fn items<'n>(&mut self, obj: &Obj<'n>, key: &str) -> Vec<(&'n Node, String)> {
        let Some(node) = obj.get(key) else { return Vec::new() };
        let pointer = obj.at(key);
        match &node.value {
            Value::Array(items) => {
                items.iter().enumerate().map(|(i, n)| (n, format!("{pointer}/{i}"))).collect()
            }
            _ => {
                self.wrong(node, &pointer, "数组", "a list");
                Vec::new()
            }
        }
    }

    /// An identifier `<type>--<uuid>`, of one of the types if any are named.
    pub(crate) fn identifier(
        &mut self,
        obj: &Obj<'_>,
        key: &str,
        kinds: &[&str],
    ) -> Option<String> {
        let text = self.string(obj, key)?;
        let node = obj.get(key)?;
        self.check_identifier(&text, node, &obj.at(key), kinds).then_some(text)
    }

    pub(crate) fn check_identifier(
        &mut self,
        text: &str,
        node: &Node,
        pointer: &str,
        kinds: &[&str],
    ) -> bool {
        let kind = identifier_type(text);
        let good = kind.is_some_and(|k| kinds.is_empty() || kinds.contains(&k));
        if !good {
            let of = if kinds.is_empty() { "type".to_owned() } else { kinds.join("|") };
            self.error(
                "P008",
                pointer,
                node,
                Text::new(format!("标识应为 {of}--<UUID>"), format!("the id must be {of}--<uuid>")),
            );
        }
        good
    }

    /// A list of identifiers.
    pub(crate) fn identifiers(&mut self, obj: &Obj<'_>, key: &str, kinds: &[&str]) -> Vec<String> {
        let found = self.list(obj, key, 1);
        found
            .into_iter()
            .filter(|(text, node, at)| self.check_identifier(text, node, at, kinds))
            .map(|(text, ..)| text.to_owned())
            .collect()
    }

    /// A UTC time ending in `Z`.
    pub(crate) fn time(&mut self, obj: &Obj<'_>, key: &str) -> Option<Timestamp> {
        let text = self.string(obj, key)?;
        let parsed = Timestamp::parse_rfc3339(&text).ok().filter(|_| text.ends_with('Z'));
        if parsed.is_none() {
            self.bad(obj, key, "应为以 Z 结尾的 UTC 时间", "must be a UTC time ending in Z");
        }
        parsed
    }
}

/// The type part of an identifier, if it is one.
pub(crate) fn identifier_type(text: &str) -> Option<&str> {
    let (kind, uuid) = text.split_once("--")?;
    let good = kind.len() >= 3
        && kind.starts_with(|c: char| c.is_ascii_lowercase())
        && !kind.ends_with('-')
        && kind.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    (good && is_uuid(uuid)).then_some(kind)
}

/// An RFC 4122 UUID of version 1 to 5.
pub(crate) fn is_uuid(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 36
        && bytes.iter().enumerate().all(|(i, b)| match i {
            8 | 13 | 18 | 23 => *b == b'-',
            14 => (b'1'..=b'5').contains(b),
            19 => b"89abAB".contains(b),
            _ => b.is_ascii_hexdigit(),
        })
}

/// The candidate at most two edits away.
fn nearest<'k>(key: &str, candidates: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    candidates
        .map(|c| (distance(key, c), c))
        .filter(|(d, c)| *d <= 2 && c.len() > 3)
        .min()
        .map(|(_, c)| c)
}

fn distance(a: &str, b: &str) -> usize {
    if a.len().abs_diff(b.len()) > 2 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let swap = corner + usize::from(x != y);
            corner = row[j + 1];
            row[j + 1] = swap.min(row[j] + 1).min(corner + 1);
        }
    }
    row[b.len()]
}
