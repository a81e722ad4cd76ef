//! What a policy asks of a masked table as a whole before it is released: k, l and t
//! ([`super::risk`] says what they are). Rows of classes below k were left without
//! quasi-identifiers on the way; l and t are held here, over those rows too.

use super::{MaskReport, Policy};
use crate::records::error::Error;
use crate::records::limits::RISK_VALUES_MAX;

/// Refuses a table that gives away more than its policy allows.
pub(super) fn check(policy: &Policy, report: &MaskReport) -> Result<(), Error> {
    if let Some(reached) = report.k_anonymity.filter(|k| *k < policy.k) {
        return Err(Error::Anonymity { reached, wanted: policy.k });
    }
    // Without quasi-identifiers nobody's class is known.
    let Some(risk) = report.risk.as_ref().filter(|_| policy.l.is_some() || policy.t.is_some())
    else {
        return Ok(());
    };
    let measured = risk.disclosures.as_ref();
    for column in measured.ok_or(Error::NotMeasured { limit: RISK_VALUES_MAX })? {
        let name = || column.column.clone();
        if let (Some(reached), Some(wanted)) = (column.l, policy.l)
            && reached < wanted
        {
            return Err(Error::Diversity { column: name(), reached, wanted });
        }
        if let (Some(reached), Some(wanted)) = (column.t, policy.t)
            && reached > wanted
        {
            return Err(Error::Closeness { column: name(), reached, wanted });
        }
    }
    Ok(())
}
