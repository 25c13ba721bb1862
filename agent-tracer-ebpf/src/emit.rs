//! Puts a finished record into the ring buffer, or counts it as lost.

use agent_tracer_ebpf::{Kind, RING_BYTES};

use crate::{
    kernel::OUTSIDE,
    maps::{EVENTS, LOSSES},
};

const BPF_RB_NO_WAKEUP: u64 = 1;
const BPF_RB_FORCE_WAKEUP: u64 = 2;
const BPF_RB_AVAIL_DATA: u64 = 0;

/// Wakes the reader only when an eighth of the buffer is full. It reads every few milliseconds
/// anyway, and a wakeup for each record would cost the traced program an interrupt an event.
/// Returns the flags for that.
#[inline(always)]
pub fn wakeup() -> u64 {
    if EVENTS.query(BPF_RB_AVAIL_DATA) > u64::from(RING_BYTES) / 8 {
        BPF_RB_FORCE_WAKEUP
    } else {
        BPF_RB_NO_WAKEUP
    }
}

/// Submits a record of fixed size. Returns false if it is lost.
#[inline(always)]
pub fn record<T>(kind: Kind, record: &T) -> bool {
    let is_lost = EVENTS.output::<T>(record, wakeup()).is_err();
    if is_lost {
        lost(kind as u32);
    }
    !is_lost
}

/// Submits a record of a kind that any user can cause in millions, unless the buffer is half full:
/// the rest is for forks, execs, exits and connections. Returns false if it is lost.
#[inline(always)]
pub fn minor_record<T>(kind: Kind, record: &T) -> bool {
    if EVENTS.query(BPF_RB_AVAIL_DATA) > u64::from(RING_BYTES) / 2 {
        lost(kind as u32);
        return false;
    }
    self::record(kind, record)
}

/// Submits `length` bytes that begin at `start`; the caller has bounded the length.
#[inline(always)]
pub fn bytes(kind: Kind, start: *const u8, length: usize) {
    // SAFETY: the verifier proves that the bytes are inside of the map value.
    let bytes = unsafe { core::slice::from_raw_parts(start, length) };
    if EVENTS.output::<[u8]>(bytes, wakeup()).is_err() {
        lost(kind as u32);
    }
}

/// Submits `length` bytes unless half of the buffer is taken, as [`minor_record`].
#[inline(always)]
pub fn minor_bytes(kind: Kind, start: *const u8, length: usize) {
    if EVENTS.query(BPF_RB_AVAIL_DATA) > u64::from(RING_BYTES) / 2 {
        lost(kind as u32);
    } else {
        bytes(kind, start, length);
    }
}

/// Counts an event that could not be read as lost.
#[inline(always)]
pub fn count_failure(kind: Kind, done: Result<(), i32>) {
    if let Err(error) = done
        && error != OUTSIDE
    {
        lost(kind as u32);
    }
}

/// Counts a loss.
#[inline(always)]
pub fn lost(counter: u32) {
    if let Some(count) = LOSSES.get_ptr_mut(counter) {
        // SAFETY: a per-CPU value; a nested program can at worst lose an increment.
        unsafe { *count += 1 };
    }
}
