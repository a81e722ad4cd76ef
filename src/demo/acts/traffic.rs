//! The ordinary day and the four attacks: told over real sockets, then looked for in the queue.

use std::collections::BTreeSet;
use std::time::Duration;

use centre::Caller;
use centre::alert::AlertFilter;
use centre::view::SearchForm;
use events::Timestamp;
use serde_json::json;
use tokio::sync::watch;

use super::{ActReport, Cast, Counts, until};
use crate::commands::Failure;
use crate::demo::send::{Pace, Progress, Sent, Targets, send};
use crate::demo::stage;
use crate::demo::story::{Act, ActId, Story};

/// How long the node may take to swallow what was sent.
const SETTLE_WITHIN: Duration = Duration::from_secs(120);

/// Tells the story; says of each attack whether it was seen at its school.
pub(super) async fn play(
    cast: &Cast<'_>,
    story: &Story,
    targets: &Targets,
    speed: f64,
) -> Result<(Vec<ActReport>, Counts), Failure> {
    let total = story.emissions.len();
    cast.say(
        &format!("一、平常的一天和四次攻击：{total} 条日志记录，经真实协议送入采集器"),
        &format!("1. An ordinary day and four attacks: {total} records over real protocols"),
    );
    let (_go_on, stop) = watch::channel(false);
    let mut tell = |progress: Progress| match progress {
        Progress::Began(act) => name_act(cast, story, act),
        Progress::Ended(_) => {}
        Progress::At { told_ms, sent } => {
            let percent = told_ms * 100 / story.length_ms.max(1);
            cast.progress(&format!("{percent:3} %  {sent}/{total}"));
        }
    };
    let sent = send(cast.region, story, targets, Pace::new(speed), stop, &mut tell)
        .await
        .map_err(|e| Failure::of(e.code(), &e))?;
    cast.progress_done();
    let settled = until(|| settled(cast, sent.totals.events()), SETTLE_WITHIN).await;
    let counts = stations(cast, &sent);
    let mut reports = Vec::new();
    for act in story.acts.iter().filter(|a| a.id != ActId::SchoolDay) {
        reports.push(seen(cast, act, settled).await?);
    }
    Ok((reports, counts))
}

fn name_act(cast: &Cast<'_>, story: &Story, id: ActId) {
    if let Some(act) = story.acts.iter().find(|a| a.id == id) {
        cast.progress_done();
        cast.say(&format!("  · {}", act.title.zh), &format!("  · {}", act.title.en));
    }
}

/// Whether everything sent is durable and detection has read it.
fn settled(cast: &Cast<'_>, sent: u64) -> bool {
    let figures = cast.centre.figures();
    submitted(cast) >= sent && figures.matched == figures.journalled
}

/// Events that the sensors handed to the journal and got an acknowledgement for.
fn submitted(cast: &Cast<'_>) -> u64 {
    cast.centre.sensor_counters().iter().map(|c| c.submitted).sum()
}

/// Whether every rule that an act should raise has an alert group at its school.
async fn seen(cast: &Cast<'_>, act: &Act, settled: bool) -> Result<ActReport, Failure> {
    let caller = Caller::local("demo");
    let filter = AlertFilter { site: Some(act.site), ..AlertFilter::default() };
    let raised = || -> BTreeSet<String> {
        let groups = cast.centre.all_alerts(&caller, &filter).unwrap_or_default();
        groups.into_iter().map(|g| g.rule_id).collect()
    };
    let missing = || -> Vec<&str> {
        let raised = raised();
        act.expects.iter().filter(|rule| !raised.contains(**rule)).copied().collect()
    };
    let all = until(|| missing().is_empty(), Duration::from_secs(10)).await;
    let detail = json!({
        "site": act.site, "expected": act.expects, "missing": missing(),
        "records": act.records, "settled": settled,
    });
    let ok = all && settled && !act.expects.is_empty();
    let name = serde_json::to_value(act.id).ok().and_then(|v| v.as_str().map(str::to_owned));
    let look = format!("/alerts?site={}", act.site);
    Ok(cast.report(&name.unwrap_or_default(), act.title.clone(), ok, detail, &look))
}

/// The story's records at the first three stations, before anything else is sent: the node's own
/// records (its audit log) are those that no sensor handed in.
fn stations(cast: &Cast<'_>, sent: &Sent) -> Counts {
    let figures = cast.centre.figures();
    let journalled = submitted(cast);
    let own = figures.journalled.saturating_sub(journalled);
    Counts {
        sent: sent.totals.events(),
        journalled,
        matched: figures.matched.saturating_sub(own),
        archived: 0,
    }
}

/// Seals everything and counts the story's records in the archive; those of the drill are marked
/// and not counted.
pub(super) fn archived(cast: &Cast<'_>, story: &Story) -> Result<u64, Failure> {
    cast.centre.seal_all()?;
    let form = SearchForm {
        query: "* | count by sensor".to_owned(),
        from: Some(story.start.minus(Duration::from_secs(3_600))),
        to: Some(Timestamp::MAX),
        limit: 1_000,
        exercises: false,
        ..SearchForm::default()
    };
    let page = cast.centre.search(&Caller::local("demo"), &form)?;
    let rows = page.table.map(|(_, rows)| rows).unwrap_or_default();
    let ours = rows
        .iter()
        .filter(|row| row.first().is_some_and(|s| stage::STORY_SENSORS.contains(&s.as_str())));
    Ok(ours.filter_map(|row| row.get(1)?.parse::<u64>().ok()).sum())
}
