//! What fanotify(7) says and calls directories, as bytes. Whatever the bytes are, they are read without a
//! panic; what is done with them is not known here.

use std::{io, os::unix::ffi::OsStringExt, path::Path};

use nix::{errno::Errno, libc};

/// A directory as the kernel tells it, type and bytes (name_to_handle_at(2)).
pub(super) type Handle = (i32, Vec<u8>);

/// What fanotify calls a directory.
pub(super) fn handle(directory: &Path) -> io::Result<Handle> {
    /// Since Linux 6.5: a handle to compare with, also of a file system whose files cannot be opened by one.
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
    // SAFETY: the path ends with a NUL; `Buffer` begins like `struct file_handle`, and its first field says how
    // many bytes follow, which the kernel does not exceed.
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
pub(super) struct Seen<'a> {
    pub(super) mask: u64,
    pub(super) pid: u32,
    pub(super) handle: Option<Handle>,
    pub(super) name: &'a [u8],
}

/// Reads `struct fanotify_event_metadata` and what follows each, see fanotify(7).
pub(super) struct Events<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Events<'a> {
    type Item = Seen<'a>;

    fn next(&mut self) -> Option<Seen<'a>> {
        const FIXED: usize = 24;
        let word = |at: usize| Some(u32::from_ne_bytes(self.0.get(at..at + 4)?.try_into().ok()?));
        let length = usize::try_from(word(0)?).ok()?;
        if length < FIXED {
            return None;
        }
        let (event, rest) = self.0.split_at_checked(length)?;
        let mask = u64::from_ne_bytes(event.get(8..16)?.try_into().ok()?);
        let pid = word(20)?;
        self.0 = rest;
        let (handle, name) = event
            .get(FIXED..)
            .and_then(directory_and_name)
            .map_or((None, &[][..]), |(handle, name)| (Some(handle), name));
        Some(Seen {
            mask,
            pid,
            handle,
            name,
        })
    }
}

/// The first information record that names a directory and a file in it.
fn directory_and_name(mut records: &[u8]) -> Option<(Handle, &[u8])> {
    loop {
        let kind = *records.first()?;
        let length = usize::from(u16::from_ne_bytes(records.get(2..4)?.try_into().ok()?));
        let record = records.get(..length).filter(|record| record.len() >= 4)?;
        if kind == libc::FAN_EVENT_INFO_TYPE_DFID_NAME {
            // Header and file system id, then the handle.
            let rest = record.get(12..)?;
            let bytes =
                usize::try_from(u32::from_ne_bytes(rest.get(..4)?.try_into().ok()?)).ok()?;
            let kind = i32::from_ne_bytes(rest.get(4..8)?.try_into().ok()?);
            let handle = rest.get(8..8_usize.checked_add(bytes)?)?.to_vec();
            let name = rest.get(8 + bytes..)?;
            let end = name.iter().position(|byte| *byte == 0)?;
            return Some(((kind, handle), &name[..end]));
        }
        records = &records[length..];
    }
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
