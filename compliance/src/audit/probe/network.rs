//! Listening sockets, from /proc/net.

use serde::Deserialize;

use super::{Context, text};
use crate::audit::fact::{Fact, Facts};
use crate::audit::host::HostError;

/// Facts `exposed` (named ports that listen on other than loopback) and `listening` (all).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listening {
    tcp: Vec<u16>,
    #[serde(default)]
    udp: Vec<u16>,
}

struct Socket {
    port: u16,
    loopback: bool,
    any: bool,
}

const TCP_LISTEN: &str = "0A";
const UDP_UNCONNECTED: &str = "07";

impl Listening {
    pub(super) fn look(&self, cx: &Context<'_>, facts: &mut Facts) {
        let (mut exposed, mut all) = (Vec::new(), Vec::new());
        let mut unseen = None;
        for (table, state, ports) in [
            ("tcp", TCP_LISTEN, &self.tcp),
            ("tcp6", TCP_LISTEN, &self.tcp),
            ("udp", UDP_UNCONNECTED, &self.udp),
            ("udp6", UDP_UNCONNECTED, &self.udp),
        ] {
            match sockets(cx, table, state) {
                Ok(list) => {
                    for s in list.iter().filter(|s| !s.loopback) {
                        let shown = format!(
                            "{}/{}{}",
                            table.trim_end_matches('6'),
                            s.port,
                            if s.any { " *" } else { "" }
                        );
                        all.push(shown.clone());
                        if ports.contains(&s.port) {
                            exposed.push(shown);
                        }
                    }
                }
                // IPv6 may be switched off; IPv4 must be there.
                Err(error) if error.is_absence() && table.ends_with('6') => {}
                Err(error) => unseen = Some(error.to_string()),
            }
        }
        for (name, mut list) in [("exposed", exposed), ("listening", all)] {
            list.sort();
            list.dedup();
            let fact = match &unseen {
                Some(why) if list.is_empty() => Fact::Unseen(why.clone()),
                _ => Fact::List(list),
            };
            facts.set(name, fact);
        }
    }
}

fn sockets(cx: &Context<'_>, table: &str, state: &str) -> Result<Vec<Socket>, HostError> {
    let text = text::read(cx, &format!("/proc/net/{table}"))?;
    Ok(text.lines().skip(1).filter_map(|line| parse(line, state)).collect())
}

/// `  0: 0100007F:1F90 00000000:0000 0A …`: the address is in the host's byte order per 32 bits.
fn parse(line: &str, state: &str) -> Option<Socket> {
    let mut fields = line.split_whitespace().skip(1);
    let (address, port) = fields.next()?.split_once(':')?;
    if fields.nth(1)? != state {
        return None;
    }
    let loopback = match address.len() {
        8 => address.ends_with("7F"),
        _ => {
            address == "00000000000000000000000001000000"
                || address.starts_with("0000000000000000FFFF0000") && address.ends_with("7F")
        }
    };
    let any = address.bytes().all(|b| b == b'0');
    Some(Socket { port: u16::from_str_radix(port, 16).ok()?, loopback, any })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_of_proc() {
        let line = |address: &str| format!("   0: {address}:0017 00000000:0000 0A 0 0 0");
        let any = parse(&line("00000000"), TCP_LISTEN).unwrap();
        assert!(any.port == 23 && any.any && !any.loopback);
        assert!(parse(&line("0100007F"), TCP_LISTEN).unwrap().loopback);
        assert!(parse(&line("00000000000000000000000001000000"), TCP_LISTEN).unwrap().loopback);
        assert!(parse(&line("0000000000000000FFFF00000100007F"), TCP_LISTEN).unwrap().loopback);
        assert!(parse("0: 0100007F:0017 0200007F:0017 01", TCP_LISTEN).is_none(), "connected");
        assert!(parse("", TCP_LISTEN).is_none());
    }
}
