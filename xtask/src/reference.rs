//! `cargo xtask reference`: writes the reference pages that are generated from declarations.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, bail};

use crate::demo::{self, build};

/// The pages, from the workspace, and the options that make them.
const PAGES: [(&str, &[&str]); 2] = [
    ("docs/reference/jsonl.md", &[]),
    ("docs/reference/tables.md", &["--tables"]),
];

/// Writes docs/reference/jsonl.md and tables.md from the declarations of the fields
#[derive(clap::Args)]
pub struct Arguments {}

/// Writes the pages.
pub fn run(_: &Arguments) -> Result<()> {
    let workspace = demo::workspace()?;
    for (page, options) in PAGES {
        let made = made(&workspace, options)?;
        fs::write(workspace.join(page), made).with_context(|| format!("cannot write {page}"))?;
    }
    Ok(())
}

/// Fails if a page differs from the declarations.
pub fn check(workspace: &Path) -> Result<()> {
    for (page, options) in PAGES {
        let text = fs::read_to_string(workspace.join(page));
        let text = text.with_context(|| format!("cannot read {page}"))?;
        if text != made(workspace, options)? {
            bail!("{page} is older than the declarations: run `cargo xtask reference`");
        }
    }
    Ok(())
}

fn made(workspace: &Path, options: &[&str]) -> Result<String> {
    // The program of the tests: no other build is needed for the pages.
    let tracer = build::tested(workspace, "agent-tracer", "tracer", &["--locked"])?;
    let output = Command::new(tracer)
        .arg("reference")
        .args(options)
        .output()
        .context("cannot run tracer")?;
    if !output.status.success() {
        bail!(
            "cannot build the reference: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    String::from_utf8(output.stdout).context("the reference is no text")
}
