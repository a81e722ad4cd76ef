//! The audit of this machine against the 211 items, and the evidence sealed and verified.

use std::sync::Arc;

use centre::Caller;
use compliance::audit::VerdictKind;
use compliance::evidence::{Trust, verify};
use events::Text;
use serde_json::json;

use super::{ActReport, Cast};
use crate::commands::Failure;

/// Items of the level-3 catalogue (GB/T 22239-2019 clause 8.1).
const ITEMS: usize = 211;
/// Checks the audit has at least.
const CHECKS_MIN: usize = 25;

/// Audits, seals, bundles, verifies.
pub(super) async fn play(cast: &Cast<'_>) -> Result<Vec<ActReport>, Failure> {
    cast.say("三、对本机做三级稽核，封存证据", "3. Auditing this machine, sealing the evidence");
    let (lang, loud) = (cast.lang, cast.loud);
    let centre = Arc::clone(cast.centre);
    let audit = tokio::task::spawn_blocking(move || {
        centre.audit_now(&mut |done, planned, title| {
            if loud && std::io::IsTerminal::is_terminal(&std::io::stdout()) {
                print!("\r\x1b[K  {done}/{planned} {}", title.get(lang));
                let _ = std::io::Write::flush(&mut std::io::stdout());
            }
        })
    });
    let run = audit.await.map_err(|e| Failure::runtime("X054", e.to_string()))??;
    cast.progress_done();
    let pending =
        run.items.iter().filter(|i| i.verdict.kind() == VerdictKind::PendingAttestation).count();
    let ok = run.items.len() == ITEMS && run.executed >= CHECKS_MIN && run.executed == run.planned;
    let detail = json!({
        "items": run.items.len(), "checks_planned": run.planned, "checks_executed": run.executed,
        "judged": ITEMS - pending.min(ITEMS), "pending_attestation": pending,
    });
    let title = Text::new(
        format!("稽核：211 个要求项，{} 项检查已执行", run.executed),
        format!("Audit: 211 items, {} checks executed", run.executed),
    );
    let look = format!("/compliance/runs/{}", run.id);
    let audited = cast.report("audit", title, ok, detail, &look);

    let out = cast.dir.join("evidence.zip");
    let summary = cast.centre.export_bundle(&Caller::local("demo"), run.id, &out)?;
    let trust = Trust { key: Some(cast.centre.evidence_key()?), ..Trust::default() };
    let verified = verify(&out, &trust);
    let failed: Vec<&str> = verified.failed().map(|c| c.name).collect();
    let detail = json!({
        "bundle_bytes": summary.bytes, "leaves": summary.leaves, "sha256": summary.sha256,
        "checks": verified.checks.len(), "failed": failed, "verified": verified.ok,
    });
    let title = Text::new(
        "证据包已封存，并按零信任重新验证",
        "Evidence bundle sealed, and verified trusting nobody",
    );
    let sealed = cast.report("evidence", title, verified.ok, detail, &out.display().to_string());
    Ok(vec![audited, sealed])
}
