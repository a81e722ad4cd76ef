//! Diagnostics of rule files: many per file, each with a code, a place and both languages.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use events::{Lang, Text};
use serde::Serialize;

use crate::limits;

/// Whether the rule is refused or only remarked upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ProblemSeverity {
    /// The rule is not loaded.
    Error,
    /// The rule is loaded.
    Warning,
}

/// One finding in a rule file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Stable code, see [`CODES`].
    pub code: &'static str,
    /// Whether the rule is refused.
    pub severity: ProblemSeverity,
    /// Name of the source.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// The rule, where it has an id.
    pub rule_id: Option<String>,
    /// What is wrong and what to do.
    pub message: Text,
    /// The place in bytes of the source's text.
    pub span: Range<usize>,
}

/// Every code with its title (zh, en).
pub const CODES: &[(&str, &str, &str)] = &[
    ("R001", "YAML 语法错误", "YAML syntax error"),
    ("R002", "规则文件超过大小或数量上限", "rule file past a bound"),
    ("R003", "嵌套过深", "nested too deeply"),
    ("R004", "不允许 YAML 锚点引用或标签", "YAML aliases and tags are refused"),
    ("R005", "重复的键", "duplicate key"),
    ("R006", "未知的键", "unknown key"),
    ("R007", "缺少必需的键", "required key missing"),
    ("R008", "值的类型不对", "value of the wrong kind"),
    ("R009", "规则标识重复", "duplicate rule id"),
    ("R010", "未知的修饰符", "unknown modifier"),
    ("R011", "修饰符不能这样组合", "modifiers that do not combine"),
    ("R012", "修饰符的值不合法", "value does not fit the modifier"),
    ("R013", "正则表达式错误或过大", "bad or oversized regular expression"),
    ("R014", "占位符没有对应的列表", "placeholder without a list"),
    ("R020", "条件语法错误", "condition syntax error"),
    ("R021", "条件引用了不存在的检测项", "condition names an unknown detection item"),
    ("R022", "检测项未被条件使用", "detection item never used"),
    ("R023", "旧式聚合条件不支持", "legacy aggregation is refused"),
    ("R024", "条件永远不成立", "condition that never holds"),
    ("R025", "条件总是成立", "condition that always holds"),
    ("R030", "关联规则引用了不存在的规则", "correlation refers to an unknown rule"),
    ("R031", "关联规则循环引用", "correlations form a cycle"),
    ("R032", "关联条件不合法", "bad correlation condition"),
    ("R033", "时间跨度不合法", "bad timespan"),
    ("R040", "过滤器引用了不存在的规则", "filter refers to an unknown rule"),
    ("R041", "过滤器不能用于此规则", "filter that cannot apply"),
    ("R050", "xuedun 扩展段不合法", "bad xuedun section"),
    ("R051", "规则内测试未通过", "a test inside the rule fails"),
    ("R060", "处理管道不合法", "bad processing pipeline"),
    ("R061", "处理管道的步骤无法执行", "pipeline step that an engine cannot honour"),
    ("R062", "规则被处理管道拒绝", "rule refused by a pipeline"),
    ("R063", "处理管道删去了全部检测项", "nothing left of the rule"),
    ("R064", "处理管道无法用于此处", "pipeline that does not fit the rule"),
    ("R092", "规则文件不是 UTF-8 编码", "rule file not in UTF-8"),
];

impl Problem {
    /// Renders the problem the way rustc does, with the line and a caret. `source_text` is the
    /// text of [`Problem::file`].
    pub fn render(&self, source_text: &str, lang: Lang, colour: bool) -> String {
        let level = match self.severity {
            ProblemSeverity::Error => Level::ERROR,
            ProblemSeverity::Warning => Level::WARNING,
        };
        let level = match (lang, self.severity) {
            (Lang::Zh, ProblemSeverity::Error) => level.with_name("错误"),
            (Lang::Zh, ProblemSeverity::Warning) => level.with_name("警告"),
            (Lang::En, _) => level,
        };
        let span = clamp(&self.span, source_text);
        let label =
            CODES.iter().find(|c| c.0 == self.code).map_or("", |(_, zh, en)| lang.pick(zh, en));
        let report = [level.primary_title(self.message.get(lang)).id(self.code).element(
            Snippet::source(source_text)
                .path(self.file.as_str())
                .annotation(AnnotationKind::Primary.span(span).label(label)),
        )];
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        renderer.render(&report)
    }

    /// Whether the rule was refused for this.
    pub fn is_error(&self) -> bool {
        self.severity == ProblemSeverity::Error
    }
}

/// A range that lies within the text, on character boundaries, however stale it is.
fn clamp(span: &Range<usize>, text: &str) -> Range<usize> {
    let floor = |at: usize| {
        let mut at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let start = floor(span.start);
    start..floor(span.end).max(start)
}

/// Collects the problems of one source.
pub(crate) struct Diags<'a> {
    file: &'a str,
    text: &'a str,
    /// Id of the rule that is being read.
    pub(crate) rule_id: Option<String>,
    /// What was found so far, at most [`limits::PROBLEMS_PER_FILE_MAX`].
    problems: Vec<Problem>,
    found: Found,
}

/// How much was found, listed or not.
#[derive(Clone, Copy, Default)]
pub(crate) struct Found {
    all: usize,
    errors: usize,
}

impl<'a> Diags<'a> {
    pub(crate) fn new(file: &'a str, text: &'a str) -> Self {
        Self { file, text, rule_id: None, problems: Vec::new(), found: Found::default() }
    }

    /// Everything found; where that is too much to list, the last one says how much is not.
    pub(crate) fn end(mut self) -> Vec<Problem> {
        let listed = self.problems.len();
        let errors = self.problems.iter().filter(|p| p.is_error()).count();
        let rest = self.found.all - listed;
        if rest > 0 {
            let severity = match self.found.errors > errors {
                true => ProblemSeverity::Error,
                false => ProblemSeverity::Warning,
            };
            self.rule_id = None;
            let end = self.text.len();
            let problem = self.problem(
                severity,
                "R002",
                &(end..end),
                &format!("另有 {rest} 个问题未列出"),
                &format!("{rest} more problems are not listed"),
            );
            self.problems.push(problem);
        }
        self.problems
    }

    /// What was found so far, for [`Diags::forget_since`].
    pub(crate) fn found(&self) -> Found {
        self.found
    }

    /// Forgets what was found since.
    pub(crate) fn forget_since(&mut self, then: Found) {
        self.problems.truncate(then.all);
        self.found = then;
    }

    pub(crate) fn error(&mut self, code: &'static str, span: &Range<usize>, zh: &str, en: &str) {
        self.push(ProblemSeverity::Error, code, span, zh, en);
    }

    pub(crate) fn warning(&mut self, code: &'static str, span: &Range<usize>, zh: &str, en: &str) {
        self.push(ProblemSeverity::Warning, code, span, zh, en);
    }

    /// Name of the source.
    pub(crate) fn file_name(&self) -> &'a str {
        self.file
    }

    /// How many errors were found.
    pub(crate) fn errors(&self) -> usize {
        self.found.errors
    }

    /// Line and column (from 1) of a byte offset.
    pub(crate) fn place(&self, at: usize) -> (u32, u32) {
        place(self.text, at)
    }

    fn push(
        &mut self,
        severity: ProblemSeverity,
        code: &'static str,
        span: &Range<usize>,
        zh: &str,
        en: &str,
    ) {
        self.found.all += 1;
        self.found.errors += usize::from(severity == ProblemSeverity::Error);
        if self.problems.len() < limits::PROBLEMS_PER_FILE_MAX {
            let problem = self.problem(severity, code, span, zh, en);
            self.problems.push(problem);
        }
    }

    fn problem(
        &self,
        severity: ProblemSeverity,
        code: &'static str,
        span: &Range<usize>,
        zh: &str,
        en: &str,
    ) -> Problem {
        let span = clamp(span, self.text);
        let (line, column) = self.place(span.start);
        Problem {
            code,
            severity,
            file: self.file.to_owned(),
            line,
            column,
            rule_id: self.rule_id.clone(),
            message: Text::new(zh, en),
            span,
        }
    }
}

/// Line and column (from 1, in characters) of a byte offset.
pub(crate) fn place(text: &str, at: usize) -> (u32, u32) {
    let before = &text.as_bytes()[..at.min(text.len())];
    let line = memchr::memchr_iter(b'\n', before).count() as u32 + 1;
    let start = memchr::memrchr(b'\n', before).map_or(0, |n| n + 1);
    let column = String::from_utf8_lossy(&before[start..]).chars().count() as u32 + 1;
    (line, column)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_points_at_its_place_in_both_languages() {
        let text = "标题: x\nfoo: bar\n";
        let at = text.find("foo").unwrap();
        let mut d = Diags::new("a.yml", text);
        d.error("R006", &(at..at + 3), "未知的键 foo", "unknown key foo");
        let p = &d.end()[0];
        assert_eq!((p.line, p.column), (2, 1));
        let en = p.render(text, Lang::En, false);
        assert!(
            en.contains("error[R006]") && en.contains("a.yml:2:1") && en.contains("^^^"),
            "{en}"
        );
        assert!(p.render(text, Lang::Zh, false).contains("未知的键 foo"));
        // A stale or hostile span must not panic.
        let stale = Problem { span: 1..9_999, ..p.clone() };
        stale.render("学", Lang::Zh, true);
        stale.render("", Lang::Zh, true);
    }

    #[test]
    fn too_many_problems_are_counted_not_listed() {
        let mut d = Diags::new("a.yml", "x: 1\n");
        let most = limits::PROBLEMS_PER_FILE_MAX;
        (0..most).for_each(|_| d.warning("R022", &(0..1), "a", "a"));
        let then = d.found();
        (0..3).for_each(|_| d.error("R006", &(0..1), "b", "b"));
        assert_eq!(d.errors(), 3);
        d.forget_since(then);
        d.error("R006", &(0..1), "b", "b");
        let all = d.end();
        let last = all.last().unwrap();
        assert_eq!((all.len(), last.code, last.is_error()), (most + 1, "R002", true));
        assert_eq!(last.message.get(Lang::En), "1 more problems are not listed");
        let mut few = Diags::new("a.yml", "x: 1\n");
        few.warning("R022", &(0..1), "a", "a");
        assert_eq!(few.end().len(), 1);
    }
}
