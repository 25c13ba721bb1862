//! `cargo xtask test`: runs every test, and ends with one line that counts them. There are unit and
//! doc tests, the corpus of old traces, the demo, recordings on the running kernel, and recordings
//! of a systemd in namespaces of its own. A test that this machine cannot run is reported as
//! skipped. Programs are built as the current user; only the recordings run as root.

mod daemons;
mod needs;
mod programs;
mod sandbox;
pub mod tally;

use std::{path::Path, process::Command};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use crate::{
    arch::Arch,
    demo::{self, build},
};
use programs::Programs;
use tally::Tally;

/// Runs all tests; the recordings on the running kernel need root, and use sudo
#[derive(clap::Args)]
pub struct Arguments {
    /// Only tests whose name contains this; builds only the programs that they need
    filter: Option<String>,
    /// Only tests of this kind
    #[arg(long, value_enum)]
    only: Option<Kind>,
    /// Leave out the demo and the tests that record on the running kernel
    #[arg(long)]
    no_live: bool,
    /// Run the full number of kills and the largest storms; takes half an hour
    #[arg(long)]
    thorough: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Unit and doc tests
    Unit,
    /// Tests of the finished program
    EndToEnd,
}

/// The variable that asks tests for their full size.
const THOROUGH: &str = "TRACER_TESTS_THOROUGH";

/// Runs all steps, even after one that failed.
pub fn run(arguments: &Arguments) -> Result<()> {
    let workspace = demo::workspace()?;
    let mut tally = Tally::default();
    if arguments.wants(Kind::Unit) {
        say("unit tests");
        tally.run(&mut unit_tests(&workspace, arguments)?, "unit tests", None)?;
    }
    if arguments.wants(Kind::EndToEnd) {
        end_to_end(&workspace, arguments, &mut tally)?;
    }
    tally.conclude()
}

/// Runs the end-to-end tests.
fn end_to_end(workspace: &Path, arguments: &Arguments, tally: &mut Tally) -> Result<()> {
    needs::look(arguments.no_live);
    let plays_demo = !arguments.no_live && arguments.concerns("demo");
    let in_sandboxes = !arguments.no_live && sandbox::concerns(arguments.filter());
    let obstacle = match in_sandboxes {
        true => sandbox::obstacle(),
        false => None,
    };
    let boots_sandboxes = in_sandboxes && obstacle.is_none();

    say("building");
    let composes = arguments.concerns("export::fleet");
    let programs = Programs::build(workspace, plays_demo || boots_sandboxes, composes)?;
    if arguments.concerns("corpus") {
        say("the corpus, read by a tool that cannot record");
        let mut command = programs.without_capture(workspace)?;
        tally.run(command.arg("corpus"), "the corpus", None)?;
    }
    let directory = tempfile::tempdir().context("cannot make a temporary directory")?;
    let mut trace = None;
    if plays_demo {
        say("the demo");
        trace = programs.demo(directory.path(), tally)?;
    }
    say("end-to-end tests");
    let mut command = programs.as_root(arguments, trace.as_deref(), boots_sandboxes);
    command.args(&arguments.filter);
    tally.run(&mut command, "the end-to-end tests", None)?;
    if let Some(reason) = obstacle {
        tally.skip("systemd in namespaces", &reason);
    }
    if boots_sandboxes {
        sandbox::run(workspace, &programs, arguments, tally)?;
    }
    Ok(())
}

impl Arguments {
    fn filter(&self) -> &str {
        self.filter.as_deref().unwrap_or_default()
    }

    /// True if the filter can match a test with this name in front.
    fn concerns(&self, name: &str) -> bool {
        self.filter().starts_with(name) || name.contains(self.filter())
    }

    /// True if tests of a kind are wanted. A filter with a module in front names its kind.
    fn wants(&self, kind: Kind) -> bool {
        if let Some(only) = self.only {
            return only == kind;
        }
        let Some((module, _)) = self.filter().split_once("::") else {
            return true;
        };
        let is_end_to_end = is_module_of_tests(module);
        is_end_to_end == (kind == Kind::EndToEnd)
    }
}

/// Finds a module of the end-to-end tests by its file.
fn is_module_of_tests(module: &str) -> bool {
    let sources = demo::workspace().map(|root| root.join("tests/src"));
    sources.is_ok_and(|sources| sources.join(format!("{module}.rs")).exists())
}

fn say(what: &str) {
    println!("\ntest: {what}");
}

/// Runs all tests but the end-to-end tests, which are a program of their own.
fn unit_tests(workspace: &Path, arguments: &Arguments) -> Result<Command> {
    let mut command = build::cargo(workspace)?;
    let own = "tracer-tests";
    command.args(["test", "--quiet", "--workspace", "--no-fail-fast"]);
    command.args(["--exclude", own]);
    build::as_tested(&mut command, Arch::own()?);
    command.args(["--", "--format", "pretty"]);
    command.args(&arguments.filter);
    if arguments.thorough {
        command.env(THOROUGH, "1");
    }
    Ok(command)
}

/// Returns the result of a whole run, and prints its last line.
fn verdict(passed: u64, failed: u64, skipped: u64) -> Result<()> {
    println!("\n{passed} passed, {failed} failed, {skipped} skipped");
    if failed > 0 {
        bail!("tests failed; their messages are above");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Arguments, Kind};

    #[test]
    fn a_module_in_front_names_the_kind_of_its_tests() {
        let wants = |filter: &str| {
            let arguments = Arguments {
                filter: Some(filter.to_owned()),
                only: None,
                no_live: false,
                thorough: false,
            };
            (arguments.wants(Kind::Unit), arguments.wants(Kind::EndToEnd))
        };
        assert_eq!(wants("exec::argv"), (false, true));
        assert_eq!(wants("model::tree"), (true, false));
        assert_eq!(wants("argv"), (true, true));
    }
}
