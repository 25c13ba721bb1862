//! Mounts in a namespace of this process: they end with it, and other processes do not see them.

use std::sync::OnceLock;

use anyhow::{Context, Result};
use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
};

/// Moves this process to a mount namespace of its own, once.
pub fn keep_private() -> Result<()> {
    static IS_PRIVATE: OnceLock<()> = OnceLock::new();
    if IS_PRIVATE.get().is_some() {
        return Ok(());
    }
    unshare(CloneFlags::CLONE_NEWNS).context("cannot have mounts of its own")?;
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(None::<&str>, "/", None::<&str>, private, None::<&str>)
        .context("cannot keep mounts to itself")?;
    IS_PRIVATE.get_or_init(|| ());
    Ok(())
}

/// Mounts an empty tmpfs.
pub fn tmpfs(place: &str) -> Result<()> {
    let none = MsFlags::empty();
    mount(Some("tmpfs"), place, Some("tmpfs"), none, None::<&str>)
        .with_context(|| format!("cannot mount a memory on {place}"))
}
