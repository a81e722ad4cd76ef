//! HTTP.

mod actions;
mod api;
mod cookie;
mod csrf;
mod dispatch;
mod export;
mod fail;
mod form;
mod headers;
mod live;
mod monitor;
mod reply;
mod reveals;
mod routes;
mod server;
mod show;
mod visit;

#[cfg(test)]
mod flows;
#[cfg(test)]
mod reveal_tests;
#[cfg(test)]
mod sight_tests;
#[cfg(test)]
mod tests;

pub use server::serve;
