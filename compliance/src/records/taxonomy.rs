//! The data elements of schools, as data: class, level, sensitivity, defaults, and the names
//! their columns go by.

use std::collections::HashMap;

use events::Text;
use serde::{Deserialize, Serialize};

use super::error::Error;
use super::find::Kind;

/// When an element is sensitive personal information (PIPL art. 28).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Spi {
    /// Always.
    Always,
    /// When the person is under 14, or of unknown age.
    Under14,
    /// Beside a person's identity in the same data set.
    Linked,
    /// Never by itself.
    Never,
}

/// How an element is kept by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Protection {
    /// Field by field.
    F,
    /// By the volume.
    V,
    /// Not encrypted.
    #[serde(rename = "none")]
    None,
}

/// One data element.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Element {
    /// Stable id.
    pub id: String,
    /// Title in both languages.
    pub title: Text,
    /// Class of data.
    pub class: String,
    /// Product level, 1 to 4.
    pub level: u8,
    /// Sensitivity rule.
    pub spi: Spi,
    /// Masking method by default.
    pub mask: String,
    /// Protection by default.
    pub protect: Protection,
    /// Types of value that stand in such a column.
    pub types: Vec<Kind>,
    /// Names of such columns.
    pub names: Vec<String>,
    /// Where the rule comes from.
    pub source: String,
    /// Whether the row was compared with the published text.
    pub verified: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: String,
    standard: String,
    verified: bool,
    not_personal: Vec<String>,
    element: Vec<Element>,
}

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeaderMeaning {
    /// An element, by its index; `exact` when the whole header is one of its names.
    Element { index: usize, exact: bool },
    /// A number that is nobody's.
    NotPersonal,
}

/// The elements and the dictionary of their names.
#[derive(Clone, Debug)]
pub struct Taxonomy {
    /// Edition of the file.
    pub version: String,
    /// Texts it follows.
    pub standard: String,
    /// Whether it was compared with them.
    pub verified: bool,
    elements: Vec<Element>,
    names: HashMap<String, HeaderMeaning>,
}

const EMBEDDED: &str = include_str!("../../taxonomy/education.toml");

impl Taxonomy {
    /// The one shipped with the program.
    ///
    /// # Errors
    /// [`Error::Content`] when the shipped file is not valid, which a test excludes.
    pub fn embedded() -> Result<Self, Error> {
        Self::parse(EMBEDDED)
    }

    /// Reads a taxonomy.
    ///
    /// # Errors
    /// [`Error::Content`] with the place.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let bad = |message: String| Error::Content { what: "taxonomy", message };
        let file: File = toml::from_str(text).map_err(|e| bad(e.to_string()))?;
        let mut names = HashMap::new();
        for (index, element) in file.element.iter().enumerate() {
            if !(1..=4).contains(&element.level) {
                return Err(bad(format!("element {}: level must be 1 to 4", element.id)));
            }
            if file.element.iter().take(index).any(|e| e.id == element.id) {
                return Err(bad(format!("element {}: defined twice", element.id)));
            }
            for name in &element.names {
                let meaning = HeaderMeaning::Element { index, exact: true };
                if names.insert(plain(name), meaning).is_some_and(|before| before != meaning) {
                    return Err(bad(format!("name {name}: belongs to two elements")));
                }
            }
        }
        for name in &file.not_personal {
            if names
                .insert(plain(name), HeaderMeaning::NotPersonal)
                .is_some_and(|before| before != HeaderMeaning::NotPersonal)
            {
                return Err(bad(format!("name {name}: personal and not personal")));
            }
        }
        let File { version, standard, verified, element: elements, .. } = file;
        Ok(Self { version, standard, verified, elements, names })
    }

    /// All elements.
    pub fn elements(&self) -> &[Element] {
        &self.elements
    }

    /// The element of this id.
    pub fn element(&self, id: &str) -> Option<&Element> {
        self.elements.iter().find(|e| e.id == id)
    }

    /// The element that columns of this name hold, as far as a name tells.
    pub fn named(&self, header: &str) -> Option<&Element> {
        match self.header(header)? {
            HeaderMeaning::Element { index, .. } => self.at(index),
            HeaderMeaning::NotPersonal => None,
        }
    }

    /// The element that values of this kind belong to when nothing else is known of them.
    pub fn of_kind(&self, kind: Kind) -> Option<&Element> {
        self.at(self.index_of_kind(kind)?)
    }

    pub(crate) fn at(&self, index: usize) -> Option<&Element> {
        self.elements.get(index)
    }

    /// The element a type of value belongs to when the header does not say.
    pub(crate) fn index_of_kind(&self, kind: Kind) -> Option<usize> {
        let id = match kind {
            Kind::Name => "student_name",
            Kind::CnId | Kind::CnId15 => "id_number",
            Kind::StudentNo => "student_no",
            Kind::CnPhone => "phone",
            Kind::Landline => "landline",
            Kind::BankCard => "bank_card",
            Kind::Email => "email",
            Kind::Address => "address",
            Kind::BirthDate => "birth_date",
            Kind::Passport | Kind::Hkmo => "passport",
            Kind::Plate => "plate",
            Kind::Qq => "qq",
            Kind::Wechat => "wechat",
            Kind::Uscc => "credit_code",
            Kind::SchoolCode => "school_code",
            Kind::Ip | Kind::Mac => "device_address",
        };
        self.elements.iter().position(|e| e.id == id)
    }

    /// What a header says that is one of the known names as a whole.
    pub(crate) fn exact(&self, header: &str) -> Option<HeaderMeaning> {
        self.names.get(&plain(header)).copied()
    }

    /// What a header says, if anything.
    pub(crate) fn header(&self, header: &str) -> Option<HeaderMeaning> {
        let whole = plain(header);
        if let Some(found) = self.names.get(&whole) {
            return Some(*found);
        }
        let chars: Vec<char> = whole.chars().collect();
        let mut best: Option<(usize, usize, HeaderMeaning)> = None;
        // The longest known Chinese name inside the header; of two, the later, as Chinese puts
        // the head of a phrase last.
        for start in 0..chars.len() {
            for end in start + 2..=chars.len().min(start + 20) {
                let part = chars.get(start..end).unwrap_or_default();
                if part.iter().any(char::is_ascii) {
                    continue;
                }
                let word: String = part.iter().collect();
                if let Some(found) = self.names.get(&word)
                    && best.is_none_or(|(len, at, _)| (end - start, start) >= (len, at))
                {
                    best = Some((end - start, start, *found));
                }
            }
        }
        if best.is_none() {
            best = self.latin_words(header);
        }
        best.map(|(_, _, meaning)| match meaning {
            HeaderMeaning::Element { index, .. } => HeaderMeaning::Element { index, exact: false },
            other => other,
        })
    }

    /// The longest run of whole Latin words that is a known name.
    fn latin_words(&self, header: &str) -> Option<(usize, usize, HeaderMeaning)> {
        let words = words(header);
        let mut best: Option<(usize, usize, HeaderMeaning)> = None;
        for start in 0..words.len() {
            for end in start + 1..=words.len().min(start + 4) {
                let joined = words.get(start..end)?.concat();
                if let Some(found) = self.names.get(&joined)
                    && joined.len() > 2
                    && best.is_none_or(|(len, at, _)| (joined.len(), start) >= (len, at))
                {
                    best = Some((joined.len(), start, *found));
                }
            }
        }
        best
    }
}

/// A header without case, blanks, punctuation and full width.
fn plain(header: &str) -> String {
    header
        .chars()
        .map(|c| match c {
            '\u{FF01}'..='\u{FF5E}' => char::from_u32(u32::from(c) - 0xFEE0).unwrap_or(c),
            _ => c,
        })
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// The Latin words of a header, cut at punctuation, digits and humps.
fn words(header: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut lower_before = false;
    let mut open = false;
    for c in header.chars() {
        if !c.is_ascii_alphabetic() {
            open = false;
            lower_before = false;
            continue;
        }
        if !open || (c.is_ascii_uppercase() && lower_before) {
            words.push(String::new());
            open = true;
        }
        lower_before = c.is_ascii_lowercase();
        if let Some(word) = words.last_mut() {
            word.push(c.to_ascii_lowercase());
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(header: &str) -> String {
        let taxonomy = Taxonomy::embedded().unwrap();
        match taxonomy.header(header) {
            Some(HeaderMeaning::Element { index, .. }) => taxonomy.at(index).unwrap().id.clone(),
            Some(HeaderMeaning::NotPersonal) => "-".to_owned(),
            None => "?".to_owned(),
        }
    }

    #[test]
    fn headers() {
        for (header, element) in [
            ("姓名", "student_name"),
            (" 姓 名 ", "student_name"),
            ("学生姓名（必填）", "student_name"),
            ("SFZJH", "id_number"),
            ("ｘｍ", "student_name"),
            ("监护人身份证号", "guardian_id_number"),
            ("家长联系电话1", "guardian_phone"),
            ("parentMobile", "guardian_phone"),
            ("student_phone_number", "phone"),
            ("订单号", "-"),
            ("第三列", "?"),
            ("设备IMEI", "-"),
        ] {
            assert_eq!(meaning(header), element, "{header}");
        }
    }

    #[test]
    fn nothing_shipped_claims_to_be_verified() {
        let taxonomy = Taxonomy::embedded().unwrap();
        assert!(!taxonomy.verified && taxonomy.elements().iter().all(|e| !e.verified));
        assert!(taxonomy.elements().len() >= 50);
    }

    #[test]
    fn refuses_a_name_of_two_elements() {
        let twice = EMBEDDED.replace("\"曾用名\"", "\"姓名\"");
        assert!(matches!(Taxonomy::parse(&twice), Err(Error::Content { .. })));
    }
}
