//! Builds what the demo runs, through cargo, as the user who owns the build
//! directory: a root shell must not leave root's files in it.

use std::ffi::OsStr;
use std::io::{self, IsTerminal};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use nix::unistd::{Uid, User};
use serde::Deserialize;

use crate::arch::Arch;
use crate::cross::Toolchain;

/// The programs of one run.
pub struct Programs {
    /// The recorder; absent when nothing is to be recorded.
    pub tracer: Option<PathBuf>,
    /// Plays every daemon, tool and server of the replica.
    pub actor: PathBuf,
}

/// Builds the recorder, in the profile that users get.
pub fn released(workspace: &Path) -> Result<PathBuf> {
    let mut cargo = cargo(workspace)?;
    cargo.args(["build", "--release", "--package", "agent-tracer"]);
    cargo.args(["--bin", "tracer"]);
    executable(cargo, "tracer")
}

/// Builds a program as the demo and the end-to-end tests run it, here and in the guests: one build
/// for all.
pub fn tested(workspace: &Path, package: &str, name: &str, more: &[&str]) -> Result<PathBuf> {
    let toolchain = Toolchain::find(Arch::own()?, &workspace.join("target"))?;
    tested_by(&toolchain, workspace, package, name, more)
}

/// Builds a program in the same way, also for another processor.
pub fn tested_by(
    toolchain: &Toolchain,
    workspace: &Path,
    package: &str,
    name: &str,
    more: &[&str],
) -> Result<PathBuf> {
    let mut cargo = toolchain.cargo(workspace)?;
    cargo
        .args(["build", "--package", package, "--bin", name])
        .args(more);
    if !io::stderr().is_terminal() {
        cargo.arg("--quiet");
    }
    as_tested(&mut cargo, toolchain.arch());
    executable(cargo, name)
}

/// Has cargo build as all tests are built, so that they share each dependency. Programs are static,
/// so that a guest's C library does not matter, and stripped to save a guest's memory.
pub fn as_tested(cargo: &mut Command, arch: Arch) {
    cargo
        .args(["--profile", "tested"])
        // With a target, the flags are not those of build scripts, which cannot be static.
        .args(["--target", arch.target()])
        .env(
            "RUSTFLAGS",
            "-Ctarget-feature=+crt-static -Cstrip=debuginfo",
        )
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
}

const MESSAGES: &str = "json-render-diagnostics";

/// The part of cargo's messages with the path of a program.
#[derive(Deserialize)]
struct Artifact {
    target: Option<Target>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

/// Builds, and returns the path of the program with that name.
pub fn executable(mut cargo: Command, name: &str) -> Result<PathBuf> {
    let output = cargo
        .args(["--message-format", MESSAGES])
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run cargo: is Rust installed for this user? (https://rustup.rs)")?;
    if !output.status.success() {
        bail!("cargo could not build {name}; its messages are above");
    }
    output
        .stdout
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<Artifact>(line).ok())
        .filter(|artifact| {
            artifact
                .target
                .as_ref()
                .is_some_and(|target| target.name == name)
        })
        .find_map(|artifact| artifact.executable)
        .with_context(|| format!("cargo built {name} but did not say where"))
}

/// Cargo in the workspace, as the owner of the build directory.
pub fn cargo(workspace: &Path) -> Result<Command> {
    // `cargo xtask` names the cargo that runs it; root's PATH often has none.
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    cargo_of(&program, workspace)
}

/// Another toolchain's cargo, likewise.
pub fn cargo_of(program: &OsStr, workspace: &Path) -> Result<Command> {
    let mut command = Command::new(program);
    command.current_dir(workspace).stdin(Stdio::null());

    let target = match std::env::var_os("CARGO_TARGET_DIR") {
        Some(directory) => PathBuf::from(directory),
        None => workspace.join("target"),
    };
    let owner = std::fs::metadata(&target)
        .or_else(|_| std::fs::metadata(workspace))
        .context("cannot look at the build directory")?
        .uid();
    if Uid::effective().is_root() && owner != 0 {
        let user = User::from_uid(Uid::from_raw(owner))?.with_context(|| {
            format!(
                "the owner of {} (uid {owner}) has no name",
                target.display()
            )
        })?;
        command
            .uid(user.uid.as_raw())
            .gid(user.gid.as_raw())
            .env("HOME", &user.dir)
            .env_remove("CARGO_HOME")
            .env_remove("RUSTUP_HOME");
    }
    Ok(command)
}
