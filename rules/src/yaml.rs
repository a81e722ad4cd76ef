//! YAML with places: a bounded tree over saphyr's events. Aliases and tags are refused, so a file
//! cannot grow when it is read.

use std::ops::Range;

use hashbrown::HashSet;
use saphyr_parser::{Event, Marker, Parser, ScalarStyle};

use crate::limits;

/// A node and its place in bytes of the file.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) span: Range<usize>,
    pub(crate) kind: Kind,
}

/// What a node is.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// A scalar; `plain` when it is written without quotes.
    Scalar { text: String, plain: bool },
    /// A list.
    Seq(Vec<Node>),
    /// A map in the order written.
    Map(Vec<(Node, Node)>),
}

/// A scalar as YAML 1.2's core schema types it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Scalar<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(&'a str),
}

/// Why a file cannot be read.
#[derive(Clone, Debug)]
pub(crate) struct YamlError {
    pub(crate) code: &'static str,
    pub(crate) span: Range<usize>,
    pub(crate) zh: String,
    pub(crate) en: String,
}

impl Node {
    /// The text of a scalar.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The typed scalar.
    pub(crate) fn scalar(&self) -> Option<Scalar<'_>> {
        let Kind::Scalar { text, plain } = &self.kind else { return None };
        Some(if *plain { typed(text) } else { Scalar::Str(text) })
    }

    /// The value of a map's key.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.map()?.iter().find(|(k, _)| k.text() == Some(key)).map(|(_, v)| v)
    }

    /// The entries of a map.
    pub(crate) fn map(&self) -> Option<&[(Node, Node)]> {
        match &self.kind {
            Kind::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The items of a list; a scalar or map counts as a list of one.
    pub(crate) fn items(&self) -> &[Node] {
        match &self.kind {
            Kind::Seq(items) => items,
            _ => std::slice::from_ref(self),
        }
    }
}

fn typed(text: &str) -> Scalar<'_> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Scalar::Null,
        "true" | "True" | "TRUE" => return Scalar::Bool(true),
        "false" | "False" | "FALSE" => return Scalar::Bool(false),
        _ => {}
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let numeric = digits.bytes().next().is_some_and(|b| b.is_ascii_digit() || b == b'.');
    if numeric
        && digits.bytes().all(|b| b.is_ascii_digit())
        && !(digits.len() > 1 && digits.starts_with('0'))
    {
        if let Ok(n) = text.parse() {
            return Scalar::Int(n);
        }
    } else if numeric
        && digits
            .bytes()
            .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'-' | b'+'))
        && digits.bytes().filter(|b| *b == b'.').count() == 1
        && let Ok(f) = text.parse::<f64>()
        && f.is_finite()
    {
        return Scalar::Float(f);
    }
    Scalar::Str(text)
}

/// Reads every document of a file. On an error the documents before it are still returned.
pub(crate) fn parse(text: &str) -> (Vec<Node>, Option<YamlError>) {
    let mut docs = Vec::new();
    let error = Builder::new(text).run(&mut docs).err();
    (docs, error)
}

enum Open {
    Seq(usize, Vec<Node>),
    Map(OpenMap),
}

#[derive(Default)]
struct OpenMap {
    start: usize,
    entries: Vec<(Node, Node)>,
    /// Names of the keys so far.
    names: HashSet<String>,
    /// A key whose value is to come.
    key: Option<Node>,
}

struct Builder<'a> {
    text: &'a str,
    /// Byte offset of every character, when not all are ASCII.
    offsets: Option<Vec<u32>>,
    stack: Vec<Open>,
    nodes: usize,
}

impl<'a> Builder<'a> {
    fn new(text: &'a str) -> Self {
        let offsets = (!text.is_ascii() && text.len() <= limits::FILE_BYTES_MAX)
            .then(|| text.char_indices().map(|(at, _)| at as u32).collect());
        Self { text, offsets, stack: Vec::new(), nodes: 0 }
    }

    fn byte(&self, mark: &Marker) -> usize {
        match &self.offsets {
            Some(offsets) => offsets.get(mark.index()).map_or(self.text.len(), |at| *at as usize),
            None => mark.index().min(self.text.len()),
        }
    }

    fn run(mut self, docs: &mut Vec<Node>) -> Result<(), YamlError> {
        if self.text.len() > limits::FILE_BYTES_MAX {
            let max = limits::FILE_BYTES_MAX;
            return Err(fail(
                "R002",
                0..0,
                &format!("文件超过 {max} 字节"),
                &format!("a file of more than {max} bytes"),
            ));
        }
        if let Some(at) = memchr::memchr(0, self.text.as_bytes()) {
            return Err(fail(
                "R001",
                at..at + 1,
                "文本中有 NUL 字符",
                "a NUL character in the text",
            ));
        }
        let mut parser = Parser::new_from_str(self.text);
        while let Some(next) = parser.next_event() {
            let (event, span) = next.map_err(|e| {
                let at = self.byte(e.marker());
                let info = e.info();
                fail(
                    "R001",
                    at..at + 1,
                    &format!("YAML 语法错误：{info}"),
                    &format!("YAML syntax: {info}"),
                )
            })?;
            let span = self.byte(&span.start)..self.byte(&span.end);
            self.event(event, span, docs)?;
        }
        Ok(())
    }

    fn event(
        &mut self,
        event: Event<'_>,
        span: Range<usize>,
        docs: &mut Vec<Node>,
    ) -> Result<(), YamlError> {
        match event {
            Event::Alias(_) => return Err(refused(span, "锚点引用", "an alias")),
            Event::Scalar(_, _, _, Some(_))
            | Event::SequenceStart(_, Some(_))
            | Event::MappingStart(_, Some(_)) => {
                return Err(refused(span, "标签", "a tag"));
            }
            Event::Scalar(text, style, _, None) => {
                let plain = matches!(style, ScalarStyle::Plain);
                // saphyr's span of a block scalar ends after the last line break.
                let kind = Kind::Scalar { text: text.into_owned(), plain };
                self.add(Node { span, kind }, docs)?;
            }
            Event::SequenceStart(_, None) => self.open(Open::Seq(span.start, Vec::new()), &span)?,
            Event::MappingStart(_, None) => {
                self.open(Open::Map(OpenMap { start: span.start, ..OpenMap::default() }), &span)?
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let node = match self.stack.pop() {
                    Some(Open::Seq(start, items)) => {
                        Node { span: start..span.end.max(start), kind: Kind::Seq(items) }
                    }
                    Some(Open::Map(OpenMap { start, entries, .. })) => {
                        Node { span: start..span.end.max(start), kind: Kind::Map(entries) }
                    }
                    None => return Ok(()),
                };
                self.add(node, docs)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn open(&mut self, open: Open, span: &Range<usize>) -> Result<(), YamlError> {
        if self.stack.len() >= limits::DEPTH_MAX {
            let max = limits::DEPTH_MAX;
            return Err(fail(
                "R003",
                span.clone(),
                &format!("嵌套超过 {max} 层"),
                &format!("nested more than {max} deep"),
            ));
        }
        self.stack.push(open);
        Ok(())
    }

    fn add(&mut self, node: Node, docs: &mut Vec<Node>) -> Result<(), YamlError> {
        self.nodes += 1;
        if self.nodes > limits::NODES_MAX {
            let max = limits::NODES_MAX;
            return Err(fail(
                "R002",
                node.span,
                &format!("节点超过 {max} 个"),
                &format!("more than {max} nodes"),
            ));
        }
        match self.stack.last_mut() {
            None => docs.push(node),
            Some(Open::Seq(_, items)) => items.push(node),
            Some(Open::Map(map)) => match map.key.take() {
                None => {
                    if let Some(name) = node.text()
                        && !map.names.insert(name.to_owned())
                    {
                        return Err(fail(
                            "R005",
                            node.span.clone(),
                            &format!("键 {name} 重复"),
                            &format!("the key {name} occurs twice"),
                        ));
                    }
                    map.key = Some(node);
                }
                Some(key) => map.entries.push((key, node)),
            },
        }
        Ok(())
    }
}

fn fail(code: &'static str, span: Range<usize>, zh: &str, en: &str) -> YamlError {
    YamlError { code, span, zh: zh.to_owned(), en: en.to_owned() }
}

fn refused(span: Range<usize>, zh: &str, en: &str) -> YamlError {
    fail(
        "R004",
        span,
        &format!("规则文件不允许{zh}"),
        &format!("{en} is not allowed in a rule file"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_bytes_and_scalars_are_typed() {
        let text = "标题: 学校\nn: 4625\nq: '4625'\nf: 1.5\nz: 0123\nb: true\ne:\nl:\n  - a\n";
        let (docs, err) = parse(text);
        assert!(err.is_none());
        let doc = &docs[0];
        let node = doc.get("标题").unwrap();
        assert_eq!(&text[node.span.clone()], "学校");
        assert_eq!(doc.get("n").unwrap().scalar(), Some(Scalar::Int(4625)));
        assert_eq!(doc.get("q").unwrap().scalar(), Some(Scalar::Str("4625")));
        assert_eq!(doc.get("f").unwrap().scalar(), Some(Scalar::Float(1.5)));
        assert_eq!(doc.get("z").unwrap().scalar(), Some(Scalar::Str("0123")));
        assert_eq!(doc.get("b").unwrap().scalar(), Some(Scalar::Bool(true)));
        assert_eq!(doc.get("e").unwrap().scalar(), Some(Scalar::Null));
        assert_eq!(doc.get("l").unwrap().items().len(), 1);
    }

    #[test]
    fn bombs_and_bad_files_are_refused_with_a_code() {
        let code = |text: &str| parse(text).1.map(|e| e.code);
        assert_eq!(code("a: &x 1\nb: *x\n"), Some("R004"));
        assert_eq!(code("a: !!str 1\n"), Some("R004"));
        assert_eq!(code("a: 1\na: 2\n"), Some("R005"));
        assert_eq!(code(&"[".repeat(100)), Some("R003"));
        assert_eq!(code("a: 'open"), Some("R001"));
        assert_eq!(code("a: b\0c"), Some("R001"));
        assert_eq!(code(&format!("a: {}", "x".repeat(10 << 20))), Some("R002"));
        assert_eq!(code(&"- a\n".repeat(limits::NODES_MAX + 1)), Some("R002"));
    }

    #[test]
    fn documents_before_an_error_are_kept() {
        let (docs, err) = parse("a: 1\n---\nb: [\n");
        assert_eq!(docs.len(), 1);
        assert!(err.is_some());
    }
}
