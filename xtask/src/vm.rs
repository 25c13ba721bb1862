//! `cargo xtask vm`: runs the tests on other kernels than the running one. Boots each in virtual
//! machines, without and with systemd, and compares the results. Installs no kernel and needs no
//! KVM; outside of the build directory it only installs the packages that make guests.

mod cpio;
mod emulator;
mod guests;
mod image;
mod kernel;
mod machine;
pub mod packages;
mod plain;
mod report;
pub mod source;
mod systemd;
mod table;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Mutex,
    thread,
    time::Instant,
};

use anyhow::{Context, Result, bail};
use clap::builder::PossibleValuesParser;

use crate::{
    arch::Arch,
    cross::Toolchain,
    demo::{self, build, bundle},
};
use emulator::Emulator;
use guests::{GUESTS, Guest};
use image::{Contents, Kind};
use kernel::Kernel;
use machine::Machine;
use report::Report;

/// Runs the tests in virtual machines with the kernels of Debian's clouds
#[derive(clap::Args)]
pub struct Arguments {
    /// Only tests whose name contains this
    filter: Option<String>,
    /// Kernels to boot, with commas between them
    #[arg(long, value_delimiter = ',', default_value = "all")]
    #[arg(value_parser = PossibleValuesParser::new(kernel::choices()))]
    kernel: Vec<String>,
    /// Processor of the guests [default: this machine's]
    #[arg(long, value_enum)]
    arch: Option<Arch>,
    /// Kind of guest [default: all; with --shell the plain one]
    #[arg(long, value_enum)]
    guest: Option<Kind>,
    /// A shell in the guest instead of the tests; `exit` powers it off
    #[arg(long, conflicts_with = "filter")]
    shell: bool,
    /// Keep the files of this run: images, console and answers of each guest
    #[arg(long)]
    keep: bool,
}

/// Guests that run at a time. Each has two processors and mostly uses one: the verifier has one
/// thread, and tests wait.
const AT_A_TIME: usize = 2;

/// Runs all guests, even after one with failed tests.
pub fn run(arguments: &Arguments) -> Result<()> {
    let begun = Instant::now();
    let workspace = demo::workspace()?;
    let target = build_directory(&workspace)?;
    let cache = make_cache(&target)?;
    let arch = match arguments.arch {
        Some(arch) => arch,
        None => Arch::own()?,
    };
    let guests = arguments.guests(arch);
    if guests.is_empty() {
        bail!("no guest is of that kernel, processor and kind, with such a test");
    }
    let emulator = Emulator::find(arch, &cache)?;
    let mut kernels = BTreeMap::new();
    for guest in &guests {
        if !kernels.contains_key(guest.branch) {
            kernels.insert(guest.branch, kernel::fetch(guest.branch, arch, &cache)?);
        }
    }

    say("building tracer, its tests and the installer's replica, linked statically");
    let toolchain = Toolchain::find(arch, &target)?;
    let programs = Programs::build(&workspace, &toolchain)?;
    let work = tempfile::Builder::new()
        .prefix("run-")
        .disable_cleanup(arguments.keep)
        .tempdir_in(&cache)
        .context("cannot make a directory for this run")?;
    if arguments.keep {
        say(&format!(
            "what this run makes stays in {}",
            work.path().display()
        ));
    }
    let replica = match &programs.actor {
        Some(actor) => Some(bundle::gather(&workspace, actor, work.path())?),
        None => None,
    };
    let contents = Contents {
        arch,
        kernels: &kernels,
        filter: arguments.filter.as_deref(),
        is_interactive: arguments.shell,
        tracer: &programs.tracer,
        tests: &programs.tests,
        corpus: &workspace.join("tests/corpus"),
        replica: replica.as_deref(),
    };
    let mut images = BTreeMap::new();
    for guest in &guests {
        if !images.contains_key(guest.kind.name()) {
            let image = work.path().join(format!("{}.initrd", guest.kind.name()));
            guest.kind.image(&contents, &cache, &image)?;
            images.insert(guest.kind.name(), image);
        }
    }
    let run = Run {
        emulator: &emulator,
        kernels: &kernels,
        images: &images,
        directory: work.path(),
    };
    if arguments.shell {
        let guest = guests.first().context("there is no such guest")?;
        let name = run.name(guest);
        return run.machine(guest, &name).interact();
    }
    let reports = run.all(&guests)?;
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

impl Arguments {
    fn guests(&self, arch: Arch) -> Vec<&'static Guest> {
        let kind = self.guest.or(self.shell.then_some(Kind::Plain));
        let filter = self.filter.as_deref().unwrap_or_default();
        let has_kernel = |branch: &str| {
            let mut wanted = self.kernel.iter();
            wanted.any(|name| name == branch || name == kernel::ALL)
        };
        let wanted = GUESTS.iter().filter(|guest| {
            guest.arch == arch
                && has_kernel(guest.branch)
                && kind.is_none_or(|kind| kind == guest.kind)
                && guest.concerns(filter)
        });
        wanted.collect()
    }
}

/// Shared inputs of all guests of a run.
struct Run<'a> {
    emulator: &'a Emulator,
    kernels: &'a BTreeMap<&'static str, Kernel>,
    images: &'a BTreeMap<&'static str, PathBuf>,
    directory: &'a Path,
}

impl Run<'_> {
    fn name(&self, guest: &Guest) -> String {
        format!("{} {}", self.kernels[guest.branch].release, guest.name)
    }

    fn machine<'a>(&'a self, guest: &'a Guest, name: &'a str) -> Machine<'a> {
        Machine {
            emulator: self.emulator,
            kernel: &self.kernels[guest.branch],
            guest,
            name,
            initrd: &self.images[guest.kind.name()],
            directory: self.directory,
        }
    }

    /// Runs the guests, some at a time; the reports are in the order of the guests.
    fn all(&self, guests: &[&Guest]) -> Result<Vec<Report>> {
        let next = Mutex::new(guests.iter().enumerate());
        let work = || -> Result<Vec<(usize, Report)>> {
            let mut reports = Vec::new();
            loop {
                let taken = next.lock().map_or(None, |mut next| next.next());
                let Some((place, guest)) = taken else {
                    return Ok(reports);
                };
                reports.push((place, self.one(guest)?));
            }
        };
        let mut reports = thread::scope(|scope| -> Result<Vec<_>> {
            let workers: Vec<_> = (0..AT_A_TIME).map(|_| scope.spawn(work)).collect();
            let mut reports = Vec::new();
            for worker in workers {
                match worker.join() {
                    Ok(done) => reports.extend(done?),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            Ok(reports)
        })?;
        reports.sort_by_key(|(place, _)| *place);
        Ok(reports.into_iter().map(|(_, report)| report).collect())
    }

    fn one(&self, guest: &Guest) -> Result<Report> {
        let name = self.name(guest);
        say(&format!("{name}: booting"));
        let booted = Instant::now();
        let ran = self.machine(guest, &name).run()?;
        let report = Report::read(&name, &ran)?;
        println!(
            "vm: {name}: {} ({} s)",
            report.counts(),
            booted.elapsed().as_secs()
        );
        Ok(report)
    }
}

fn say(what: &str) {
    println!("vm: {what}");
}

/// Returns the build directory.
fn build_directory(workspace: &Path) -> Result<PathBuf> {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(directory) => std::path::absolute(directory)
            .context("CARGO_TARGET_DIR is empty: unset it, or name a directory"),
        None => Ok(workspace.join("target")),
    }
}

/// Makes the directory that later runs use again.
fn make_cache(target: &Path) -> Result<PathBuf> {
    let cache = target.join("vm");
    fs::create_dir_all(&cache).with_context(|| format!("cannot make {}", cache.display()))?;
    Ok(cache)
}

/// Programs that run in the guests.
struct Programs {
    tracer: PathBuf,
    tests: PathBuf,
    /// Plays the installer's replica, which is installed where this machine's processor is.
    actor: Option<PathBuf>,
}

impl Programs {
    fn build(workspace: &Path, toolchain: &Toolchain) -> Result<Programs> {
        let build = |package, name| build::tested_by(toolchain, workspace, package, name, &[]);
        let is_own = toolchain.arch() == Arch::own()?;
        Ok(Programs {
            tracer: build("agent-tracer", "tracer")?,
            tests: build("tracer-tests", "tracer-tests")?,
            actor: is_own.then(|| build("xtask", "demo-actor")).transpose()?,
        })
    }
}
