//! Many targets in one go: a fixed number at a time, each within its own limit, each with its own
//! run. A target that cannot be reached costs its own time and nobody else's.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;

use events::Timestamp;

use super::catalogue::Catalogue;
use super::check::Check;
use super::error::AuditError;
use super::host::Host;
use super::plan::{Plan, plan};
use super::run::{AuditRun, run_by};
use super::targets::TargetSpec;
use super::trouble::Clocks;

/// What happens now in a run over many targets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FleetProgress {
    /// Targets done.
    pub done: usize,
    /// Targets in all.
    pub targets: usize,
    /// The target spoken of.
    pub target: String,
    /// Its checks done and planned, and the one that starts; `None` when the target is done.
    pub check: Option<(usize, usize, String)>,
}

/// What a run over many targets works with.
pub struct Fleet<'a> {
    /// The items.
    pub catalogue: &'a Catalogue,
    /// The checks.
    pub checks: &'a [Check],
    /// Targets looked at together.
    pub concurrency: usize,
    /// Our wall clock.
    pub wall: &'a (dyn Fn() -> Timestamp + Sync),
    /// The end of the last run before; see [`Clocks::last`].
    pub last: Option<Timestamp>,
    /// Where a target's probes look: [`TargetSpec::open`], or a recording.
    pub open: &'a (dyn Fn(&TargetSpec) -> Box<dyn Host> + Sync),
    /// Told of every step, from any thread.
    pub progress: &'a (dyn Fn(FleetProgress) + Sync),
}

impl Fleet<'_> {
    /// Audits all targets and hands each run to `keep` as it ends, one at a time. Stops starting
    /// new targets when `keep` fails, and gives its error. Content that does not fit fails before
    /// any target is touched.
    pub fn run<E: From<AuditError>>(
        &self,
        specs: &[TargetSpec],
        keep: &mut dyn FnMut(AuditRun) -> Result<(), E>,
    ) -> Result<(), E> {
        if let Some(first) = specs.first() {
            self.plan(first)?;
        }
        let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let workers = self.concurrency.clamp(1, specs.len().max(1));
        let (send, ended) = sync_channel::<Result<AuditRun, AuditError>>(workers);
        std::thread::scope(|scope| {
            for _ in 0..workers {
                let (send, next, done) = (send.clone(), &next, &done);
                scope.spawn(move || {
                    while let Some(spec) = specs.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let run = self.one(spec, specs.len(), done);
                        if send.send(run).is_err() {
                            break;
                        }
                    }
                });
            }
            drop(send);
            let mut all = ended.iter();
            let failed = all.find_map(|run| run.map_err(E::from).and_then(&mut *keep).err());
            // Whoever still works ends its target and finds nobody listening.
            next.fetch_add(specs.len(), Ordering::Relaxed);
            for _ in all {}
            failed.map_or(Ok(()), Err)
        })
    }

    fn plan(&self, spec: &TargetSpec) -> Result<Plan<'_>, AuditError> {
        let plan = plan(self.catalogue, self.checks, &spec.target())?;
        Ok(plan.within(spec.limit_ms()))
    }

    fn one(
        &self,
        spec: &TargetSpec,
        targets: usize,
        done: &AtomicUsize,
    ) -> Result<AuditRun, AuditError> {
        let plan = self.plan(spec)?;
        let tell = |check: Option<(usize, usize, String)>| {
            let (target, done) = (spec.name.clone(), done.load(Ordering::Relaxed));
            (self.progress)(FleetProgress { done, targets, target, check });
        };
        let host = (self.open)(spec);
        let clocks = Clocks { now: (self.wall)(), wall: &self.wall, last: self.last };
        let run = run_by(&plan, &*host, &clocks, &mut |p| {
            tell(Some((p.done, p.planned, p.check.id.clone())));
        });
        done.fetch_add(1, Ordering::Relaxed);
        tell(None);
        Ok(run)
    }
}
