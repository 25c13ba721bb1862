//! Checks the surroundings of a recorder, before it loads anything: /proc and the limit of
//! descriptors. Without them, a recording would fail much later, with a misleading error.

use std::{fs, io, os::fd::AsFd};

use nix::{
    errno::Errno,
    sys::resource::{Resource, getrlimit},
};

use super::error::CaptureError;

/// Descriptors that a recording opens, with some to spare: some 95 were counted.
const DESCRIPTORS: usize = 128;

/// Checks both.
///
/// # Errors
///
/// One of them is missing.
pub fn check() -> Result<(), CaptureError> {
    if fs::read("/proc/self/stat").is_err_and(|error| !are_used_up(error.raw_os_error())) {
        return Err(CaptureError::NoProc);
    }
    let mut taken = Vec::with_capacity(DESCRIPTORS);
    for _ in 0..DESCRIPTORS {
        match io::stderr().as_fd().try_clone_to_owned() {
            Ok(descriptor) => taken.push(descriptor),
            Err(error) if are_used_up(error.raw_os_error()) => {
                let limit = getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(soft, _)| soft);
                return Err(CaptureError::Descriptors { error, limit });
            }
            Err(_) => break,
        }
    }
    Ok(())
}

fn are_used_up(error: Option<i32>) -> bool {
    [Errno::EMFILE, Errno::ENFILE]
        .map(|number| Some(number as i32))
        .contains(&error)
}
