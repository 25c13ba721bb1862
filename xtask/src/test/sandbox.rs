//! The tests that need systemd, in sandboxes: systemd as PID 1 of namespaces of its own, on the
//! running kernel, with each layout of cgroups. `sandbox.sh` makes a sandbox; it leaves nothing
//! behind.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use nix::unistd::Uid;
use tempfile::TempDir;

use super::{Arguments, THOROUGH, daemons, programs::Programs, say, tally::Tally};
use crate::demo::{bundle, elevate};

/// A layout of cgroups, and the modules of the tests that run under it.
struct Layout {
    name: &'static str,
    /// The layout as `sandbox.sh` names it.
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

/// Programs that a sandbox needs, besides those of every Debian.
const NEEDED: [&str; 7] = [
    "setpriv",
    "unshare",
    "nsenter",
    "systemd-run",
    "dbus-daemon",
    "cron",
    "perl",
];

/// The module that needs packages of daemons.
const DAEMONS: &str = "daemons";

/// Limit for a boot, which takes 2 s on an idle machine.
const PATIENCE: Duration = Duration::from_secs(180);

/// True if a filter can match a test in a sandbox.
pub fn concerns(filter: &str) -> bool {
    LAYOUTS.iter().any(|layout| layout.concerns(filter))
}

/// Returns the reason for which this machine cannot make a sandbox.
pub fn obstacle() -> Option<String> {
    if !Uid::effective().is_root() {
        return Some("it needs root: run `cargo xtask test systemd` as root".to_owned());
    }
    let missing = NEEDED
        .iter()
        .find(|name| elevate::find_program(name).is_none());
    missing.map(|name| format!("{name} is not installed"))
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
        match Sandbox::boot(workspace, programs, layout, with_daemons) {
            Ok(sandbox) => {
                let mut tests = sandbox.tests(layout, arguments);
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

/// A running systemd; it ends when this is dropped.
struct Sandbox {
    outer: Child,
    place: TempDir,
}

impl Sandbox {
    fn boot(
        workspace: &Path,
        programs: &Programs,
        layout: &Layout,
        with_daemons: bool,
    ) -> Result<Sandbox> {
        let place = tempfile::Builder::new()
            .prefix("tracer-sandbox-")
            .tempdir()
            .context("cannot make a temporary directory")?;
        let everyone = |path: &Path| {
            let readable = fs::Permissions::from_mode(0o755);
            fs::set_permissions(path, readable)
                .with_context(|| format!("cannot open {} to all users", path.display()))
        };
        everyone(place.path())?;
        let inside = place.path().join("programs");
        fs::create_dir(&inside).context("cannot make a directory")?;
        for (from, name) in [
            (&programs.tracer, "tracer"),
            (&programs.tests, "tracer-tests"),
        ] {
            let to = inside.join(name);
            fs::copy(from, &to).with_context(|| format!("cannot copy {}", from.display()))?;
            everyone(&to)?;
        }
        if let Some(actor) = &programs.actor {
            bundle::gather(workspace, actor, &inside)?;
        }
        if with_daemons {
            daemons::fetch(&inside.join(DAEMONS))?;
        }
        let script = place.path().join("sandbox.sh");
        fs::write(&script, include_str!("sandbox.sh")).context("cannot write a script")?;
        // It also ends if this program is killed.
        let outer = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "sh"])
            .arg(&script)
            .arg(place.path())
            .arg(layout.cgroups)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("cannot run sh")?;
        let mut sandbox = Sandbox { outer, place };
        sandbox.wait_until_booted()?;
        Ok(sandbox)
    }

    fn wait_until_booted(&mut self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.outer.try_wait().context("cannot wait for it")? {
                bail!("the sandbox ended ({status}); its messages are above");
            }
            let state = self
                .inside()
                .args(["systemctl", "is-system-running"])
                .stdin(Stdio::null())
                .stderr(Stdio::null())
                .output()
                .context("cannot run nsenter")?;
            // One of the machine's units may fail there. It is enough that no job is left and that
            // systemd accepts new ones: the bus may come up later.
            let has_booted =
                state.stdout.starts_with(b"running") || state.stdout.starts_with(b"degraded");
            if has_booted && self.starts_units()? {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("systemd did not boot within {} s", PATIENCE.as_secs());
            }
            thread::sleep(Duration::from_millis(100));
        }
    }

    fn starts_units(&self) -> Result<bool> {
        let status = self
            .inside()
            .args(["systemd-run", "--quiet", "--wait", "true"])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .context("cannot run nsenter")?;
        Ok(status.success())
    }

    /// Returns the beginning of a command line that runs in the sandbox.
    fn inside(&self) -> Command {
        let outer = self.outer.id();
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--target={outer}"))
            .args(["--mount", "--net", "--uts", "--ipc", "--cgroup"])
            // PID 1 is this process's child.
            .arg(format!("--pid=/proc/{outer}/ns/pid_for_children"))
            .args(["--", "env", "--ignore-environment"])
            .args(["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"])
            .args(["TERM=linux", "LC_ALL=C.UTF-8", "TRACER=/tests/tracer"]);
        command
    }

    fn tests(&self, layout: &Layout, arguments: &Arguments) -> Command {
        let mut command = self.inside();
        command.arg(format!("TRACER_TESTS_MODULES={}", layout.modules.join(",")));
        if self.place.path().join("programs/replica").exists() {
            command.arg("TRACER_TESTS_REPLICA=/tests/replica");
        }
        if self.place.path().join("programs").join(DAEMONS).exists() {
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

    /// Lists the cgroups that the script made on the machine.
    fn cgroups(&self) -> Vec<PathBuf> {
        let Some(name) = self.place.path().file_name() else {
            return Vec::new();
        };
        let root = Path::new("/sys/fs/cgroup");
        let below = fs::read_dir(root).into_iter().flatten().flatten();
        let hierarchies = below.map(|entry| entry.path());
        hierarchies
            .chain([root.to_owned()])
            .map(|hierarchy| hierarchy.join(name))
            .filter(|cgroup| cgroup.exists())
            .collect()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // The kernel ends the processes of the namespaces with their PID 1, which ends with its
        // parent.
        drop(self.outer.kill());
        drop(self.outer.wait());
        let deadline = Instant::now() + Duration::from_secs(10);
        for cgroup in self.cgroups() {
            while remove(&cgroup).is_err() && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

/// Removes a cgroup with all cgroups below it.
fn remove(cgroup: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(cgroup)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove(&entry.path())?;
        }
    }
    fs::remove_dir(cgroup)
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
