//! Writes the destinations of a recording as rules for firewalls.

mod azure;
mod cilium;
mod nftables;
mod squid;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use super::escape;
use crate::{
    event::Protocol,
    policy::{Item, Subject},
};

/// Languages of rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirewallFormat {
    /// Application and network rules of Azure Firewall, and rules of network security groups.
    Azure,
    /// Sets of nftables.
    Nftables,
    /// A CiliumNetworkPolicy.
    Cilium,
    /// Access lists of squid.
    Squid,
}

/// Said in every file.
const STALE: [&str; 2] = [
    "These are the destinations of one recording, not all that there can be. Addresses of content",
    "networks and clouds go stale within days: prefer rules by name.",
];

/// The destinations, by what firewalls can tell apart.
#[derive(Default)]
struct Destinations {
    /// Ports and addresses of each host with a name.
    named: BTreeMap<(String, Protocol), Named>,
    /// Addresses without a name and without a tag.
    addresses: BTreeSet<(IpAddr, u16, ProtocolOrder)>,
    /// Service tags of addresses without a name.
    tags: BTreeSet<(String, u16, ProtocolOrder)>,
    /// Number of destinations on this machine.
    loopback: usize,
    /// Destinations that no rule can have; escaped.
    left_out: BTreeSet<String>,
}

/// The ports of a host, and its addresses.
#[derive(Default)]
struct Named {
    ports: BTreeSet<u16>,
    addresses: BTreeSet<IpAddr>,
}

/// The name of a protocol, which has an order.
type ProtocolOrder = &'static str;

/// Writes rules for destinations; other items are left out.
pub fn firewall<'i>(format: FirewallFormat, items: impl Iterator<Item = &'i Item>) -> String {
    let mut destinations = Destinations::default();
    for item in items {
        destinations.add(item);
    }
    match format {
        FirewallFormat::Azure => azure::write(&destinations),
        FirewallFormat::Nftables => nftables::write(&destinations),
        FirewallFormat::Cilium => cilium::write(&destinations),
        FirewallFormat::Squid => squid::write(&destinations),
    }
}

impl Destinations {
    fn add(&mut self, item: &Item) {
        let end = item
            .end
            .as_ref()
            .filter(|_| item.subject == Subject::Destination);
        let Some(end) = end else { return };
        let label = || escape::text(&item.label());
        // No rule can have a port that is unknown.
        let Some(protocol) = end.protocol.filter(|_| end.port != 0) else {
            self.left_out.insert(label());
            return;
        };
        let addresses = end
            .addresses
            .iter()
            .filter(|address| !address.is_loopback());
        let addresses: BTreeSet<IpAddr> = addresses.copied().collect();
        // The machine itself needs no rule.
        if addresses.is_empty() && !end.addresses.is_empty() {
            self.loopback += 1;
            return;
        }
        let name = std::str::from_utf8(&item.name).unwrap_or_default();
        match end.is_named {
            true if is_host(name) => {
                let named = self.named.entry((name.to_owned(), protocol)).or_default();
                named.ports.insert(end.port);
                named.addresses.extend(addresses);
            }
            false if !addresses.is_empty() => match end.tags.first() {
                Some(tag) if is_host(tag) => {
                    self.tags
                        .insert((tag.to_string(), end.port, protocol.name()));
                    let all = addresses.iter();
                    self.addresses
                        .extend(all.map(|it| (*it, end.port, protocol.name())));
                }
                Some(_) | None => {
                    let all = addresses.iter();
                    self.addresses
                        .extend(all.map(|it| (*it, end.port, protocol.name())));
                }
            },
            true | false => {
                self.left_out.insert(label());
            }
        }
    }

    /// Returns lines about the file, which no rule has.
    fn notes(&self) -> Vec<String> {
        let mut notes: Vec<String> = STALE.map(str::to_owned).to_vec();
        if self.loopback > 0 {
            notes.push(format!(
                "left out: destinations on this machine itself, {} of them",
                self.loopback
            ));
        }
        notes.extend(
            self.left_out
                .iter()
                .map(|label| format!("left out: {label}")),
        );
        notes
    }
}

/// Returns true for a host name without a trick in it.
fn is_host(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    (1..=253).contains(&name.len())
        && !name.starts_with(['-', '.'])
        && !name.contains("..")
        && name.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::is_host;

    #[test]
    fn only_plain_names_reach_a_rule() {
        for name in ["a.example", "AzureMonitor.JapanEast", "_x.b-c"] {
            assert!(is_host(name), "{name}");
        }
        for name in ["", "a b", "a\"", "a;b", "-x", "*.example", "a\n", "a..b"] {
            assert!(!is_host(name), "{name}");
        }
    }
}
