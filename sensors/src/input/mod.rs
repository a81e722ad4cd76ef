//! Inputs: one file per transport. `frame` cuts streams into records, `tls` reads certificates,
//! `renewal` reads them again.

pub(crate) mod file;
pub(crate) mod flows;
pub(crate) mod frame;
pub(crate) mod http;
pub(crate) mod integrity;
pub(crate) mod journald;
pub(crate) mod relp;
pub(crate) mod renewal;
pub(crate) mod syslog;
pub(crate) mod tls;
pub(crate) mod udp;
pub(crate) mod whole;

/// The event of a flow that no sensor brought.
pub(crate) fn flow_event(
    flow: &crate::decode::flow::Flow,
    received: events::Timestamp,
) -> events::Event {
    flows::Names::new().event(flow, received)
}

/// Why a connection over the bound is turned away.
const TOO_MANY: &str = "too many connections";

/// Resolves when the sensor is told to stop.
pub(crate) async fn stopped(stop: &mut tokio::sync::watch::Receiver<bool>) {
    let _sender_gone = stop.wait_for(|stop| *stop).await.is_err();
}
