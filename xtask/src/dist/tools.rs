//! Programs of the machine that make the files, and lists of files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, anyhow, bail};

use crate::demo::elevate;

/// Programs that make files, each with the package that has it.
const NEEDED: [(&str, &str); 5] = [
    ("tar", "tar"),
    ("gzip", "gzip"),
    ("objcopy", "binutils"),
    ("dpkg-deb", "dpkg"),
    ("rpmbuild", "rpm-build, or Debian's rpm"),
];

/// Looks for the programs that make files.
pub fn require_all() -> Result<()> {
    let missing = NEEDED
        .iter()
        .filter(|(program, _)| elevate::find_program(program).is_none());
    let lines: Vec<String> = missing
        .map(|(program, package)| format!("{program} is missing\nhint: install {package}"))
        .collect();
    match lines.as_slice() {
        [] => Ok(()),
        lines => bail!("{}", lines.join("\n")),
    }
}

/// Runs a program and returns its stdout.
pub fn output(command: &mut Command) -> Result<String> {
    let program = command.get_program().display().to_string();
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .with_context(|| format!("cannot run {program}"))?;
    if !output.status.success() {
        bail!(
            "{program} failed: {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim_end()
        );
    }
    String::from_utf8(output.stdout).with_context(|| format!("{program} prints no text"))
}

/// Runs a program that makes something. An error names the package that has the program.
pub fn make(what: &str, package: &str, command: &mut Command) -> Result<()> {
    output(command)
        .map(drop)
        .map_err(|error| anyhow!("cannot make {what}: {error:#}\nhint: install {package}"))
}

/// Lists the files of a directory, without those of its subdirectories, in order.
pub fn files(directory: &Path) -> Result<Vec<PathBuf>> {
    let unreadable = || format!("cannot list {}", directory.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).with_context(unreadable)? {
        let path = entry.with_context(unreadable)?.path();
        if path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Returns a path's last part as text.
pub fn name(path: &Path) -> Result<&str> {
    path.file_name()
        .and_then(|name| name.to_str())
        .with_context(|| format!("{} has no name in UTF-8", path.display()))
}
