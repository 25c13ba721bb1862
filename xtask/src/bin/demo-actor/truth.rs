//! The ground truth, for tests in a guest. If `/run/replica-truth` exists, each process logs its
//! tree: once when it starts a role, and once after each fork. `xtask/replica/truth.sh` does the
//! same for scripts. Roles do not depend on it.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::sync::OnceLock;

use crate::addresses::WORKSPACE;

const LOG: &str = "/run/replica-truth/log";

/// Tree, role and unit of this process, and of those that it forks.
static ROLE: OnceLock<String> = OnceLock::new();

/// Logs the role of this process, if there is a log.
pub fn log_role(role: &str, arguments: &[String]) {
    let script = arguments.first().map(String::as_str).unwrap_or_default();
    let script = Path::new(script).file_name();
    let is = |name: &str| script.is_some_and(|script| script == name);
    let agent = format!("omsagent-{WORKSPACE}");
    let is_agent = is("omsagent") || is(&agent);
    let agent = format!("{agent}.service");
    let (tree, unit) = match role {
        "omiserver" | "omiengine" | "omiagent" => ("omi", "omid.service"),
        "ruby" if is_agent => ("omsagent", agent.as_str()),
        // The package's script runs the same program with other scripts, and those are the
        // command's.
        "python2" if is("PerformRequiredConfigurationChecks.py") => ("omsconfig", "-"),
        "dsc_host" => ("omsconfig", "-"),
        // It becomes the shell of a job.
        "cron" => return,
        "unattended-upgrade" => ("system", "-"),
        _ => ("command", "-"),
    };
    // Without systemd nothing is in a unit.
    let unit = match Path::new("/run/systemd/system").is_dir() {
        true => unit,
        false => "-",
    };
    ROLE.get_or_init(|| format!("{tree} {role} {unit}"));
    log_fork();
}

/// Logs a process that was just forked.
pub fn log_fork() {
    // There is a log only in a guest, and the test notices a missing line.
    let Ok(mut log) = OpenOptions::new().append(true).open(LOG) else {
        return;
    };
    let (Some(role), Some(start)) = (ROLE.get(), start()) else {
        return;
    };
    // One write makes one line, even with other writers.
    let line = format!("{} {start} {role}\n", std::process::id());
    log.write_all(line.as_bytes()).ok();
}

/// Returns the start time of this process in ticks since boot: the 20th field after the name, which
/// may contain anything.
fn start() -> Option<String> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let (_, fields) = stat.rsplit_once(") ")?;
    fields.split(' ').nth(19).map(str::to_owned)
}
