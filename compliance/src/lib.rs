//! Student records (find, grade, mask, protect), level-3 audits, evidence and reports.
