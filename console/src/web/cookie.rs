//! Cookies: the session, and small preferences.

/// Name of the session's cookie. Over TLS the `__Host-` prefix binds it to this host, `/` and
/// `Secure` (RFC 6265bis section 4.1.3.2).
pub(crate) const fn session_name(tls: bool) -> &'static str {
    if tls { "__Host-xd" } else { "xd" }
}

/// Name of the cookie that stands in for a session on the login page.
pub(crate) const fn visitor_name(tls: bool) -> &'static str {
    if tls { "__Host-xd-visitor" } else { "xd-visitor" }
}

/// The value of a cookie in a `Cookie` header.
pub(crate) fn get<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    header.split(';').find_map(|part| {
        let (n, v) = part.trim().split_once('=')?;
        (n == name).then_some(v)
    })
}

/// A `Set-Cookie` of a secret: kept until the browser closes, not readable by scripts, never sent
/// from another site.
pub(crate) fn secret(name: &str, value: &str, tls: bool) -> String {
    let secure = if tls { "; Secure" } else { "" };
    format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict{secure}")
}

/// A `Set-Cookie` that removes a secret.
pub(crate) fn expired(name: &str, tls: bool) -> String {
    format!("{}; Max-Age=0", secret(name, "", tls))
}

/// A `Set-Cookie` of a preference, kept for a year.
pub(crate) fn preference(name: &str, value: &str, tls: bool) -> String {
    format!("{}; Max-Age=31536000", secret(name, value, tls))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_bound_to_the_host() {
        let made = secret(session_name(true), "abc", true);
        assert_eq!(made, "__Host-xd=abc; Path=/; HttpOnly; SameSite=Strict; Secure");
        assert!(!secret(session_name(false), "abc", false).contains("Secure"));
        assert!(expired("xd", false).ends_with("Max-Age=0"));
    }

    #[test]
    fn only_the_whole_name_counts() {
        let header = "a=1; xxd=evil; xd=good; xd-visitor=v";
        assert_eq!(get(header, "xd"), Some("good"));
        assert_eq!(get(header, "xd-visitor"), Some("v"));
        assert_eq!(get(header, "d"), None);
    }
}
