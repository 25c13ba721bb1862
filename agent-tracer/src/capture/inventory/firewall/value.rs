//! Renders values of rules and sets by their data type, in nft's words or as numbers.

use std::{
    fmt::Write,
    net::{Ipv4Addr, Ipv6Addr},
};

use super::attributes::{big_endian, hex, text};

/// Data types, by the numbers that nft gives them in a set (`enum datatypes`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Address4,
    Address6,
    Ether,
    EtherType,
    Protocol,
    Port,
    Icmp,
    Icmp6,
    TcpFlags,
    Mark,
    Interface,
    InterfaceName,
    CtState,
    CtDirection,
    CtStatus,
    NfProtocol,
    PacketType,
    AddressType,
    Verdict,
    Text,
    /// A number in network byte order.
    Number,
    /// A number in host byte order.
    HostNumber,
    /// A flag: present or absent.
    Presence,
    Unknown,
}

type Words = &'static [(u64, &'static str)];

pub(super) const PROTOCOLS: Words = &[
    (1, "icmp"),
    (2, "igmp"),
    (6, "tcp"),
    (17, "udp"),
    (33, "dccp"),
    (47, "gre"),
    (50, "esp"),
    (51, "ah"),
    (58, "ipv6-icmp"),
    (108, "comp"),
    (132, "sctp"),
    (136, "udplite"),
];
const ETHER_TYPES: Words = &[
    (0x0800, "ip"),
    (0x0806, "arp"),
    (0x86dd, "ip6"),
    (0x8100, "8021q"),
    (0x88a8, "8021ad"),
];
const ICMP: Words = &[
    (0, "echo-reply"),
    (3, "destination-unreachable"),
    (4, "source-quench"),
    (5, "redirect"),
    (8, "echo-request"),
    (9, "router-advertisement"),
    (10, "router-solicitation"),
    (11, "time-exceeded"),
    (12, "parameter-problem"),
    (13, "timestamp-request"),
    (14, "timestamp-reply"),
    (17, "address-mask-request"),
    (18, "address-mask-reply"),
];
const ICMP6: Words = &[
    (1, "destination-unreachable"),
    (2, "packet-too-big"),
    (3, "time-exceeded"),
    (4, "parameter-problem"),
    (128, "echo-request"),
    (129, "echo-reply"),
    (130, "mld-listener-query"),
    (131, "mld-listener-report"),
    (132, "mld-listener-done"),
    (133, "nd-router-solicit"),
    (134, "nd-router-advert"),
    (135, "nd-neighbor-solicit"),
    (136, "nd-neighbor-advert"),
    (137, "nd-redirect"),
    (143, "mld2-listener-report"),
];
const TCP_FLAGS: Words = &[
    (0x01, "fin"),
    (0x02, "syn"),
    (0x04, "rst"),
    (0x08, "psh"),
    (0x10, "ack"),
    (0x20, "urg"),
    (0x40, "ecn"),
    (0x80, "cwr"),
];
const CT_STATES: Words = &[
    (1, "invalid"),
    (2, "established"),
    (4, "related"),
    (8, "new"),
    (64, "untracked"),
];
const CT_STATUS: Words = &[
    (1, "expected"),
    (2, "seen-reply"),
    (4, "assured"),
    (8, "confirmed"),
    (16, "snat"),
    (32, "dnat"),
    (512, "dying"),
];
const NF_PROTOCOLS: Words = &[(2, "ipv4"), (10, "ipv6")];
const PACKET_TYPES: Words = &[
    (0, "host"),
    (1, "broadcast"),
    (2, "multicast"),
    (3, "other"),
];
const ADDRESS_TYPES: Words = &[
    (0, "unspec"),
    (1, "unicast"),
    (2, "local"),
    (3, "broadcast"),
    (4, "anycast"),
    (5, "multicast"),
    (6, "blackhole"),
    (7, "unreachable"),
    (8, "prohibit"),
];
const DIRECTIONS: Words = &[(0, "original"), (1, "reply")];

impl Kind {
    /// Names the types of a set (`ipv4_addr . inet_service`), with their sizes in bytes if fixed.
    pub(super) fn of_set(number: u64) -> Vec<(Kind, &'static str, Option<usize>)> {
        let mut kinds = Vec::new();
        let mut rest = number;
        while rest != 0 {
            kinds.insert(0, Kind::by_number(rest & 0x3f));
            rest >>= 6;
        }
        kinds
    }

    fn by_number(number: u64) -> (Kind, &'static str, Option<usize>) {
        match number {
            5 => (Kind::Text, "string", None),
            6 | 9 => (Kind::Ether, "ether_addr", Some(6)),
            7 => (Kind::Address4, "ipv4_addr", Some(4)),
            8 => (Kind::Address6, "ipv6_addr", Some(16)),
            10 => (Kind::EtherType, "ether_type", Some(2)),
            12 => (Kind::Protocol, "inet_proto", Some(1)),
            13 => (Kind::Port, "inet_service", Some(2)),
            14 => (Kind::Icmp, "icmp_type", Some(1)),
            15 => (Kind::TcpFlags, "tcp_flag", Some(1)),
            19 => (Kind::Mark, "mark", Some(4)),
            20 => (Kind::Interface, "iface_index", Some(4)),
            24 => (Kind::HostNumber, "uid", Some(4)),
            25 => (Kind::HostNumber, "gid", Some(4)),
            26 => (Kind::CtState, "ct_state", Some(4)),
            27 => (Kind::CtDirection, "ct_dir", Some(1)),
            28 => (Kind::CtStatus, "ct_status", Some(4)),
            29 => (Kind::Icmp6, "icmpv6_type", Some(1)),
            31 => (Kind::PacketType, "pkt_type", Some(1)),
            38 => (Kind::AddressType, "fib_addrtype", Some(4)),
            41 => (Kind::InterfaceName, "ifname", Some(16)),
            1 => (Kind::Verdict, "verdict", None),
            2 => (Kind::NfProtocol, "nf_proto", Some(1)),
            _ => (Kind::Unknown, "other", None),
        }
    }

    /// Returns the words of its flags, if a match with a mask means flags.
    pub(super) fn flags(self) -> Option<Words> {
        match self {
            Kind::TcpFlags => Some(TCP_FLAGS),
            Kind::CtState => Some(CT_STATES),
            Kind::CtStatus => Some(CT_STATUS),
            Kind::Address4
            | Kind::Address6
            | Kind::Ether
            | Kind::EtherType
            | Kind::Protocol
            | Kind::Port
            | Kind::Icmp
            | Kind::Icmp6
            | Kind::Mark
            | Kind::Interface
            | Kind::InterfaceName
            | Kind::CtDirection
            | Kind::NfProtocol
            | Kind::PacketType
            | Kind::AddressType
            | Kind::Verdict
            | Kind::Text
            | Kind::Number
            | Kind::HostNumber
            | Kind::Presence
            | Kind::Unknown => None,
        }
    }
}

/// Renders a value. `is_big` for a number that was converted to network byte order.
pub(super) fn render(kind: Kind, bytes: &[u8], is_big: bool) -> String {
    let number = |is_big| match is_big {
        true => big_endian(bytes),
        false => host_order(bytes),
    };
    let word = |words: Words, is_big| match number(is_big) {
        Some(number) => match words.iter().find(|(it, _)| *it == number) {
            Some((_, word)) => (*word).to_owned(),
            None => number.to_string(),
        },
        None => raw(bytes),
    };
    match kind {
        Kind::Address4 => match <[u8; 4]>::try_from(bytes) {
            Ok(octets) => Ipv4Addr::from(octets).to_string(),
            Err(_) => raw(bytes),
        },
        Kind::Address6 => match <[u8; 16]>::try_from(bytes) {
            Ok(octets) => Ipv6Addr::from(octets).to_string(),
            Err(_) => raw(bytes),
        },
        Kind::Ether => {
            let parts: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            parts.join(":")
        }
        Kind::EtherType => word(ETHER_TYPES, true),
        Kind::Protocol => word(PROTOCOLS, true),
        Kind::Icmp => word(ICMP, true),
        Kind::Icmp6 => word(ICMP6, true),
        Kind::NfProtocol => word(NF_PROTOCOLS, true),
        Kind::PacketType => word(PACKET_TYPES, true),
        Kind::CtDirection => word(DIRECTIONS, true),
        Kind::AddressType => word(ADDRESS_TYPES, is_big),
        Kind::TcpFlags => flags(TCP_FLAGS, big_endian(bytes), bytes),
        Kind::CtState => flags(CT_STATES, number(is_big), bytes),
        Kind::CtStatus => flags(CT_STATUS, number(is_big), bytes),
        Kind::Port | Kind::Number => {
            big_endian(bytes).map_or_else(|| raw(bytes), |it| it.to_string())
        }
        Kind::HostNumber => number(is_big).map_or_else(|| raw(bytes), |it| it.to_string()),
        Kind::Mark => number(is_big).map_or_else(|| raw(bytes), |it| format!("{it:#010x}")),
        Kind::Presence => match number(is_big) {
            Some(0) => "missing".to_owned(),
            Some(_) => "exists".to_owned(),
            None => raw(bytes),
        },
        Kind::Interface => interface(number(is_big)),
        // Without a NUL at its end, it is a prefix of names.
        Kind::InterfaceName if !bytes.contains(&0) => format!("\"{}*\"", text(bytes)),
        Kind::InterfaceName | Kind::Text => format!("\"{}\"", text(bytes)),
        Kind::Verdict | Kind::Unknown => raw(bytes),
    }
}

/// Renders flags: `established,related`.
pub(super) fn flags(words: Words, number: Option<u64>, bytes: &[u8]) -> String {
    let Some(number) = number else {
        return raw(bytes);
    };
    let mut rest = number;
    let mut parts = Vec::new();
    for (bit, word) in words {
        if number & bit != 0 {
            parts.push((*word).to_owned());
            rest &= !bit;
        }
    }
    if rest != 0 || parts.is_empty() {
        parts.push(format!("{rest:#x}"));
    }
    parts.join(",")
}

pub(super) fn host_order(bytes: &[u8]) -> Option<u64> {
    let mut bytes = bytes.to_vec();
    if cfg!(target_endian = "little") {
        bytes.reverse();
    }
    big_endian(&bytes)
}

fn raw(bytes: &[u8]) -> String {
    format!("0x{}", hex(bytes))
}

/// Names a network interface of this network namespace.
fn interface(index: Option<u64>) -> String {
    let Some(index) = index.and_then(|index| u32::try_from(index).ok()) else {
        return "?".to_owned();
    };
    // By the kernel's answer (SIOCGIFNAME), since files may be of another namespace.
    let name = rustix::net::socket(
        rustix::net::AddressFamily::UNIX,
        rustix::net::SocketType::DGRAM,
        None,
    )
    .and_then(|socket| rustix::net::netdevice::index_to_name(socket, index));
    match name {
        Ok(name) => format!("\"{name}\""),
        Err(_) => index.to_string(),
    }
}

/// Renders bytes in the largest unit that fits: `10 mbytes`.
pub(super) fn amount(bytes: u64) -> String {
    let units = [(1_u64 << 20, "mbytes"), (1 << 10, "kbytes")];
    match units
        .iter()
        .find(|(size, _)| bytes >= *size && bytes.is_multiple_of(*size))
    {
        Some((size, unit)) => format!("{} {unit}", bytes / size),
        None => format!("{bytes} bytes"),
    }
}

/// Renders milliseconds as nft does: `1h30m`.
pub(super) fn duration(milliseconds: u64) -> String {
    let mut rest = milliseconds;
    let mut text = String::new();
    for (size, unit) in [
        (86_400_000, "d"),
        (3_600_000, "h"),
        (60_000, "m"),
        (1000, "s"),
        (1, "ms"),
    ] {
        if rest >= size {
            // A write to a String never fails.
            let _ = write!(text, "{}{unit}", rest / size);
            rest %= size;
        }
    }
    if text.is_empty() {
        "0s".to_owned()
    } else {
        text
    }
}
