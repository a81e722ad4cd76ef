//! CACAO 2.0 playbooks: model, validate, run, drill.
