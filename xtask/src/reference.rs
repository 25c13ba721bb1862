//! `cargo xtask reference`: writes the reference page that is generated from declarations.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, bail};

use crate::demo;

/// The page, from the workspace.
const PAGE: &str = "docs/reference/jsonl.md";

/// Writes docs/reference/jsonl.md from the declarations of the fields
#[derive(clap::Args)]
pub struct Arguments {}

/// Writes the page.
pub fn run(_: &Arguments) -> Result<()> {
    let workspace = demo::workspace()?;
    let page = workspace.join(PAGE);
    fs::write(&page, made(&workspace)?).with_context(|| format!("cannot write {PAGE}"))
}

/// Fails if the page differs from the declarations.
pub fn check(workspace: &Path) -> Result<()> {
    let page = fs::read_to_string(workspace.join(PAGE));
    let page = page.with_context(|| format!("cannot read {PAGE}"))?;
    if page != made(workspace)? {
        bail!("{PAGE} is older than the declarations: run `cargo xtask reference`");
    }
    Ok(())
}

fn made(workspace: &Path) -> Result<String> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(program)
        .args(["run", "--quiet", "--locked", "--package", "agent-tracer"])
        .args(["--", "reference"])
        .current_dir(workspace)
        .output()
        .context("cannot run cargo")?;
    if !output.status.success() {
        bail!(
            "cannot build the reference: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    String::from_utf8(output.stdout).context("the reference is no text")
}
