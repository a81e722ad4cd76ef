//! Looks for secrets standing in the clear. They belong into the key store, referred to by
//! `kms_key_identifier` or an external variable. The secret itself is never repeated.

use events::Text;

use super::reader::{Ctx, join};
use crate::json::{Member, Node, Value};

/// Reports every secret in a document.
pub(super) fn check(ctx: &mut Ctx<'_>, root: &Node) {
    visit(ctx, root, "", "");
}

fn visit(ctx: &mut Ctx<'_>, node: &Node, pointer: &str, key: &str) {
    match &node.value {
        Value::String(text) if in_text(text) || (is_secret_key(key) && is_literal(text)) => {
            report(ctx, node, pointer);
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                visit(ctx, item, &format!("{pointer}/{index}"), key);
            }
        }
        Value::Object(members) => members.iter().for_each(|m| member(ctx, members, m, pointer)),
        _ => {}
    }
}

fn member(ctx: &mut Ctx<'_>, siblings: &[Member], member: &Member, pointer: &str) {
    let at = join(pointer, &member.key);
    // A variable named like a secret must get its value from outside.
    let bare = member.key.trim_matches('_').to_ascii_lowercase();
    if member.key.starts_with("__")
        && is_secret_key(&bare)
        && let Some(value) = member.node.get("value")
        && matches!(&value.value, Value::String(text) if is_literal(text))
    {
        report(ctx, value, &join(&at, "value"));
        return;
    }
    let kms = siblings.iter().any(|m| m.key == "kms" && matches!(m.node.value, Value::Bool(true)));
    let key = if kms { "" } else { bare.as_str() };
    visit(ctx, &member.node, &at, key);
}

fn is_secret_key(key: &str) -> bool {
    matches!(
        key,
        "password"
            | "passwd"
            | "pwd"
            | "token"
            | "secret"
            | "api_key"
            | "apikey"
            | "api-key"
            | "x-api-key"
            | "authorization"
            | "proxy-authorization"
            | "cookie"
            | "oauth_header"
            | "private_key"
            | "client_secret"
            | "access_token"
            | "secret_key"
    ) || ["_password", "_passwd", "_token", "_secret", "_apikey", "_api_key"]
        .iter()
        .any(|end| key.ends_with(end))
}

/// Not empty and not (only) a reference to a variable.
fn is_literal(text: &str) -> bool {
    let rest = text.trim().trim_start_matches("Bearer ").trim_start_matches("Basic ").trim();
    !rest.is_empty() && !rest.strip_suffix(":value").is_some_and(crate::variable::is_name)
}

/// Marks of secrets inside a longer text.
fn in_text(text: &str) -> bool {
    if text.contains("PRIVATE KEY-----") {
        return true;
    }
    // user:password@ in a URL
    let url = text.split("://").skip(1).any(|rest| {
        let authority = rest.split(['/', ' ', '?', '#', '"', '\'']).next().unwrap_or_default();
        authority.rsplit_once('@').and_then(|(user, _)| user.split_once(':')).is_some_and(
            |(_, password)| {
                !password.is_empty() && !password.starts_with("__") && password != "value"
            },
        )
    });
    let lower = text.to_ascii_lowercase();
    let assigned = [
        "password=",
        "passwd=",
        "token=",
        "secret=",
        "api_key=",
        "apikey=",
        "authorization: bearer ",
        "authorization: basic ",
    ]
    .iter()
    .any(|mark| {
        lower.match_indices(mark).any(|(at, mark)| {
            let value = lower[at + mark.len()..]
                .split([' ', '&', '\'', '"', '\n'])
                .next()
                .unwrap_or_default();
            !value.is_empty()
                && !value.starts_with("__")
                && !value.starts_with('$')
                && !value.starts_with('<')
        })
    });
    url || assigned
}

fn report(ctx: &mut Ctx<'_>, node: &Node, pointer: &str) {
    ctx.error(
        "P021",
        pointer,
        node,
        Text::new(
            "此处写有明文密钥或口令：请改用密钥库引用或外部变量",
            "a secret stands here in the clear: use a key store reference or an external variable",
        ),
    );
}
