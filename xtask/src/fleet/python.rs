//! Makes Pythons with a database, each once, below the build directory.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

/// The packages of each database, as the tests have them.
const PACKAGES: [(&str, &[&str]); 3] = [
    ("duckdb", &["duckdb==2.0.1", "pytz==2026.6"]),
    ("chdb", &["chdb==4.4.0"]),
    ("spark", &["pyspark==4.3.0"]),
];

/// Returns a Python with a database.
pub fn with(workspace: &Path, name: &str) -> Result<PathBuf> {
    let room = workspace.join("target/fleet-tools").join(name);
    let python = room.join("bin/python3");
    let complete = room.join("complete");
    if complete.exists() {
        return Ok(python);
    }
    let packages = PACKAGES.iter().find(|(one, _)| *one == name);
    let (_, packages) = packages.context("an unknown database")?;
    let mut make = Command::new("python3");
    make.args(["-m", "venv"]).arg(&room);
    let mut install = Command::new(&python);
    install
        .args(["-m", "pip", "install", "--quiet"])
        .args(*packages);
    for mut command in [make, install] {
        let status = command.status().context("cannot run python3")?;
        if !status.success() {
            bail!("cannot install {}: {status}", packages.join(" "));
        }
    }
    std::fs::write(&complete, "").context("cannot write to the build directory")?;
    Ok(python)
}
