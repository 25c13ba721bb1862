//! The ground truth: the lines that each process of the scene has logged about itself. It knows no
//! trace.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

const DIRECTORY: &str = "/run/replica-truth";
const LOG: &str = "/run/replica-truth/log";

/// The role of a process that is about to ask systemd for its unit.
const ASKS: &str = "asks";

/// One line of the log.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) pid: u64,
    /// The start time of the process, in ticks since boot.
    pub(crate) start: u64,
    /// The tree of the process.
    pub(crate) tree: String,
    /// The role of the process.
    pub(crate) what: String,
    /// The unit that the process is in, or that it asks for.
    unit: String,
}

/// Starts the log. Its directory belongs to root alone: in one that others can write to, the kernel
/// would let only the owner open the file from a shell (`fs.protected_regular`).
pub(super) fn begin(script: &Path) {
    fs::create_dir_all(DIRECTORY).expect("a directory");
    fs::copy(script, Path::new(DIRECTORY).join("say")).expect("the script");
    fs::write(LOG, "").expect("the log");
    fs::set_permissions(LOG, fs::Permissions::from_mode(0o666)).expect("everybody writes");
}

/// Returns all lines so far.
pub(super) fn read() -> Vec<Line> {
    parse(&fs::read_to_string(LOG).expect("the log"))
}

/// Parses the lines of a log.
pub(crate) fn parse(text: &str) -> Vec<Line> {
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
    /// True if the line is about a request; its process became the program that made it, or started
    /// it.
    pub(super) fn asks_for(&self, unit: &str) -> bool {
        self.what == ASKS && self.unit == unit
    }

    /// Returns the unit of the process, if known.
    pub(super) fn unit(&self) -> Option<&str> {
        (self.what != ASKS && self.unit != "-").then_some(&self.unit)
    }

    /// True if the line is about a process of `tree`'s output.
    pub(crate) fn is(&self, life: &serde_json::Value) -> bool {
        let start = life["start_ns"].as_u64().unwrap_or_default();
        life["pid"] == self.pid && start / 10_000_000 == self.start
    }
}
