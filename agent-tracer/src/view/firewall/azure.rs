//! Writes rules of Azure Firewall, and of network security groups with service tags, as JSON.

use std::net::IpAddr;

use serde_json::{Value, json};

use super::Destinations;
use crate::event::Protocol;

/// Priorities of security rules begin here, ten apart while all have room.
const PRIORITY: usize = 1000;

/// The last priority of a security rule.
const LAST: usize = 4096;

pub(super) fn write(destinations: &Destinations) -> String {
    let mut application = Vec::new();
    let mut network = Vec::new();
    let mut notes = destinations.notes();
    for ((host, protocol), named) in &destinations.named {
        for port in &named.ports {
            notes.push(format!(
                "not in securityRules, which have no names: {host}:{port}/{}",
                protocol.name()
            ));
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
                    "name": format!("{host}-{port}-{}", protocol.name()),
                    "sourceAddresses": ["*"],
                    "protocols": [protocol.name().to_uppercase()],
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
    let count = destinations.tags.len() + destinations.addresses.len();
    let step = ((LAST - PRIORITY) / count.max(1)).clamp(1, 10);
    let mut security = Vec::new();
    for (number, (to, port, protocol)) in tags.chain(addresses).enumerate() {
        network.push(json!({
            "name": format!("allow-{number}"),
            "sourceAddresses": ["*"],
            "protocols": [protocol.to_uppercase()],
            "destinationAddresses": [to],
            "destinationPorts": [port.to_string()],
        }));
        security.push(json!({
            "name": format!("allow-{number}"),
            "properties": {
                "access": "Allow",
                "direction": "Outbound",
                "priority": PRIORITY + step * number,
                "protocol": title(protocol),
                "sourceAddressPrefix": "*",
                "sourcePortRange": "*",
                "destinationAddressPrefix": to,
                "destinationPortRange": port.to_string(),
            },
        }));
    }
    let value = json!({
        "notes": notes,
        "applicationRuleCollections": collections("tracer-hosts", application),
        "networkRuleCollections": collections("tracer-addresses", network),
        "securityRules": security,
    });
    // A tree of strings and numbers can be written.
    serde_json::to_string_pretty(&value).unwrap_or_default() + "\n"
}

/// Returns a list of one collection, or of none: Azure refuses a collection without a rule.
fn collections(name: &str, rules: Vec<Value>) -> Value {
    if rules.is_empty() {
        return json!([]);
    }
    json!([{
        "name": name,
        "properties": { "priority": PRIORITY, "action": { "type": "Allow" }, "rules": rules },
    }])
}

fn prefix(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => format!("{address}/32"),
        IpAddr::V6(address) => format!("{address}/128"),
    }
}

/// Returns a protocol as security rules write it; rules of the firewall have it in capitals.
fn title(protocol: &str) -> &'static str {
    match protocol {
        "udp" => "Udp",
        _ => "Tcp",
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, net::Ipv4Addr};

    use serde_json::Value;

    use super::{Destinations, write};

    fn written(count: u16) -> Value {
        let addresses = (1..=count).map(|port| (Ipv4Addr::LOCALHOST.into(), port, "tcp"));
        let destinations = Destinations {
            addresses: addresses.collect(),
            ..Destinations::default()
        };
        serde_json::from_str(&write(&destinations)).expect("JSON")
    }

    #[test]
    fn a_full_group_has_valid_priorities() {
        for count in [1, 309, 310, 311, 1000] {
            let value = written(count);
            let rules = value["securityRules"].as_array().expect("rules");
            let priority = |rule: &Value| rule["properties"]["priority"].as_u64();
            let all: BTreeSet<u64> = rules.iter().filter_map(priority).collect();
            assert_eq!(all.len(), usize::from(count));
            assert!(all.iter().all(|priority| (100..=4096).contains(priority)));
        }
    }

    #[test]
    fn no_collection_is_empty() {
        let value = written(0);
        assert_eq!(value["networkRuleCollections"], serde_json::json!([]));
        assert_eq!(value["applicationRuleCollections"], serde_json::json!([]));
    }
}
