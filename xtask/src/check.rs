//! `cargo xtask check`: everything that can be said about the code without running the tool:
//! format, lints, docs, dependency directions, the generated reference. It changes no file.

mod directions;
mod language;
mod prose;

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
    /// Only format, one run of the lints and dependency directions: for the inner loop
    #[arg(long)]
    fast: bool,
    /// Only a report on the language of code and documents; it fails no check yet
    #[arg(long, conflicts_with = "fast")]
    language: bool,
}

/// Does what the command line asks for: all steps, even after one that failed.
pub fn run(arguments: &Arguments) -> Result<()> {
    let workspace = demo::workspace()?;
    if arguments.language {
        return language::report(&workspace);
    }
    let mut failed = Vec::new();
    let mut step = |name: &str, result: Result<()>| match &result {
        Ok(()) => eprintln!("check: {name}: ok"),
        Err(error) => {
            eprintln!("check: {name}: FAILED: {error:#}");
            failed.push(name.to_owned());
        }
    };
    step("format", format(&workspace));
    step("dependency directions", directions::check(&workspace));
    step("reference", reference::check(&workspace));
    if arguments.fast {
        step("lints", lints_of_all(&workspace));
    } else {
        step("lints", lints(&workspace));
        step("docs", docs(&workspace));
    }
    if !arguments.no_ebpf && !arguments.fast {
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

const DENY: [&str; 3] = ["--", "-D", "warnings"];

/// Runs clippy on everything, with the running kernel as a source of events.
fn lints_of_all(workspace: &Path) -> Result<()> {
    let all = [
        "clippy",
        "--quiet",
        "--workspace",
        "--all-targets",
        "--locked",
    ];
    cargo(workspace, &[&all[..], &DENY[..]].concat(), &[])
}

/// Runs clippy on everything, and on the tool without a kernel as a source of events.
fn lints(workspace: &Path) -> Result<()> {
    lints_of_all(workspace)?;
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
