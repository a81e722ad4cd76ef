//! Schools: ranking by risk index, and one school's page.

use events::SiteId;

use crate::account::{Caller, Permission};
use crate::alert::{AlertFilter, AlertGroup, AlertState, Order};
use crate::centre::Centre;
use crate::error::Error;
use crate::situation::risk_index;
use crate::view::{SchoolDetail, SchoolRow};

impl Centre {
    /// All schools in scope, the one at most risk first.
    pub fn schools(&self, caller: &Caller) -> Result<Vec<SchoolRow>, Error> {
        caller.need(Permission::SchoolsRead)?;
        let open: Vec<AlertGroup> = self
            .pipeline
            .alerts
            .list(&AlertFilter::default(), caller.scope())
            .into_iter()
            .filter(|g| g.state != AlertState::Closed)
            .collect();
        let refs: Vec<&AlertGroup> = open.iter().collect();
        let silent = self.silences();
        let divisions = self.enricher.divisions();
        let mut rows: Vec<SchoolRow> = self
            .directory
            .schools()
            .filter(|s| caller.scope().holds(s.code))
            .map(|school| {
                let risk = risk_index(school.code, &refs, &silent);
                SchoolRow {
                    site: school.code,
                    name: school.name.clone(),
                    district: school.district.clone(),
                    division: match school.division {
                        Some(code) => divisions.whole(code),
                        None => divisions.of_school(school.code).cloned(),
                    },
                    band: risk.band(),
                    open: refs.iter().filter(|g| g.site == school.code).count(),
                    risk,
                    rank: 0,
                }
            })
            .collect();
        rows.sort_by_key(|r| (r.risk.index, r.site));
        for (at, row) in rows.iter_mut().enumerate() {
            row.rank = at + 1;
        }
        Ok(rows)
    }

    /// One school.
    pub fn school(&self, caller: &Caller, site: SiteId) -> Result<SchoolDetail, Error> {
        caller.need_site(site)?;
        let rows = self.schools(caller)?;
        let row = rows.into_iter().find(|r| r.site == site);
        let row = row.ok_or(Error::NotFound { what: "school" })?;
        let filter =
            AlertFilter { site: Some(site), order: Order::Latest, ..AlertFilter::default() };
        let school = self.directory.school(site);
        let mut veil = self.veil(caller);
        Ok(SchoolDetail {
            networks: school
                .map(|s| s.networks.iter().map(ToString::to_string).collect())
                .unwrap_or_default(),
            alerts: if caller.role.may(Permission::AlertsRead) {
                let all = self.pipeline.alerts.list(&filter, caller.scope());
                all.into_iter().map(|group| veil.seen(group)).collect()
            } else {
                Vec::new()
            },
            sensors: if caller.role.may(Permission::SensorsRead) {
                self.sensors(caller)?.into_iter().filter(|s| s.site == site).collect()
            } else {
                Vec::new()
            },
            row,
        })
    }
}
