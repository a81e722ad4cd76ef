//! A plan: which checks run on which target, and which items each decides.

use events::SiteId;
use serde::{Deserialize, Serialize};

use super::catalogue::Catalogue;
use super::check::Check;
use super::error::AuditError;
use super::limits;
use super::trouble::{Trouble, TroubleKind};

/// What is audited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The site it belongs to.
    pub site: SiteId,
    /// Its name, such as the host name.
    pub name: String,
    /// Object class of the standard it is listed as: `os` for a host.
    pub object: String,
    /// Everything it can be judged as: a host with a web server is `os` and `middleware`.
    pub facets: Vec<Facet>,
    /// Extensions of the standard that its system falls under: `cloud`, `mobile`.
    #[serde(default)]
    pub extensions: Vec<String>,
}

/// One object class of a target with the product that fills it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facet {
    /// Object class.
    pub object: String,
    /// Product, as checks name it.
    pub platform: String,
}

impl Facet {
    /// An object class and a product.
    pub fn new(object: &str, platform: &str) -> Self {
        Self { object: object.into(), platform: platform.into() }
    }
}

/// What is looked for on every Linux host, beside the system itself: each check says 不适用 where
/// the product is not installed.
const ON_LINUX: [(&str, &str); 4] =
    [("os", "linux"), ("middleware", "nginx"), ("middleware", "docker"), ("dbms", "redis")];

impl Target {
    /// A Linux host of a site, with the products that are judged by their files.
    pub fn host(site: SiteId, name: impl Into<String>) -> Self {
        let facets = ON_LINUX.map(|(object, platform)| Facet::new(object, platform)).to_vec();
        Self { site, name: name.into(), object: "os".into(), facets, extensions: Vec::new() }
    }

    /// A target that is one thing only: a database, a switch, a TLS endpoint.
    pub fn of(site: SiteId, name: impl Into<String>, object: &str, platform: &str) -> Self {
        let facets = vec![Facet::new(object, platform)];
        Self { site, name: name.into(), object: object.into(), facets, extensions: Vec::new() }
    }

    /// Whether a check looks at something this target is.
    pub fn takes(&self, check: &Check) -> bool {
        self.facets.iter().any(|f| {
            f.object == check.object && (check.platform.is_empty() || f.platform == check.platform)
        })
    }
}

/// Checks chosen for one target, in order of id.
#[derive(Clone, Debug)]
pub struct Plan<'a> {
    pub(super) target: Target,
    pub(super) checks: Vec<&'a Check>,
    pub(super) items: Vec<PlannedItem>,
    pub(super) standard: String,
    pub(super) limit_ms: u64,
    /// What is wrong before anything runs.
    pub(super) troubles: Vec<Trouble>,
}

/// One item and what its verdict is drawn from.
#[derive(Clone, Debug)]
pub(super) struct PlannedItem {
    pub(super) id: String,
    pub(super) partial_allowed: bool,
    /// Positions in `Plan::checks` that decide it.
    pub(super) judged_by: Vec<usize>,
    /// Positions that only add evidence.
    pub(super) informed_by: Vec<usize>,
    /// Whether the object matrix of the standard has this item for what the target is.
    pub(super) on_matrix: bool,
}

impl<'a> Plan<'a> {
    /// How many checks will run.
    pub fn len(&self) -> usize {
        self.checks.len()
    }

    /// Whether no check fits the target.
    pub fn is_empty(&self) -> bool {
        self.checks.is_empty()
    }

    /// The plan with a time limit of its own; checks after it are 未执行.
    #[must_use]
    pub fn within(mut self, limit_ms: u64) -> Self {
        self.limit_ms = limit_ms.min(limits::RUN_MS_MAX);
        self
    }

    /// The target.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The checks in the order they run.
    pub fn checks(&self) -> &[&'a Check] {
        &self.checks
    }
}

/// Chooses the checks that look at the target's object class and lays out all items: the general
/// ones and those of the target's extensions. A check that names an unknown item is left out and
/// told as a trouble of the run. Fails when a check judges an item on the wrong object, or an id
/// is double.
pub fn plan<'a>(
    catalogue: &Catalogue,
    checks: &'a [Check],
    target: &Target,
) -> Result<Plan<'a>, AuditError> {
    if checks.len() > limits::CHECKS_MAX {
        let (found, max) = (checks.len(), limits::CHECKS_MAX);
        return Err(AuditError::TooManyChecks { found, max });
    }
    let mut chosen: Vec<&Check> = Vec::new();
    let mut unknown =
        Trouble { kind: TroubleKind::UnknownItem, detail: String::new(), checks: Vec::new() };
    for check in checks {
        match check.fits(catalogue) {
            Err(error @ AuditError::UnknownItem { .. }) => {
                unknown.detail = error.to_string();
                unknown.checks.push(check.id.clone());
            }
            Err(error) => return Err(error),
            Ok(()) if target.takes(check) => chosen.push(check),
            Ok(()) => {}
        }
    }
    chosen.sort_by(|a, b| a.id.cmp(&b.id));
    if let Some(pair) = chosen.windows(2).find(|p| p[0].id == p[1].id) {
        return Err(AuditError::CheckTwice { id: pair[0].id.clone() });
    }
    let positions = |serves: &dyn Fn(&Check) -> bool| {
        chosen.iter().enumerate().filter(|(_, c)| serves(c)).map(|(i, _)| i).collect()
    };
    let items = catalogue
        .items_with(&target.extensions)
        .map(|item| PlannedItem {
            id: item.id.clone(),
            // Where the copies used were not readable the stricter reading holds.
            partial_allowed: item.partial_allowed.unwrap_or(false),
            on_matrix: target.facets.iter().any(|f| item.assessed_on(&f.object)),
            judged_by: positions(&|c| c.items.contains(&item.id)),
            informed_by: positions(&|c| c.informs.contains(&item.id)),
        })
        .collect();
    Ok(Plan {
        target: target.clone(),
        checks: chosen,
        items,
        standard: catalogue.standard.clone(),
        limit_ms: limits::RUN_MS_MAX,
        troubles: if unknown.checks.is_empty() { Vec::new() } else { vec![unknown] },
    })
}
