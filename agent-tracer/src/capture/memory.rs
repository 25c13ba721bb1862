//! What a recorder that runs for hours need not hold: memory that its start took, and a second view of the ring buffer.

use std::{fs, num::NonZeroUsize};

use agent_tracer_ebpf::{EXEC_PAYLOAD, Exec};
use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous};

use super::ring::ring_bytes;

/// The end of the longest record that begins just before the end of the ring buffer, in whole pages of any size.
const TAIL: usize = 64 << 10;

/// What the kernel puts before a record (`BPF_RINGBUF_HDR_SZ`).
const RECORD_HEADER: usize = 8;

const _: () = assert!(RECORD_HEADER + size_of::<Exec>() + EXEC_PAYLOAD <= TAIL);

/// Above that, memory comes from the kernel and goes back to it.
#[cfg(target_env = "gnu")]
const LARGE: nix::libc::c_int = 1 << 20;

/// Makes glibc sparing, before the first thread. Threads share one heap: of the one that each of those has otherwise that
/// look at the machine, the last half megabyte stays when they have ended. And what is large stays out of the heap: glibc
/// moves that limit up to 32 MiB with what is freed, and a list that grows leaves holes behind, as large as itself.
pub fn be_sparing() {
    #[cfg(target_env = "gnu")]
    // SAFETY: takes no pointers.
    unsafe {
        nix::libc::mallopt(nix::libc::M_ARENA_MAX, 1);
        nix::libc::mallopt(nix::libc::M_MMAP_THRESHOLD, LARGE);
    }
}

/// The library that loads reads all of the kernel's types and drops them, 20 MiB in small pieces, and glibc
/// keeps such for the next ones; a recorder that runs for hours never needs them again.
pub(super) fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: takes no pointers.
    unsafe {
        nix::libc::malloc_trim(0);
    }
}

/// The ring buffer is mapped twice in a row, so that a record that runs over its end is in one piece, and every page of it
/// counts twice as resident. Of the second time only the beginning is ever read, which all the rest is taken away from: by
/// memory that is never touched, because the library will unmap the whole. Where that fails, nothing is different.
pub(super) fn map_ring_once() {
    let Ok(maps) = fs::read_to_string("/proc/self/maps") else {
        return;
    };
    for start in maps.lines().filter_map(superfluous) {
        let Some(length) = (ring_bytes() as usize).checked_sub(TAIL + 1) else {
            return;
        };
        // SAFETY: these addresses are mapped for the ring buffer, without room for anything else, and by the assertion
        // above nothing reads there: records begin in the first view, and end at most TAIL behind it.
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

/// Where the part begins that is not needed, if a line of `/proc/PID/maps` is a whole mapping of the ring buffer: one page,
/// and twice its size. The page with what was read is mapped by itself, before; so the offset is a page.
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
    fn only_the_ring_buffer_is_meant() {
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
