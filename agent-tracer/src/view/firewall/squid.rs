//! Writes access lists of squid: the hosts of TCP connections, by port.

use std::collections::{BTreeMap, BTreeSet};

use super::Destinations;
use crate::event::Protocol;

pub(super) fn write(destinations: &Destinations) -> String {
    let mut by_port: BTreeMap<u16, (BTreeSet<String>, BTreeSet<String>)> = BTreeMap::new();
    let mut left_out: Vec<String> = Vec::new();
    for ((host, protocol), named) in &destinations.named {
        for port in &named.ports {
            match protocol {
                Protocol::Tcp => {
                    by_port.entry(*port).or_default().0.insert(host.clone());
                }
                Protocol::Udp => left_out.push(format!("{host}:{port}/udp")),
            }
        }
    }
    for (address, port, protocol) in &destinations.addresses {
        match *protocol {
            "tcp" => {
                by_port
                    .entry(*port)
                    .or_default()
                    .1
                    .insert(address.to_string());
            }
            _ => left_out.push(format!("{address} port {port}/udp")),
        }
    }
    let mut text = String::new();
    for note in destinations.notes() {
        text.push_str(&format!("# {note}\n"));
    }
    for label in left_out {
        text.push_str(&format!(
            "# left out, since a proxy of HTTP cannot pass it: {label}\n"
        ));
    }
    for (port, (hosts, addresses)) in by_port {
        text.push_str(&format!("acl tracer_port_{port} port {port}\n"));
        for (list, kind, members) in [
            ("hosts", "dstdomain", hosts),
            ("addresses", "dst", addresses),
        ] {
            if members.is_empty() {
                continue;
            }
            for member in members {
                text.push_str(&format!("acl tracer_{list}_{port} {kind} {member}\n"));
            }
            text.push_str(&format!(
                "http_access allow tracer_port_{port} tracer_{list}_{port}\n"
            ));
        }
    }
    text
}
