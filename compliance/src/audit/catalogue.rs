//! The catalogue: categories, control points and the 211 items of level 3, read from
//! `catalogue/*.yaml` and refused when a count differs from the standard's.

use std::collections::HashMap;

use events::Text;
use saphyr::{LoadableYamlNode, Yaml};
use serde::{Deserialize, Serialize};

use super::error::AuditError;
use super::run::AuditRun;

const GENERAL: &str = include_str!("../../catalogue/gbt22239-2019-l3.yaml");
/// Further catalogues of the same form.
/// Keys of the extensions that are shipped.
pub const EXTENSIONS: [&str; 2] = ["cloud", "mobile"];
/// The text of each.
const EXTENSION_TEXTS: [&str; 2] = [
    include_str!("../../catalogue/gbt22239-2019-l3-cloud.yaml"),
    include_str!("../../catalogue/gbt22239-2019-l3-mobile.yaml"),
];

/// Items of each clause of GB/T 22239-2019 level 3, general requirements: 211 in all.
pub const ITEM_COUNTS: [(&str, usize); 10] = [
    ("8.1.1", 22),
    ("8.1.2", 8),
    ("8.1.3", 20),
    ("8.1.4", 34),
    ("8.1.5", 12),
    ("8.1.6", 7),
    ("8.1.7", 14),
    ("8.1.8", 12),
    ("8.1.9", 34),
    ("8.1.10", 48),
];

/// Where the evidence of an item mainly comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EvidenceSource {
    /// Configuration and state of a host.
    Host,
    /// Network and security devices.
    Network,
    /// Database servers.
    Database,
    /// Records of this program: logs, accounts, incidents, drills.
    Platform,
    /// Documents, interviews, site visits.
    Manual,
}

/// How an item differs from level 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// As at level 2.
    Same,
    /// Only from level 3.
    New,
    /// Stricter than at level 2.
    Strengthened,
}

/// One item (要求项).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Item {
    /// `8.1.4.1.a`.
    pub id: String,
    /// Assessment unit of GB/T 28448-2019, such as `L3-CES1-01`.
    pub unit: String,
    /// The clause of its category, `8.1.4`.
    pub category: String,
    /// The id of its control point, `8.1.4.1`.
    pub point: String,
    /// Our short wording, not the standard's.
    pub title: Text,
    /// Where evidence mainly comes from.
    pub automatable: EvidenceSource,
    /// Where else it may come from.
    pub also: Vec<EvidenceSource>,
    /// How it differs from level 2.
    pub change: Change,
    /// Object classes it is assessed on; empty = the standard gives none.
    pub objects: Vec<String>,
    /// Assessment steps; `None` = not readable in the copies used.
    pub steps: Option<u32>,
    /// Whether 部分符合 is allowed; `None` = not readable in the copies used.
    pub partial_allowed: Option<bool>,
    /// How steps combine when not all are needed.
    pub logic: Option<String>,
    /// Case of the 2025 trial guide on high risk.
    pub high_risk_case: Option<String>,
    /// Condition under which the case applies.
    pub high_risk_when: Option<String>,
    /// Major-hazard trigger of the 2025 report template (unverified).
    pub major_hazard: Option<String>,
    /// Words to search by.
    pub words: Vec<String>,
    /// Whether everything said of the item was read in two public copies; false when it carries
    /// a mark from a single source or a part that was not readable.
    pub verified: bool,
}

impl Item {
    /// Whether the item is assessed on an object class. Items without a matrix accept any.
    pub fn assessed_on(&self, object: &str) -> bool {
        self.objects.is_empty() || self.objects.iter().any(|o| o == object)
    }
}

/// One control point (控制点).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Point {
    /// `8.1.4.1`.
    pub id: String,
    /// Its title in the standard and ours in English.
    pub title: Text,
    /// Number of its items.
    pub items: usize,
}

/// One category (安全类).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Category {
    /// `8.1.4`.
    pub clause: String,
    /// `CES`.
    pub code: String,
    /// Its title.
    pub title: Text,
    /// Its control points in order.
    pub points: Vec<Point>,
}

impl Category {
    /// Technical classes are clauses 8.1.1 to 8.1.5, the others are management.
    pub fn is_technical(&self) -> bool {
        matches!(self.code.as_str(), "PES" | "CNS" | "ABS" | "CES" | "SMC")
    }
}

/// One extension (扩展要求): a further catalogue, for systems that fall under it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Extension {
    /// `cloud` or `mobile`.
    pub key: String,
    /// `8.2` or `8.3`.
    pub clause: String,
    /// Its title.
    pub title: Text,
    /// Its categories in order.
    pub categories: Vec<Category>,
    /// Its items in order.
    pub items: Vec<Item>,
}

/// The whole catalogue.
#[derive(Clone, Debug, Serialize)]
pub struct Catalogue {
    /// The standard, `GB/T 22239-2019`.
    pub standard: String,
    /// Categories in order.
    pub categories: Vec<Category>,
    /// Items in order.
    pub items: Vec<Item>,
    /// Cloud and mobile extensions.
    pub extensions: Vec<Extension>,
    /// Which list (0 general, then the extensions) and where in it.
    #[serde(skip)]
    index: HashMap<String, (usize, usize)>,
}

impl Catalogue {
    /// The catalogue shipped with the program: 211 items and two extensions, counts asserted.
    pub fn embedded() -> Result<Self, AuditError> {
        Self::parse(GENERAL, &EXTENSION_TEXTS)
    }

    /// Reads the general catalogue and the extensions from their YAML.
    pub fn parse(general: &str, extensions: &[&str]) -> Result<Self, AuditError> {
        let doc = load(general)?;
        let root = Node { at: "catalogue".into(), yaml: &doc };
        let (categories, items) = read(&root, true)?;
        let mut catalogue = Self {
            standard: root.text("standard")?,
            categories,
            items,
            extensions: Vec::new(),
            index: HashMap::new(),
        };
        catalogue.check_counts()?;
        for text in extensions {
            catalogue.extensions.push(parse_extension(text)?);
        }
        let lists = std::iter::once(&catalogue.items);
        let lists = lists.chain(catalogue.extensions.iter().map(|e| &e.items));
        for (list, items) in lists.enumerate() {
            for (at, item) in items.iter().enumerate() {
                if catalogue.index.insert(item.id.clone(), (list, at)).is_some() {
                    return Err(shape(&item.id, "the id is used twice"));
                }
            }
        }
        Ok(catalogue)
    }

    /// The item of an id such as `8.1.4.1.a`, of an extension too.
    pub fn item(&self, id: &str) -> Option<&Item> {
        match self.index.get(id)? {
            (0, at) => self.items.get(*at),
            (list, at) => self.extensions.get(list - 1)?.items.get(*at),
        }
    }

    /// The category of an item.
    pub fn category_of(&self, item: &Item) -> Option<&Category> {
        self.all_categories().find(|c| c.clause == item.category)
    }

    /// The general categories, then those of the extensions.
    pub fn all_categories(&self) -> impl Iterator<Item = &Category> {
        self.categories.iter().chain(self.extensions.iter().flat_map(|e| &e.categories))
    }

    /// Every item, of the extensions too.
    pub fn all_items(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().chain(self.extensions.iter().flat_map(|e| &e.items))
    }

    /// The general items, then those of the extensions named.
    pub fn items_with<'a>(&'a self, extensions: &'a [String]) -> impl Iterator<Item = &'a Item> {
        let named = self.extensions.iter().filter(|e| extensions.contains(&e.key));
        self.items.iter().chain(named.flat_map(|e| &e.items))
    }

    /// Categories of which a run has items, in order.
    pub fn categories_of<'a>(&'a self, run: &'a AuditRun) -> impl Iterator<Item = &'a Category> {
        let has = |c: &&Category| {
            let of = run.items.iter().filter_map(|i| self.item(&i.item));
            of.into_iter().any(|i| i.category == c.clause)
        };
        self.all_categories().filter(has)
    }

    fn check_counts(&self) -> Result<(), AuditError> {
        for (clause, wanted) in ITEM_COUNTS {
            let found = self.items.iter().filter(|i| i.category == clause).count();
            if found != wanted {
                return Err(AuditError::CatalogueCount { clause: clause.into(), found, wanted });
            }
        }
        let wanted = ITEM_COUNTS.iter().map(|(_, n)| n).sum();
        let found = self.items.len();
        if found != wanted {
            return Err(AuditError::CatalogueCount { clause: "8.1".into(), found, wanted });
        }
        Ok(())
    }
}

/// Categories and items of one catalogue, in order.
fn read(root: &Node<'_>, is_verified: bool) -> Result<(Vec<Category>, Vec<Item>), AuditError> {
    let (mut categories, mut all) = (Vec::new(), Vec::new());
    for node in root.list("categories")? {
        let mut category = Category {
            clause: node.text("clause")?,
            code: node.text("code")?,
            title: node.both()?,
            points: Vec::new(),
        };
        for point in node.list("points")? {
            let id = point.text("id")?;
            let items = point.list("items")?;
            for item in &items {
                let mut item = parse_item(item, &category.clause, &id)?;
                item.verified &= is_verified;
                all.push(item);
            }
            category.points.push(Point { id, title: point.both()?, items: items.len() });
        }
        categories.push(category);
    }
    Ok((categories, all))
}

fn parse_item(node: &Node<'_>, category: &str, point: &str) -> Result<Item, AuditError> {
    let steps = node.number("steps")?;
    let partial_allowed = node.yaml.as_mapping_get("partial").and_then(Yaml::as_bool);
    let major_hazard = node.optional("major_hazard");
    Ok(Item {
        id: format!("{point}.{}", node.text("id")?),
        unit: node.text("unit")?,
        category: category.to_owned(),
        point: point.to_owned(),
        title: node.both()?,
        automatable: source(node, &node.text("by")?)?,
        also: node.words("also")?.iter().map(|w| source(node, w)).collect::<Result<_, _>>()?,
        change: match node.text("level2")?.as_str() {
            "same" => Change::Same,
            "new" => Change::New,
            "strengthened" => Change::Strengthened,
            other => return Err(shape(&node.at, &format!("level2 cannot be {other}"))),
        },
        objects: node.words("objects")?,
        verified: steps.is_some() && partial_allowed.is_some() && major_hazard.is_none(),
        steps,
        partial_allowed,
        logic: node.optional("logic"),
        high_risk_case: node.optional("high_risk"),
        high_risk_when: node.optional("high_risk_when"),
        major_hazard,
        words: node.words("words")?,
    })
}

fn source(node: &Node<'_>, word: &str) -> Result<EvidenceSource, AuditError> {
    Ok(match word {
        "host" => EvidenceSource::Host,
        "network" => EvidenceSource::Network,
        "database" => EvidenceSource::Database,
        "platform" => EvidenceSource::Platform,
        "manual" => EvidenceSource::Manual,
        other => return Err(shape(&node.at, &format!("unknown evidence source {other}"))),
    })
}

fn parse_extension(text: &str) -> Result<Extension, AuditError> {
    let doc = load(text)?;
    let root = Node { at: "extension".into(), yaml: &doc };
    // Their wording was not compared with the published text.
    let (categories, items) = read(&root, false)?;
    let clause = root.text("clause")?;
    let (found, wanted) = (items.len(), root.number("items")?.unwrap_or(0) as usize);
    if found != wanted {
        return Err(AuditError::CatalogueCount { clause, found, wanted });
    }
    Ok(Extension { key: root.text("key")?, clause, title: root.both()?, categories, items })
}

fn load(text: &str) -> Result<Yaml<'_>, AuditError> {
    let docs = Yaml::load_from_str(text)
        .map_err(|e| AuditError::CatalogueSyntax { reason: e.to_string() })?;
    docs.into_iter().next().ok_or_else(|| shape("catalogue", "the file is empty"))
}

fn shape(at: &str, problem: &str) -> AuditError {
    AuditError::CatalogueShape { at: at.to_owned(), problem: problem.to_owned() }
}

/// A YAML node that knows where it is, for error texts.
struct Node<'a> {
    at: String,
    yaml: &'a Yaml<'a>,
}

impl<'a> Node<'a> {
    fn text(&self, key: &str) -> Result<String, AuditError> {
        self.optional(key).ok_or_else(|| shape(&self.at, &format!("`{key}` is missing")))
    }

    fn optional(&self, key: &str) -> Option<String> {
        self.yaml.as_mapping_get(key).and_then(Yaml::as_str).map(str::to_owned)
    }

    fn number(&self, key: &str) -> Result<Option<u32>, AuditError> {
        let Some(value) = self.yaml.as_mapping_get(key).and_then(Yaml::as_integer) else {
            return Ok(None);
        };
        u32::try_from(value).map(Some).map_err(|_| shape(&self.at, &format!("`{key}` is negative")))
    }

    fn both(&self) -> Result<Text, AuditError> {
        Ok(Text::new(self.text("zh")?, self.text("en")?))
    }

    fn list(&self, key: &str) -> Result<Vec<Node<'a>>, AuditError> {
        let Some(list) = self.yaml.as_mapping_get(key).and_then(Yaml::as_sequence) else {
            return Err(shape(&self.at, &format!("`{key}` is not a list")));
        };
        Ok(list
            .iter()
            .enumerate()
            .map(|(i, yaml)| Node { at: format!("{} / {key}[{i}]", self.at), yaml })
            .collect())
    }

    fn words(&self, key: &str) -> Result<Vec<String>, AuditError> {
        let Some(value) = self.yaml.as_mapping_get(key) else { return Ok(Vec::new()) };
        let Some(list) = value.as_sequence() else {
            return Err(shape(&self.at, &format!("`{key}` is not a list")));
        };
        list.iter()
            .map(|w| w.as_str().map(str::to_owned))
            .collect::<Option<_>>()
            .ok_or_else(|| shape(&self.at, &format!("`{key}` holds something that is no word")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_known_items() {
        let c = Catalogue::embedded().unwrap();
        assert_eq!(c.items.len(), 211);
        assert_eq!(c.categories.len(), 10);
        assert_eq!(c.categories.iter().map(|c| c.points.len()).sum::<usize>(), 71);
        let technical: usize =
            c.items.iter().filter(|i| c.category_of(i).is_some_and(Category::is_technical)).count();
        assert_eq!((technical, c.items.len() - technical), (96, 115));
        let by = |s| c.items.iter().filter(|i| i.automatable == s).count();
        assert_eq!(by(EvidenceSource::Host), 28);
        assert_eq!(by(EvidenceSource::Network), 25);
        assert_eq!(by(EvidenceSource::Database), 4);
        assert_eq!(by(EvidenceSource::Platform), 57);
        assert_eq!(by(EvidenceSource::Manual), 97);
        assert_eq!(c.items.iter().filter(|i| i.change == Change::New).count(), 77);
        let first = c.item("8.1.4.1.a").unwrap();
        assert_eq!(first.unit, "L3-CES1-01");
        assert!(first.assessed_on("os") && !first.assessed_on("printer"));
        assert!(!c.item("8.1.4.11.a").unwrap().assessed_on("os"));
        assert!(c.items.iter().all(|i| i.unit != "L3-CES1-16"), "that unit does not exist");
        let mut units: Vec<_> = c.items.iter().map(|i| &i.unit).collect();
        units.sort();
        units.dedup();
        assert_eq!(units.len(), 211);
    }

    #[test]
    fn extensions_have_their_counts() {
        assert!(Catalogue::embedded().unwrap().extensions.iter().map(|e| &e.key).eq(EXTENSIONS));
        let c = Catalogue::embedded().unwrap();
        let counts: Vec<(usize, usize)> = c
            .extensions
            .iter()
            .map(|e| (e.categories.iter().map(|c| c.points.len()).sum(), e.items.len()))
            .collect();
        assert_eq!(counts, [(16, 46), (9, 19)]);
        let new = |e: &Extension| e.items.iter().filter(|i| i.change == Change::New).count();
        assert_eq!(c.extensions.iter().map(new).collect::<Vec<_>>(), [17, 5]);
        for extension in &c.extensions {
            for item in &extension.items {
                assert!(!item.verified, "{}: nobody compared its wording yet", item.id);
                assert_eq!(c.item(&item.id), Some(item));
                assert!(
                    c.category_of(item)
                        .is_some_and(|c| item.unit.starts_with(&format!("L3-{}", c.code)))
                );
            }
        }
        assert_eq!(c.items_with(&["mobile".to_owned()]).count(), 211 + 19);
        assert_eq!(c.item("8.2.4.6.d").unwrap().unit, "L3-CES2-17");
    }

    #[test]
    fn a_missing_or_double_item_is_refused() {
        let cut: String = GENERAL
            .lines()
            .filter(|l| !l.contains("L3-PES1-02,"))
            .map(|l| format!("{l}\n"))
            .collect();
        let error = Catalogue::parse(&cut, &[]).unwrap_err();
        assert_eq!(error.code(), "A003");
        let double = GENERAL.replacen("{id: b, unit: L3-PES1-02", "{id: a, unit: L3-PES1-02", 1);
        assert_eq!(Catalogue::parse(&double, &[]).unwrap_err().code(), "A002");
        assert_eq!(Catalogue::parse("a: [", &[]).unwrap_err().code(), "A001");
    }
}
