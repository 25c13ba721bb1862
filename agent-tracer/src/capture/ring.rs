//! The size of the ring buffer between the kernel and the recorder.

use std::sync::OnceLock;

use agent_tracer_ebpf::RING_BYTES;

/// The smallest that there can be: a page.
const LEAST: u32 = 4096;

/// Bytes of the ring buffer. For tests of losses, `TRACER_RING_BYTES` makes it smaller.
pub fn ring_bytes() -> u32 {
    static BYTES: OnceLock<u32> = OnceLock::new();
    *BYTES.get_or_init(|| {
        let wanted = std::env::var("TRACER_RING_BYTES").ok();
        match wanted.and_then(|wanted| wanted.parse::<u32>().ok()) {
            // The kernel takes powers of two.
            Some(bytes) => bytes.clamp(LEAST, RING_BYTES).next_power_of_two(),
            None => RING_BYTES,
        }
    })
}
