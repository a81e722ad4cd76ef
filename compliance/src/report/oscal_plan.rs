//! The other OSCAL 1.2.3 models: catalog, assessment plan, plan of action and milestones.

use std::collections::BTreeMap;

use events::{Lang, Timestamp};
use serde_json::{Value, json};

use super::oscal_results::{NS, OSCAL_VERSION, control, or_none, prop, uuid5};
use super::remark;
use crate::audit::catalogue::Catalogue;
use crate::audit::check::Check;
use crate::audit::finding::findings;
use crate::audit::run::AuditRun;
use crate::audit::ticket::{Ticket, TicketState};

fn metadata(title: &str, version: &str, at: Timestamp) -> Value {
    json!({
        "title": title,
        "last-modified": at.to_string(),
        "version": version,
        "oscal-version": OSCAL_VERSION,
    })
}

/// The catalogue: ids, numbers and our wording; the standard's own text is not ours to carry.
pub fn oscal_catalog(catalogue: &Catalogue, at: Timestamp, lang: Lang) -> Value {
    let groups: Vec<Value> = catalogue
        .all_categories()
        .map(|category| {
            let points = category.points.iter().map(|point| {
                let items = catalogue.all_items().filter(|i| i.point == point.id);
                let controls: Vec<Value> = items
                    .map(|item| {
                        let mut props = vec![
                            json!({"name": "label", "value": item.id}),
                            prop("unit", &item.unit),
                            prop("verified", if item.verified { "yes" } else { "no" }),
                        ];
                        for (name, value) in [
                            ("high-risk-case", &item.high_risk_case),
                            ("high-risk-when", &item.high_risk_when),
                            ("major-hazard-unverified", &item.major_hazard),
                        ] {
                            props.extend(value.as_ref().map(|v| prop(name, v)));
                        }
                        json!({
                            "id": control(&item.id),
                            "title": item.title.get(lang),
                            "props": props,
                        })
                    })
                    .collect();
                json!({
                    "id": format!("g-{}", point.id),
                    "title": point.title.get(lang),
                    "controls": controls,
                })
            });
            json!({
                "id": format!("g-{}", category.clause),
                "title": category.title.get(lang),
                "groups": points.collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({"catalog": {
        "uuid": uuid5(&format!("catalog/{}", catalogue.standard)),
        "metadata": metadata(
            lang.pick("等级保护三级要求项目录", "Level-3 catalogue"),
            &catalogue.standard,
            at,
        ),
        "groups": groups,
    }})
}

/// What was planned: the items, the target and one activity per check.
pub fn oscal_plan(run: &AuditRun, checks: &[Check], lang: Lang) -> Value {
    let id = run.id.to_string();
    let uuid = |part: &str| uuid5(&format!("{id}/plan/{part}"));
    let controls: Vec<Value> =
        run.items.iter().map(|i| json!({"control-id": control(&i.item)})).collect();
    let planned = run.results.iter().filter_map(|r| checks.iter().find(|c| c.id == r.check));
    let activities: Vec<Value> = planned
        .map(|check| {
            json!({
                "uuid": uuid(&format!("check/{}", check.id)),
                "title": check.title.get(lang),
                "description": or_none(check.evidence.get(lang)),
                "props": [prop("check", &check.id), json!({"name": "method", "value": "TEST"})],
            })
        })
        .collect();
    let mut plan = json!({
        "uuid": uuid("plan"),
        "metadata": metadata(
            lang.pick("等级保护三级稽核计划", "Plan of the level-3 audit"),
            &id,
            run.started,
        ),
        "import-ssp": {"href": "#not-supplied"},
        "reviewed-controls": {"control-selections": [{"include-controls": controls}]},
        "assessment-subjects": [{
            "type": "inventory-item",
            "description": or_none(&run.target),
            "include-all": {},
        }],
    });
    if !activities.is_empty() {
        plan["local-definitions"] = json!({"activities": activities});
    }
    json!({"assessment-plan": plan})
}

/// What is to be done: one risk and one item per finding, with owner, date and state of its ticket.
pub fn oscal_poam(
    run: &AuditRun,
    checks: &[Check],
    catalogue: &Catalogue,
    tickets: &[Ticket],
    lang: Lang,
) -> Value {
    let id = run.id.to_string();
    let uuid = |part: &str| uuid5(&format!("{id}/poam/{part}"));
    let by_finding: BTreeMap<String, &Ticket> =
        tickets.iter().map(|t| (t.finding.to_string(), t)).collect();
    let (mut risks, mut items) = (Vec::new(), Vec::new());
    for finding in findings(run, checks, catalogue) {
        let ticket = by_finding.get(&finding.id.to_string());
        let due = ticket.map(|t| t.due).or(finding.due);
        let status = match ticket.map(|t| t.state) {
            Some(TicketState::Closed) => "closed",
            Some(TicketState::Retest) => "remediating",
            Some(TicketState::Open) | None => "open",
        };
        let risk = uuid(&format!("risk/{}", finding.check));
        let mut props =
            vec![prop("check", &finding.check), prop("severity", finding.severity.as_str())];
        if let Some(owner) = ticket.map(|t| &t.owner).filter(|o| !o.is_empty()) {
            props.push(prop("owner", owner));
        }
        let mut entry = json!({
            "uuid": risk,
            "title": finding.title.get(lang),
            "description": or_none(&finding.observed),
            "statement": or_none(finding.title.get(lang)),
            "props": props,
            "status": status,
            "remediations": [{
                "uuid": uuid(&format!("remedy/{}", finding.check)),
                "lifecycle": "recommendation",
                "title": lang.pick("整改建议", "Remedy"),
                "description": or_none(finding.remedy.get(lang)),
            }],
        });
        let measures: Vec<Value> = remark::of_finding(run, &finding.items, lang)
            .iter()
            .map(|text| {
                let name = format!("measure/{}/{text}", finding.check);
                json!({"uuid": uuid(&name), "description": text})
            })
            .collect();
        if !measures.is_empty() {
            entry["mitigating-factors"] = Value::Array(measures);
        }
        if let Some(due) = due {
            entry["deadline"] = due.to_string().into();
        }
        risks.push(entry);
        items.push(json!({
            "uuid": uuid(&format!("item/{}", finding.check)),
            "title": finding.title.get(lang),
            "description": or_none(&finding.items.join(" ")),
            "related-risks": [{"risk-uuid": risk}],
        }));
    }
    if items.is_empty() {
        // The model wants at least one.
        let none = lang.pick("本次稽核无待整改项", "This run found nothing to remedy");
        items.push(json!({"uuid": uuid("none"), "title": none, "description": none}));
    }
    let mut poam = json!({
        "uuid": uuid("poam"),
        "metadata": metadata(lang.pick("整改计划", "Plan of action"), &id, run.finished),
        "system-id": {"identifier-type": NS, "id": format!("{}/{}", run.site, run.target)},
        "poam-items": items,
    });
    if !risks.is_empty() {
        poam["risks"] = Value::Array(risks);
    }
    json!({"plan-of-action-and-milestones": poam})
}
