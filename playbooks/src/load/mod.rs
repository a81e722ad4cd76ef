//! From text to [`Playbook`], strictly: every problem of a file is found, coded and placed.
//!
//! Layout: `reader` reads typed values out of JSON nodes, `playbook` the top level, `parties`
//! agents, targets and the other definitions, `step` the workflow, `graph` follows it, `names`
//! checks variables, `secrets` looks for secrets in the clear.
//!
//! The official JSON schemas accept unknown keys, dangling references and loops; this does not.

mod graph;
mod names;
mod parties;
mod playbook;
mod reader;
mod secrets;
mod step;

use events::Text;

use crate::json::{self, Fault};
use crate::model::Playbook;
use crate::problem::{Problem, Problems};

pub(crate) use reader::{Ctx, Obj, is_uuid};

/// Parses and validates one playbook. `name` is the file's name without folder and `.json`.
///
/// # Errors
/// Every problem of the text, in its order (at most [`crate::limits::PROBLEMS_MAX`]); warnings
/// among them do not by themselves refuse a playbook and are otherwise in
/// [`Playbook::warnings`].
pub fn parse(name: &str, text: &str) -> Result<Playbook, Vec<Problem>> {
    let mut ctx = Ctx { problems: Problems::new(name, text) };
    let root = match json::parse(text) {
        Ok(root) => root,
        Err((fault, at)) => {
            let (code, message) = match fault {
                Fault::Syntax => ("P001", Text::new("不是有效的 JSON", "not valid JSON")),
                Fault::TooDeep => ("P002", Text::new("嵌套过深", "nested too deep")),
                Fault::TooLarge => ("P002", Text::new("文件过大", "the file is too large")),
                Fault::DuplicateKey => ("P003", Text::new("键重复", "the key is repeated")),
            };
            ctx.problems.error(code, "", (at, at + 1), message);
            return Err(ctx.problems.finish());
        }
    };
    secrets::check(&mut ctx, &root);
    let loaded = playbook::load(&mut ctx, name, text, &root);
    if let Some(playbook) = &loaded {
        graph::check(&mut ctx, &root, playbook);
        names::check(&mut ctx, &root, playbook);
    }
    let failed = ctx.problems.any_error();
    let problems = ctx.problems.finish();
    match loaded {
        Some(mut playbook) if !failed => {
            playbook.warnings = problems;
            Ok(playbook)
        }
        _ => Err(problems),
    }
}
