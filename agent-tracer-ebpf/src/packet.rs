//! Emits the first bytes of TCP clients and of answers to HTTP clients, the first packets of QUIC
//! clients and the answers of DNS servers, and counts UDP datagrams. For all other packets it only
//! reads their socket.

use agent_tracer_ebpf::{
    DNS_PORT, Endpoints, HTTP_ANSWER, OPENING_LIMIT, Payload, PeerKey, QUIC_DATAGRAMS,
    SOCKS_ANSWERS,
};
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
    datagram,
    maps::CLIENTS,
    payload,
};

const IPPROTO_TCP: u32 = 6;
const IPPROTO_UDP: u32 = 17;
const UDP_HEADER: u32 = 8;
const TCP_SYN: u8 = 2;

/// Bytes of a DNS message over UDP that are emitted at most.
const DNS_LIMIT: u32 = 2 * 2048;

/// Likewise of the first datagrams of QUIC, of which segmentation offload joins some.
const QUIC_LIMIT: u32 = 2 * 2048;

/// Smallest datagram with the first packet of a QUIC client (RFC 9000 section 14.1).
const QUIC_SMALLEST: u64 = 1200;

/// Versions of QUIC (RFC 9000, RFC 9369).
const QUIC_1: u32 = 1;
const QUIC_2: u32 = 0x6b33_43cf;

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
    // Bulk transfers end here: the peer has answered, or has confirmed more than is looked at.
    if received > SOCKS_ANSWERS || acknowledged > u64::from(OPENING_LIMIT) {
        return None;
    }
    // A SOCKS server answers before its client names a host.
    if received != 0 && !matches!(first_byte(context), Some(4 | 5)) {
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
    if offset == 0 {
        let [first]: [u8; 1] = load(context, segment.begins)?;
        if matches!(first, 4 | 5 | b'A'..=b'Z') {
            // Without the entry, the host or the answer goes unread.
            let _ = CLIENTS.insert(cookie(context), first, 0);
        }
    }
    let length = segment.length.min(OPENING_LIMIT);
    payload::send(
        context,
        segment.begins,
        length,
        offset,
        Payload::SENT,
        &payload::OWN_PEER,
    );
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
    if protocol != IPPROTO_TCP {
        return None;
    }
    // SAFETY: as above.
    let tcp: *mut bpf_tcp_sock = unsafe { tcp_sock(socket) };
    if tcp.is_null() {
        return None;
    }
    // SAFETY: as above.
    let (received, expected) = unsafe { ((*tcp).bytes_received, (*tcp).rcv_nxt) };
    if remote_port != DNS_PORT.to_be() {
        // Bulk transfers end here, as above.
        if received >= HTTP_ANSWER || !matches!(first_byte(context), Some(b'A'..=b'Z')) {
            return None;
        }
        return answer(context, received, expected);
    }
    let packet = Packet::read(context)?;
    let segment = Segment::read(context, &packet)?;
    let offset = received + u64::from(segment.sequence.wrapping_sub(expected));
    if offset >= u64::from(OPENING_LIMIT) {
        return None;
    }
    let length = segment.length.min(OPENING_LIMIT);
    payload::send(
        context,
        segment.begins,
        length,
        offset,
        0,
        &payload::OWN_PEER,
    );
    Some(())
}

/// Emits what a packet has of the first bytes that a client received.
#[inline(always)]
fn answer(context: &SkBuffContext, received: u64, expected: u32) -> Option<()> {
    let packet = Packet::read(context)?;
    let segment = Segment::read(context, &packet)?;
    // A repeated byte lies before `rcv_nxt`, so its offset wraps and is out of range.
    let offset = received + u64::from(segment.sequence.wrapping_sub(expected));
    if offset >= HTTP_ANSWER {
        return None;
    }
    payload::send_small(
        context,
        segment.begins,
        segment.length.min(HTTP_ANSWER as u32),
        offset,
        Payload::ANSWER,
    );
    Some(())
}

/// Returns the first byte of a client's stream where it is of SOCKS or HTTP.
#[inline(always)]
fn first_byte(context: &SkBuffContext) -> Option<u8> {
    // SAFETY: the value is one byte, and is copied.
    unsafe { CLIENTS.get(cookie(context)) }.copied()
}

#[inline(always)]
fn datagrams_leave(context: &SkBuffContext, socket: *mut bpf_sock) -> Option<()> {
    let (packet, [source, destination]) = datagram(context)?;
    let (count, bytes) = amount(context, &packet);
    let endpoints = Endpoints {
        family: packet.family,
        local_port: source,
        remote_port: destination,
        padding: 0,
        local: packet.source,
        remote: packet.destination,
        namespace: 0,
        padding_end: 0,
    };
    let cookie = cookie(context);
    let key = datagram::key(cookie, packet.destination, destination);
    if let Some(before) = datagram::sent(key, &endpoints, count, bytes) {
        return first_datagrams(context, &packet, &key, before, bytes);
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
    let key = datagram::key(cookie, asked, port);
    let before = datagram::sent(key, &endpoints, count, bytes)?;
    first_datagrams(context, &packet, &key, before, bytes)
}

/// Emits the first packets of a QUIC client: they name the host. `before` counts the datagrams
/// before this one.
#[inline(always)]
fn first_datagrams(
    context: &SkBuffContext,
    packet: &Packet,
    peer: &PeerKey,
    before: u64,
    bytes: u64,
) -> Option<()> {
    if before >= QUIC_DATAGRAMS || bytes < QUIC_SMALLEST {
        return None;
    }
    let begins = packet.end + UDP_HEADER;
    let [first, version @ ..]: [u8; 5] = load(context, begins)?;
    // A long header, and the type of packet that comes first.
    let version = u32::from_be_bytes(version);
    if matches!((version, first & 0xf0), (QUIC_1, 0xc0) | (QUIC_2, 0xd0)) {
        let length = (bytes as u32).min(QUIC_LIMIT);
        payload::send(
            context,
            begins,
            length,
            0,
            Payload::SENT | Payload::DATAGRAM,
            peer,
        );
    }
    Some(())
}

#[inline(always)]
fn datagrams_arrive(context: &SkBuffContext) -> Option<()> {
    let (packet, [source, destination]) = datagram(context)?;
    let (count, bytes) = amount(context, &packet);
    let endpoints = Endpoints {
        family: packet.family,
        local_port: destination,
        remote_port: source,
        padding: 0,
        local: packet.destination,
        remote: packet.source,
        namespace: 0,
        padding_end: 0,
    };
    let key = datagram::key(cookie(context), packet.source, source);
    datagram::received(key, &endpoints, count, bytes);
    if source == DNS_PORT {
        let length = (bytes as u32).min(DNS_LIMIT);
        payload::send(
            context,
            packet.end + UDP_HEADER,
            length,
            0,
            Payload::DATAGRAM,
            &key,
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

/// Reads the headers of a datagram. Returns the ports of source and destination, too.
#[inline(always)]
fn datagram(context: &SkBuffContext) -> Option<(Packet, [u16; 2])> {
    // One read has both headers, unless there are options. Each read is a call of the kernel.
    let words: [u32; 7] = load(context, 0)?;
    if words[0].to_ne_bytes()[0] == 0x45 {
        let packet = Packet {
            family: AF_INET,
            end: 20,
            source: v4(words[3]),
            destination: v4(words[4]),
        };
        return Some((packet, ports(words[5])));
    }
    let packet = Packet::read(context)?;
    let [word] = load(context, packet.end)?;
    Some((packet, ports(word)))
}

/// Returns an IPv4 address, as it is in a packet, in the first bytes of a longer one.
#[inline(always)]
fn v4(word: u32) -> [u8; 16] {
    u128::from(u32::from_le(word)).to_le_bytes()
}

#[inline(always)]
fn ports(word: u32) -> [u16; 2] {
    let [a, b, c, d] = word.to_ne_bytes();
    [u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])]
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

/// A number of which every bit pattern is a value.
trait Number: Copy {
    const ZERO: Self;
}

impl Number for u8 {
    const ZERO: u8 = 0;
}

impl Number for u32 {
    const ZERO: u32 = 0;
}

#[inline(always)]
fn load<T: Number, const N: usize>(context: &SkBuffContext, offset: u32) -> Option<[T; N]> {
    let mut bytes = [T::ZERO; N];
    // SAFETY: the helper writes all of the bytes or returns an error.
    let answer = unsafe {
        bpf_skb_load_bytes(
            context.as_ptr().cast(),
            offset,
            bytes.as_mut_ptr().cast(),
            size_of::<[T; N]>() as u32,
        )
    };
    (answer == 0).then_some(bytes)
}
