//! The file system the installer sees: this machine's own, read through
//! overlays whose upper layers are memory, so that it can change everything
//! and nothing changes. It writes only below the tmpfs it mounts.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::unistd::{chdir, pivot_root, sethostname};

use super::addresses::PLATFORM;
use super::network::VIRTUAL_MACHINE;

/// The host name inside: views show it, and no real machine's name leaks.
const HOST_NAME: &str = "oms-replica";

/// File systems whose contents the sandbox should show. All others are the
/// kernel's, memory, or a network's: mounted anew below, or left out.
const ON_DISK: [&str; 9] = [
    "ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "zfs", "overlay", "bcachefs",
];

/// Files and directories of the sandbox.
pub struct SandboxFiles<'a> {
    /// An existing directory outside, on which the tmpfs is mounted.
    pub staging: &'a Path,
    /// The only directory of the machine: for the trace.
    pub output: &'a Path,
    /// Its path inside: the path that the user knows, since the recorder prints it.
    pub output_inside: &'a Path,
    /// Programs and other files to copy: from outside, to a path inside.
    pub programs: Vec<(PathBuf, PathBuf)>,
}

/// Moves the calling process, PID 1 of new mount and UTS namespaces, into the
/// sandbox.
pub fn enter(files: &SandboxFiles) -> Result<()> {
    // What is mounted from here on stays here.
    mount_plain(
        "none",
        Path::new("/"),
        None,
        MsFlags::MS_REC | MsFlags::MS_PRIVATE,
    )?;
    mount_plain("tmpfs", files.staging, Some("tmpfs"), MsFlags::empty())?;
    let root = files.staging.join("root");
    overlay_disks(files.staging, &root)?;
    mount_kernel_file_systems(&root)?;

    let output = inside(&root, files.output_inside);
    fs::create_dir_all(&output)?;
    bind(files.output, &output, MsFlags::empty())?;

    for (from, to) in &files.programs {
        let to = inside(&root, to);
        // A link would lead the copy to another program.
        let _ = fs::remove_file(&to);
        if let Some(directory) = to.parent() {
            fs::create_dir_all(directory)
                .with_context(|| format!("cannot make {}", directory.display()))?;
        }
        fs::copy(from, &to)
            .with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
        fs::set_permissions(&to, fs::Permissions::from_mode(0o755))?;
    }
    write_identity(&root)?;

    chdir(&root)?;
    pivot_root(".", ".").context("cannot make the overlay the root")?;
    umount2(".", MntFlags::MNT_DETACH).context("cannot leave the machine's root")?;
    chdir("/root").or_else(|_| chdir("/"))?;
    Ok(())
}

/// One overlay over the root and one over each disk mounted below it.
fn overlay_disks(staging: &Path, root: &Path) -> Result<()> {
    fs::create_dir_all(root)?;
    for (index, mountpoint) in disk_mountpoints()?.iter().enumerate() {
        let upper = staging.join(format!("upper{index}"));
        let work = staging.join(format!("work{index}"));
        fs::create_dir(&upper)?;
        fs::create_dir(&work)?;
        // The upper directory's mode becomes that of the root it shows.
        fs::set_permissions(&upper, fs::metadata(mountpoint)?.permissions())?;
        let target = inside(root, mountpoint);
        if !target.is_dir() {
            continue;
        }
        let layers = format!(
            "lowerdir={},upperdir={},workdir={}",
            escaped(mountpoint),
            escaped(&upper),
            escaped(&work)
        );
        let lay = |options: &str| {
            mount(
                Some("overlay"),
                &target,
                Some("overlay"),
                MsFlags::empty(),
                Some(options),
            )
        };
        // As on a disk, fanotify can watch the whole file system. Not all disks allow it.
        let exported = format!("{layers},index=on,nfs_export=on");
        let mounted = lay(&exported).or_else(|_| lay(&layers));
        let essential = ["/", "/usr", "/var", "/etc", "/opt"]
            .iter()
            .any(|path| mountpoint == Path::new(path));
        if essential {
            mounted.with_context(|| {
                format!(
                    "cannot lay an overlay over {}: the demo needs overlayfs, and inside a \
                     container its root may itself be too deep a stack of overlays; \
                     run the demo on the host or in a virtual machine",
                    mountpoint.display()
                )
            })?;
        }
    }
    Ok(())
}

/// Mount points with files on disk, the root first, as the kernel lists them.
fn disk_mountpoints() -> Result<Vec<PathBuf>> {
    let table = fs::read_to_string("/proc/self/mountinfo").context("cannot read mountinfo")?;
    let mut mountpoints: Vec<PathBuf> = table
        .lines()
        .filter_map(|line| {
            let (fields, kind) = line.split_once(" - ")?;
            let mountpoint = fields.split(' ').nth(4)?;
            let kind = kind.split(' ').next()?;
            ON_DISK.contains(&kind).then(|| unescaped(mountpoint))
        })
        .filter(|path| path.is_dir())
        .collect();
    // A parent before what is mounted on it; a path once, however often mounted.
    mountpoints.sort();
    mountpoints.dedup();
    Ok(mountpoints)
}

fn mount_kernel_file_systems(root: &Path) -> Result<()> {
    let hardened = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount_plain(
        "proc",
        &root.join("proc"),
        Some("proc"),
        hardened | MsFlags::MS_NOEXEC,
    )?;
    bind(Path::new("/dev"), &root.join("dev"), MsFlags::MS_REC)?;
    bind(Path::new("/sys"), &root.join("sys"), MsFlags::MS_REC)?;
    for mountpoint in mountpoints_below(&root.join("sys"))? {
        // A refusal (of a mount that a container locks) leaves the mount as it was.
        let _ = mount_plain(
            "none",
            &mountpoint,
            None,
            MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY,
        );
    }
    for (directory, mode) in [("tmp", 0o1777), ("run", 0o755)] {
        let directory = root.join(directory);
        mount_plain("tmpfs", &directory, Some("tmpfs"), hardened)?;
        fs::set_permissions(&directory, fs::Permissions::from_mode(mode))?;
    }
    fs::create_dir_all(root.join("run/lock"))?;
    Ok(())
}

fn mountpoints_below(directory: &Path) -> Result<Vec<PathBuf>> {
    Ok(fs::read_to_string("/proc/self/mountinfo")?
        .lines()
        .filter_map(|line| line.split(' ').nth(4).map(unescaped))
        .filter(|path| path.starts_with(directory))
        .collect())
}

/// Writes the host name and the name servers.
fn write_identity(root: &Path) -> Result<()> {
    sethostname(HOST_NAME).context("cannot name the sandbox")?;
    let hosts = format!("127.0.0.1 localhost\n{VIRTUAL_MACHINE} {HOST_NAME}\n");
    for (name, text) in [
        ("hostname", format!("{HOST_NAME}\n")),
        ("hosts", hosts),
        ("resolv.conf", format!("nameserver {PLATFORM}\n")),
    ] {
        let path = root.join("etc").join(name);
        // resolv.conf is often a link into /run, which is empty here.
        let _ = fs::remove_file(&path);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn bind(from: &Path, to: &Path, flags: MsFlags) -> Result<()> {
    mount(
        Some(from),
        to,
        None::<&str>,
        MsFlags::MS_BIND | flags,
        None::<&str>,
    )
    .with_context(|| format!("cannot bind {} into the sandbox", from.display()))
}

fn mount_plain(source: &str, target: &Path, kind: Option<&str>, flags: MsFlags) -> Result<()> {
    mount(Some(source), target, kind, flags, None::<&str>)
        .with_context(|| format!("cannot mount {source} on {}", target.display()))
}

fn inside(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

/// Overlay options take `:` and `,` as separators.
fn escaped(path: &Path) -> String {
    path.to_string_lossy()
        .replace('\\', "\\\\")
        .replace(':', "\\:")
        .replace(',', "\\,")
}

/// mountinfo writes a space, tab, newline and backslash as octal.
fn unescaped(field: &str) -> PathBuf {
    PathBuf::from(
        field
            .replace("\\040", " ")
            .replace("\\011", "\t")
            .replace("\\012", "\n")
            .replace("\\134", "\\"),
    )
}
