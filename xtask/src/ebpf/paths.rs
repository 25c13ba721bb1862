//! Keeps the paths of this machine out of what is built, so that two checkouts make the same bytes.
//! Cargo reports where packages are.
//!
//! The paths of Rust's own library stay: Debian's build put them there, the same everywhere, and no
//! flag of a later build renames them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// The part of `cargo metadata` with the paths of packages.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    manifest_path: PathBuf,
}

/// Returns the compiler flags that name every file after its package.
///
/// There is one flag per package, rather than one for the registry: the result is the same with the
/// registry, a mirror or a vendored copy.
pub fn remap_flags(mut cargo: Command, target: &str, build: &Path) -> Result<Vec<String>> {
    let output = cargo
        .args(["metadata", "--locked", "--format-version=1"])
        .args(["--filter-platform", target])
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot run {}", cargo.get_program().display()))?;
    if !output.status.success() {
        bail!("cargo does not list the packages; its message is above");
    }
    let metadata =
        serde_json::from_slice(&output.stdout).context("cargo metadata says what it should not")?;
    flags(metadata, build)
}

fn flags(metadata: Metadata, build: &Path) -> Result<Vec<String>> {
    // The last matching flag wins. In this order a directory comes before those inside it, so the
    // innermost one names the file.
    let mut names = BTreeMap::from([(build.to_owned(), "target".to_owned())]);
    for package in metadata.packages {
        let directory = package
            .manifest_path
            .parent()
            .with_context(|| format!("{} lies nowhere", package.name))?;
        let name = format!("{}-{}", package.name, package.version);
        names.insert(directory.to_owned(), name);
    }
    names
        .into_iter()
        .map(|(directory, name)| {
            let directory = directory.to_str().with_context(|| {
                format!(
                    "{} is not UTF-8: move the checkout or CARGO_HOME",
                    directory.display()
                )
            })?;
            Ok(format!("--remap-path-prefix={directory}={name}"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_directory_comes_last() -> Result<()> {
        let metadata = serde_json::from_str(
            r#"{"packages": [
                {"name": "aya", "version": "0.2.1", "source": "registry",
                 "manifest_path": "/co/programs/vendor/aya/Cargo.toml"},
                {"name": "programs", "version": "0.1.0", "source": null,
                 "manifest_path": "/co/programs/Cargo.toml"}
            ]}"#,
        )?;
        assert_eq!(
            flags(metadata, Path::new("/co/build tree/ebpf"))?,
            [
                "--remap-path-prefix=/co/build tree/ebpf=target",
                "--remap-path-prefix=/co/programs=programs-0.1.0",
                "--remap-path-prefix=/co/programs/vendor/aya=aya-0.2.1",
            ]
        );
        Ok(())
    }
}
