//! Composes a fleet once, exports it, and answers the questions from jsonl.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use serde_json::Value;

use super::{super::export, engine};
use crate::harness::{run, tool_room, tracer};

/// The reason for a skip without the example that composes.
pub(super) const NO_FLEET: &str = "the example compose is not built beside the tracer";

/// Answers questions from jsonl.
const ANSWERS: &str = include_str!("answers.py");

/// The day that divides old from new, and the wanted destination.
pub(super) const SINCE: &str = "2026-10-20";
pub(super) const WANTED: &str = "%telemetry%";

/// The size of the fleet: some recordings are incomplete, damaged or without an end, and some hosts
/// stopped recording.
const SIZE: [&str; 6] = ["--hosts", "12", "--recordings", "43", "--processes", "100"];

/// A fleet that was exported.
pub(super) struct Fleet {
    /// The directory with `fleet`.
    pub(super) room: PathBuf,
    pub(super) traces: Vec<PathBuf>,
    /// The rows by the number of the question.
    pub(super) answers: BTreeMap<u64, Value>,
}

/// Returns the example.
fn composer() -> Option<PathBuf> {
    if let Some(given) = std::env::var_os("TRACER_COMPOSE") {
        return Some(given.into());
    }
    let tracer = PathBuf::from(tracer().get_program());
    let beside = tracer.with_file_name("examples").join("compose");
    beside.exists().then_some(beside)
}

pub(super) fn has_fleet() -> bool {
    composer().is_some()
}

/// Composes a fleet.
pub(super) fn compose(folder: &Path, options: &[&str]) {
    let mut command = Command::new(composer().expect("the example"));
    command.arg("fleet").arg(folder).args(options);
    run(&mut command).success();
}

/// Returns the fleet of all tests, made by the first.
pub(super) fn fleet() -> &'static Fleet {
    static FLEET: OnceLock<Fleet> = OnceLock::new();
    FLEET.get_or_init(|| {
        let room = tool_room("fleet").expect("a directory");
        if room.exists() {
            fs::remove_dir_all(&room).expect("an old fleet");
        }
        let folder = room.join("traces");
        compose(&folder, &SIZE);
        let entries = fs::read_dir(&folder).expect("traces");
        let mut traces: Vec<PathBuf> = entries
            .map(|entry| entry.expect("a trace").path())
            .collect();
        traces.sort();
        let ended = export(&traces, &room.join("fleet"), &[]);
        assert_eq!(ended.code, Some(3), "{}", ended.messages());
        let mut command = Command::new("/usr/bin/python3");
        command.args(["-c", ANSWERS]).arg(tracer().get_program());
        command.args([SINCE, WANTED]).args(&traces);
        let answers = engine::read(&run(&mut command).success());
        for (number, rows) in &answers {
            let is_empty = rows.as_array().is_none_or(Vec::is_empty);
            assert!(!is_empty, "question {number} has no rows");
        }
        Fleet {
            room,
            traces,
            answers,
        }
    })
}
