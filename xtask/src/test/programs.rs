//! The programs of `cargo xtask test`: builds them, and makes their command lines.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result};
use nix::unistd::Uid;

use super::{Arguments, THOROUGH, tally::Tally};
use crate::{
    bench::compose,
    demo::{build, elevate},
};

/// Programs that are built before the first test.
pub struct Programs {
    /// The tool.
    pub tracer: PathBuf,
    /// The end-to-end tests.
    pub tests: PathBuf,
    /// Plays the demo, if a test needs it.
    pub actor: Option<PathBuf>,
    /// Composes fleets, if a test needs one.
    pub composer: Option<PathBuf>,
}

impl Programs {
    /// Builds the programs, those of some tests only if they are needed.
    pub fn build(workspace: &Path, with_actor: bool, with_composer: bool) -> Result<Programs> {
        Ok(Programs {
            tracer: build::tested(workspace, "agent-tracer", "tracer", &[])?,
            tests: build::tested(workspace, "tracer-tests", "tracer-tests", &[])?,
            actor: with_actor
                .then(|| build::tested(workspace, "xtask", "demo-actor", &[]))
                .transpose()?,
            // The unit tests have built it.
            composer: with_composer.then(|| compose::example(false)).transpose()?,
        })
    }

    /// Builds the tool without its kernel side, and has the tests run it.
    pub fn without_capture(&self, workspace: &Path) -> Result<Command> {
        // Both builds have the same path.
        let kept = self.tracer.with_file_name("tracer-with-capture");
        let copy = |from: &Path, to: &Path| {
            fs::copy(from, to).with_context(|| format!("cannot write {}", to.display()))
        };
        copy(&self.tracer, &kept)?;
        // Reads small traces only, so a quick build of the tool is enough.
        let quick = "profile.tested.package.agent-tracer.opt-level=0";
        let plain = ["--no-default-features", "--config", quick];
        let built = build::tested(workspace, "agent-tracer", "tracer", &plain)?;
        let reader = built.with_file_name("tracer-without-capture");
        copy(&built, &reader)?;
        fs::rename(&kept, &self.tracer)
            .with_context(|| format!("cannot write {}", self.tracer.display()))?;
        let mut command = Command::new(&self.tests);
        command.env("TRACER", reader);
        Ok(command)
    }

    /// Returns the command of the end-to-end tests, with all variables.
    pub fn as_root(
        &self,
        arguments: &Arguments,
        trace: Option<&Path>,
        has_sandboxes: bool,
    ) -> Command {
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
        if let Some(composer) = &self.composer {
            set("TRACER_COMPOSE", composer);
        }
        if arguments.no_live {
            set("TRACER_TESTS_NO_LIVE", Path::new("1"));
        }
        if arguments.thorough {
            set(THOROUGH, Path::new("1"));
        }
        if has_sandboxes {
            set("TRACER_TESTS_SYSTEMD", Path::new("elsewhere"));
        }
        if let Some(value) = std::env::var_os("CI") {
            set("CI", Path::new(&value));
        }
        let direct = Uid::effective().is_root() || arguments.no_live;
        let through_sudo = !direct && elevate::find_program("sudo").is_some();
        if !direct && !through_sudo {
            println!("test: there is no sudo: run `su -c 'cargo xtask test'` for all of them");
        }
        // sudo drops most of the environment, so the variables go on the command line.
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

    /// Runs the demo, which is a test by itself: it fails if the key is anywhere.
    pub fn demo(&self, directory: &Path, tally: &mut Tally) -> Result<Option<PathBuf>> {
        let Some(actor) = &self.actor else {
            return Ok(None);
        };
        if !Uid::effective().is_root() && elevate::find_program("sudo").is_none() {
            tally.skip("demo", "it needs root, and there is no sudo");
            return Ok(None);
        }
        if elevate::find_program("dpkg-deb").is_none() {
            tally.skip("demo", "dpkg is not installed");
            return Ok(None);
        }
        // In the sandbox, an empty directory hides the trace's.
        let inner = directory.join("demo");
        fs::create_dir(&inner)?;
        let trace = inner.join("oms-install.trace");
        let own = std::env::current_exe().context("cannot tell where this program is")?;
        let status = Command::new(own)
            .args(["demo", "--quiet", "--tests", "--trace"])
            .arg(&trace)
            .arg("--tracer")
            .arg(&self.tracer)
            .arg("--actor")
            .arg(actor)
            .stdin(Stdio::null())
            .status()
            .context("cannot run the demo")?;
        tally.note("demo", status.success());
        Ok(Some(trace).filter(|trace| trace.exists()))
    }
}
