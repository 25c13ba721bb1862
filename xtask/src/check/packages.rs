//! Checks that the published crates have what their sources include, without building them.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

/// A crate with the files and directories that it cannot be built without.
const NEEDED: [(&str, &[&str]); 2] = [
    (
        "agent-tracer",
        &[
            "src",
            "names",
            "rules",
            "secrets",
            "templates",
            "LICENSE-APACHE",
            "LICENSE-MIT",
        ],
    ),
    (
        "agent-tracer-ebpf",
        &[
            "src",
            "object",
            "build.rs",
            "LICENSE-APACHE",
            "LICENSE-GPL2",
            "LICENSE-MIT",
        ],
    ),
];

/// Fails if a package lacks a file that the crate needs.
pub fn check(workspace: &Path) -> Result<()> {
    for (name, needed) in NEEDED {
        let directory = workspace.join(name);
        let packed = packed(&directory)?;
        for need in needed {
            for file in files(&directory, need)? {
                if !packed.contains(&file) {
                    bail!(
                        "the package of {name} lacks {file}\n\
                         hint: add it to `include` in {name}/Cargo.toml"
                    );
                }
            }
        }
    }
    Ok(())
}

fn packed(directory: &Path) -> Result<BTreeSet<String>> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(program)
        .args(["package", "--list", "--allow-dirty", "--quiet"])
        .current_dir(directory)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run cargo")?;
    if !output.status.success() {
        bail!("cargo cannot list the package; its messages are above");
    }
    let list = String::from_utf8(output.stdout).context("a file of the package is not UTF-8")?;
    Ok(list.lines().map(str::to_owned).collect())
}

/// Lists a file, or all files at any depth of a directory, as the package names them.
fn files(crate_directory: &Path, name: &str) -> Result<Vec<String>> {
    let path = crate_directory.join(name);
    if !path.is_dir() {
        return Ok(vec![name.to_owned()]);
    }
    let unreadable = || format!("cannot list {}", path.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(&path).with_context(unreadable)? {
        let entry = entry.with_context(unreadable)?.file_name();
        let entry = format!("{name}/{}", entry.to_string_lossy());
        found.extend(files(crate_directory, &entry)?);
    }
    Ok(found)
}
