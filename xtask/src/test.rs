//! `cargo xtask test`: every test that there is, and one line at the end that counts them: unit and
//! doc tests, the corpus of old traces, the demo, recordings on the running kernel. What this
//! machine cannot run is skipped aloud. Programs are built as the current user; only the recordings
//! run as root.

mod needs;
pub mod tally;

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};
use nix::unistd::Uid;

use crate::demo::{self, build, elevate};
use tally::Tally;

/// Runs all tests; the recordings on the running kernel need root, and take it through sudo
#[derive(clap::Args)]
pub struct Arguments {
    /// Only tests whose name contains this
    filter: Option<String>,
    /// Leave out the demo, and the tests that record on the running kernel
    #[arg(long)]
    no_live: bool,
    /// Repeat kills and enlarge storms to the sizes that are promised; takes half an hour
    #[arg(long)]
    thorough: bool,
}

/// Does what the command line asks for: all steps, even after one that failed.
pub fn run(arguments: &Arguments) -> Result<()> {
    let workspace = demo::workspace()?;
    needs::look(arguments.no_live);
    say("building");
    let programs = Programs::build(&workspace)?;
    let mut tally = Tally::default();

    say("unit tests");
    tally.run(&mut unit_tests(&workspace, arguments)?, "unit tests")?;
    if arguments.concerns("corpus") {
        say("the corpus, read by a tool that cannot record");
        let mut command = programs.end_to_end(&programs.reader);
        tally.run(command.arg("corpus"), "the corpus")?;
    }
    let directory = tempfile::tempdir().context("cannot make a temporary directory")?;
    let mut trace = None;
    if !arguments.no_live && arguments.concerns("demo") {
        say("the demo");
        trace = programs.demo(directory.path(), &mut tally)?;
    }
    say("end-to-end tests");
    let mut command = programs.as_root(arguments, trace.as_deref());
    command.args(&arguments.filter);
    tally.run(&mut command, "the end-to-end tests")?;
    tally.conclude()
}

impl Arguments {
    /// Whether a step with tests of this name has any that are wanted.
    fn concerns(&self, name: &str) -> bool {
        let filter = self.filter.as_deref().unwrap_or_default();
        filter.starts_with(name) || name.contains(filter)
    }
}

fn say(what: &str) {
    println!("\ntest: {what}");
}

/// All but the end-to-end tests, which are a program of their own.
fn unit_tests(workspace: &Path, arguments: &Arguments) -> Result<Command> {
    let mut command = build::cargo(workspace, false)?;
    let own = "tracer-tests";
    command.args(["test", "--quiet", "--workspace", "--no-fail-fast"]);
    command.args(["--exclude", own, "--", "--format", "pretty"]);
    command.args(&arguments.filter);
    Ok(command)
}

/// What is built before the first test.
struct Programs {
    /// The tool.
    tracer: PathBuf,
    /// The tool without its kernel side.
    reader: PathBuf,
    /// The end-to-end tests.
    tests: PathBuf,
    /// Plays the demo.
    actor: PathBuf,
}

impl Programs {
    fn build(workspace: &Path) -> Result<Programs> {
        let cargo = |arguments: &[&str], name| {
            let mut cargo = build::cargo(workspace, false)?;
            cargo.args(["build", "--quiet"]).args(arguments);
            build::executable(cargo, name)
        };
        let plain = ["--package", "agent-tracer", "--no-default-features"];
        let built = cargo(&plain, "tracer")?;
        // Its place is where the whole tool goes.
        let reader = built.with_file_name("tracer-without-capture");
        fs::copy(&built, &reader).with_context(|| format!("cannot write {}", reader.display()))?;
        Ok(Programs {
            tracer: cargo(&["--package", "agent-tracer"], "tracer")?,
            reader,
            tests: cargo(&["--package", "tracer-tests"], "tracer-tests")?,
            actor: build::actor(workspace, true)?,
        })
    }

    fn end_to_end(&self, tracer: &Path) -> Command {
        let mut command = Command::new(&self.tests);
        command.env("TRACER", tracer);
        command
    }

    /// The end-to-end tests with all that they can be given.
    fn as_root(&self, arguments: &Arguments, trace: Option<&Path>) -> Command {
        let mut settings: Vec<OsString> = Vec::new();
        let mut set = |name: &str, value: &Path| {
            let mut setting = OsString::from(format!("{name}="));
            setting.push(value);
            settings.push(setting);
        };
        set("TRACER", &self.tracer);
        if let Some(trace) = trace {
            set("TRACER_DEMO_TRACE", trace);
        }
        if arguments.no_live {
            set("TRACER_TESTS_NO_LIVE", Path::new("1"));
        }
        if arguments.thorough {
            set("TRACER_TESTS_THOROUGH", Path::new("1"));
        }
        if let Some(value) = std::env::var_os("CI") {
            set("CI", Path::new(&value));
        }
        let direct = Uid::effective().is_root() || arguments.no_live;
        let through_sudo = !direct && elevate::find_program("sudo").is_some();
        if !direct && !through_sudo {
            println!("test: there is no sudo: run `su -c 'cargo xtask test'` for all of them");
        }
        // sudo drops most of the environment, so what counts is on the command line.
        let mut command = if through_sudo {
            println!("test: recording needs root: going on through sudo");
            let mut command = Command::new("sudo");
            command.args(["--", "env"]);
            command
        } else {
            Command::new("env")
        };
        command.args(settings).arg(&self.tests);
        command
    }

    /// Runs the demo, which is a test by itself: it fails when the key is anywhere.
    fn demo(&self, directory: &Path, tally: &mut Tally) -> Result<Option<PathBuf>> {
        if !Uid::effective().is_root() && elevate::find_program("sudo").is_none() {
            tally.skip("demo", "it needs root, and there is no sudo");
            return Ok(None);
        }
        if elevate::find_program("dpkg-deb").is_none() {
            tally.skip("demo", "dpkg is not installed");
            return Ok(None);
        }
        // The sandbox puts an empty directory in the place of the trace's.
        let inner = directory.join("demo");
        fs::create_dir(&inner)?;
        let trace = inner.join("oms-install.trace");
        let own = std::env::current_exe().context("cannot tell where this program is")?;
        let status = Command::new(own)
            .args(["demo", "--quiet", "--trace"])
            .arg(&trace)
            .arg("--tracer")
            .arg(&self.tracer)
            .arg("--actor")
            .arg(&self.actor)
            .stdin(Stdio::null())
            .status()
            .context("cannot run the demo")?;
        tally.note("demo", status.success());
        Ok(Some(trace).filter(|trace| trace.exists()))
    }
}

/// What a run of all of it comes to.
fn verdict(passed: u64, failed: u64, skipped: u64) -> Result<()> {
    println!("\n{passed} passed, {failed} failed, {skipped} skipped");
    if failed > 0 {
        bail!("tests failed; their messages are above");
    }
    Ok(())
}
