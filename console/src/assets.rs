//! Style, script and icon, embedded; their URLs hold a hash of the content, so that a browser may
//! keep them for ever.

use std::sync::LazyLock;

use data_encoding::HEXLOWER;
use ring::digest::{SHA256, digest};

/// One embedded file.
pub(crate) struct Asset {
    pub(crate) content: &'static str,
    pub(crate) media_type: &'static str,
    url: LazyLock<String>,
}

impl Asset {
    /// Its URL.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

fn hashed(name: &str, extension: &str, content: &str) -> String {
    let hash = digest(&SHA256, content.as_bytes());
    let short = hash.as_ref().get(..8).unwrap_or_default();
    format!("/assets/{name}.{}.{extension}", HEXLOWER.encode(short))
}

const CSS_TEXT: &str = concat!(
    include_str!("../assets/base.css"),
    include_str!("../assets/parts.css"),
    include_str!("../assets/pages.css")
);
const JS_TEXT: &str = include_str!("../assets/app.js");
const ICON_TEXT: &str = include_str!("../assets/icon.svg");

/// The style sheet.
pub(crate) static CSS: Asset = Asset {
    content: CSS_TEXT,
    media_type: "text/css; charset=utf-8",
    url: LazyLock::new(|| hashed("app", "css", CSS_TEXT)),
};
/// The script.
pub(crate) static JS: Asset = Asset {
    content: JS_TEXT,
    media_type: "text/javascript; charset=utf-8",
    url: LazyLock::new(|| hashed("app", "js", JS_TEXT)),
};
/// The icon of the browser's tab.
pub(crate) static ICON: Asset = Asset {
    content: ICON_TEXT,
    media_type: "image/svg+xml",
    url: LazyLock::new(|| hashed("icon", "svg", ICON_TEXT)),
};

/// The asset of a URL; a URL with an old hash is not found.
pub(crate) fn find(path: &str) -> Option<&'static Asset> {
    [&CSS, &JS, &ICON].into_iter().find(|a| a.url() == path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_follow_the_content() {
        assert!(find(CSS.url()).is_some_and(|a| std::ptr::eq(a, &CSS)));
        assert!(find("/assets/app.0000000000000000.css").is_none());
        assert_ne!(hashed("a", "css", "x"), hashed("a", "css", "y"));
    }

    #[test]
    fn nothing_comes_from_the_network() {
        for asset in [&CSS, &JS, &ICON] {
            let text = asset.content.replace("http://www.w3.org/2000/svg", "");
            assert!(!text.contains("http://") && !text.contains("https://"));
            assert!(!text.contains("@import"));
        }
        assert!(JS.content.lines().count() <= 250);
    }
}
