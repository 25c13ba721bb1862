//! `cargo xtask dist`: makes the files of a release: a static program in a tarball, packages for
//! Debian's and Red Hat's systems, a bill of materials, and their digests. Two builds of one commit
//! are the same bytes, in any folder.

mod bill;
mod crates;
mod crates_io;
mod deb;
mod installed;
mod notices;
mod parts;
mod program;
mod release;
mod roots;
mod rpm;
mod serviced;
mod sums;
mod tarball;
mod tools;
mod views;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::arch::Arch;
use crate::cross::Toolchain;
use crate::demo;
use parts::Parts;
use program::Program;
use release::Release;

/// Makes the files of a release: tarball, packages, bill of materials and digests
#[derive(clap::Args)]
pub struct Arguments {
    /// Directory of the files [default: target/dist]
    #[arg(long, value_name = "DIRECTORY")]
    output: Option<PathBuf>,
    /// Processors to build for, with commas between them [default: all]
    #[arg(long, value_enum, value_delimiter = ',')]
    arch: Vec<Arch>,
    /// Make nothing: build the tool from the packages of its crates alone
    #[arg(long, conflicts_with = "output")]
    crates: bool,
    /// Make nothing: install the packages in roots of Debian 11, 12 and 13 and under systemd, use
    /// tool and service there, and remove them (root); compare what the programs of all
    /// processors show of old traces
    #[arg(long, conflicts_with = "crates")]
    check: bool,
}

/// Makes the files anew.
pub fn run(arguments: &Arguments) -> Result<()> {
    let workspace = demo::workspace()?;
    let target = match std::env::var_os("CARGO_TARGET_DIR") {
        Some(directory) => PathBuf::from(directory),
        None => workspace.join("target"),
    };
    let output = match &arguments.output {
        Some(directory) => directory.clone(),
        None => target.join("dist"),
    };
    let output = std::path::absolute(&output).context("cannot name the directory of the files")?;
    let target = std::path::absolute(&target).context("cannot name the build directory")?;
    if arguments.crates {
        return crates_io::check(&workspace, &target);
    }
    if arguments.check {
        views::check(&workspace.join("tests/corpus"), &output)?;
        return installed::check(&target, &output);
    }
    let archs = match arguments.arch.as_slice() {
        [] => Arch::ALL.as_slice(),
        some => some,
    };
    // Before the builds, which take minutes.
    tools::require_all()?;
    let toolchains: Vec<Toolchain> = archs
        .iter()
        .map(|arch| Toolchain::find(*arch, &target))
        .collect::<Result<_>>()?;
    let release = Release::of(&workspace)?;
    empty(&output)?;
    for toolchain in &toolchains {
        make(&workspace, toolchain, &target, &output, &release)?;
    }
    sums::write(&output)?;
    for line in sums::list(&output)? {
        say(&line);
    }
    Ok(())
}

/// Makes the files of one processor.
fn make(
    workspace: &Path,
    toolchain: &Toolchain,
    target: &Path,
    output: &Path,
    release: &Release,
) -> Result<()> {
    let arch = toolchain.arch();
    let scratch = tempfile::tempdir().context("cannot make a temporary directory")?;
    say(&format!("building the static program for {}", arch.name()));
    let program = Program::build(workspace, toolchain, target, output, release)?;
    let crates = crates::list(workspace, arch)?;
    let bill = output.join(format!("{}.cdx.json", release.name(arch)));
    parts::write(&bill, bill::text(release, &crates)?.as_bytes())?;
    let parts = Parts::collect(workspace, &program, &crates, scratch.path())?;
    say("packing");
    tarball::make(release, &parts, scratch.path(), output)?;
    deb::make(release, &parts, scratch.path(), output)?;
    rpm::make(release, &parts, scratch.path(), output)
}

/// Removes files of an earlier release, whose digests would be listed with the new ones.
fn empty(output: &Path) -> Result<()> {
    fs::create_dir_all(output).with_context(|| format!("cannot make {}", output.display()))?;
    for file in tools::files(output)? {
        fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))?;
    }
    Ok(())
}

fn say(what: &str) {
    eprintln!("dist: {what}");
}
