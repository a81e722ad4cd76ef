//! Inputs: one file per transport. `frame` cuts streams into records, `tls` reads certificates.

pub(crate) mod file;
pub(crate) mod frame;
pub(crate) mod http;
pub(crate) mod netflow;
pub(crate) mod relp;
pub(crate) mod syslog;
pub(crate) mod tls;
pub(crate) mod udp;

/// Resolves when the sensor is told to stop.
pub(crate) async fn stopped(stop: &mut tokio::sync::watch::Receiver<bool>) {
    let _sender_gone = stop.wait_for(|stop| *stop).await.is_err();
}
