//! The tarball, for any Linux: one directory with the program and what belongs to it.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::parts::{self, Parts};
use super::release::Release;
use super::tools;

/// Completions are files of three shells side by side, so each is named after its shell.
fn completion_name(shell: &str) -> String {
    match shell {
        "zsh" => "_tracer".to_owned(),
        other => format!("tracer.{other}"),
    }
}

/// Writes the tarball to the output.
pub fn make(release: &Release, parts: &Parts, scratch: &Path, output: &Path) -> Result<()> {
    let name = release.name(parts.arch);
    let above = scratch.join("tarball");
    let tree = above.join(&name);
    parts::copy(&parts.program, &tree.join("tracer"), 0o755)?;
    for page in &parts.pages {
        parts::copy(page, &tree.join("man/man1").join(tools::name(page)?), 0o644)?;
    }
    for (shell, script) in &parts.completions {
        let to = tree.join("completions").join(completion_name(shell));
        parts::copy(script, &to, 0o644)?;
    }
    for file in [&parts.unit, &parts.settings] {
        parts::copy(file, &tree.join("service").join(tools::name(file)?), 0o644)?;
    }
    for document in parts.documents() {
        parts::copy(document, &tree.join(tools::name(document)?), 0o644)?;
    }
    tools::make(
        "the tarball",
        "GNU tar and gzip",
        Command::new("tar")
            .args(["--create", "--sort=name", "--format=gnu", "--numeric-owner"])
            .args(["--owner=0", "--group=0"])
            .arg(format!("--mtime=@{}", release.time))
            // Without a name and a time in the header.
            .arg("--use-compress-program=gzip -9n")
            .arg("--file")
            .arg(output.join(format!("{name}.tar.gz")))
            .arg("--directory")
            .arg(&above)
            .arg(&name),
    )
}
