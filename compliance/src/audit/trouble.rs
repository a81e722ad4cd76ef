//! What kept a run from seeing all it planned to see, each by its own name.
//!
//! A check that is met by such a thing is 出错 or 未执行, never 符合; the run goes on and its list
//! of troubles says what is missing.

use events::{Lang, Timestamp};
use serde::{Deserialize, Serialize};

use super::check::CheckId;
use super::limits;
use super::verdict::Verdict;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TroubleKind {
    /// The target did not answer.
    Unreachable,
    /// Its host key is not known.
    HostKeyUnknown,
    /// Its host key is another than the known one.
    HostKeyChanged,
    /// It refused our key or account.
    Refused,
    /// It answered, but could not be opened for another reason.
    NotOpened,
    /// A probe hung and was cut off.
    TimedOut,
    /// The run or the target was out of time before some checks.
    OutOfTime,
    /// The target's clock disagrees with ours.
    ClockTarget,
    /// Our own clock jumped, or went back behind an earlier run.
    ClockOwn,
    /// A check names an item that the catalogue does not have.
    UnknownItem,
}

impl TroubleKind {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Unreachable,
        Self::HostKeyUnknown,
        Self::HostKeyChanged,
        Self::Refused,
        Self::NotOpened,
        Self::TimedOut,
        Self::OutOfTime,
        Self::ClockTarget,
        Self::ClockOwn,
        Self::UnknownItem,
    ];

    /// Its stable code, explained by `xuedun explain`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unreachable => "A107",
            Self::HostKeyUnknown => "A108",
            Self::HostKeyChanged => "A109",
            Self::Refused => "A110",
            Self::NotOpened => "A106",
            Self::TimedOut => "A104",
            Self::OutOfTime => "A111",
            Self::ClockTarget => "A112",
            Self::ClockOwn => "A113",
            Self::UnknownItem => "A013",
        }
    }

    /// What a person reads.
    pub const fn label(self, lang: Lang) -> &'static str {
        match (lang, self) {
            (Lang::Zh, Self::Unreachable) => "无法连接",
            (Lang::Zh, Self::HostKeyUnknown) => "主机密钥未知",
            (Lang::Zh, Self::HostKeyChanged) => "主机密钥不符",
            (Lang::Zh, Self::Refused) => "拒绝登录",
            (Lang::Zh, Self::NotOpened) => "未能打开",
            (Lang::Zh, Self::TimedOut) => "检查超时",
            (Lang::Zh, Self::OutOfTime) => "时限已到",
            (Lang::Zh, Self::ClockTarget) => "对象时钟不准",
            (Lang::Zh, Self::ClockOwn) => "本机时钟不可信",
            (Lang::Zh, Self::UnknownItem) => "要求项不存在",
            (Lang::En, Self::Unreachable) => "unreachable",
            (Lang::En, Self::HostKeyUnknown) => "host key unknown",
            (Lang::En, Self::HostKeyChanged) => "host key changed",
            (Lang::En, Self::Refused) => "login refused",
            (Lang::En, Self::NotOpened) => "not opened",
            (Lang::En, Self::TimedOut) => "probe hung",
            (Lang::En, Self::OutOfTime) => "out of time",
            (Lang::En, Self::ClockTarget) => "target's clock is wrong",
            (Lang::En, Self::ClockOwn) => "our clock cannot be trusted",
            (Lang::En, Self::UnknownItem) => "unknown item",
        }
    }

    /// The kind of a cause noted with a result; `None` for what is a check's own matter.
    pub(super) fn of_cause(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code && *kind != Self::NotOpened)
    }
}

/// One trouble of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// What happened.
    pub kind: TroubleKind,
    /// About what, for a person.
    pub detail: String,
    /// Checks that met it: they are never 符合.
    pub checks: Vec<CheckId>,
}

/// The clocks a run is judged by.
pub struct Clocks<'a> {
    /// When it begins.
    pub now: Timestamp,
    /// Reads our wall clock again at the end; a clock that jumped meanwhile is noticed.
    pub wall: &'a dyn Fn() -> Timestamp,
    /// The latest time known from before: the end of the last run. Time before it is a lie.
    pub last: Option<Timestamp>,
}

/// Whether the target's clock agrees with ours at the moment it was read.
pub(super) fn target_clock(theirs: Timestamp, ours: Timestamp) -> Option<Trouble> {
    let skew = theirs.secs().saturating_sub(ours.secs());
    (skew.abs() > limits::CLOCK_SKEW_SECS_MAX).then(|| Trouble {
        kind: TroubleKind::ClockTarget,
        detail: format!("相差 {skew} 秒 / differs by {skew} s"),
        checks: Vec::new(),
    })
}

/// Whether our own clock went on as a clock does: `expected` is the start plus the time that a
/// forward-only clock measured.
pub(super) fn own_clock(clocks: &Clocks<'_>, expected: Timestamp) -> Option<Trouble> {
    let trouble =
        |detail: String| Some(Trouble { kind: TroubleKind::ClockOwn, detail, checks: Vec::new() });
    if let Some(last) = clocks.last.filter(|last| *last > clocks.now) {
        let back = last.secs().saturating_sub(clocks.now.secs());
        if back > limits::CLOCK_SKEW_SECS_MAX {
            return trouble(format!("比上次稽核早 {back} 秒 / {back} s before the last run ended"));
        }
    }
    let jump = (clocks.wall)().secs().saturating_sub(expected.secs());
    if jump.abs() > limits::CLOCK_SKEW_SECS_MAX {
        return trouble(format!("稽核期间跳变 {jump} 秒 / jumped by {jump} s during the run"));
    }
    None
}

/// What a result that reads the clock is worth when a clock lies.
pub(super) fn distrust(verdict: &Verdict) -> Option<Verdict> {
    use Verdict::{Conform, NonConform, NotApplicable, Partial};
    matches!(verdict, Conform | Partial | NonConform | NotApplicable).then_some(Verdict::Error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    #[test]
    fn clocks_agree_within_the_bound() {
        assert!(target_clock(at(1_000), at(1_000 + limits::CLOCK_SKEW_SECS_MAX)).is_none());
        let ahead = target_clock(at(5_000), at(1_000)).unwrap();
        assert_eq!(ahead.kind, TroubleKind::ClockTarget);
        assert!(ahead.detail.contains("4000"), "{}", ahead.detail);
    }

    #[test]
    fn our_clock_may_neither_jump_nor_go_back() {
        let own = |now, wall: i64, last| {
            let wall = move || at(wall);
            let clocks = Clocks { now: at(now), wall: &wall, last };
            own_clock(&clocks, at(now + 10)).map(|t| t.kind)
        };
        assert_eq!(own(1_000, 1_011, None), None);
        assert_eq!(own(1_000, 1_011, Some(at(900))), None);
        assert_eq!(own(1_000, 500, None), Some(TroubleKind::ClockOwn));
        assert_eq!(own(1_000, 9_000, None), Some(TroubleKind::ClockOwn));
        assert_eq!(own(1_000, 1_010, Some(at(2_000))), Some(TroubleKind::ClockOwn));
    }

    #[test]
    fn every_kind_has_its_own_name_and_code() {
        for lang in [Lang::Zh, Lang::En] {
            let mut names: Vec<_> = TroubleKind::ALL.iter().map(|k| k.label(lang)).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), TroubleKind::ALL.len());
        }
        let mut codes: Vec<_> = TroubleKind::ALL.iter().map(|k| k.code()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), TroubleKind::ALL.len());
    }
}
