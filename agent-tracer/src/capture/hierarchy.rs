//! The root of the cgroup2 hierarchy, which cgroup programs are attached to so that they see all processes. It changes
//! no mount that others see.

use std::{
    fs::{self, File},
    io,
    os::fd::OwnedFd,
    path::PathBuf,
};

use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsmount, fsopen};

/// Opens it: where it is mounted or, where it is not (hosts that use cgroup v1 alone), by a mount of our own that is in
/// no directory.
///
/// # Errors
///
/// This kernel has no cgroup2.
pub(super) fn root() -> io::Result<OwnedFd> {
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

/// Where the whole of it is mounted, by /proc/self/mountinfo (proc_pid_mountinfo(5)).
fn mounted() -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    mounts.lines().find_map(|line| {
        let (mount, filesystem) = line.split_once(" - ")?;
        let mut fields = mount.split(' ').skip(3);
        let (root, place) = (fields.next()?, fields.next()?);
        // A place with a space in it is written with an escape, and not worth one here.
        (root == "/" && filesystem.starts_with("cgroup2 ")).then(|| PathBuf::from(place))
    })
}
