//! Every input over real sockets and files, into an intake in memory.

mod files;
mod flows;
mod http;
mod support;
mod syslog;
mod tls;
