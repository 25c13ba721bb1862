//! `cargo xtask vm`: the tests on kernels that this machine does not run: boots each in a virtual
//! machine, runs there what `cargo xtask test` runs here, and compares what they say. It installs no
//! kernel, changes nothing outside the build directory but for the emulator's package, and needs no KVM.

mod cpio;
mod image;
mod kernel;
mod machine;
mod packages;
mod report;
mod table;

use std::{
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use crate::demo::{self, build};
use image::{Contents, PLAIN};
use machine::Machine;
use report::Report;

/// Runs the tests in virtual machines with the kernels of Debian's clouds
#[derive(clap::Args)]
pub struct Arguments {
    /// Only tests whose name contains this
    filter: Option<String>,
    /// Which kernels
    #[arg(long, value_enum, default_value = "all")]
    kernel: Branches,
    /// A shell in the guest in place of the tests; `exit` powers it off
    #[arg(long, conflicts_with = "filter")]
    shell: bool,
    /// Keep what was made for this run: images, console and answers of each guest
    #[arg(long)]
    keep: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Branches {
    #[value(name = "6.1")]
    V6_1,
    #[value(name = "6.12")]
    V6_12,
    #[value(name = "all")]
    All,
}

impl Branches {
    fn names(self) -> &'static [&'static str] {
        match self {
            Branches::V6_1 => &["6.1"],
            Branches::V6_12 => &["6.12"],
            Branches::All => &["6.1", "6.12"],
        }
    }
}

/// Does what the command line asks for: all kernels, even after one on which tests failed.
pub fn run(arguments: &Arguments) -> Result<()> {
    let begun = Instant::now();
    let workspace = demo::workspace()?;
    let places = Places::make(&workspace)?;
    let emulator = packages::require_emulator()?;
    let kernels = arguments
        .kernel
        .names()
        .iter()
        .map(|branch| kernel::fetch(branch, &places.cache))
        .collect::<Result<Vec<_>>>()?;

    say("building tracer and its tests, linked statically");
    let programs = Programs::build(&workspace)?;
    let work = tempfile::Builder::new()
        .prefix("run-")
        .disable_cleanup(arguments.keep)
        .tempdir_in(&places.cache)
        .context("cannot make a directory for this run")?;
    if arguments.keep {
        say(&format!(
            "what this run makes stays in {}",
            work.path().display()
        ));
    }
    let guest = &PLAIN;
    let contents = Contents {
        filter: arguments.filter.as_deref(),
        is_interactive: arguments.shell,
        tracer: &programs.tracer,
        tests: &programs.tests,
        corpus: &workspace.join("tests/corpus"),
    };
    let initrd = work.path().join("initrd");
    guest.image(&contents, &places.cache, &initrd)?;

    let mut reports = Vec::new();
    for kernel in kernels {
        let machine = Machine {
            emulator: &emulator,
            kernel: &kernel,
            guest,
            initrd: &initrd,
            directory: work.path(),
        };
        if arguments.shell {
            return machine.interact();
        }
        say(&format!(
            "{}: booting a guest ({})",
            kernel.release, guest.name
        ));
        let booted = Instant::now();
        let ran = machine.run()?;
        let report = Report::read(&kernel.release, &ran)?;
        println!(
            "vm: {}: {} ({} s)",
            kernel.release,
            report.counts(),
            booted.elapsed().as_secs()
        );
        reports.push(report);
    }
    table::print(&reports);
    println!(
        "\n{} ({} s)",
        table::closing_line(&reports),
        begun.elapsed().as_secs()
    );
    if reports.iter().any(|report| !report.is_good()) {
        bail!(
            "not everything passed in the guests; what they said is above (--keep keeps all of it)"
        );
    }
    Ok(())
}

fn say(what: &str) {
    println!("vm: {what}");
}

/// Where everything is.
struct Places {
    /// What the next run can use again.
    cache: PathBuf,
}

impl Places {
    fn make(workspace: &Path) -> Result<Places> {
        let target = match std::env::var_os("CARGO_TARGET_DIR") {
            Some(directory) => std::path::absolute(directory)
                .context("CARGO_TARGET_DIR is empty: unset it, or name a directory")?,
            None => workspace.join("target"),
        };
        let cache = target.join("vm");
        fs::create_dir_all(&cache).with_context(|| format!("cannot make {}", cache.display()))?;
        Ok(Places { cache })
    }
}

/// What runs in the guests.
struct Programs {
    tracer: PathBuf,
    tests: PathBuf,
}

impl Programs {
    /// In the profile that users get: an emulated processor is slow enough. Static, so that it is of
    /// no matter which C library a guest has; stripped, because it all lies in the guest's memory.
    fn build(workspace: &Path) -> Result<Programs> {
        let cargo = |package: &str, name: &str| {
            let mut cargo = build::cargo(workspace, false)?;
            cargo
                .args(["build", "--quiet", "--release", "--target", TARGET])
                .args(["--package", package, "--bin", name])
                .env(
                    "RUSTFLAGS",
                    "-Ctarget-feature=+crt-static -Cstrip=debuginfo",
                )
                .env_remove("CARGO_ENCODED_RUSTFLAGS");
            build::executable(cargo, name)
        };
        Ok(Programs {
            tracer: cargo("agent-tracer", "tracer")?,
            tests: cargo("tracer-tests", "tracer-tests")?,
        })
    }
}

const TARGET: &str = "x86_64-unknown-linux-gnu";
