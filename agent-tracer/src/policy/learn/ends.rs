//! Writes ends of connections as a rule has them.

use crate::{
    event::Protocol,
    policy::{EndPattern, Item, Ports, Subject, volatile},
};

/// First port that a kernel chooses by itself.
const EPHEMERAL: u16 = 32768;

/// Ports that a kernel may choose by itself.
const CHOSEN: Ports = Ports {
    first: EPHEMERAL,
    last: u16::MAX,
};

/// Writes the host of an item, so that it is read back as what it is.
pub(super) fn host(item: &Item) -> String {
    let Some(end) = &item.end else {
        return volatile::exact(&item.name);
    };
    if !end.is_named {
        return match end.addresses.first() {
            Some(address) => address.to_string(),
            None => volatile::exact(&item.name),
        };
    }
    let mut written = volatile::text(&item.name).replace('/', "?");
    // A hostile name may look like an address, a tag or an end.
    let is_itself = EndPattern::parse(&format!("{written}:1")).is_ok_and(|pattern| {
        let is_name = !pattern.is_address() && !pattern.is_tag();
        is_name && pattern.allows_host(&item.name, end) && pattern.ports == Ports::parse("1")
    });
    if !is_itself && !written.starts_with('\\') {
        written.insert(0, '\\');
    }
    written
}

/// Writes host, port and protocol of an item.
pub(super) fn end(item: &Item) -> String {
    let host = host(item);
    let Some(end) = &item.end else {
        return host;
    };
    let Some(protocol) = end.protocol else {
        return host;
    };
    let host = match end.tags.first() {
        Some(tag) if !end.is_named => format!("tag:{}", volatile::exact(tag.as_bytes())),
        _ if !end.is_named && host.contains(':') => format!("[{host}]"),
        _ => host,
    };
    let port = match item.subject {
        Subject::Listener if end.is_any_port => ports(EPHEMERAL),
        Subject::Listener => ports(end.port),
        _ => end.port.to_string(),
    };
    match protocol {
        Protocol::Tcp => format!("{host}:{port}"),
        Protocol::Udp => format!("{host}:{port}/udp"),
    }
}

/// Writes a port of this machine. One that the kernel chose differs from run to run.
pub(super) fn ports(port: u16) -> String {
    match CHOSEN.contains(port) {
        true => format!("{}-{}", CHOSEN.first, CHOSEN.last),
        false => port.to_string(),
    }
}
