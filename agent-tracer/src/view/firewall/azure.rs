//! Writes rules of Azure Firewall, and of network security groups with service tags, as JSON.

use std::net::IpAddr;

use serde_json::{Value, json};

use super::Destinations;
use crate::event::Protocol;

/// Priorities of security rules begin here, ten apart.
const PRIORITY: usize = 1000;

pub(super) fn write(destinations: &Destinations) -> String {
    let mut application = Vec::new();
    let mut network = Vec::new();
    for ((host, protocol), named) in &destinations.named {
        for port in &named.ports {
            let kind = match (protocol, port) {
                (Protocol::Tcp, 443) => Some("Https"),
                (Protocol::Tcp, 80) => Some("Http"),
                (Protocol::Tcp | Protocol::Udp, _) => None,
            };
            match kind {
                Some(kind) => application.push(json!({
                    "name": format!("{host}-{port}"),
                    "sourceAddresses": ["*"],
                    "protocols": [{ "protocolType": kind, "port": port }],
                    "targetFqdns": [host],
                })),
                None => network.push(json!({
                    "name": format!("{host}-{port}"),
                    "sourceAddresses": ["*"],
                    "protocols": [title(protocol.name())],
                    "destinationFqdns": [host],
                    "destinationPorts": [port.to_string()],
                })),
            }
        }
    }
    let tags = destinations.tags.iter();
    let tags = tags.map(|(tag, port, protocol)| (tag.clone(), *port, *protocol));
    let addresses = destinations.addresses.iter();
    let addresses = addresses.map(|(address, port, protocol)| (prefix(*address), *port, *protocol));
    let mut security = Vec::new();
    for (number, (to, port, protocol)) in tags.chain(addresses).enumerate() {
        network.push(json!({
            "name": format!("allow-{number}"),
            "sourceAddresses": ["*"],
            "protocols": [title(protocol)],
            "destinationAddresses": [to],
            "destinationPorts": [port.to_string()],
        }));
        security.push(json!({
            "name": format!("allow-{number}"),
            "properties": {
                "access": "Allow",
                "direction": "Outbound",
                "priority": PRIORITY + 10 * number,
                "protocol": title(protocol),
                "sourceAddressPrefix": "*",
                "sourcePortRange": "*",
                "destinationAddressPrefix": to,
                "destinationPortRange": port.to_string(),
            },
        }));
    }
    let value = json!({
        "notes": destinations.notes(),
        "applicationRuleCollections": [collection("tracer-hosts", application)],
        "networkRuleCollections": [collection("tracer-addresses", network)],
        "securityRules": security,
    });
    // A tree of strings and numbers can be written.
    serde_json::to_string_pretty(&value).unwrap_or_default() + "\n"
}

fn collection(name: &str, rules: Vec<Value>) -> Value {
    json!({
        "name": name,
        "properties": { "priority": PRIORITY, "action": { "type": "Allow" }, "rules": rules },
    })
}

fn prefix(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => format!("{address}/32"),
        IpAddr::V6(address) => format!("{address}/128"),
    }
}

fn title(protocol: &str) -> &'static str {
    match protocol {
        "udp" => "Udp",
        _ => "Tcp",
    }
}
