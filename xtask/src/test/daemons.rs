//! Fetches the packages of the daemons that are recorded in a sandbox. They are not installed on
//! the machine.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result};

/// The packages, without what they depend on.
const PACKAGES: [&str; 10] = [
    "dnsmasq",
    "lighttpd",
    "memcached",
    "mini-httpd",
    "nginx-light",
    "openssh-server",
    "redis-server",
    "rpcbind",
    "snmpd",
    "tinyproxy",
];

/// Fetches the packages, with those that they depend on, into a new directory. It stays empty where
/// that fails, and the tests say so.
pub fn fetch(to: &Path) -> Result<()> {
    // apt-get wants a second directory inside, and leaves a lock.
    let archives = to.with_extension("apt");
    fs::create_dir_all(archives.join("partial")).context("cannot make a directory")?;
    fs::create_dir_all(to).context("cannot make a directory")?;
    if !(download(&archives) || (update() && download(&archives))) {
        println!("test: apt-get cannot fetch {}", PACKAGES.join(" "));
        return Ok(());
    }
    for entry in fs::read_dir(&archives).context("cannot list the packages")? {
        let path = entry.context("cannot list the packages")?.path();
        let name = path.file_name().unwrap_or_default();
        if path.extension().is_some_and(|extension| extension == "deb") {
            fs::rename(&path, to.join(name)).context("cannot move a package")?;
        }
    }
    fs::remove_dir_all(&archives).context("cannot remove a directory")
}

fn download(archives: &Path) -> bool {
    let mut setting = std::ffi::OsString::from("Dir::Cache::archives=");
    setting.push(archives);
    let mut apt = Command::new("apt-get");
    apt.args(["install", "--download-only", "--reinstall", "--yes"])
        .args(["--no-install-recommends", "-o"])
        .arg(setting)
        .args(PACKAGES);
    succeeds(&mut apt)
}

fn update() -> bool {
    succeeds(Command::new("apt-get").arg("update"))
}

fn succeeds(apt: &mut Command) -> bool {
    apt.env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
