//! Installs the packages in roots of other systems, uses the tool there, and removes it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use nix::unistd::Uid;

use super::{parts, roots, say, serviced, tools};
use crate::arch::Arch;

const SCRIPT: &str = include_str!("installed.sh");
/// Releases of Debian, with the form of package that is tried there. Any root serves for the other
/// form: the package needs nothing of it.
const TRIALS: [(&str, &str); 4] = [
    ("bullseye", "deb"),
    ("bookworm", "deb"),
    ("trixie", "deb"),
    ("bookworm", "rpm"),
];

/// Tries the packages of the output; a release whose root cannot be made is skipped.
pub fn check(target: &Path, output: &Path) -> Result<()> {
    if !Uid::effective().is_root() {
        bail!("cannot install packages in other roots: this needs root\nhint: use sudo");
    }
    let mut passed = 0;
    for (release, form) in TRIALS {
        let root = match roots::archive(release, target) {
            Ok(root) => root,
            Err(error) => {
                say(&format!("{form} on {release}: skipped: {error:#}"));
                continue;
            }
        };
        try_one(&root, &package(output, form)?)
            .with_context(|| format!("the {form} fails on {release}"))?;
        say(&format!("{form} on {release}: ok"));
        passed += 1;
    }
    if passed == 0 {
        bail!("no package was tried: no root could be made");
    }
    serviced::check(&package(output, "deb")?)
}

/// Finds the package for this machine's processor.
fn package(output: &Path, form: &str) -> Result<PathBuf> {
    let own = Arch::own()?;
    let ends = [own.debian(), own.name()].map(|arch| format!("{arch}.{form}"));
    tools::files(output)?
        .into_iter()
        .find(|file| {
            let name = tools::name(file).unwrap_or_default();
            ends.iter().any(|end| name.ends_with(end))
        })
        .with_context(|| {
            format!(
                "cannot find a .{form} in {}\nhint: run `cargo xtask dist` first",
                output.display()
            )
        })
}

fn try_one(archive: &Path, package: &Path) -> Result<()> {
    let scratch = tempfile::tempdir().context("cannot make a temporary directory")?;
    let root = scratch.path().join("root");
    fs::create_dir(&root).context("cannot make a directory for the root")?;
    tools::output(
        Command::new("tar")
            .args(["--extract", "--numeric-owner", "--file"])
            .arg(archive)
            .arg("--directory")
            .arg(&root)
            // Devices are the machine's own.
            .args(["--exclude", "./dev/*"]),
    )?;
    let script = scratch.path().join("installed.sh");
    parts::write(&script, SCRIPT.as_bytes())?;
    let output = Command::new("unshare")
        .args(["--mount", "--pid", "--fork", "--kill-child", "sh"])
        .arg(&script)
        .arg(&root)
        .arg(package)
        .stdin(Stdio::null())
        .output()
        .context("cannot run unshare")?;
    if !output.status.success() {
        bail!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}
