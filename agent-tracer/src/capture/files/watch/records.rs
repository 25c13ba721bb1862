//! Parses records and directory handles of fanotify(7). Any bytes are parsed without a panic, and
//! none are interpreted here.

use std::{io, os::unix::ffi::OsStringExt, path::Path};

use nix::{errno::Errno, libc};

/// A directory handle: type and bytes (name_to_handle_at(2)).
pub(super) type Handle = (i32, Vec<u8>);

/// Returns the handle that fanotify uses for a directory.
pub(super) fn handle(directory: &Path) -> io::Result<Handle> {
    /// Since Linux 6.5: a handle for comparison, also on file systems that cannot open files by
    /// handle.
    const AT_HANDLE_FID: i32 = 0x200;
    handle_with(directory, AT_HANDLE_FID).or_else(|_| handle_with(directory, 0))
}

fn handle_with(directory: &Path, flags: i32) -> io::Result<Handle> {
    const BYTES: u32 = 128; // MAX_HANDLE_SZ
    #[repr(C, align(8))]
    struct Buffer {
        bytes: u32,
        kind: i32,
        handle: [u8; BYTES as usize],
    }
    let mut buffer = Buffer {
        bytes: BYTES,
        kind: 0,
        handle: [0; BYTES as usize],
    };
    let mut mount = 0;
    let mut path = directory.as_os_str().to_owned().into_vec();
    path.push(0);
    // SAFETY: the path ends with a NUL. `Buffer` begins like `struct file_handle`; its first field
    // is the count of bytes behind it, and the kernel does not exceed it.
    let done = unsafe {
        libc::name_to_handle_at(
            libc::AT_FDCWD,
            path.as_ptr().cast(),
            (&raw mut buffer).cast(),
            &raw mut mount,
            flags,
        )
    };
    Errno::result(done)?;
    let length = usize::try_from(buffer.bytes).unwrap_or(0);
    let handle = buffer.handle.get(..length).unwrap_or_default();
    Ok((buffer.kind, handle.to_vec()))
}

/// One event as the kernel wrote it.
pub(super) struct RawEvent<'a> {
    pub(super) mask: u64,
    pub(super) pid: u32,
    /// Handle of the directory of the event.
    pub(super) handle: Option<Handle>,
    pub(super) name: &'a [u8],
    /// Handle of the created, removed or renamed object itself, since Linux 5.17.
    pub(super) itself: Option<Handle>,
}

/// Iterates over `struct fanotify_event_metadata` with its information records, see fanotify(7).
pub(super) struct Events<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Events<'a> {
    type Item = RawEvent<'a>;

    fn next(&mut self) -> Option<RawEvent<'a>> {
        const FIXED: usize = 24;
        let word = |at: usize| Some(u32::from_ne_bytes(self.0.get(at..at + 4)?.try_into().ok()?));
        let length = usize::try_from(word(0)?).ok()?;
        if length < FIXED {
            return None;
        }
        let (record, rest) = self.0.split_at_checked(length)?;
        let mask = u64::from_ne_bytes(record.get(8..16)?.try_into().ok()?);
        let pid = word(20)?;
        self.0 = rest;
        let mut event = RawEvent {
            mask,
            pid,
            handle: None,
            name: &[],
            itself: None,
        };
        event.take(record.get(FIXED..).unwrap_or_default());
        Some(event)
    }
}

impl<'a> RawEvent<'a> {
    /// Reads the information records.
    fn take(&mut self, mut records: &'a [u8]) {
        while let Some((kind, record, rest)) = first(records) {
            match kind {
                libc::FAN_EVENT_INFO_TYPE_DFID_NAME => {
                    if let Some((handle, name)) = handle_and_rest(record) {
                        let end = name.iter().position(|byte| *byte == 0);
                        self.name = name.get(..end.unwrap_or(name.len())).unwrap_or_default();
                        self.handle = Some(handle);
                    }
                }
                libc::FAN_EVENT_INFO_TYPE_FID => {
                    self.itself = handle_and_rest(record).map(|(handle, _)| handle);
                }
                _ => {}
            }
            records = rest;
        }
    }
}

/// Splits off the first information record: its kind, its content, and the rest.
fn first(records: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    const HEADER: usize = 4;
    let kind = *records.first()?;
    let length = usize::from(u16::from_ne_bytes(records.get(2..HEADER)?.try_into().ok()?));
    let record = records.get(HEADER..length)?;
    Some((kind, record, records.get(length..)?))
}

/// Parses a `struct file_handle` behind a file system id, and returns the rest.
fn handle_and_rest(record: &[u8]) -> Option<(Handle, &[u8])> {
    let rest = record.get(8..)?;
    let bytes = usize::try_from(u32::from_ne_bytes(rest.get(..4)?.try_into().ok()?)).ok()?;
    let kind = i32::from_ne_bytes(rest.get(4..8)?.try_into().ok()?);
    let (handle, rest) = rest.get(8..)?.split_at_checked(bytes)?;
    Some(((kind, handle.to_vec()), rest))
}

#[cfg(test)]
mod tests {
    use super::Events;

    #[test]
    fn torn_events_are_nothing() {
        for bytes in [&[][..], &[0; 24], &[255; 64], &[24, 0, 0, 0, 1]] {
            assert_eq!(Events(bytes).count(), 0);
        }
    }
}
