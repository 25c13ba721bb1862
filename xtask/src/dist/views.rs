//! Compares what the programs of all processors show of old traces: it must be the same bytes.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::{program, say, tools};
use crate::arch::Arch;

/// Arguments of each view.
const VIEWS: [&[&str]; 9] = [
    &["replay"],
    &["replay", "--format", "jsonl"],
    &["tree", "--times"],
    &["tree", "--format", "csv"],
    &["connections", "--format", "jsonl"],
    &["connections", "--by", "destination"],
    &["changes", "--format", "jsonl"],
    &["report"],
    &["report", "--format", "html"],
];

/// Compares all views of the traces in a directory, between the programs in the tarballs.
pub fn check(corpus: &Path, output: &Path) -> Result<()> {
    let scratch = tempfile::tempdir().context("cannot make a temporary directory")?;
    let mut programs = Vec::new();
    for arch in Arch::ALL {
        if let Some(program) = unpack(arch, output, scratch.path())? {
            programs.push((arch, program));
        }
    }
    let Some(((first, one), others)) = programs.split_first() else {
        bail!(
            "cannot find a tarball in {}\nhint: run `cargo xtask dist` first",
            output.display()
        );
    };
    if others.is_empty() {
        say("views: skipped: there is one processor only");
        return Ok(());
    }
    let mut count = 0;
    for trace in tools::files(corpus)? {
        if trace.extension().is_none_or(|end| end != "trace") {
            continue;
        }
        for view in VIEWS {
            let expected = show(*first, one, view, &trace)?;
            for (arch, program) in others {
                if show(*arch, program, view, &trace)? != expected {
                    bail!(
                        "`tracer {} {}` differs between {} and {}",
                        view.join(" "),
                        trace.display(),
                        first.name(),
                        arch.name()
                    );
                }
                count += 1;
            }
        }
    }
    say(&format!("views: {count} are the same bytes"));
    Ok(())
}

/// Unpacks the program of a processor, if there is one.
fn unpack(arch: Arch, output: &Path, scratch: &Path) -> Result<Option<PathBuf>> {
    let end = format!("-{}.tar.gz", arch.name());
    let files = tools::files(output)?;
    let found = files
        .iter()
        .find(|file| tools::name(file).is_ok_and(|name| name.ends_with(&end)));
    let Some(tarball) = found else {
        return Ok(None);
    };
    let directory = scratch.join(arch.name());
    std::fs::create_dir(&directory).context("cannot make a directory for a program")?;
    tools::output(
        Command::new("tar")
            .args(["--extract", "--strip-components=1", "--file"])
            .arg(tarball)
            .arg("--directory")
            .arg(&directory),
    )?;
    Ok(Some(directory.join("tracer")))
}

/// Returns the status of a view, and all that it prints. A damaged trace fails the same way.
fn show(
    arch: Arch,
    program: &Path,
    view: &[&str],
    trace: &Path,
) -> Result<(Option<i32>, Vec<u8>, Vec<u8>)> {
    let shown = program::command(arch, program)?
        .args(view)
        .arg(trace)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run the program of {}", arch.name()))?;
    Ok((shown.status.code(), shown.stdout, shown.stderr))
}
