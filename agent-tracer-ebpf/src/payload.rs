//! Emits bytes of packets, without parsing them.

use agent_tracer_ebpf::{Kind, PAYLOAD_CHUNK, PAYLOAD_SMALL, Payload, PeerKey};
use aya_ebpf::{
    EbpfContext,
    helpers::generated::{bpf_get_socket_cookie, bpf_skb_load_bytes},
    programs::SkBuffContext,
};

use crate::{datagram, emit, maps::EVENTS};

/// `OPENING_LIMIT` in chunks.
const CHUNKS: u32 = 4;

#[repr(C)]
struct Record<const N: usize> {
    fixed: Payload,
    bytes: [u8; N],
}

/// Stands for the one peer of a TCP socket.
pub const OWN_PEER: PeerKey = PeerKey {
    cookie: 0,
    address: [0; 16],
    port: 0,
    padding: 0,
};

/// Emits `length` bytes of the packet, at least one, from `from` on, in as many records as needed.
#[inline(always)]
pub fn send(
    context: &SkBuffContext,
    from: u32,
    length: u32,
    offset: u64,
    flags: u32,
    peer: &PeerKey,
) {
    if length <= PAYLOAD_SMALL as u32 {
        chunk::<PAYLOAD_SMALL>(context, from, length, offset, flags | Payload::LAST, peer);
        return;
    }
    for chunk in 0..CHUNKS {
        let sent = chunk * PAYLOAD_CHUNK as u32;
        if sent >= length {
            break;
        }
        let rest = length - sent;
        let flags = match rest <= PAYLOAD_CHUNK as u32 {
            true => flags | Payload::LAST,
            false => flags,
        };
        let offset = offset + u64::from(sent);
        self::chunk::<PAYLOAD_CHUNK>(context, from + sent, rest, offset, flags, peer);
    }
}

/// Emits `length` bytes of a TCP packet, at least one, in one record.
#[inline(always)]
pub fn send_small(context: &SkBuffContext, from: u32, length: u32, offset: u64, flags: u32) {
    chunk::<PAYLOAD_SMALL>(context, from, length, offset, flags, &OWN_PEER);
}

const _: () = assert!(PAYLOAD_SMALL.is_power_of_two() && PAYLOAD_CHUNK.is_power_of_two());

/// Writes directly into the ring buffer. Programs for packets interrupt one another on one CPU, so
/// none can have a scratch space of its own.
#[inline(always)]
fn chunk<const N: usize>(
    context: &SkBuffContext,
    from: u32,
    length: u32,
    offset: u64,
    flags: u32,
    peer: &PeerKey,
) {
    if length == 0 {
        return;
    }
    // The verifier needs a length between 1 and N. The compiler knows the range, so it would drop
    // a mask that changes nothing; the verifier does not, hence the assembly.
    let mut length = u64::from(length.min(N as u32) - 1);
    // SAFETY: arithmetic alone.
    unsafe {
        core::arch::asm!(
            "{length} &= {mask}",
            length = inout(reg) length,
            mask = const N as i32 - 1,
        );
    }
    let length = length as u32 + 1;
    let Some(mut record) = EVENTS.reserve::<Record<N>>(0) else {
        emit::lost(Kind::Payload as u32);
        return;
    };
    let to = record.as_mut_ptr();
    // SAFETY: the reserved memory is as large as the record; the helper fills it or fails.
    let answer = unsafe {
        (&raw mut (*to).fixed).write(Payload {
            header: datagram::without_process(Kind::Payload),
            cookie: bpf_get_socket_cookie(context.as_ptr()),
            offset,
            length,
            flags,
            remote: peer.address,
            remote_port: peer.port,
            padding: 0,
        });
        bpf_skb_load_bytes(
            context.as_ptr().cast(),
            from,
            (&raw mut (*to).bytes).cast(),
            length,
        )
    };
    if answer == 0 {
        record.submit(emit::wakeup());
    } else {
        record.discard(0);
    }
}
