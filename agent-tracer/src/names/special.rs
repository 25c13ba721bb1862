//! Describes addresses that are in no list, or mean the same everywhere. They come from a data
//! file, so that the code names no cloud.

use std::{net::IpAddr, sync::LazyLock};

use ipnet::IpNet;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Special {
    prefix: IpNet,
    note: String,
    #[serde(default)]
    port: Vec<Port>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Port {
    number: u16,
    note: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SpecialFile {
    address: Vec<Special>,
}

/// Describes an address in a few words, and the service behind a port of it. IPv4 written as IPv6
/// counts as IPv4.
#[must_use]
pub fn note(address: IpAddr, port: Option<u16>) -> Option<&'static str> {
    let address = address.to_canonical();
    let special = specials()
        .iter()
        .find(|special| special.prefix.contains(&address))?;
    let of_port = special.port.iter().find(|known| Some(known.number) == port);
    Some(of_port.map_or(&special.note, |port| &port.note))
}

/// Returns them by length, the longest first: two dozen do not need a trie.
fn specials() -> &'static [Special] {
    static SPECIALS: LazyLock<Vec<Special>> = LazyLock::new(|| {
        let file = toml::from_str(include_str!("../../names/addresses.toml"));
        // Cannot fail: a test reads this very file.
        let mut specials = file.map_or_else(|_| Vec::new(), |file: SpecialFile| file.address);
        specials.sort_by_key(|special| std::cmp::Reverse(special.prefix.prefix_len()));
        specials
    });
    &SPECIALS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(address: &str, port: Option<u16>) -> Option<&'static str> {
        note(address.parse().expect("an address"), port)
    }

    #[test]
    fn the_longest_prefix_wins() {
        assert!(specials().len() > 20);
        assert_eq!(of("169.254.169.254", None), Some("instance metadata"));
        assert_eq!(of("169.254.169.254", Some(80)), Some("instance metadata"));
        assert_eq!(of("169.254.169.1", None), Some("link-local"));
        assert_eq!(of("40.79.194.105", None), None);
        assert_eq!(of("2603:1030:800:5::", None), None);
        assert_eq!(of("fd00:ec2::254", None), Some("instance metadata"));
    }

    #[test]
    fn a_port_says_more() {
        let platform = |port| of("168.63.129.16", port).expect("a note");
        assert!(platform(Some(53)).ends_with("DNS"));
        assert!(platform(Some(80)).ends_with("WireServer"));
        assert_eq!(platform(Some(80)), platform(Some(32526)));
        assert_eq!(platform(Some(443)), platform(None));
        assert_eq!(of("168.63.129.15", None), None);
        assert_eq!(of("168.63.129.17", None), None);
    }

    #[test]
    fn an_ipv4_address_may_be_written_as_ipv6() {
        assert_eq!(of("::ffff:127.0.0.1", None), Some("loopback"));
        assert_eq!(
            of("::ffff:168.63.129.16", Some(53)),
            of("168.63.129.16", Some(53))
        );
    }
}
