//! Every input over real sockets and files, into an intake in memory.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod files;
mod flows;
mod hec;
mod http;
mod integrity;
mod otlp;
mod rates;
mod relp;
mod support;
mod syslog;
mod tls;
mod whole;
