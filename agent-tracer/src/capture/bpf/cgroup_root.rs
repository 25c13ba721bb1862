//! Opens the root of the cgroup2 hierarchy, so that cgroup programs attached to it see all
//! processes. It changes no mount that others see.

use std::{
    ffi::OsString,
    fs::{self, File},
    io,
    os::{fd::OwnedFd, unix::ffi::OsStringExt},
    path::PathBuf,
};

use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsmount, fsopen};

use crate::capture::proc::mounts;

/// Opens the root where it is mounted. On hosts that use cgroup v1 alone, it makes a detached mount
/// of its own.
///
/// # Errors
///
/// This kernel has no cgroup2.
pub(super) fn open() -> io::Result<OwnedFd> {
    if let Some(mounted) = mounted() {
        return Ok(File::open(mounted)?.into());
    }
    let filesystem = fsopen("cgroup2", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_create(&filesystem)?;
    let attributes = MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC
        | MountAttrFlags::MOUNT_ATTR_NOSUID;
    Ok(fsmount(
        &filesystem,
        FsMountFlags::FSMOUNT_CLOEXEC,
        attributes,
    )?)
}

/// Finds a mount of the whole hierarchy in /proc/self/mountinfo (proc_pid_mountinfo(5)).
fn mounted() -> Option<PathBuf> {
    let text = fs::read(mounts::OWN).ok()?;
    let whole = mounts::mounts(&text).find(|mount| mount.root == b"/" && mount.kind == b"cgroup2");
    whole.map(|mount| PathBuf::from(OsString::from_vec(mount.point)))
}
