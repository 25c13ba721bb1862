//! The tests that need systemd, in sandboxes: systemd as PID 1 of namespaces of its own, on the
//! running kernel, with each layout of cgroups.

use std::{path::Path, process::Command, time::Instant};

use anyhow::Result;

use super::{Arguments, THOROUGH, daemons, programs::Programs, say, tally::Tally};
use crate::{
    demo::{bundle, elevate},
    systemd::{self, Systemd, copy_program},
};

/// A layout of cgroups, and the modules of the tests that run under it.
struct Layout {
    name: &'static str,
    /// The layout as `systemd.sh` names it.
    cgroups: &'static str,
    modules: &'static [&'static str],
}

/// The scene of `systemd` takes a minute, so only one layout plays it.
const LAYOUTS: [Layout; 4] = [
    Layout {
        name: "unified",
        cgroups: "unified",
        modules: &["cgroup", "systemd"],
    },
    // Real daemons want the ports and units that the other scenes leave behind.
    Layout {
        name: "daemons",
        cgroups: "unified",
        modules: &[DAEMONS],
    },
    Layout {
        name: "hybrid",
        cgroups: "hybrid",
        modules: &["cgroup", "systemd::running", "systemd::service"],
    },
    Layout {
        name: "v1",
        cgroups: "v1",
        modules: &["cgroup", "systemd::running", "systemd::service"],
    },
];

/// The module that needs packages of daemons.
const DAEMONS: &str = "daemons";

/// True if a filter can match a test in a sandbox.
pub fn concerns(filter: &str) -> bool {
    LAYOUTS.iter().any(|layout| layout.concerns(filter))
}

/// Returns the reason for which this machine cannot make a sandbox.
pub fn obstacle() -> Option<String> {
    let cron = || {
        let is_missing = elevate::find_program("cron").is_none();
        is_missing.then(|| "cron is not installed".to_owned())
    };
    systemd::obstacle().or_else(cron)
}

/// Runs the tests under each layout, one layout after the other.
pub fn run(
    workspace: &Path,
    programs: &Programs,
    arguments: &Arguments,
    tally: &mut Tally,
) -> Result<()> {
    for layout in &LAYOUTS {
        if !layout.concerns(arguments.filter()) {
            continue;
        }
        say(&format!("systemd in namespaces: {}", layout.name));
        let begun = Instant::now();
        let with_daemons = layout.has(DAEMONS, arguments.filter());
        let fill = |place: &Path| fill(workspace, programs, with_daemons, place);
        match Systemd::boot(layout.cgroups, fill) {
            Ok(systemd) => {
                let mut tests = tests(&systemd, layout, arguments);
                let what = format!("the tests in sandbox {}", layout.name);
                tally.run(&mut tests, &what, Some(layout.name))?;
            }
            Err(error) => {
                println!("{error:#}");
                tally.note(&format!("{}: systemd boots", layout.name), false);
            }
        }
        println!("{}: {} s", layout.name, begun.elapsed().as_secs());
    }
    Ok(())
}

impl Layout {
    fn concerns(&self, filter: &str) -> bool {
        self.modules.iter().any(|module| matches(module, filter))
    }

    /// True if it has a module that a filter can match.
    fn has(&self, module: &str, filter: &str) -> bool {
        self.modules.contains(&module) && matches(module, filter)
    }
}

/// True if a filter can match a test of a module.
fn matches(module: &str, filter: &str) -> bool {
    let inside = format!("{module}::");
    match filter.contains("::") {
        true => filter.starts_with(&inside) || inside.starts_with(filter),
        // A bare word may be in the name of any test, so it must name a module.
        false => filter.is_empty() || module.contains(filter),
    }
}

/// Puts the programs of the tests into a sandbox.
fn fill(workspace: &Path, programs: &Programs, with_daemons: bool, place: &Path) -> Result<()> {
    copy_program(&programs.tracer, &place.join("tracer"))?;
    copy_program(&programs.tests, &place.join("tracer-tests"))?;
    if let Some(actor) = &programs.actor {
        bundle::gather(workspace, actor, place)?;
    }
    if with_daemons {
        daemons::fetch(&place.join(DAEMONS))?;
    }
    Ok(())
}

/// Returns the command line of the tests of a layout.
fn tests(systemd: &Systemd, layout: &Layout, arguments: &Arguments) -> Command {
    let mut command = systemd.inside();
    command.arg("TRACER=/tests/tracer");
    command.arg(format!("TRACER_TESTS_MODULES={}", layout.modules.join(",")));
    if systemd.has("replica") {
        command.arg("TRACER_TESTS_REPLICA=/tests/replica");
    }
    if systemd.has(DAEMONS) {
        command.arg(format!("TRACER_TESTS_DAEMONS=/tests/{DAEMONS}"));
    }
    if std::env::var_os("CI").is_some() {
        command.arg("CI=1");
    }
    if arguments.thorough {
        command.arg(format!("{THOROUGH}=1"));
    }
    // A scope of users, like the shell of a login: not in a unit of the system.
    command.args(["systemd-run", "--quiet", "--scope", "--slice=user.slice"]);
    command.args(["/tests/tracer-tests", "--color", "never"]);
    command.args(&arguments.filter);
    command
}

#[cfg(test)]
mod tests {
    use super::concerns;

    #[test]
    fn a_filter_boots_a_sandbox_where_its_module_is() {
        for filter in [
            "",
            "systemd",
            "cgroup",
            "daemons",
            "systemd::running::a_unit",
        ] {
            assert!(concerns(filter), "{filter}");
        }
        for filter in ["exec", "exec::argv", "systemd_like::x"] {
            assert!(!concerns(filter), "{filter}");
        }
    }
}
