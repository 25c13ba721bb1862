//! Keeps the heap of a recorder small that runs for hours.

/// Allocations above this size come from the kernel and return to it.
#[cfg(target_env = "gnu")]
const LARGE: nix::libc::c_int = 1 << 20;

/// Limits the memory that glibc keeps for later allocations. Call it before the first thread.
///
/// - All threads share one heap. Otherwise half a megabyte would stay for each thread that has
///   taken a snapshot of the machine.
/// - Large allocations stay out of the heap. glibc would raise that limit up to 32 MiB, and a list
///   that grows would leave holes as large as itself.
pub fn limit() {
    #[cfg(target_env = "gnu")]
    // SAFETY: takes no pointers.
    unsafe {
        nix::libc::mallopt(nix::libc::M_ARENA_MAX, 1);
        nix::libc::mallopt(nix::libc::M_MMAP_THRESHOLD, LARGE);
    }
}

/// Returns freed memory to the kernel.
///
/// The library that loads programs reads all of the kernel's types: 20 MiB in small pieces. glibc
/// would keep that memory for allocations that a recorder never makes.
pub fn trim() {
    #[cfg(target_env = "gnu")]
    // SAFETY: takes no pointers.
    unsafe {
        nix::libc::malloc_trim(0);
    }
}
