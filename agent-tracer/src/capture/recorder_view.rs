//! Compares the view of a process with the recorder's: namespaces, root directory and files. It
//! draws no conclusion from a difference.

use std::{
    ffi::OsStr,
    fs,
    os::{
        fd::{AsFd as _, BorrowedFd},
        unix::ffi::OsStrExt as _,
    },
    path::Path,
};

use agent_tracer_ebpf::{NO_OFFSET, Settings};
use rustix::{
    fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags, StatxFlags, openat2, statx},
    io::Errno,
    path::Arg,
};

use super::proc::{mounts, process::ProcessDirectory};
use crate::event::{Identified, Identity, Seen, View};

/// The recorder's own view.
#[derive(Clone, Debug)]
pub struct RecorderView {
    mount_namespace: u32,
    user_namespace: u32,
    pid_namespace: u32,
    network_namespace: u32,
    root_mount: u32,
    root_inode: u64,
    root_device: u32,
}

/// Attempts of a cached lookup: any rename at the same time makes it fail.
const TRIES: usize = 8;

impl RecorderView {
    /// Reads the recorder's view; `None` if the kernel lacks the interface.
    pub fn of_recorder() -> Option<RecorderView> {
        let root = Found::at("/")?;
        Some(RecorderView {
            mount_namespace: own_namespace("mnt")?,
            user_namespace: own_namespace("user")?,
            pid_namespace: own_namespace("pid")?,
            network_namespace: own_namespace("net")?,
            root_mount: u32::try_from(root.mount).ok()?,
            root_inode: root.inode,
            root_device: root.device,
        })
    }

    /// Completes the identity of an exec, as the kernel emitted it, and reads the root directory.
    pub fn judge(&self, pid: u32, exe: &[u8], seen: &Seen) -> Identified {
        let is_own = seen.mount_namespace == self.mount_namespace
            && seen.file_namespace == self.mount_namespace
            && seen.root_mount == self.root_mount
            && seen.root_inode == self.root_inode;
        let mut identity = seen.identity;
        let view = if is_own {
            View::Own
        } else if self.sees(exe, identity.device, identity.inode) {
            View::SameFile
        } else {
            View::Another
        };
        identity.view = view.into();
        identity.mount_namespace = other(seen.mount_namespace, self.mount_namespace);
        identity.user_namespace = other(seen.user_namespace, self.user_namespace);
        identity.file_namespace = other(seen.file_namespace, self.mount_namespace);
        identity.pid_namespace = other(seen.pid_namespace, self.pid_namespace);
        identity.network_namespace = other(seen.network_namespace, self.network_namespace);
        if identity.user_namespace == 0 {
            identity.inner_user = None;
        }
        let has_own_root = (seen.root_mount, seen.root_inode) == (self.root_mount, self.root_inode);
        Identified {
            identity,
            root_directory: match has_own_root {
                true => Vec::new(),
                false => ProcessDirectory::open(pid)
                    .map_or_else(Vec::new, |process| root_directory(&process)),
            },
        }
    }

    /// Identifies a running process by /proc; `None` for a kernel thread, or one that is gone.
    pub(super) fn identify(
        &self,
        process: &ProcessDirectory,
        exe: &[u8],
        user: u32,
    ) -> Option<Identified> {
        let found = |name: &str| Found::of(process.as_fd(), name, AtFlags::NO_AUTOMOUNT);
        let namespace = |name: &str| u32::try_from(found(name)?.inode).ok();
        let (file, root) = (found("exe")?, found("root")?);
        let mount_namespace = namespace("ns/mnt")?;
        let user_namespace = namespace("ns/user")?;
        let is_home = mount_namespace == self.mount_namespace
            && (root.device, root.inode) == (self.root_device, self.root_inode);
        let is_same = seen_at(exe)
            .is_some_and(|found| (found.device, found.inode) == (file.device, file.inode));
        let view = match (is_home, is_same) {
            (true, true) => View::Own,
            // A file that was replaced since then, on a mount of the recorder's.
            (true, false) if is_mounted_here(file.mount) => View::Own,
            (false, true) => View::SameFile,
            (true | false, false) => View::Another,
        };
        let user_namespace = other(user_namespace, self.user_namespace);
        let inner_user = match user_namespace {
            0 => None,
            _ => process
                .read("uid_map")
                .ok()
                .and_then(|map| inner_user(std::str::from_utf8(&map).ok()?, user)),
        };
        let has_own_root = (root.device, root.inode) == (self.root_device, self.root_inode);
        let identity = Identity {
            device: file.device,
            inode: file.inode,
            owner: file.owner,
            group: file.group,
            mode: file.mode,
            view: view.into(),
            mount_namespace: other(mount_namespace, self.mount_namespace),
            user_namespace,
            inner_user,
            file_namespace: 0,
            is_unlinked: false,
            pid_namespace: other(namespace("ns/pid")?, self.pid_namespace),
            network_namespace: other(namespace("ns/net")?, self.network_namespace),
        };
        Some(Identified {
            identity,
            root_directory: match has_own_root {
                true => Vec::new(),
                false => root_directory(process),
            },
        })
    }

    /// Returns true if the path leads to this file in the recorder's view.
    fn sees(&self, path: &[u8], device: u32, inode: u64) -> bool {
        seen_at(path).is_some_and(|found| {
            found.inode == inode
                && (found.device == device || device_of_mount(path) == Some(device))
        })
    }
}

/// Reads the root directory of a process; empty where it is a mount of its own, or unreadable.
fn root_directory(process: &ProcessDirectory) -> Vec<u8> {
    match process.link("root") {
        root if root == b"/" => Vec::new(),
        root => root,
    }
}

fn other(namespace: u32, own: u32) -> u32 {
    if namespace == own { 0 } else { namespace }
}

/// Returns true if the kernel's BTF has all members that make an identity.
pub(super) fn has_identity_members(settings: &Settings) -> bool {
    [
        settings.file_inode,
        settings.inode_number,
        settings.inode_superblock,
        settings.inode_user,
        settings.inode_group,
        settings.inode_mode,
        settings.superblock_device,
        settings.dentry_inode,
        settings.mount_id,
        settings.mount_namespace,
        settings.mount_namespace_inum,
        settings.task_nsproxy,
        settings.nsproxy_mount_namespace,
        settings.cred_user_namespace,
        settings.user_namespace_inum,
    ]
    .iter()
    .all(|offset| *offset != NO_OFFSET)
}

/// Facts from statx(2) about a file.
struct Found {
    device: u32,
    inode: u64,
    owner: u32,
    group: u32,
    mode: u32,
    mount: u64,
}

impl Found {
    fn at(path: &str) -> Option<Found> {
        Found::of(CWD, path, AtFlags::NO_AUTOMOUNT)
    }

    /// Reads the facts without a request to a server, which may belong to the command and hang.
    fn of(directory: BorrowedFd<'_>, path: impl Arg, flags: AtFlags) -> Option<Found> {
        let mask = StatxFlags::BASIC_STATS | StatxFlags::MNT_ID;
        let found = statx(directory, path, flags | AtFlags::STATX_DONT_SYNC, mask).ok()?;
        Some(Found {
            device: kernel_device(found.stx_dev_major, found.stx_dev_minor),
            inode: found.stx_ino,
            owner: found.stx_uid,
            group: found.stx_gid,
            mode: u32::from(found.stx_mode),
            mount: found.stx_mnt_id,
        })
    }
}

fn own_namespace(kind: &str) -> Option<u32> {
    let found = Found::at(&format!("/proc/self/ns/{kind}"))?;
    u32::try_from(found.inode).ok()
}

/// Looks a path up in the kernel's cache alone.
///
/// The recorded process chooses the path: an uncached lookup may mount a file system, or hang. A
/// running executable is in the cache under its own path.
fn seen_at(path: &[u8]) -> Option<Found> {
    if !path.starts_with(b"/") {
        return None;
    }
    let resolve = ResolveFlags::CACHED | ResolveFlags::NO_SYMLINKS;
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    for _ in 0..TRIES {
        match openat2(CWD, path, flags, Mode::empty(), resolve) {
            Ok(file) => return Found::of(file.as_fd(), c"", AtFlags::EMPTY_PATH),
            Err(Errno::AGAIN) => {}
            Err(_) => return None,
        }
    }
    None
}

/// Finds the device of a path's mount. On btrfs, stat(2) has another device for each subvolume;
/// only mountinfo has the device that the kernel side reads.
fn device_of_mount(path: &[u8]) -> Option<u32> {
    let text = fs::read(mounts::OWN).ok()?;
    let path = Path::new(OsStr::from_bytes(path));
    let covers = |point: &[u8]| path.starts_with(OsStr::from_bytes(point));
    let mounts = mounts::mounts(&text).filter(|mount| covers(&mount.point));
    // The last of several mounts on each other is visible.
    let mount = mounts.max_by_key(|mount| mount.point.len())?;
    Some(kernel_device(mount.device.0, mount.device.1))
}

/// Returns true if the recorder has the mount with that number.
fn is_mounted_here(number: u64) -> bool {
    fs::read(mounts::OWN)
        .is_ok_and(|text| mounts::mounts(&text).any(|mount| u64::from(mount.id) == number))
}

/// Encodes a device number like the kernel side.
fn kernel_device(major: u32, minor: u32) -> u32 {
    const MINOR_BITS: u32 = 20;
    major << MINOR_BITS | (minor & ((1 << MINOR_BITS) - 1))
}

/// Maps a user id into a namespace, by the lines of its uid_map(5).
fn inner_user(map: &str, user: u32) -> Option<u32> {
    map.lines().find_map(|line| {
        let mut fields = line.split_ascii_whitespace().map(str::parse::<u32>);
        let mut next = || fields.next()?.ok();
        let (inner, outer, count) = (next()?, next()?, next()?);
        within(inner, outer, count, user)
    })
}

/// Maps a user id by one range; `None` if it is outside.
fn within(inner: u32, outer: u32, count: u32, user: u32) -> Option<u32> {
    let position = user
        .checked_sub(outer)
        .filter(|position| *position < count)?;
    inner.checked_add(position)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_mapped_by_the_range_that_they_are_in() {
        let map = "         0     1000          1\n 1 100000 65536\n";
        assert_eq!(inner_user(map, 1000), Some(0));
        assert_eq!(inner_user(map, 100_001), Some(2));
        assert_eq!(inner_user(map, 7), None);
        assert_eq!(inner_user("4294967295 0 4294967295", 1), None);
        assert_eq!(inner_user("x", 1), None);
    }

    #[test]
    fn a_device_is_written_as_the_kernel_has_it() {
        let device = kernel_device(259, 0x4_2003);
        assert_eq!(device, 259 << 20 | 0x4_2003);
    }

    #[test]
    fn the_recorder_sees_its_own_executable() {
        let view = RecorderView::of_recorder().expect("where it stands");
        let exe = fs::read_link("/proc/self/exe").expect("the executable");
        let exe = exe.as_os_str().as_bytes();
        let own = ProcessDirectory::open(std::process::id()).expect("its directory");
        let identity = view.identify(&own, exe, 0).expect("itself").identity;
        assert_eq!(identity.view(), View::Own);
        assert!(view.sees(exe, identity.device, identity.inode));
        assert!(!view.sees(b"/", identity.device, identity.inode));
        assert!(!view.sees(b"proc", identity.device, identity.inode));
    }
}
