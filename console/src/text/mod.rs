//! Every text a person reads, in both languages.
//!
//! Each group is a struct made by [`messages!`] from one line per text: name, Chinese, English. A
//! text without its translation does not compile.

macro_rules! messages {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $zh:literal, $en:literal;)* }) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub(crate) struct $name { $(pub(crate) $field: &'static str,)* }
        impl $name {
            pub(in crate::text) const ZH: Self = Self { $($field: $zh,)* };
            pub(in crate::text) const EN: Self = Self { $($field: $en,)* };
            #[cfg(test)]
            pub(crate) fn pairs() -> Vec<(&'static str, &'static str, &'static str)> {
                vec![$((stringify!($field), $zh, $en),)*]
            }
        }
    };
}

mod common;
mod ops;
mod prove;

use events::Lang;

pub(crate) use common::{Common, Login, Nav, Problems};
pub(crate) use ops::{Alerts, Coverage, Hunts, Schools, Search, Sensors, Workbench};
pub(crate) use prove::{Account, Audit, Compliance, Data, Drills, Reveals};

/// All texts of one language.
#[derive(Debug)]
pub(crate) struct Messages {
    pub(crate) nav: Nav,
    pub(crate) c: Common,
    pub(crate) login: Login,
    pub(crate) problems: Problems,
    pub(crate) bench: Workbench,
    pub(crate) alerts: Alerts,
    pub(crate) search: Search,
    pub(crate) hunts: Hunts,
    pub(crate) schools: Schools,
    pub(crate) sensors: Sensors,
    pub(crate) coverage: Coverage,
    pub(crate) compliance: Compliance,
    pub(crate) data: Data,
    pub(crate) reveals: Reveals,
    pub(crate) drills: Drills,
    pub(crate) audit: Audit,
    pub(crate) account: Account,
}

static ZH: Messages = Messages {
    nav: Nav::ZH,
    c: Common::ZH,
    login: Login::ZH,
    problems: Problems::ZH,
    bench: Workbench::ZH,
    alerts: Alerts::ZH,
    search: Search::ZH,
    hunts: Hunts::ZH,
    schools: Schools::ZH,
    sensors: Sensors::ZH,
    coverage: Coverage::ZH,
    compliance: Compliance::ZH,
    data: Data::ZH,
    reveals: Reveals::ZH,
    drills: Drills::ZH,
    audit: Audit::ZH,
    account: Account::ZH,
};

static EN: Messages = Messages {
    nav: Nav::EN,
    c: Common::EN,
    login: Login::EN,
    problems: Problems::EN,
    bench: Workbench::EN,
    alerts: Alerts::EN,
    search: Search::EN,
    hunts: Hunts::EN,
    schools: Schools::EN,
    sensors: Sensors::EN,
    coverage: Coverage::EN,
    compliance: Compliance::EN,
    data: Data::EN,
    reveals: Reveals::EN,
    drills: Drills::EN,
    audit: Audit::EN,
    account: Account::EN,
};

/// The texts of a language.
pub(crate) const fn of(lang: Lang) -> &'static Messages {
    match lang {
        Lang::Zh => &ZH,
        Lang::En => &EN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chinese_is_chinese_and_english_is_english() {
        let han = |s: &str| s.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
        let groups = [
            Nav::pairs(),
            Common::pairs(),
            Login::pairs(),
            Problems::pairs(),
            Workbench::pairs(),
            Alerts::pairs(),
            Search::pairs(),
            Hunts::pairs(),
            Schools::pairs(),
            Sensors::pairs(),
            Coverage::pairs(),
            Compliance::pairs(),
            Data::pairs(),
            Reveals::pairs(),
            Drills::pairs(),
            Audit::pairs(),
            Account::pairs(),
        ];
        // Words that are the same in both languages, and the switch that names the other one.
        let same = ["atck", "jsonl", "switch_lang", "mttd", "mtta", "mttc", "mttr", "totp_short"];
        for (name, zh, en) in groups.into_iter().flatten() {
            assert!(!zh.is_empty() && !en.is_empty(), "{name} is empty");
            if same.contains(&name) {
                continue;
            }
            assert!(han(zh), "{name}: the Chinese text is not Chinese: {zh}");
            assert!(!han(en), "{name}: the English text is not English: {en}");
        }
    }
}
