//! Roots of other systems: archives of small Debians, kept in the build directory.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::{say, tools};
use crate::vm::packages;

/// Returns the archive of a release with a reader of manual pages; makes it if there is none.
pub fn archive(release: &str, target: &Path) -> Result<PathBuf> {
    let directory = target.join("dist-roots");
    fs::create_dir_all(&directory)
        .with_context(|| format!("cannot make {}", directory.display()))?;
    let archive = directory.join(format!("{release}.tar"));
    if archive.exists() {
        return Ok(archive);
    }
    let program = packages::require("mmdebstrap", "mmdebstrap")?;
    let sources = packages::sources()?;
    let address = sources
        .lines()
        .find_map(|line| line.split(' ').nth(1))
        .context("cannot read apt's sources")?;
    say(&format!("making a root of {release}"));
    // An archive that was begun only is not taken for a whole one.
    let begun = directory.join(format!("{release}.begun.tar"));
    tools::output(
        Command::new(program)
            .args(["--quiet", "--variant=minbase", "--include=man-db", release])
            .arg(&begun)
            .arg(format!("deb {address} {release} main")),
    )?;
    fs::rename(&begun, &archive).with_context(|| format!("cannot rename {}", begun.display()))?;
    Ok(archive)
}
