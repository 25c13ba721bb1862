//! Sizes the ring buffer between the kernel and the recorder, and unmaps its superfluous part.

use std::{
    ffi::c_void,
    fs,
    num::NonZeroUsize,
    os::fd::BorrowedFd,
    ptr::NonNull,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use agent_tracer_ebpf::{EXEC_PAYLOAD, Exec, RING_BYTES};
use nix::{
    sys::mman::{MapFlags, ProtFlags, mmap, mmap_anonymous},
    unistd::{SysconfVar, sysconf},
};

/// The smallest size that the kernel allows: a page.
const LEAST: u32 = 4096;

/// Bytes of the second view that may be read, in whole pages of any size: the end of the longest
/// record that begins just before the end of the buffer.
const TAIL: usize = 64 << 10;

/// Bytes that the kernel puts before a record (`BPF_RINGBUF_HDR_SZ`).
const RECORD_HEADER: usize = 8;

const _: () = assert!(RECORD_HEADER + size_of::<Exec>() + EXEC_PAYLOAD <= TAIL);

/// Returns the size of the ring buffer. For tests of losses, `TRACER_RING_BYTES` makes it smaller.
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

/// The positions of reader and kernel in the ring buffer, mapped for good.
pub(super) struct Fill {
    reader: NonNull<c_void>,
    kernel: NonNull<c_void>,
}

impl Fill {
    /// Maps the two pages; `None` if the kernel refuses.
    pub(super) fn of(ring: BorrowedFd<'_>) -> Option<Fill> {
        let page = sysconf(SysconfVar::PAGE_SIZE).ok()??;
        let length = NonZeroUsize::new(usize::try_from(page).ok()?)?;
        let map = |offset| {
            // SAFETY: the kernel chooses an address that nothing else uses.
            let mapped = unsafe {
                let shared = MapFlags::MAP_SHARED;
                mmap(None, length, ProtFlags::PROT_READ, shared, ring, offset)
            };
            mapped.ok()
        };
        Some(Fill {
            reader: map(0)?,
            kernel: map(page)?,
        })
    }

    /// Returns the bytes that wait for the reader.
    pub(super) fn bytes(&self) -> u64 {
        // SAFETY: each page begins with an aligned position, which the kernel or the library
        // writes as a whole (`struct bpf_ringbuf`), and stays mapped.
        let at = |page: NonNull<c_void>| unsafe {
            page.cast::<AtomicU64>().as_ref().load(Ordering::Acquire)
        };
        // The reader first: it never passes the kernel.
        let reader = at(self.reader);
        at(self.kernel).saturating_sub(reader)
    }
}

/// Replaces most of the ring buffer's second view by memory that is never touched.
///
/// The library maps the buffer twice in a row, so that a record across its end is in one piece. So
/// each page counts twice as resident, though only the beginning of the second view is ever read.
/// The library unmaps both views as a whole, so the addresses must stay mapped. A failure changes
/// nothing.
pub(super) fn unmap_second_view() {
    let Ok(maps) = fs::read_to_string("/proc/self/maps") else {
        return;
    };
    for start in maps.lines().filter_map(superfluous) {
        let Some(length) = (ring_bytes() as usize).checked_sub(TAIL + 1) else {
            return;
        };
        // SAFETY: these addresses are mapped for the ring buffer alone. By the assertion above
        // nothing reads there: records begin in the first view, and end at most TAIL behind it.
        let _ = unsafe {
            mmap_anonymous(
                Some(start),
                NonZeroUsize::MIN.saturating_add(length),
                ProtFlags::PROT_READ,
                MapFlags::MAP_PRIVATE | MapFlags::MAP_FIXED | MapFlags::MAP_NORESERVE,
            )
        };
    }
}

/// Returns the start of the superfluous part, if a line of `/proc/PID/maps` is a whole mapping of
/// the ring buffer.
///
/// Such a mapping has one page, then twice the size of the buffer. Another page, with the position
/// of the reader, is mapped before it, so the offset of this mapping is one page.
fn superfluous(line: &str) -> Option<NonZeroUsize> {
    let mut words = line.split_ascii_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    let hexadecimal = |word| usize::from_str_radix(word, 16).ok();
    let (start, end) = (hexadecimal(start)?, hexadecimal(end)?);
    let page = hexadecimal(words.nth(1)?)?;
    let ring = ring_bytes() as usize;
    let is_ring = words.nth(2)?.contains("bpf-map") && end.checked_sub(start)? == page + 2 * ring;
    NonZeroUsize::new(start + page + ring + TAIL).filter(|_| is_ring)
}

#[cfg(test)]
mod tests {
    use super::superfluous;

    #[test]
    fn only_the_ring_buffer_matches() {
        let of = |line| superfluous(line).map(std::num::NonZeroUsize::get);
        let ring = "7fc288f64000-7fc289f65000 r--s 00001000 00:10 1038      anon_inode:bpf-map";
        assert_eq!(of(ring), Some(0x7fc2_8976_5000 + 0x1_0000));
        for other in [
            "7fc289f65000-7fc289fa6000 r--s 00001000 00:10 1038      anon_inode:bpf-map",
            "7fc288f64000-7fc289f65000 r--s 00001000 00:10 1038      /usr/lib/libc.so.6",
            "7fc288f64000-7fc289f65000 r--s 00001000 00:10 1038",
            "",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
    }
}
