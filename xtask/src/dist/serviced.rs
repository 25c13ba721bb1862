//! Installs the package for Debian under a running systemd, uses its service there, and purges it.

use std::{path::Path, process::Stdio};

use anyhow::{Context, Result, bail};

use super::{parts, say};
use crate::systemd::{self, Systemd};

const SCRIPT: &str = include_str!("serviced.sh");

/// Tries the package in a sandbox, which is skipped where none can be made.
pub fn check(package: &Path) -> Result<()> {
    if let Some(reason) = systemd::obstacle() {
        say(&format!("deb under systemd: skipped: {reason}"));
        return Ok(());
    }
    let systemd = Systemd::boot("unified", |place| {
        parts::copy(package, &place.join("package.deb"), 0o644)?;
        parts::write(&place.join("serviced.sh"), SCRIPT.as_bytes())
    })?;
    let output = systemd
        .inside()
        .args(["systemd-run", "--quiet", "--scope", "--slice=user.slice"])
        .args(["sh", "/tests/serviced.sh", "/tests/package.deb"])
        .stdin(Stdio::null())
        .output()
        .context("cannot run nsenter")?;
    if !output.status.success() {
        bail!(
            "the service fails:\n{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    say("deb under systemd: its service started, rotated, was killed, stopped and purged: ok");
    Ok(())
}
