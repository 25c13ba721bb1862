//! Names the fields that a rule loads: of packet headers, meta data and connections.

use super::value::Kind;

/// A field with its name in nft's words.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) text: String,
    pub(super) kind: Kind,
    /// Bytes of the whole field.
    pub(super) length: usize,
}

/// Headers (`enum nft_payload_bases`).
pub(super) const LINK: u64 = 0;
pub(super) const NETWORK: u64 = 1;
pub(super) const TRANSPORT: u64 = 2;

type Row = (u64, usize, &'static str, Kind);

const ETHER: [Row; 3] = [
    (0, 6, "ether daddr", Kind::Ether),
    (6, 6, "ether saddr", Kind::Ether),
    (12, 2, "ether type", Kind::EtherType),
];
const IP: [Row; 7] = [
    (2, 2, "ip length", Kind::Number),
    (4, 2, "ip id", Kind::Number),
    (8, 1, "ip ttl", Kind::Number),
    (9, 1, "ip protocol", Kind::Protocol),
    (10, 2, "ip checksum", Kind::Number),
    (12, 4, "ip saddr", Kind::Address4),
    (16, 4, "ip daddr", Kind::Address4),
];
const IP6: [Row; 5] = [
    (4, 2, "ip6 length", Kind::Number),
    (6, 1, "ip6 nexthdr", Kind::Protocol),
    (7, 1, "ip6 hoplimit", Kind::Number),
    (8, 16, "ip6 saddr", Kind::Address6),
    (24, 16, "ip6 daddr", Kind::Address6),
];
const ARP: [Row; 4] = [
    (0, 2, "arp htype", Kind::Number),
    (2, 2, "arp ptype", Kind::EtherType),
    (6, 2, "arp operation", Kind::Number),
    (14, 4, "arp saddr ip", Kind::Address4),
];
const TCP: [Row; 6] = [
    (0, 2, "tcp sport", Kind::Port),
    (2, 2, "tcp dport", Kind::Port),
    (4, 4, "tcp sequence", Kind::Number),
    (8, 4, "tcp ackseq", Kind::Number),
    (13, 1, "tcp flags", Kind::TcpFlags),
    (14, 2, "tcp window", Kind::Number),
];
const UDP: [Row; 2] = [
    (4, 2, "udp length", Kind::Number),
    (6, 2, "udp checksum", Kind::Number),
];
const ICMP: [Row; 3] = [
    (0, 1, "icmp type", Kind::Icmp),
    (1, 1, "icmp code", Kind::Number),
    (4, 2, "icmp id", Kind::Number),
];
const ICMP6: [Row; 3] = [
    (0, 1, "icmpv6 type", Kind::Icmp6),
    (1, 1, "icmpv6 code", Kind::Number),
    (4, 2, "icmpv6 id", Kind::Number),
];

/// The headers that a rule implies so far.
#[derive(Clone, Copy, Default)]
pub(super) struct Headers {
    /// EtherType.
    pub(super) network: Option<u64>,
    pub(super) transport: Option<u64>,
}

/// Names a field of a header.
pub(super) fn of_payload(headers: Headers, base: u64, offset: u64, length: usize) -> Field {
    let found = match base {
        LINK => find(&ETHER, offset, length),
        NETWORK => match headers.network {
            Some(0x0800) => find(&IP, offset, length),
            Some(0x86dd) => find(&IP6, offset, length),
            Some(0x0806) => find(&ARP, offset, length),
            Some(_) | None => None,
        },
        TRANSPORT => transport(headers.transport, offset, length),
        _ => None,
    };
    found.unwrap_or_else(|| {
        let base = match base {
            LINK => "ll".to_owned(),
            NETWORK => "nh".to_owned(),
            TRANSPORT => "th".to_owned(),
            3 => "ih".to_owned(),
            other => other.to_string(),
        };
        Field {
            text: format!("@{base},{},{}", offset.saturating_mul(8), length * 8),
            kind: Kind::Unknown,
            length,
        }
    })
}

fn transport(protocol: Option<u64>, offset: u64, length: usize) -> Option<Field> {
    let ports = |name: &str| {
        let field = find(&TCP[..2], offset, length)?;
        Some(Field {
            text: field.text.replacen("tcp", name, 1),
            ..field
        })
    };
    match protocol {
        Some(6) => find(&TCP, offset, length),
        Some(17) => ports("udp").or_else(|| find(&UDP, offset, length)),
        Some(33) => ports("dccp"),
        Some(132) => ports("sctp"),
        Some(136) => ports("udplite"),
        Some(1) => find(&ICMP, offset, length),
        Some(58) => find(&ICMP6, offset, length),
        // Several protocols have their ports at the same place.
        Some(_) | None => ports("th"),
    }
}

/// Finds a whole field, or the first bytes of an address, as nft loads them for a prefix.
fn find(rows: &[Row], offset: u64, length: usize) -> Option<Field> {
    let (_, whole, text, kind) = rows.iter().find(|(start, whole, _, kind)| {
        let is_prefix = matches!(kind, Kind::Address4 | Kind::Address6) && length < *whole;
        *start == offset && (length == *whole || is_prefix)
    })?;
    Some(Field {
        text: (*text).to_owned(),
        kind: *kind,
        length: *whole,
    })
}

/// Names meta data (`enum nft_meta_keys`).
pub(super) fn of_meta(key: u64) -> Option<Field> {
    let (text, kind, length) = match key {
        0 => ("meta length", Kind::HostNumber, 4),
        1 => ("meta protocol", Kind::EtherType, 2),
        2 => ("meta priority", Kind::HostNumber, 4),
        3 => ("meta mark", Kind::Mark, 4),
        4 => ("iif", Kind::Interface, 4),
        5 => ("oif", Kind::Interface, 4),
        6 => ("iifname", Kind::InterfaceName, 16),
        7 => ("oifname", Kind::InterfaceName, 16),
        8 => ("iiftype", Kind::HostNumber, 2),
        9 => ("oiftype", Kind::HostNumber, 2),
        10 => ("meta skuid", Kind::HostNumber, 4),
        11 => ("meta skgid", Kind::HostNumber, 4),
        12 => ("meta nftrace", Kind::HostNumber, 1),
        15 => ("meta nfproto", Kind::NfProtocol, 1),
        16 => ("meta l4proto", Kind::Protocol, 1),
        17 => ("meta ibrname", Kind::InterfaceName, 16),
        18 => ("meta obrname", Kind::InterfaceName, 16),
        19 => ("meta pkttype", Kind::PacketType, 1),
        20 => ("meta cpu", Kind::HostNumber, 4),
        21 => ("iifgroup", Kind::HostNumber, 4),
        22 => ("oifgroup", Kind::HostNumber, 4),
        23 => ("meta cgroup", Kind::HostNumber, 4),
        _ => return None,
    };
    Some(Field {
        text: text.to_owned(),
        kind,
        length,
    })
}

/// Names a field of a connection (`enum nft_ct_keys`).
pub(super) fn of_connection(key: u64, direction: Option<u64>) -> Option<Field> {
    let (text, kind, length) = match key {
        0 => ("state", Kind::CtState, 4),
        1 => ("direction", Kind::CtDirection, 1),
        2 => ("status", Kind::CtStatus, 4),
        3 => ("mark", Kind::Mark, 4),
        6 => ("helper", Kind::Text, 16),
        7 => ("l3proto", Kind::NfProtocol, 1),
        8 => ("saddr", Kind::Unknown, 16),
        9 => ("daddr", Kind::Unknown, 16),
        10 => ("protocol", Kind::Protocol, 1),
        11 => ("proto-src", Kind::Port, 2),
        12 => ("proto-dst", Kind::Port, 2),
        14 => ("packets", Kind::HostNumber, 8),
        15 => ("bytes", Kind::HostNumber, 8),
        17 => ("zone", Kind::HostNumber, 2),
        19 => ("ip saddr", Kind::Address4, 4),
        20 => ("ip daddr", Kind::Address4, 4),
        21 => ("ip6 saddr", Kind::Address6, 16),
        22 => ("ip6 daddr", Kind::Address6, 16),
        _ => return None,
    };
    let direction = match direction {
        Some(0) => "original ",
        Some(_) => "reply ",
        None => "",
    };
    Some(Field {
        text: format!("ct {direction}{text}"),
        kind,
        length,
    })
}

/// Splits a load of several adjacent fields: nft joins their matches.
pub(super) fn split(headers: Headers, base: u64, offset: u64, length: usize) -> Option<Vec<Field>> {
    let mut fields = Vec::new();
    let mut done = 0;
    while done < length {
        // No joined field is larger than an address.
        let field = (1..=(length - done).min(16)).rev().find_map(|size| {
            let field = of_payload(headers, base, offset.checked_add(done as u64)?, size);
            (field.kind != Kind::Unknown && field.length == size).then_some(field)
        })?;
        done += field.length;
        fields.push(field);
    }
    (fields.len() > 1).then_some(fields)
}
