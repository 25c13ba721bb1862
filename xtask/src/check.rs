//! `cargo xtask check`: judges the code without running the tool: format, lints, docs, dependency
//! directions, language, and the generated reference. It changes no source file.

mod directions;
mod language;
mod licences;
mod packages;
mod prose;
mod quotes;

use std::{
    io,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, anyhow, bail};

use crate::{demo, ebpf, reference};

/// Checks format, lints, docs, language and dependency directions
#[derive(clap::Args)]
pub struct Arguments {
    /// Leave out the kernel programs, which need a toolchain of their own
    #[arg(long)]
    no_ebpf: bool,
    /// Only format, language, dependency directions and one run of the lints: for the inner loop
    #[arg(long)]
    fast: bool,
    /// Only the language of code and documents: counts by file
    #[arg(long, conflicts_with = "fast")]
    language: bool,
}

/// Runs all steps, even after one that failed.
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
    step("language", language::check(&workspace));
    step("reference", reference::check(&workspace));
    step("packages of the crates", packages::check(&workspace));
    match licences::check(&workspace) {
        Some(result) => step("licences", result),
        None => eprintln!("check: licences: skipped, since cargo-deny is not installed"),
    }
    if arguments.fast {
        step("lints", lints_of_all(&workspace));
    } else {
        step("lints", lints(&workspace));
        step("docs", docs(&workspace));
        match book(&workspace) {
            Some(result) => step("book", result),
            None => eprintln!("check: book: skipped, since mdbook is not installed"),
        }
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

/// Runs clippy on everything, and on the tool without its optional features: once without a kernel
/// as a source of events, once with nothing else.
fn lints(workspace: &Path) -> Result<()> {
    lints_of_all(workspace)?;
    for features in ["", "capture"] {
        let bare = [
            "clippy",
            "--quiet",
            "--package",
            "agent-tracer",
            "--no-default-features",
            "--features",
            features,
            "--locked",
        ];
        cargo(workspace, &[&bare[..], &DENY[..]].concat(), &[])?;
    }
    Ok(())
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

/// Builds the book of docs/, or returns nothing where mdbook is not installed.
fn book(workspace: &Path) -> Option<Result<()>> {
    let status = Command::new("mdbook")
        .args(["build", "docs"])
        .current_dir(workspace)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status();
    match status {
        Ok(status) if status.success() => Some(Ok(())),
        Ok(_) => Some(Err(anyhow!(
            "`mdbook build docs` failed; its messages are above"
        ))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => Some(Err(error).context("cannot run mdbook")),
    }
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
