//! The guest with systemd as PID 1: a small but whole Debian. Its packages are installed, with
//! their scripts, into a directory that becomes an archive with all owners and modes. That takes
//! root. Only the tests' own units are configured.

use std::{
    fs::{self, File},
    io::Write,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};
use nix::unistd::Uid;
use sha2::{Digest, Sha256};

use super::{
    cpio::Archive,
    image::LEFT_OUT,
    packages::{self, Closure},
    say,
    source::Source,
};

/// Packages besides their dependencies and Debian's essential ones.
const PACKAGES: [&str; 12] = [
    "cron",
    "dbus",
    "init-system-helpers",
    "iproute2",
    "kmod",
    "passwd",
    "perl-base",
    "procps",
    "systemd",
    "systemd-sysv",
    "udev",
    "util-linux",
];

/// Directories left out besides those of every guest: the hardware database, time zones, and apt's
/// own data.
const LEFT_OUT_TOO: [&str; 5] = [
    "usr/lib/udev/hwdb.bin",
    "usr/lib/udev/hwdb.d",
    "usr/share/zoneinfo",
    "var/cache/apt",
    "var/lib/apt/lists",
];

/// Units to mask: getty would take the line of the shell, and timers would run during tests.
const MASKED: [&str; 6] = [
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "fstrim.timer",
    "getty.target",
    "serial-getty@ttyS0.service",
    "systemd-tmpfiles-clean.timer",
];

const TARGET: &str = "\
[Unit]
Description=The guest is up and does what it is for
Requires=multi-user.target
After=multi-user.target
Wants=guest.service
AllowIsolate=yes
";

/// The unit of the shell on the console. It is not part of booting, so that units can be started
/// one after the other once the boot is over.
const SERVICE: &str = "\
[Unit]
Description=The tests, or a shell
After=multi-user.target

[Service]
ExecStart=/tests/guest
StandardInput=tty-force
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
";

/// Returns the name of the layer, which depends on its packages.
pub fn base(bases: &Path) -> Result<PathBuf> {
    let mut names = PACKAGES.to_vec();
    // apt's spelling for "install it in any case".
    names.push("?essential");
    let closure = Closure::of(&Source::machine(), &names)?;
    let out: Vec<&str> = LEFT_OUT.into_iter().chain(LEFT_OUT_TOO).collect();
    let key = Sha256::digest([closure.versions.as_str(), &out.join(" ")].join("\n"));
    let base = bases.join(format!("{:.16}.cpio", format!("{key:x}")));
    if base.exists() {
        return Ok(base);
    }
    if !Uid::effective().is_root() {
        bail!("only root can install the guest with systemd: run this as root once");
    }
    let mmdebstrap = packages::require("mmdebstrap", "mmdebstrap")?;
    let cpio = packages::require("cpio", "cpio")?;
    say(&format!(
        "making the guest with systemd, of {} packages",
        closure.versions.lines().count()
    ));
    let unwritable = || format!("cannot write into {}", bases.display());
    let directory = tempfile::tempdir_in(bases).with_context(unwritable)?;
    let root = directory.path().join("root");
    let sources = directory.path().join("sources.list");
    fs::write(&sources, packages::sources()?).with_context(unwritable)?;
    packages::run(
        Command::new(mmdebstrap)
            .args(["--quiet", "--mode=root", "--variant=essential"])
            .args(["--format=directory", "--include"])
            .arg(PACKAGES.join(","))
            // The sources give the release.
            .arg("")
            .arg(&root)
            .arg(&sources),
    )?;
    for place in out {
        remove(&root.join(place))?;
    }
    let new = directory.path().join("base.cpio");
    pack(&cpio, &root, &new).with_context(unwritable)?;
    fs::rename(&new, &base).with_context(unwritable)?;
    Ok(base)
}

fn remove(place: &Path) -> Result<()> {
    let removed = match fs::symlink_metadata(place) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(place),
        Ok(_) => fs::remove_file(place),
        Err(_) => return Ok(()),
    };
    removed.with_context(|| format!("cannot remove {}", place.display()))
}

/// Not compressed: an emulated processor takes longer to unpack it than this one to copy it.
fn pack(cpio: &Path, root: &Path, to: &Path) -> Result<()> {
    let mut packer = Command::new(cpio)
        .args(["--null", "--quiet", "--create", "--format=newc"])
        .current_dir(root)
        .stdin(Stdio::piped())
        .stdout(File::create(to)?)
        .spawn()
        .context("cannot run cpio")?;
    let mut names = Vec::new();
    list(root, Path::new(""), &mut names)?;
    if let Some(mut input) = packer.stdin.take() {
        input.write_all(&names)?;
    }
    let status = packer.wait().context("cannot wait for cpio")?;
    if !status.success() {
        bail!("cpio failed ({status})");
    }
    Ok(())
}

/// Lists the contents of a directory, each directory before its contents.
fn list(root: &Path, inside: &Path, names: &mut Vec<u8>) -> Result<()> {
    for entry in fs::read_dir(root.join(inside))? {
        let entry = entry?;
        let place = inside.join(entry.file_name());
        names.extend(place.as_os_str().as_bytes());
        names.push(0);
        if entry.file_type()?.is_dir() {
            list(root, &place, names)?;
        }
    }
    Ok(())
}

/// The unit that starts the tests.
pub fn top() -> Archive {
    let mut archive = Archive::default();
    archive.link("init", "/usr/sbin/init");
    archive.text("tests/guest", 0o755, include_str!("guest.sh"));
    let units = "etc/systemd/system";
    archive.text(&format!("{units}/guest.target"), 0o644, TARGET);
    archive.text(&format!("{units}/guest.service"), 0o644, SERVICE);
    archive.link(&format!("{units}/default.target"), "guest.target");
    for unit in MASKED {
        archive.link(&format!("{units}/{unit}"), "/dev/null");
    }
    archive.text("etc/hostname", 0o644, "guest\n");
    archive.text(
        "etc/hosts",
        0o644,
        "127.0.0.1 localhost guest\n::1 localhost\n",
    );
    // Without it, systemd takes this for the first boot ever and sets the machine up.
    archive.text("etc/machine-id", 0o444, &format!("{}\n", "5".repeat(32)));
    archive
}
