//! The crates that are linked into the program, as cargo resolves them for its features and target:
//! no build scripts, no procedural macros, no tests.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::tools;
use crate::arch::Arch;

/// A crate in the program.
pub struct Crate {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// An SPDX expression.
    pub license: Option<String>,
    /// SHA-256 of the crate's file; absent for crates of this repository.
    pub checksum: Option<String>,
    /// Crates that it uses itself, by name and version.
    pub uses: BTreeSet<(String, String)>,
    /// The directory of its sources.
    pub directory: PathBuf,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    manifest_path: PathBuf,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    dependencies: Vec<String>,
}

#[derive(Deserialize)]
struct Lock {
    package: Vec<Locked>,
}

#[derive(Deserialize)]
struct Locked {
    name: String,
    version: String,
    checksum: Option<String>,
}

/// Lists the crates, the program's own first.
pub fn list(workspace: &Path, arch: Arch) -> Result<Vec<Crate>> {
    let linked = linked(workspace, arch)?;
    let text = tools::output(cargo(workspace).args([
        "metadata",
        "--locked",
        "--format-version=1",
        "--filter-platform",
        arch.target(),
    ]))?;
    let metadata: Metadata =
        serde_json::from_str(&text).context("cannot read cargo's list of packages")?;
    let lock =
        fs::read_to_string(workspace.join("Cargo.lock")).context("cannot read Cargo.lock")?;
    let lock: Lock = toml::from_str(&lock).context("cannot parse Cargo.lock")?;
    let checksums: BTreeMap<_, _> = lock
        .package
        .into_iter()
        .map(|locked| ((locked.name, locked.version), locked.checksum))
        .collect();
    let names: BTreeMap<&str, (String, String)> = metadata
        .packages
        .iter()
        .map(|package| {
            let name = (package.name.clone(), package.version.clone());
            (package.id.as_str(), name)
        })
        .filter(|(_, name)| linked.contains(name))
        .collect();
    let mut uses: BTreeMap<&str, BTreeSet<(String, String)>> = BTreeMap::new();
    for node in &metadata.resolve.nodes {
        let used = node.dependencies.iter();
        let used = used.filter_map(|id| names.get(id.as_str()).cloned());
        uses.insert(&node.id, used.collect());
    }
    let mut crates: Vec<Crate> = metadata
        .packages
        .iter()
        .filter(|package| names.contains_key(package.id.as_str()))
        .map(|package| {
            let name = (package.name.clone(), package.version.clone());
            Crate {
                checksum: checksums.get(&name).cloned().flatten(),
                name: name.0,
                version: name.1,
                license: package.license.clone(),
                uses: uses.remove(package.id.as_str()).unwrap_or_default(),
                directory: package
                    .manifest_path
                    .parent()
                    .unwrap_or(Path::new("."))
                    .to_owned(),
            }
        })
        .collect();
    crates.sort_by_key(|one| (one.name != PROGRAM, one.name.clone(), one.version.clone()));
    Ok(crates)
}

/// The crate of the program.
pub const PROGRAM: &str = "agent-tracer";

/// Asks `cargo tree`, which knows the features of this program alone; `cargo metadata` mixes in
/// those of the whole workspace.
fn linked(workspace: &Path, arch: Arch) -> Result<BTreeSet<(String, String)>> {
    let text = tools::output(cargo(workspace).args([
        "tree",
        "--locked",
        "--package",
        PROGRAM,
        "--edges",
        "normal,no-proc-macro",
        "--target",
        arch.target(),
        "--prefix",
        "none",
        "--format",
        "{p}",
    ]))?;
    Ok(text.lines().filter_map(name_and_version).collect())
}

/// Parses `serde v1.0.2 (*)`.
fn name_and_version(line: &str) -> Option<(String, String)> {
    let mut words = line.split(' ');
    let name = words.next()?;
    let version = words.next()?.strip_prefix('v')?;
    Some((name.to_owned(), version.to_owned()))
}

fn cargo(workspace: &Path) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut cargo = Command::new(program);
    cargo.current_dir(workspace);
    cargo
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_line_of_the_tree() {
        let seen = name_and_version("zbus v5.11.0 (*)");
        assert_eq!(seen, Some(("zbus".to_owned(), "5.11.0".to_owned())));
        assert_eq!(name_and_version("[build-dependencies]"), None);
    }
}
