//! Operations: pipeline, alerts, incidents, situation, accounts, authorisation, schedule.
