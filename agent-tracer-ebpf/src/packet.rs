//! Emits the first bytes of TCP clients and the answers of DNS servers, and counts UDP datagrams.
//! For all other packets it only reads their socket.

use agent_tracer_ebpf::{DNS_PORT, Endpoints, OPENING_LIMIT, Payload};
use aya_ebpf::{
    EbpfContext,
    bindings::{bpf_sock, bpf_tcp_sock},
    helpers::generated::{
        bpf_get_socket_cookie, bpf_sk_fullsock, bpf_skb_load_bytes, bpf_tcp_sock as tcp_sock,
    },
    macros::cgroup_skb,
    programs::SkBuffContext,
};

use crate::{
    attempt::{AF_INET, AF_INET6, GO_ON},
    datagram, payload,
};

const IPPROTO_TCP: u32 = 6;
const IPPROTO_UDP: u32 = 17;
const UDP_HEADER: u32 = 8;
const TCP_SYN: u8 = 2;

/// Bytes of a DNS message over UDP that are emitted at most.
const DNS_LIMIT: u32 = 2 * 2048;

/// `BPF_CGROUP_INET_EGRESS`: the packet begins with its IP header, and may be as long as
/// segmentation offload allows.
#[cgroup_skb(egress)]
pub fn cgroup_egress(context: SkBuffContext) -> i32 {
    let _ = leaves(&context);
    GO_ON
}

/// `BPF_CGROUP_INET_INGRESS`: the packet has its socket, but the socket does not have it yet.
#[cgroup_skb(ingress)]
pub fn cgroup_ingress(context: SkBuffContext) -> i32 {
    let _ = arrives(&context);
    GO_ON
}

/// Returns the socket of a packet, with all its fields.
#[inline(always)]
fn socket(context: &SkBuffContext) -> Option<*mut bpf_sock> {
    // SAFETY: the kernel hands over a valid context, and the helper checks the rest.
    unsafe {
        let socket = (*context.skb.skb).__bindgen_anon_2.sk;
        if socket.is_null() {
            return None;
        }
        let socket = bpf_sk_fullsock(socket);
        (!socket.is_null()).then_some(socket)
    }
}

#[inline(always)]
fn leaves(context: &SkBuffContext) -> Option<()> {
    let socket = socket(context)?;
    // SAFETY: the verifier knows this pointer.
    let protocol = unsafe { (*socket).protocol };
    if protocol == IPPROTO_UDP {
        return datagrams_leave(context, socket);
    }
    if protocol != IPPROTO_TCP {
        return None;
    }
    // SAFETY: the helper answers null for a socket that is not TCP.
    let tcp: *mut bpf_tcp_sock = unsafe { tcp_sock(socket) };
    if tcp.is_null() {
        return None;
    }
    // SAFETY: the verifier knows this pointer.
    let (acknowledged, received, expected) =
        unsafe { ((*tcp).bytes_acked, (*tcp).bytes_received, (*tcp).snd_una) };
    // Bulk transfers end here: the peer has answered, or has confirmed all bytes of interest.
    if received != 0 || acknowledged > u64::from(OPENING_LIMIT) {
        return None;
    }
    let packet = Packet::read(context)?;
    let segment = Segment::read(context, &packet)?;
    // The kernel counts the SYN as an acknowledged byte, so the first byte of payload has offset 1.
    // A retransmission lies before `snd_una`, so its offset wraps and is out of range.
    let ahead = segment.sequence.wrapping_sub(expected);
    let offset = (acknowledged + u64::from(ahead) + u64::from(segment.is_syn)).wrapping_sub(1);
    if offset >= u64::from(OPENING_LIMIT) {
        return None;
    }
    let length = segment.length.min(OPENING_LIMIT);
    payload::send(context, segment.begins, length, offset, Payload::SENT);
    Some(())
}

#[inline(always)]
fn arrives(context: &SkBuffContext) -> Option<()> {
    let socket = socket(context)?;
    // SAFETY: the verifier knows this pointer.
    let (protocol, remote_port) = unsafe { ((*socket).protocol, (*socket).dst_port) };
    if protocol == IPPROTO_UDP {
        return datagrams_arrive(context);
    }
    if protocol != IPPROTO_TCP || remote_port != DNS_PORT.to_be() {
        return None;
    }
    // SAFETY: as above.
    let tcp: *mut bpf_tcp_sock = unsafe { tcp_sock(socket) };
    if tcp.is_null() {
        return None;
    }
    // SAFETY: as above.
    let (received, expected) = unsafe { ((*tcp).bytes_received, (*tcp).rcv_nxt) };
    let packet = Packet::read(context)?;
    let segment = Segment::read(context, &packet)?;
    let offset = received + u64::from(segment.sequence.wrapping_sub(expected));
    if offset >= u64::from(OPENING_LIMIT) {
        return None;
    }
    let length = segment.length.min(OPENING_LIMIT);
    payload::send(context, segment.begins, length, offset, 0);
    Some(())
}

#[inline(always)]
fn datagrams_leave(context: &SkBuffContext, socket: *mut bpf_sock) -> Option<()> {
    let packet = Packet::read(context)?;
    let (source, destination) = ports(context, &packet)?;
    let (count, bytes) = amount(context, &packet);
    let endpoints = Endpoints {
        family: packet.family,
        local_port: source,
        remote_port: destination,
        padding: 0,
        local: packet.source,
        remote: packet.destination,
    };
    let cookie = cookie(context);
    let key = datagram::key(cookie, packet.destination, destination);
    if datagram::sent(key, &endpoints, count, bytes) {
        return Some(());
    }
    // A firewall of this machine may have rewritten the packet; a connected socket has its peer.
    // SAFETY: the verifier knows this pointer.
    let (port, address) = unsafe { ((*socket).dst_port, (*socket).dst_ip4) };
    if packet.family != AF_INET || port == 0 {
        return None;
    }
    let mut asked = [0; 16];
    asked[..4].copy_from_slice(&address.to_ne_bytes());
    let port = u16::from_be(port);
    let endpoints = Endpoints {
        remote: asked,
        remote_port: port,
        ..endpoints
    };
    datagram::sent(datagram::key(cookie, asked, port), &endpoints, count, bytes);
    Some(())
}

#[inline(always)]
fn datagrams_arrive(context: &SkBuffContext) -> Option<()> {
    let packet = Packet::read(context)?;
    let (source, _) = ports(context, &packet)?;
    let (count, bytes) = amount(context, &packet);
    datagram::received(
        datagram::key(cookie(context), packet.source, source),
        count,
        bytes,
    );
    if source == DNS_PORT {
        let length = (bytes as u32).min(DNS_LIMIT);
        payload::send(
            context,
            packet.end + UDP_HEADER,
            length,
            0,
            Payload::DATAGRAM,
        );
    }
    Some(())
}

/// Counts the datagrams in a packet, and their payload bytes.
#[inline(always)]
fn amount(context: &SkBuffContext, packet: &Packet) -> (u64, u64) {
    // SAFETY: the kernel hands over a valid context.
    let (length, segments) = unsafe { ((*context.skb.skb).len, (*context.skb.skb).gso_segs) };
    let count = u64::from(segments.max(1));
    let headers = u64::from(packet.end + UDP_HEADER);
    (count, u64::from(length).saturating_sub(headers))
}

#[inline(always)]
fn cookie(context: &SkBuffContext) -> u64 {
    // SAFETY: the kernel hands over a valid context.
    unsafe { bpf_get_socket_cookie(context.as_ptr()) }
}

/// Returns source and destination.
#[inline(always)]
fn ports(context: &SkBuffContext, packet: &Packet) -> Option<(u16, u16)> {
    let ports: [u8; 4] = load(context, packet.end)?;
    Some((
        u16::from_be_bytes([ports[0], ports[1]]),
        u16::from_be_bytes([ports[2], ports[3]]),
    ))
}

/// Facts from the IP header. Packets with extension headers are not parsed.
struct Packet {
    family: u16,
    /// End of the header.
    end: u32,
    source: [u8; 16],
    destination: [u8; 16],
}

impl Packet {
    #[inline(always)]
    fn read(context: &SkBuffContext) -> Option<Packet> {
        let [first]: [u8; 1] = load(context, 0)?;
        let mut packet = Packet {
            family: AF_INET,
            end: u32::from(first & 0x0f) * 4,
            source: [0; 16],
            destination: [0; 16],
        };
        if first >> 4 == 4 {
            let addresses: [u8; 8] = load(context, 12)?;
            packet.source[..4].copy_from_slice(&addresses[..4]);
            packet.destination[..4].copy_from_slice(&addresses[4..]);
            return Some(packet);
        }
        let [next]: [u8; 1] = load(context, 6)?;
        if u32::from(next) != IPPROTO_TCP && u32::from(next) != IPPROTO_UDP {
            return None;
        }
        packet.family = AF_INET6;
        packet.end = 40;
        packet.source = load(context, 8)?;
        packet.destination = load(context, 24)?;
        Some(packet)
    }
}

/// Facts from the TCP header.
struct Segment {
    sequence: u32,
    is_syn: bool,
    /// Start and length of the payload; the length is never 0.
    begins: u32,
    length: u32,
}

impl Segment {
    #[inline(always)]
    fn read(context: &SkBuffContext, packet: &Packet) -> Option<Segment> {
        let header: [u8; 14] = load(context, packet.end)?;
        let begins = packet.end + u32::from(header[12] >> 4) * 4;
        // SAFETY: the kernel hands over a valid context.
        let all = unsafe { (*context.skb.skb).len };
        if all <= begins {
            return None;
        }
        Some(Segment {
            sequence: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
            is_syn: header[13] & TCP_SYN != 0,
            begins,
            length: all - begins,
        })
    }
}

#[inline(always)]
fn load<const N: usize>(context: &SkBuffContext, offset: u32) -> Option<[u8; N]> {
    let mut bytes = [0_u8; N];
    // SAFETY: the helper writes all of the bytes or returns an error.
    let answer = unsafe {
        bpf_skb_load_bytes(
            context.as_ptr().cast(),
            offset,
            bytes.as_mut_ptr().cast(),
            N as u32,
        )
    };
    (answer == 0).then_some(bytes)
}
