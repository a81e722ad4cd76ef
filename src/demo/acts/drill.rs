//! A drill: marked records through the real sensors; two people of the region act.

use std::collections::BTreeMap;
use std::time::Duration;

use centre::Caller;
use centre::alert::{AlertFilter, Verdict};
use centre::view::DrillDetail;
use events::{DrillId, Text};
use playbooks::drill::Act;
use playbooks::{RunOutcome, WaitingStep};
use serde_json::json;

use super::{ActReport, Cast, until};
use crate::commands::Failure;

/// The drill that is played.
const DRILL: &str = "vpn-password-spraying";
/// How long the injects may take to be seen.
const SEEN_WITHIN: Duration = Duration::from_secs(60);
/// Answers given at most: a playbook of people ends long before.
const ANSWERS_MAX: usize = 40;

/// Plays the drill to its end.
pub(super) async fn play(cast: &Cast<'_>) -> Result<ActReport, Failure> {
    cast.say(
        "四、演练：带标识的情景注入走真实链路",
        "4. A drill: marked injects through the real pipeline",
    );
    let leader = cast.caller("secadmin")?;
    let people = [cast.caller("analyst1")?, cast.caller("analyst2")?];
    let site = cast.region.school(0).code;
    let id = cast.centre.start_drill(&leader, DRILL, site)?;
    let board = || cast.centre.drill(&leader, id);
    let seen = until(|| board().is_ok_and(|d| all_alerted(&d)), SEEN_WITHIN).await;
    judge(cast, &people, id)?;
    for inject in board()?.run.plan().injects.clone() {
        for act in [Act::Contained, Act::Recovered, Act::Reported] {
            cast.centre.drill_act(&people[0], id, &inject.id, act)?;
        }
    }
    answer_all(cast, &people, id)?;
    cast.centre.end_drill(&leader, id, true)?;
    let end = board()?;
    let score = &end.score;
    let done = matches!(end.playbook.outcome, Some(RunOutcome::Succeeded));
    let ok = seen
        && done
        && score.detected == score.emitted
        && score.emitted > 0
        && score.sla_met == score.emitted;
    let detail = json!({
        "injects": score.emitted, "detected": score.detected, "sla_met": score.sla_met,
        "mttd_ms": score.mttd.mean_ms, "mtta_ms": score.mtta.mean_ms,
        "mttc_ms": score.mttc.mean_ms, "mttr_ms": score.mttr.mean_ms,
        "techniques": score.techniques, "playbook": end.playbook.outcome,
        "findings": score.findings.iter().map(|f| &f.text).collect::<Vec<_>>(),
    });
    let title = Text::new(
        format!("演练：{} 个情景注入，发现 {} 个", score.emitted, score.detected),
        format!("Drill: {} injects, {} detected", score.emitted, score.detected),
    );
    Ok(cast.report("drill", title, ok, detail, &format!("/drills/{id}")))
}

fn all_alerted(detail: &DrillDetail) -> bool {
    let clock = |id: &str| detail.run.clock(id).is_some_and(|c| c.alerted.is_some());
    detail.run.plan().injects.iter().all(|i| clock(&i.id))
}

/// Takes and judges every alert group of the exercise, as analysts would in the queue.
fn judge(cast: &Cast<'_>, people: &[Caller; 2], id: DrillId) -> Result<(), Failure> {
    let exercise = cast.centre.drill(&people[0], id)?.run.exercise();
    let filter = AlertFilter { exercises: true, ..AlertFilter::default() };
    let groups = cast.centre.all_alerts(&people[0], &filter)?;
    for group in groups.into_iter().filter(|g| g.exercise == Some(exercise) && g.is_open()) {
        cast.centre.acknowledge(&people[0], group.id)?;
        let reason = cast.lang.pick("演练：判为攻击", "drill: judged an attack");
        cast.centre.close(&people[0], group.id, Verdict::True, reason)?;
    }
    Ok(())
}

/// Answers the playbook's waiting steps; a step that needs other eyes gets them.
fn answer_all(cast: &Cast<'_>, people: &[Caller; 2], id: DrillId) -> Result<(), Failure> {
    for _ in 0..ANSWERS_MAX {
        let waiting = cast.centre.drill(&people[0], id)?.playbook.waiting;
        let Some(step) = waiting.first() else { return Ok(()) };
        let by = people.iter().find(|p| !step.approved.contains(&p.account));
        let Some(by) = by else { return Ok(()) };
        cast.centre.drill_answer(by, id, &step.step, true, outputs(step), "")?;
    }
    Ok(())
}

/// What a step asks for: the verdict is "attack", everything else a yes.
fn outputs(step: &WaitingStep) -> BTreeMap<String, String> {
    step.outputs.iter().map(|name| (name.clone(), "true".to_owned())).collect()
}
