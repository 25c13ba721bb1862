//! omiagent: would load providers; here it only runs, as its user, until omiserver closes its end
//! of the pipe.

use std::os::fd::{FromRawFd, OwnedFd};

use anyhow::{Context, Result};
use nix::unistd::read;

/// Plays `omiagent 9 10 --destdir / --providerdir /opt/omi/lib`.
pub fn play(arguments: &[String]) -> Result<()> {
    let descriptor = arguments
        .first()
        .and_then(|number| number.parse().ok())
        .context("only from omiserver")?;
    // SAFETY: omiserver hands this descriptor over; nothing else here uses it.
    let server = unsafe { OwnedFd::from_raw_fd(descriptor) };
    let mut byte = [0; 1];
    while read(&server, &mut byte)? > 0 {}
    Ok(())
}
