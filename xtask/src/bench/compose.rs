//! Composes long traces through the library's own example, so that machines can be compared.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{
    arch::Arch,
    demo::{self, build},
};

/// A composed trace of a busy machine.
pub struct Composed {
    pub file: PathBuf,
    pub events: f64,
}

/// Builds the example: in the profile that users get for long traces, else as the tests are built.
pub fn example(is_release: bool) -> Result<PathBuf> {
    let workspace = demo::workspace()?;
    let mut cargo = build::cargo(&workspace)?;
    cargo.args(["build", "--quiet", "--package", "agent-tracer"]);
    cargo.args(["--example", "compose"]);
    if is_release {
        cargo.arg("--release");
    } else {
        build::as_tested(&mut cargo, Arch::own()?);
    }
    build::executable(cargo, "compose")
}

/// Composes a trace of processes, a tenth of them with so many connections.
pub fn busy(example: &Path, file: &Path, processes: u32, connections: u32) -> Result<Composed> {
    let made = Command::new(example)
        .arg("busy")
        .arg(file)
        .args([processes.to_string(), connections.to_string()])
        .output()
        .context("cannot compose a trace")?;
    if !made.status.success() {
        bail!("cannot compose a trace: {}", made.status);
    }
    let said = String::from_utf8_lossy(&made.stdout);
    let events = said.split(' ').next().and_then(|count| count.parse().ok());
    Ok(Composed {
        file: file.to_owned(),
        events: events.context("the example did not say how many events it made")?,
    })
}
