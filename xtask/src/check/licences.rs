//! Checks licences, sources and duplicates of the crates with cargo-deny, as deny.toml has them.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Result, bail};

use crate::demo::elevate;

/// Runs cargo-deny, or returns nothing where it is not installed. Advisories are left out: their
/// list is not in the repository, and a commit does not change them.
pub fn check(workspace: &Path) -> Option<Result<()>> {
    let program = elevate::find_program("cargo-deny")?;
    Some(run(&program, workspace))
}

fn run(program: &Path, workspace: &Path) -> Result<()> {
    for manifest in ["Cargo.toml", "agent-tracer-ebpf/Cargo.toml"] {
        let status = Command::new(program)
            .args(["--offline", "--locked", "--manifest-path"])
            .arg(workspace.join(manifest))
            .arg("--config")
            .arg(workspace.join("deny.toml"))
            .args(["check", "--hide-inclusion-graph"])
            // The kernel programs have fewer crates.
            .args(["--allow", "unmatched-skip"])
            .args(["licenses", "bans", "sources"])
            .current_dir(workspace)
            .stdin(Stdio::null())
            .status()?;
        if !status.success() {
            bail!("cargo-deny finds fault with {manifest}; its messages are above");
        }
    }
    Ok(())
}
