//! Reads a trace through the tool: the events of `replay`, the processes of `tree` and the rows of
//! `connections`, all as jsonl. It does not read trace files itself.

use std::ops::Deref;

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::Value;

use super::{Ended, Recorded};

/// A trace that was read.
pub(crate) struct Trace {
    recorded: Recorded,
    /// The result of `replay --strict`.
    pub(crate) replayed: Ended,
    /// All events of the trace.
    pub(crate) events: Vec<Event>,
}

/// One line of `replay --format jsonl`.
#[derive(Clone, Debug)]
pub(crate) struct Event(pub(crate) Value);

impl Trace {
    /// Reads a trace, complete or not.
    pub(crate) fn read(recorded: Recorded) -> Trace {
        let replayed = recorded.read("replay", ["--strict", "--format", "jsonl"]);
        let events = lines(&replayed).into_iter().map(Event).collect();
        Trace {
            recorded,
            replayed,
            events,
        }
    }

    /// Returns true if nothing is missing. In CI nothing at all may be: a missed fork of a daemon
    /// looks like one by PID 1.
    pub(crate) fn is_whole(&self) -> bool {
        let is_strict = std::env::var_os("CI").is_some();
        self.replayed.code == Some(0) || (!is_strict && self.lacks_forks_by_init_only())
    }

    /// Returns true if all gaps are forks by PID 1 of processes that belong to no recorded tree. On
    /// some hosts such forks reach no tracepoint, whatever a recorder does.
    fn lacks_forks_by_init_only(&self) -> bool {
        let gap = "  processes that appeared without a fork: ";
        let is_gap = |line: &&str| line.starts_with("  ");
        let mut gaps = self.replayed.messages().lines().filter(is_gap);
        let (Some(only), None) = (gaps.next(), gaps.next()) else {
            return false;
        };
        let named = only
            .strip_prefix(gap)
            .and_then(|rest| rest.split_once(", in tree system: "));
        let Some((count, named)) = named else {
            return false;
        };
        let is_of_init = |name: &str| {
            let pid = name
                .strip_suffix(']')
                .and_then(|name| name.rsplit_once('['));
            pid.and_then(|(_, pid)| pid.parse::<u64>().ok())
                .is_some_and(|pid| self.is_child_of_init(pid))
        };
        let names: Vec<&str> = named.split(", ").collect();
        count.parse() == Ok(names.len()) && names.into_iter().all(is_of_init)
    }

    fn is_child_of_init(&self, pid: u64) -> bool {
        let mut parents = self.events.iter().filter(|event| event.pid() == pid);
        parents.any(|event| event.process()["ppid"] == 1)
    }

    /// Returns events of a kind, of any process.
    pub(crate) fn all(&self, kind: &str) -> impl Iterator<Item = &Event> {
        self.events.iter().filter(move |event| event.kind() == kind)
    }

    /// Returns events of a kind, of the recorded command's processes.
    pub(crate) fn of_command(&self, kind: &str) -> Vec<&Event> {
        self.all(kind)
            .filter(|event| event.tree() == "command")
            .collect()
    }

    /// Returns the command's first process.
    pub(crate) fn command_pid(&self) -> u64 {
        let started = self.all("command_started").next().expect("a command");
        started.pid()
    }

    /// Returns processes with their whole lives.
    pub(crate) fn processes<const N: usize>(&self, options: [&str; N]) -> Vec<Value> {
        self.lives("tree", options)
    }

    /// Returns connections with their whole lives.
    pub(crate) fn connections<const N: usize>(&self, options: [&str; N]) -> Vec<Value> {
        self.lives("connections", options)
    }

    /// Returns the objects that a reading command prints, one per line; none where nothing has the
    /// name that an option asks for.
    pub(crate) fn lives<const N: usize>(&self, verb: &str, options: [&str; N]) -> Vec<Value> {
        let mut all = vec!["--format", "jsonl"];
        all.extend(options);
        let mut command = super::tracer();
        let answer = super::run(command.arg(verb).arg(&self.file).args(all));
        if answer.code == Some(1) && answer.messages().contains("tracer: cannot find the ") {
            return Vec::new();
        }
        lines(&answer.success())
    }
}

impl Deref for Trace {
    type Target = Recorded;

    fn deref(&self) -> &Recorded {
        &self.recorded
    }
}

fn lines(answer: &Ended) -> Vec<Value> {
    answer
        .text()
        .lines()
        .map(|line| serde_json::from_str(line).expect("each line is a JSON object"))
        .collect()
}

impl Event {
    pub(crate) fn kind(&self) -> &str {
        self.text("event")
    }

    /// Returns a text field.
    #[track_caller]
    pub(crate) fn text(&self, key: &str) -> &str {
        self.0[key].as_str().unwrap_or_default()
    }

    pub(crate) fn number(&self, key: &str) -> u64 {
        self.0[key].as_u64().unwrap_or_default()
    }

    /// Returns the event's process; for a fork, the child.
    pub(crate) fn process(&self) -> &Value {
        match self.kind() {
            "fork" => &self.0["child"],
            _ => &self.0["process"],
        }
    }

    pub(crate) fn pid(&self) -> u64 {
        self.process()["pid"].as_u64().unwrap_or_default()
    }

    pub(crate) fn tree(&self) -> &str {
        self.process()["tree"].as_str().unwrap_or_default()
    }

    /// Returns the arguments of an exec, byte for byte.
    pub(crate) fn argv(&self) -> Vec<Vec<u8>> {
        let list = |key: &str| self.0[key].as_array().cloned();
        match (list("argv_base64"), list("argv")) {
            (Some(encoded), _) => encoded.iter().map(decode).collect(),
            (None, plain) => plain
                .unwrap_or_default()
                .iter()
                .map(|word| word.as_str().unwrap_or_default().into())
                .collect(),
        }
    }

    /// Returns the remote end of the event's connection.
    pub(crate) fn remote(&self) -> &str {
        self.0["connection"]["remote"].as_str().unwrap_or_default()
    }
}

/// Returns a field byte for byte.
pub(crate) fn base64_or_text(object: &Value, key: &str) -> Vec<u8> {
    match &object[format!("{key}_base64")] {
        Value::Null => object[key].as_str().unwrap_or_default().into(),
        encoded => decode(encoded),
    }
}

fn decode(encoded: &Value) -> Vec<u8> {
    BASE64_STANDARD
        .decode(encoded.as_str().unwrap_or_default())
        .expect("base64")
}
