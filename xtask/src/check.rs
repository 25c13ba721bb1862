//! `cargo xtask check`: everything that can be said about the code without running the tool:
//! format, lints, docs, dependency directions, the generated reference. It changes no file.

mod directions;

use std::{
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

use crate::{demo, ebpf, reference};

/// Checks format, lints, docs and dependency directions
#[derive(clap::Args)]
pub struct Arguments {
    /// Leave the kernel programs out, which need a toolchain of their own
    #[arg(long)]
    no_ebpf: bool,
}

/// Does what the command line asks for: all steps, even after one that failed.
pub fn run(arguments: &Arguments) -> Result<()> {
    let workspace = demo::workspace()?;
    let mut failed = Vec::new();
    let mut step = |name: &str, result: Result<()>| match &result {
        Ok(()) => eprintln!("check: {name}: ok"),
        Err(error) => {
            eprintln!("check: {name}: FAILED: {error:#}");
            failed.push(name.to_owned());
        }
    };
    step("format", format(&workspace));
    step("lints", lints(&workspace));
    step("docs", docs(&workspace));
    step("dependency directions", directions::check(&workspace));
    step("reference", reference::check(&workspace));
    if !arguments.no_ebpf {
        step("lints of the kernel programs", ebpf::lint(&workspace));
    }
    if !failed.is_empty() {
        bail!("not clean: {}", failed.join(", "));
    }
    eprintln!("check: clean");
    Ok(())
}

fn format(workspace: &Path) -> Result<()> {
    cargo(workspace, &["fmt", "--all", "--check"], &[])?;
    cargo(
        &workspace.join("agent-tracer-ebpf"),
        &["fmt", "--all", "--check"],
        &[],
    )
}

/// With the running kernel as a source of events, and without it.
fn lints(workspace: &Path) -> Result<()> {
    const DENY: [&str; 3] = ["--", "-D", "warnings"];
    let all = [
        "clippy",
        "--quiet",
        "--workspace",
        "--all-targets",
        "--locked",
    ];
    cargo(workspace, &[&all[..], &DENY[..]].concat(), &[])?;
    let replay_only = [
        "clippy",
        "--quiet",
        "--package",
        "agent-tracer",
        "--no-default-features",
        "--locked",
    ];
    cargo(workspace, &[&replay_only[..], &DENY[..]].concat(), &[])
}

fn docs(workspace: &Path) -> Result<()> {
    let arguments = [
        "doc",
        "--quiet",
        "--workspace",
        "--no-deps",
        "--document-private-items",
        "--locked",
    ];
    cargo(workspace, &arguments, &[("RUSTDOCFLAGS", "-D warnings")])
}

fn cargo(directory: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Result<()> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(program)
        .args(arguments)
        .envs(environment.iter().copied())
        .current_dir(directory)
        .stdin(Stdio::null())
        .status()
        .context("cannot run cargo: is Rust installed for this user? (https://rustup.rs)")?;
    if !status.success() {
        bail!(
            "`cargo {}` failed; its messages are above",
            arguments.join(" ")
        );
    }
    Ok(())
}
