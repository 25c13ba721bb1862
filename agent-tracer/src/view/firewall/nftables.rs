//! Writes a table of nftables with sets of addresses, and a chain that accepts them.

use std::{collections::BTreeSet, net::IpAddr};

use super::Destinations;

pub(super) fn write(destinations: &Destinations) -> String {
    let mut elements: BTreeSet<(IpAddr, &str, u16)> = BTreeSet::new();
    for (address, port, protocol) in &destinations.addresses {
        elements.insert((*address, protocol, *port));
    }
    let mut names = Vec::new();
    for ((host, protocol), named) in &destinations.named {
        for port in &named.ports {
            let all: Vec<String> = named.addresses.iter().map(IpAddr::to_string).collect();
            names.push(format!(
                "{host}:{port}/{} was {}",
                protocol.name(),
                all.join(", ")
            ));
            let all = named.addresses.iter();
            elements.extend(all.map(|address| (*address, protocol.name(), *port)));
        }
    }
    let mut text = String::new();
    for note in destinations.notes().iter().chain(&names) {
        text.push_str(&format!("# {note}\n"));
    }
    text.push_str("# Jump to the chain `destinations` from your own output chain.\n");
    text.push_str("table inet tracer {\n");
    for (set, kind, is_six) in [("to4", "ipv4_addr", false), ("to6", "ipv6_addr", true)] {
        text.push_str(&format!("\tset {set} {{\n"));
        text.push_str(&format!("\t\ttype {kind} . inet_proto . inet_service\n"));
        let own = elements
            .iter()
            .filter(|(address, _, _)| address.is_ipv6() == is_six);
        let own: Vec<String> = own
            .map(|(address, protocol, port)| format!("\t\t\t{address} . {protocol} . {port}"))
            .collect();
        if !own.is_empty() {
            text.push_str(&format!("\t\telements = {{\n{}\n\t\t}}\n", own.join(",\n")));
        }
        text.push_str("\t}\n");
    }
    text.push_str("\tchain destinations {\n");
    text.push_str("\t\tip daddr . meta l4proto . th dport @to4 accept\n");
    text.push_str("\t\tip6 daddr . meta l4proto . th dport @to6 accept\n");
    text.push_str("\t}\n}\n");
    text
}
