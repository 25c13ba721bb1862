//! The ground truth: what each process of the scene said of itself. It knows nothing of a trace.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

const DIRECTORY: &str = "/run/replica-truth";
const LOG: &str = "/run/replica-truth/log";

/// What a process says that is about to ask systemd for its unit.
const ASKS: &str = "asks";

/// One line of it.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) pid: u64,
    /// When the process started, in ticks since boot.
    pub(super) start: u64,
    /// The tree it belongs to.
    pub(super) tree: String,
    /// What it is.
    pub(super) what: String,
    /// The unit it is in, or that it asks for.
    unit: String,
}

/// Has everybody say it from now on. The directory is root's alone: in one that others can write to, the
/// kernel would let nobody but its owner open the file from a shell (`fs.protected_regular`).
pub(super) fn begin(script: &Path) {
    fs::create_dir_all(DIRECTORY).expect("a directory");
    fs::copy(script, Path::new(DIRECTORY).join("say")).expect("the script");
    fs::write(LOG, "").expect("the log");
    fs::set_permissions(LOG, fs::Permissions::from_mode(0o666)).expect("everybody writes");
}

/// All that was said so far.
pub(super) fn read() -> Vec<Line> {
    let text = fs::read_to_string(LOG).expect("the log");
    let lines = text.lines().map(|line| {
        let fields: Vec<&str> = line.split(' ').collect();
        let &[pid, start, tree, what, unit] = fields.as_slice() else {
            panic!("torn: {line}");
        };
        Line {
            pid: pid.parse().expect("a number"),
            start: start.parse().expect("ticks"),
            tree: tree.to_owned(),
            what: what.to_owned(),
            unit: unit.to_owned(),
        }
    });
    lines.collect()
}

impl Line {
    /// Whether it is about a request; its process became the program that made it, or started it.
    pub(super) fn asks_for(&self, unit: &str) -> bool {
        self.what == ASKS && self.unit == unit
    }

    /// The unit that the process is in, where that is known.
    pub(super) fn unit(&self) -> Option<&str> {
        (self.what != ASKS && self.unit != "-").then_some(&self.unit)
    }

    /// Whether it is about a process as `tree` tells it.
    pub(super) fn is(&self, life: &serde_json::Value) -> bool {
        let start = life["start_ns"].as_u64().unwrap_or_default();
        life["pid"] == self.pid && start / 10_000_000 == self.start
    }
}
