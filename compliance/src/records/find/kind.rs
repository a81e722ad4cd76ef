//! The types of personal data that can be found in a cell.

use serde::{Deserialize, Serialize};

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $zh:literal, $en:literal;)*) => {
        /// A type of finding.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[repr(u8)]
        pub enum Kind {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)*
        }

        impl Kind {
            /// All types, in the order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The name in output and policies.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The name for people: (zh, en).
            pub const fn titles(self) -> (&'static str, &'static str) {
                match self { $(Self::$variant => ($zh, $en),)* }
            }
        }
    };
}

kinds! {
    /// A person's name.
    Name = "NAME", "姓名", "name";
    /// Citizen identity number of 18 characters (GB 11643).
    CnId = "CN_ID", "身份证号", "citizen id";
    /// The earlier form of 15 digits.
    CnId15 = "CN_ID15", "15 位身份证号", "15-digit citizen id";
    /// 学籍号: G + id, J + 18, L + 18.
    StudentNo = "STUDENT_NO", "学籍号", "student number";
    /// Mobile phone number.
    CnPhone = "CN_PHONE", "手机号", "mobile phone";
    /// Fixed-line number.
    Landline = "LANDLINE", "固定电话", "landline";
    /// Bank card.
    BankCard = "BANK_CARD", "银行卡号", "bank card";
    /// E-mail address.
    Email = "EMAIL", "电子邮箱", "e-mail";
    /// Postal address of a person.
    Address = "ADDRESS", "住址", "address";
    /// Birth date.
    BirthDate = "BIRTH_DATE", "出生日期", "birth date";
    /// Chinese passport.
    Passport = "PASSPORT", "护照号", "passport";
    /// 港澳居民来往内地通行证.
    Hkmo = "HKMO", "港澳居民来往内地通行证", "HK/Macau travel permit";
    /// Vehicle plate.
    Plate = "PLATE", "车牌号", "vehicle plate";
    /// QQ number.
    Qq = "QQ", "QQ 号", "QQ number";
    /// WeChat name.
    Wechat = "WECHAT", "微信号", "WeChat id";
    /// Unified social credit code (GB 32100).
    Uscc = "USCC", "统一社会信用代码", "unified social credit code";
    /// School code of 10 digits.
    SchoolCode = "SCHOOL_CODE", "学校标识码", "school code";
    /// IPv4 or IPv6 address.
    Ip = "IP", "IP 地址", "IP address";
    /// MAC address.
    Mac = "MAC", "MAC 地址", "MAC address";
}

impl Kind {
    /// The type of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|k| k.name() == name)
    }

    /// Whether a finding names or reaches a person by itself (organisation codes do not).
    pub const fn is_personal(self) -> bool {
        !matches!(self, Self::Uscc | Self::SchoolCode)
    }
}

/// A set of types.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct KindSet(u32);

impl KindSet {
    pub(crate) const fn with(self, kind: Kind) -> Self {
        Self(self.0 | 1 << kind as u32)
    }

    pub(crate) const fn has(self, kind: Kind) -> bool {
        self.0 & (1 << kind as u32) != 0
    }

    /// Whether this type and no other is in it.
    pub(crate) const fn only(self, kind: Kind) -> bool {
        self.0 == 1 << kind as u32
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }
}
