//! Lists existing sockets by sock_diag(7), with the processes that hold them. At the start,
//! connections accepted from a listener are left out: they are incoming.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    io,
    net::{IpAddr, SocketAddr},
};

use netlink_packet_core::{
    NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_sock_diag::{
    SockDiagMessage,
    constants::{AF_INET, AF_INET6, IPPROTO_TCP, IPPROTO_UDP},
    inet::{ExtensionFlags, InetRequest, InetResponseHeader, SocketId, StateFlags, Timer},
};
use netlink_sys::{Socket, SocketAddr as NetlinkAddress, protocols::NETLINK_SOCK_DIAG};

use super::{
    bpf::{Choice, Fact, Hook},
    files::descriptors,
};
use crate::event::{Protocol, SocketState};

/// A socket as the kernel describes it.
#[derive(Clone, Debug)]
pub struct FoundSocket {
    /// Its protocol.
    pub protocol: Protocol,
    /// The kernel's cookie for it (`sock_gen_cookie`).
    pub cookie: u64,
    /// Its state.
    pub state: SocketState,
    /// The local end.
    pub local: SocketAddr,
    /// The remote end.
    pub remote: SocketAddr,
    /// Processes that hold it open, in ascending order; empty if they are unknown.
    pub holders: Vec<u32>,
    inode: u32,
}

/// Answers of the kernel are at most this long (`NLMSG_GOODSIZE` is less).
const ANSWER: usize = 64 * 1024;

/// Returns the sockets of this network namespace, with the outcome as choices of the plan.
pub fn earlier_sockets() -> (Vec<FoundSocket>, [Choice; 2]) {
    let mut found = Vec::new();
    let mut ask = |fact, hook: Hook, protocol| {
        let asked = match hook.is_left_out() {
            true => Err("left out by TRACER_WITHOUT_HOOKS".to_owned()),
            false => sockets(protocol, false).map_err(|error| error.to_string()),
        };
        let outcome = asked.map(|sockets| found.extend(sockets));
        Choice::watched(fact, hook, outcome)
    };
    let choices = [
        ask(Fact::Earlier, Hook::SockDiag, Protocol::Tcp),
        ask(Fact::EarlierDatagrams, Hook::UdpDiag, Protocol::Udp),
    ];
    name_holders(&mut found);
    forget_closed(&mut found);
    (found, choices)
}

/// TCP sockets of this network namespace at one time.
pub struct LiveSockets {
    cookies: HashSet<u64>,
    ends: HashSet<(SocketAddr, SocketAddr)>,
}

impl LiveSockets {
    /// Asks the kernel; `None` where it does not answer.
    pub fn ask() -> Option<LiveSockets> {
        if Hook::SockDiag.is_left_out() {
            return None;
        }
        let mut live = LiveSockets {
            cookies: HashSet::new(),
            ends: HashSet::new(),
        };
        for family in [AF_INET, AF_INET6] {
            let all = dump(family, Protocol::Tcp).ok()?;
            // In TIME_WAIT a socket has its cookie still, but it is closed.
            let there = all
                .iter()
                .filter(|socket| socket.timer != Some(Timer::TimeWait));
            for socket in there {
                let found = as_found(socket, Protocol::Tcp, SocketState::Unknown);
                live.cookies.insert(found.cookie);
                live.ends.insert((plain(found.local), plain(found.remote)));
            }
        }
        Some(live)
    }

    /// Returns true if the socket with a cookie is there.
    pub fn has_cookie(&self, cookie: u64) -> bool {
        self.cookies.contains(&cookie)
    }

    /// Returns true if a socket with these ends is there.
    pub fn has_ends(&self, local: SocketAddr, remote: SocketAddr) -> bool {
        self.ends.contains(&(plain(local), plain(remote)))
    }
}

/// Removes the scope, and unwraps an address of IPv4 in IPv6.
fn plain(end: SocketAddr) -> SocketAddr {
    SocketAddr::new(end.ip().to_canonical(), end.port())
}

/// Returns the held sockets of this network namespace, accepted ones among them.
pub fn held_sockets() -> Vec<FoundSocket> {
    let mut found = Vec::new();
    for (hook, protocol) in [
        (Hook::SockDiag, Protocol::Tcp),
        (Hook::UdpDiag, Protocol::Udp),
    ] {
        if !hook.is_left_out() {
            // A kernel that refuses is a choice of the plan since the start.
            found.extend(sockets(protocol, true).unwrap_or_default());
        }
    }
    name_holders(&mut found);
    found.retain(|socket| !socket.holders.is_empty());
    found
}

/// Returns the sockets of one protocol that listen or are outgoing, as far as known, and on request
/// the accepted ones.
///
/// # Errors
///
/// The kernel refuses the request.
fn sockets(protocol: Protocol, with_accepted: bool) -> io::Result<Vec<FoundSocket>> {
    let mut all = Vec::new();
    for family in [AF_INET, AF_INET6] {
        all.extend(dump(family, protocol)?);
    }
    if protocol == Protocol::Udp {
        return Ok(all.iter().filter_map(found_datagrams).collect());
    }
    let listening: BTreeSet<u16> = all
        .iter()
        .filter(|socket| socket.state == TCP_LISTEN)
        .map(|socket| socket.socket_id.source_port)
        .collect();
    let goes_out = |socket: &&InetResponseHeader| {
        with_accepted
            || socket.state == TCP_LISTEN
            || !listening.contains(&socket.socket_id.source_port)
    };
    Ok(all.iter().filter(goes_out).filter_map(found).collect())
}

/// Drops closed sockets. A holder may have closed one meanwhile; others wait for their peer without
/// a holder.
fn forget_closed(found: &mut Vec<FoundSocket>) {
    let mut there = BTreeSet::new();
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        for family in [AF_INET, AF_INET6] {
            let is_free = |socket: &FoundSocket| {
                let is_alike =
                    socket.protocol == protocol && socket.local.is_ipv4() == (family == AF_INET);
                is_alike && socket.holders.is_empty()
            };
            // The kernel goes through a table of all connections, empty or not.
            if !found.iter().any(is_free) {
                continue;
            }
            let held = dump(family, protocol).unwrap_or_default();
            let held = held.into_iter().filter(|socket| socket.inode != 0);
            there.extend(held.map(|socket| u64::from_ne_bytes(socket.socket_id.cookie)));
        }
    }
    found.retain(|socket| !socket.holders.is_empty() || there.contains(&socket.cookie));
}

const TCP_LISTEN: u8 = 10;

fn found(socket: &InetResponseHeader) -> Option<FoundSocket> {
    let state = match socket.state {
        1 | 8 => SocketState::Open,
        2 => SocketState::Connecting,
        4 | 5 | 9 | 11 => SocketState::Closing,
        TCP_LISTEN => SocketState::Listening,
        _ => return None,
    };
    Some(as_found(socket, Protocol::Tcp, state))
}

/// Converts a UDP socket. The kernel's own sockets have no inode, and those without a port were
/// never used.
fn found_datagrams(socket: &InetResponseHeader) -> Option<FoundSocket> {
    if socket.inode == 0 || socket.socket_id.source_port == 0 {
        return None;
    }
    let state = match socket.socket_id.destination_port {
        0 => SocketState::Listening,
        _ => SocketState::Open,
    };
    Some(as_found(socket, Protocol::Udp, state))
}

fn as_found(socket: &InetResponseHeader, protocol: Protocol, state: SocketState) -> FoundSocket {
    let id = &socket.socket_id;
    let end = |address: IpAddr, port| SocketAddr::new(address, port);
    FoundSocket {
        protocol,
        cookie: u64::from_ne_bytes(id.cookie),
        state,
        local: end(id.source_address, id.source_port),
        remote: end(id.destination_address, id.destination_port),
        holders: Vec::new(),
        inode: socket.inode,
    }
}

fn dump(family: u8, protocol: Protocol) -> io::Result<Vec<InetResponseHeader>> {
    let mut socket = Socket::new(NETLINK_SOCK_DIAG)?;
    socket.bind_auto()?;
    socket.connect(&NetlinkAddress::new(0, 0))?;
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_DUMP;
    let request = SockDiagMessage::InetRequest(InetRequest {
        family,
        protocol: match protocol {
            Protocol::Tcp => IPPROTO_TCP,
            Protocol::Udp => IPPROTO_UDP,
        },
        extensions: ExtensionFlags::empty(),
        states: StateFlags::all(),
        socket_id: match family {
            AF_INET6 => SocketId::new_v6(),
            _ => SocketId::new_v4(),
        },
    });
    let mut message = NetlinkMessage::new(header, request.into());
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    socket.send(&bytes, 0)?;

    let mut sockets = Vec::new();
    let mut buffer = Vec::with_capacity(ANSWER);
    loop {
        buffer.clear();
        socket.recv(&mut buffer, 0)?;
        let mut rest = buffer.as_slice();
        while !rest.is_empty() {
            let answer = NetlinkMessage::<SockDiagMessage>::deserialize(rest)
                .map_err(|error| io::Error::other(error.to_string()))?;
            match answer.payload {
                NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(response)) => {
                    sockets.push(response.header);
                }
                NetlinkPayload::Done(_) => return Ok(sockets),
                NetlinkPayload::Error(error) => return Err(error.to_io()),
                _ => {}
            }
            let length = usize::try_from(answer.header.length).unwrap_or(usize::MAX);
            match rest.get(length.next_multiple_of(4).max(4)..) {
                Some(behind) => rest = behind,
                None => break,
            }
        }
    }
}

/// Finds the holders of sockets, until the time limit.
fn name_holders(found: &mut [FoundSocket]) {
    let mut by_inode: HashMap<u32, usize> = HashMap::new();
    for (position, socket) in found.iter().enumerate() {
        if socket.inode != 0 {
            by_inode.insert(socket.inode, position);
        }
    }
    if by_inode.is_empty() {
        return;
    }
    let mut holders: BTreeMap<usize, BTreeSet<u32>> = BTreeMap::new();
    for descriptor in descriptors::all() {
        let target = descriptor.target.to_str();
        let inode = target
            .and_then(|target| target.strip_prefix("socket:[")?.strip_suffix(']'))
            .and_then(|inode| inode.parse().ok());
        if let Some(position) = inode.and_then(|inode: u32| by_inode.get(&inode)) {
            holders.entry(*position).or_default().insert(descriptor.pid);
        }
    }
    for (position, pids) in holders {
        if let Some(socket) = found.get_mut(position) {
            socket.holders = pids.into_iter().collect();
        }
    }
}
