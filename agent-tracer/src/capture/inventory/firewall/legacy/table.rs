//! Reads a table of iptables' older rules from the kernel.

use std::{
    io,
    os::fd::{AsRawFd, OwnedFd},
};

use super::u32_at;

const GET_INFO: i32 = 64;
const GET_ENTRIES: i32 = 65;
const INFO: usize = 84;
const NAME: usize = 32;
/// Bytes before the entries: name and size, up to a multiple of eight.
const ENTRIES: usize = 40;
const LIMIT: usize = 16 << 20;

/// A table, as the kernel lists it.
pub(super) struct Table {
    pub(super) hooks: u32,
    pub(super) entries_of_hooks: [usize; 5],
    pub(super) underflows: [usize; 5],
    pub(super) bytes: Vec<u8>,
}

impl Table {
    /// Reads a table by its name.
    pub(super) fn read(socket: &OwnedFd, level: i32, name: &[u8]) -> io::Result<Table> {
        const TRIES: usize = 5;
        for _ in 0..TRIES {
            let mut info = vec![0; INFO];
            let room = info.get_mut(..NAME.min(name.len())).unwrap_or_default();
            room.copy_from_slice(name.get(..room.len()).unwrap_or_default());
            get_option(socket, level, GET_INFO, &mut info)?;
            let number = |index: usize| u32_at(&info, NAME + index * 4).unwrap_or(0);
            let size = number(12) as usize;
            if size > LIMIT {
                return Err(io::Error::other(format!(
                    "a table has more than {LIMIT} bytes"
                )));
            }
            let mut bytes = info.get(..NAME).unwrap_or_default().to_vec();
            bytes.extend(number(12).to_ne_bytes());
            bytes.resize(ENTRIES + size, 0);
            match get_option(socket, level, GET_ENTRIES, &mut bytes) {
                Ok(()) => {}
                // It was replaced meanwhile, by one of another size.
                Err(error) if error.raw_os_error() == Some(libc::EAGAIN) => continue,
                Err(error) => return Err(error),
            }
            bytes.drain(..ENTRIES);
            let five = |first: usize| std::array::from_fn(|index| number(first + index) as usize);
            return Ok(Table {
                hooks: number(0),
                entries_of_hooks: five(1),
                underflows: five(6),
                bytes,
            });
        }
        Err(io::Error::other("its rules change all the time"))
    }
}

/// Fills the bytes with an option of a socket.
fn get_option(socket: &OwnedFd, level: i32, option: i32, bytes: &mut [u8]) -> io::Result<()> {
    let mut length = libc::socklen_t::try_from(bytes.len()).map_err(io::Error::other)?;
    // SAFETY: the kernel writes at most `length` bytes, which is the length of `bytes`.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            level,
            option,
            bytes.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
