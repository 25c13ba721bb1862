//! Bounds the memory for reading a trace, even a hostile one.
//!
//! A decoded message can be a hundred times as large as its bytes, and zstd packs a thousand to
//! one. A check of each count could be forgotten somewhere. So the allocator itself is watched,
//! which bounds the decoder, the model and every view together.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fs::File;
use std::io::{Read, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes for reading any trace.
const BASE: usize = 256 << 20;

/// Further bytes for each byte of the file.
const PER_BYTE: usize = 64;

/// Exit status for a refused trace, the same as for a damaged one.
const REFUSED: i32 = 3;

/// Bytes for a thread to allocate between two checks of the resident memory.
const STEP: usize = 4 << 20;

/// Limit of resident bytes; `usize::MAX` unless a trace is read.
static LIMIT: AtomicUsize = AtomicUsize::new(usize::MAX);

thread_local! {
    /// Bytes that the thread allocated since its last check, without regard to freed ones. Threads
    /// share no count, since each would wait for the others at every allocation.
    static SINCE: Cell<usize> = const { Cell::new(0) };
}

/// Name of the trace in the refusal.
static SUBJECT: OnceLock<String> = OnceLock::new();

/// An action before the refusal.
static BEFORE_REFUSAL: OnceLock<fn()> = OnceLock::new();

/// Registers an action before a refusal ends the process, such as giving a terminal back. Only the
/// first counts.
pub fn before_refusal(action: fn()) {
    BEFORE_REFUSAL.get_or_init(|| action);
}

/// The system's allocator, watched while a trace is read.
///
/// Without /proc the resident memory is unknown, and nothing is bounded.
pub struct Watched;

/// Bounds this process to the memory for a trace of `length` bytes. A longer trace raises the
/// bound.
///
/// The bound lasts until the process ends, so it covers the views, too. It has an effect only in a
/// program with [`Watched`] as its global allocator.
pub fn bound(name: &str, length: u64) {
    SUBJECT.get_or_init(|| name.to_owned());
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let limit = length.saturating_mul(PER_BYTE).saturating_add(BASE);
    match LIMIT.load(Ordering::Relaxed) {
        usize::MAX => LIMIT.store(limit, Ordering::Relaxed),
        _ => {
            LIMIT.fetch_max(limit, Ordering::Relaxed);
        }
    }
}

/// Counts an allocation, and checks the resident memory after every [`STEP`] bytes of a thread.
fn count(bytes: usize) {
    if LIMIT.load(Ordering::Relaxed) == usize::MAX {
        return;
    }
    // A cell without a destructor lives as long as its thread.
    let since = SINCE.try_with(|since| {
        let sum = since.get().saturating_add(bytes);
        since.set(if sum >= STEP { 0 } else { sum });
        sum
    });
    if since.is_ok_and(|since| since >= STEP) {
        check(bytes);
    }
}

/// Ends the process if its present and coming resident memory exceeds the limit.
#[cold]
fn check(bytes: usize) {
    // Small pieces are resident by the next check; a large one may be filled before it.
    let coming = if bytes >= STEP { bytes } else { STEP };
    let limit = LIMIT.load(Ordering::Relaxed);
    let Some(resident) = resident() else {
        return;
    };
    if resident.saturating_add(coming) > limit {
        refuse(limit);
    }
}

fn refuse(limit: usize) -> ! {
    // The following code may allocate.
    LIMIT.store(usize::MAX, Ordering::Relaxed);
    if let Some(action) = BEFORE_REFUSAL.get() {
        action();
    }
    let name = SUBJECT.get().map_or("the trace", String::as_str);
    // If stderr cannot be written, there is nothing left to do.
    let _ = write!(
        std::io::stderr(),
        "tracer: cannot read {name}: it takes more than {} MiB of memory, far more than a \
         recording of its size\n        hint: it was damaged or made to exhaust memory; \
         copy it again from where it was recorded\n",
        limit >> 20
    );
    std::process::exit(REFUSED);
}

/// Returns the resident memory of this process in bytes. It does not allocate.
fn resident() -> Option<usize> {
    const FIELD: &[u8] = b"\nVmRSS:";
    let mut buffer = [0; 4096];
    let mut filled = 0;
    let mut status = File::open("/proc/self/status").ok()?;
    loop {
        match status.read(buffer.get_mut(filled..)?).ok()? {
            0 => break,
            count => filled += count,
        }
    }
    let text = buffer.get(..filled)?;
    let at = text.windows(FIELD.len()).position(|part| part == FIELD)?;
    let digits = text
        .get(at + FIELD.len()..)?
        .iter()
        .skip_while(|byte| !byte.is_ascii_digit())
        .take_while(|byte| byte.is_ascii_digit());
    let kib = digits.fold(0_usize, |value, digit| {
        value
            .saturating_mul(10)
            .saturating_add(usize::from(digit - b'0'))
    });
    Some(kib.saturating_mul(1024))
}

// SAFETY: every request goes to the system's allocator as it came, and so does every answer.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller's promises about the layout are those that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: as in `alloc`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size.saturating_sub(layout.size()));
        // SAFETY: the pointer came from `System`, through this allocator, with this layout.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as in `realloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    #[cfg(target_os = "linux")]
    fn the_resident_memory_is_known() {
        let resident = super::resident().expect("/proc is mounted");
        assert!(resident > 100_000, "{resident}");
    }
}
