//! Parses the written form of an end, `HOST:PORT/PROTOCOL`, and compares ends with it.

use std::net::IpAddr;

use ipnet::IpNet;

use super::End;
use crate::{
    event::Protocol,
    glob::{Glob, Scope},
};

/// Mark of a service tag in place of a host.
const TAG: &str = "tag:";

/// A range of ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// The first one.
    pub first: u16,
    /// The last one.
    pub last: u16,
}

impl Ports {
    /// All ports.
    const ALL: Ports = Ports {
        first: 0,
        last: u16::MAX,
    };

    /// Parses `443`, `8000-8100` or `*`.
    pub fn parse(text: &str) -> Option<Ports> {
        if text == "*" {
            return Some(Ports::ALL);
        }
        let is_number =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        if !is_number(first) || !is_number(last) {
            return None;
        }
        let (first, last) = (first.parse().ok()?, last.parse().ok()?);
        (first <= last).then_some(Ports { first, last })
    }

    /// True if a port is in the range.
    pub fn contains(self, port: u16) -> bool {
        (self.first..=self.last).contains(&port)
    }
}

/// An end as a rule has it.
#[derive(Clone, Debug)]
pub struct EndPattern {
    /// The host.
    pub host: HostPattern,
    /// The ports; all if none are written.
    pub ports: Option<Ports>,
    /// The protocol; with a port it is TCP unless written.
    protocol: Option<Protocol>,
    /// True if the protocol is written.
    has_protocol: bool,
}

/// A host as a rule has it.
#[derive(Clone, Debug)]
pub enum HostPattern {
    /// A glob of the name, or of the address of a host without a name.
    Name(Glob),
    /// A network.
    Network(IpNet),
    /// A glob of service tags.
    Tag(Glob),
}

impl EndPattern {
    /// Parses the written form. The error is a message for its author.
    pub fn parse(written: &str) -> Result<EndPattern, String> {
        let (rest, protocol) = match written.rsplit_once('/') {
            Some((rest, "tcp")) => (rest, Some(Protocol::Tcp)),
            Some((rest, "udp")) => (rest, Some(Protocol::Udp)),
            Some(_) | None => (written, None),
        };
        let (host, ports) = split(rest);
        let host = match network(host) {
            Some(network) => HostPattern::Network(network),
            None if host.contains('/') => {
                return Err(
                    "not a network: write it like 10.0.0.0/8 or [fd00::/8]:443; a protocol is \
                     `/tcp` or `/udp`"
                        .to_owned(),
                );
            }
            None => match host.strip_prefix(TAG) {
                Some(tag) => HostPattern::Tag(Glob::new(tag, Scope::Text)?),
                None => HostPattern::Name(Glob::new(&host.to_ascii_lowercase(), Scope::Text)?),
            },
        };
        Ok(EndPattern {
            host,
            protocol: protocol.or(ports.map(|_| Protocol::Tcp)),
            ports,
            has_protocol: protocol.is_some(),
        })
    }

    /// Returns the glob of names; none of a network or a service tag.
    pub fn name(&self) -> Option<&Glob> {
        match &self.host {
            HostPattern::Name(glob) => Some(glob),
            HostPattern::Network(_) | HostPattern::Tag(_) => None,
        }
    }

    /// True if the host is a service tag.
    pub fn is_tag(&self) -> bool {
        matches!(self.host, HostPattern::Tag(_))
    }

    /// True if the host is a network or an address.
    pub fn is_address(&self) -> bool {
        matches!(self.host, HostPattern::Network(_))
    }

    /// Returns the protocol that it is bound to; `is_open` leaves an implied one out.
    pub fn protocol(&self, is_open: bool) -> Option<Protocol> {
        self.protocol.filter(|_| self.has_protocol || !is_open)
    }

    /// True if the port matches.
    pub fn matches_port(&self, end: &End) -> bool {
        self.ports.is_none_or(|ports| ports.contains(end.port))
    }

    /// True if the protocol matches. An implied one narrows an allow only, and a condition on the
    /// protocol replaces it.
    pub fn matches_protocol(&self, end: &End, is_deny: bool, condition: bool) -> bool {
        let protocol = self.protocol(is_deny || condition);
        protocol.is_none_or(|protocol| end.protocol == Some(protocol))
    }

    /// True if the host matches for certain: a network is good for a host without a name only.
    pub fn allows_host(&self, name: &[u8], end: &End) -> bool {
        match &self.host {
            HostPattern::Name(glob) => glob.matches(name),
            HostPattern::Network(network) => {
                let mut addresses = end.addresses.iter();
                !end.is_named
                    && !end.addresses.is_empty()
                    && addresses.all(|address| contains(network, *address))
            }
            HostPattern::Tag(glob) => end.tags.iter().any(|tag| glob.matches(tag.as_bytes())),
        }
    }

    /// True if the host may match: by any of its names and addresses.
    pub fn denies_host(&self, name: &[u8], end: &End) -> bool {
        match &self.host {
            HostPattern::Name(glob) => {
                let mut names = end.names.iter();
                let mut addresses = end.addresses.iter();
                glob.matches(name)
                    || names.any(|name| glob.matches(name.as_bytes()))
                    || addresses.any(|address| glob.matches(address.to_string().as_bytes()))
            }
            HostPattern::Network(network) => {
                let mut addresses = end.addresses.iter();
                addresses.any(|address| contains(network, *address))
            }
            HostPattern::Tag(glob) => end.tags.iter().any(|tag| glob.matches(tag.as_bytes())),
        }
    }
}

fn contains(network: &IpNet, address: IpAddr) -> bool {
    network.contains(&address.to_canonical())
}

/// Splits a port off.
fn split(written: &str) -> (&str, Option<Ports>) {
    let is_whole = network(written).is_some();
    match written.rsplit_once(':') {
        Some((host, port)) if !is_whole => match Ports::parse(port) {
            // A bare tag has a colon, too.
            Some(ports) if !host.is_empty() && host != "tag" => (host, Some(ports)),
            Some(_) | None => (written, None),
        },
        Some(_) | None => (written, None),
    }
}

/// Parses a network or an address, also in brackets.
fn network(written: &str) -> Option<IpNet> {
    let inner = written
        .strip_prefix('[')
        .and_then(|inner| inner.strip_suffix(']'))
        .unwrap_or(written);
    if let Ok(address) = inner.parse::<IpAddr>() {
        return Some(IpNet::from(address.to_canonical()));
    }
    inner.parse::<IpNet>().ok()
}

#[cfg(test)]
mod tests {
    use super::{EndPattern, HostPattern, Ports};
    use crate::event::Protocol;

    #[test]
    fn written_forms() {
        for (written, host, ports, protocol) in [
            (
                "github.com:443",
                "name",
                Some((443, 443)),
                Some(Protocol::Tcp),
            ),
            ("GitHub.com", "name", None, None),
            ("*:53/udp", "name", Some((53, 53)), Some(Protocol::Udp)),
            ("10.0.0.0/8", "network", None, None),
            (
                "10.0.0.0/8:443",
                "network",
                Some((443, 443)),
                Some(Protocol::Tcp),
            ),
            (
                "192.0.2.7:443",
                "network",
                Some((443, 443)),
                Some(Protocol::Tcp),
            ),
            (
                "[fd00::/8]:1-9/udp",
                "network",
                Some((1, 9)),
                Some(Protocol::Udp),
            ),
            ("fd00::/8", "network", None, None),
            ("::1", "network", None, None),
            ("[::1]:80", "network", Some((80, 80)), Some(Protocol::Tcp)),
            (
                "tag:AzureMonitor.*:443",
                "tag",
                Some((443, 443)),
                Some(Protocol::Tcp),
            ),
            ("tag:Storage", "tag", None, None),
            ("a.example:*", "name", Some((0, 65535)), Some(Protocol::Tcp)),
            (
                r"\10.0.0.1:443",
                "name",
                Some((443, 443)),
                Some(Protocol::Tcp),
            ),
        ] {
            let pattern = EndPattern::parse(written).expect(written);
            let is = match pattern.host {
                HostPattern::Name(_) => "name",
                HostPattern::Network(_) => "network",
                HostPattern::Tag(_) => "tag",
            };
            let range = pattern.ports.map(|ports: Ports| (ports.first, ports.last));
            assert_eq!(
                (is, range, pattern.protocol),
                (host, ports, protocol),
                "{written}"
            );
        }
        assert!(EndPattern::parse("10.0.0.0/99").is_err());
        assert!(EndPattern::parse("a.example:443/sctp").is_err());
        assert!(EndPattern::parse("").is_err());
    }
}
