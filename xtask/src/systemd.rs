//! Boots systemd as PID 1 of namespaces of its own, on the running kernel, over a copy-on-write
//! layer of this machine's system. `systemd.sh` makes them; it leaves nothing behind.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use nix::unistd::Uid;
use tempfile::TempDir;

use crate::demo::elevate;

/// Programs that it needs, besides those of every Debian.
const NEEDED: [&str; 6] = [
    "setpriv",
    "unshare",
    "nsenter",
    "systemd-run",
    "dbus-daemon",
    "perl",
];

/// Limit for a boot, which takes 2 s on an idle machine.
const PATIENCE: Duration = Duration::from_secs(180);

/// A running systemd; it ends when this is dropped.
pub struct Systemd {
    outer: Child,
    place: TempDir,
}

/// Returns the reason for which this machine cannot boot it.
pub fn obstacle() -> Option<String> {
    if !Uid::effective().is_root() {
        return Some("it needs root".to_owned());
    }
    let missing = NEEDED
        .iter()
        .find(|name| elevate::find_program(name).is_none());
    missing.map(|name| format!("{name} is not installed"))
}

impl Systemd {
    /// Boots it with a layout of cgroups: unified, hybrid or v1. `fill` makes the files of /tests.
    pub fn boot(layout: &str, fill: impl FnOnce(&Path) -> Result<()>) -> Result<Systemd> {
        let place = tempfile::Builder::new()
            .prefix("tracer-sandbox-")
            .tempdir()
            .context("cannot make a temporary directory")?;
        open_to_all(place.path())?;
        let inside = place.path().join("programs");
        fs::create_dir(&inside).context("cannot make a directory")?;
        fill(&inside)?;
        let script = place.path().join("systemd.sh");
        fs::write(&script, include_str!("systemd.sh")).context("cannot write a script")?;
        // It also ends if this program is killed.
        let outer = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "sh"])
            .arg(&script)
            .arg(place.path())
            .arg(layout)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("cannot run sh")?;
        let mut systemd = Systemd { outer, place };
        systemd.wait_until_booted()?;
        Ok(systemd)
    }

    fn wait_until_booted(&mut self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.outer.try_wait().context("cannot wait for it")? {
                bail!("the sandbox ended ({status}); its messages are above");
            }
            let state = self
                .inside()
                .args(["systemctl", "is-system-running"])
                .stdin(Stdio::null())
                .stderr(Stdio::null())
                .output()
                .context("cannot run nsenter")?;
            // One of the machine's units may fail there. It is enough that no job is left and that
            // systemd accepts new ones: the bus may come up later.
            let has_booted =
                state.stdout.starts_with(b"running") || state.stdout.starts_with(b"degraded");
            if has_booted && self.starts_units()? {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("systemd did not boot within {} s", PATIENCE.as_secs());
            }
            thread::sleep(Duration::from_millis(100));
        }
    }

    fn starts_units(&self) -> Result<bool> {
        let status = self
            .inside()
            .args(["systemd-run", "--quiet", "--wait", "true"])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .context("cannot run nsenter")?;
        Ok(status.success())
    }

    /// Returns the beginning of a command line that runs in the sandbox.
    pub fn inside(&self) -> Command {
        let outer = self.outer.id();
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--target={outer}"))
            .args(["--mount", "--net", "--uts", "--ipc", "--cgroup"])
            // PID 1 is this process's child.
            .arg(format!("--pid=/proc/{outer}/ns/pid_for_children"))
            .args(["--", "env", "--ignore-environment"])
            .args(["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"])
            .args(["TERM=linux", "LC_ALL=C.UTF-8"]);
        command
    }

    /// True if /tests has this file or directory.
    pub fn has(&self, name: &str) -> bool {
        self.place.path().join("programs").join(name).exists()
    }

    /// Lists the cgroups that the script made on the machine.
    fn cgroups(&self) -> Vec<PathBuf> {
        let Some(name) = self.place.path().file_name() else {
            return Vec::new();
        };
        let root = Path::new("/sys/fs/cgroup");
        let below = fs::read_dir(root).into_iter().flatten().flatten();
        let hierarchies = below.map(|entry| entry.path());
        hierarchies
            .chain([root.to_owned()])
            .map(|hierarchy| hierarchy.join(name))
            .filter(|cgroup| cgroup.exists())
            .collect()
    }
}

impl Drop for Systemd {
    fn drop(&mut self) {
        // The kernel ends the processes of the namespaces with their PID 1, which ends with its
        // parent.
        drop(self.outer.kill());
        drop(self.outer.wait());
        let deadline = Instant::now() + Duration::from_secs(10);
        for cgroup in self.cgroups() {
            while remove(&cgroup).is_err() && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

/// Removes a cgroup with all cgroups below it.
fn remove(cgroup: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(cgroup)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove(&entry.path())?;
        }
    }
    fs::remove_dir(cgroup)
}

/// Copies a program that all users may run.
pub fn copy_program(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to).with_context(|| format!("cannot copy {}", from.display()))?;
    open_to_all(to)
}

fn open_to_all(path: &Path) -> Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
        .with_context(|| format!("cannot open {} to all users", path.display()))
}
