//! The crates as they are published: packs them, and builds the tool from what is in the packages,
//! in an empty folder.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::{say, tools};
use crate::demo::build;

/// The kernel side, which is published first, and the tool: name, directory and options. The kernel
/// side's lock file is a source of the object; the tool's would need the other to be published.
const CRATES: [(&str, &str, &[&str]); 2] = [
    ("agent-tracer-ebpf", "agent-tracer-ebpf", &[]),
    ("agent-tracer", ".", &["--exclude-lockfile"]),
];

/// Packs both crates and builds the tool from the packages. Nothing is published.
pub fn check(workspace: &Path, target: &Path) -> Result<()> {
    let alone = tempfile::tempdir().context("cannot make a temporary directory")?;
    for (name, directory, options) in CRATES {
        say(&format!("packing {name}"));
        let mut cargo = build::cargo(workspace)?;
        cargo
            .current_dir(workspace.join(directory))
            .args(["package", "--quiet", "--package", name])
            .args(["--allow-dirty", "--no-verify"])
            .args(options)
            .env("CARGO_TARGET_DIR", target);
        run(cargo, "cannot pack the crate")?;
        let file = format!("{name}-{}.crate", env!("CARGO_PKG_VERSION"));
        let mut unpack = std::process::Command::new("tar");
        unpack.arg("--extract").arg("--gzip").arg("--file");
        unpack.arg(target.join("package").join(file));
        unpack.arg("--directory").arg(alone.path());
        tools::output(&mut unpack)?;
    }
    let [kernel, tool] = CRATES.map(|(name, ..)| {
        alone
            .path()
            .join(format!("{name}-{}", env!("CARGO_PKG_VERSION")))
    });
    // The versions that the tests ran with.
    fs::copy(workspace.join("Cargo.lock"), tool.join("Cargo.lock"))
        .context("cannot copy Cargo.lock")?;
    open(alone.path())?;
    say("building the tool from its package");
    let mut cargo = build::cargo(workspace)?;
    cargo
        .current_dir(&tool)
        .args(["build", "--quiet", "--config"])
        .arg(format!(
            "patch.crates-io.agent-tracer-ebpf.path=\"{}\"",
            kernel.display()
        ))
        .env("CARGO_TARGET_DIR", target);
    run(cargo, "the packages do not build alone")?;
    say("the packages build alone");
    Ok(())
}

/// Lets the owner of the build directory, for whom cargo runs, write where root unpacked.
fn open(directory: &Path) -> Result<()> {
    tools::output(
        std::process::Command::new("chmod")
            .args(["-R", "a+rwX"])
            .arg(directory),
    )
    .map(drop)
}

fn run(mut cargo: std::process::Command, failure: &str) -> Result<()> {
    let status = cargo.status().context("cannot run cargo")?;
    if !status.success() {
        bail!("{failure}: cargo's messages are above");
    }
    Ok(())
}
