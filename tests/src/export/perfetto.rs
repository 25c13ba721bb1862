//! Perfetto's own messages read the timelines.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    process::Command,
    sync::OnceLock,
};

use serde_json::Value;

use super::{TRACES, export, files, lines, rows_of_jsonl, trace};
use crate::harness::{Test, plain, python_with, run};

pub(super) fn tests() -> Vec<Test> {
    vec![
        plain!(tracks_and_slices_are_those_of_the_processes).only_where(has_perfetto, NO_PERFETTO),
        plain!(a_timeline_has_no_tables),
    ]
}

/// The messages, as PyPI has them.
const PERFETTO: &str = "perfetto==0.59.1";

/// The reason for a skip without them.
const NO_PERFETTO: &str = "python3 with venv, or a registry with perfetto, is not here";

/// Prints each packet of a file as JSON, and fails for a field that Perfetto does not know.
const READER: &str = r#"
import json, sys
from google.protobuf.json_format import MessageToDict
from google.protobuf.unknown_fields import UnknownFieldSet
from perfetto.protos.perfetto.trace import perfetto_trace_pb2

def check(message):
    assert not len(UnknownFieldSet(message)), message
    for field, value in message.ListFields():
        if field.message_type is not None:
            for one in value if hasattr(value, "append") or hasattr(value, "add") else [value]:
                check(one)

trace = perfetto_trace_pb2.Trace()
trace.ParseFromString(open(sys.argv[1], "rb").read())
for packet in trace.packet:
    check(packet)
    print(json.dumps(MessageToDict(packet)))
"#;

fn perfetto() -> Option<&'static PathBuf> {
    static PYTHON: OnceLock<Option<PathBuf>> = OnceLock::new();
    let module = "perfetto.protos.perfetto.trace.perfetto_trace_pb2";
    let python = PYTHON.get_or_init(|| python_with("perfetto", PERFETTO, module));
    python.as_ref()
}

fn has_perfetto() -> bool {
    perfetto().is_some()
}

/// Exports a trace as a timeline, and returns its packets.
fn packets(name: &str) -> Vec<Value> {
    let folder = tempfile::tempdir().expect("a directory");
    let options = ["--format", "perfetto"];
    let ended = export(&[trace(name)], folder.path(), &options);
    assert!(matches!(ended.code, Some(0 | 3)), "{}", ended.messages());
    let files = files(folder.path());
    let mut names = files.into_keys();
    let (Some(file), None) = (names.next(), names.next()) else {
        panic!("{name} has not one file");
    };
    let mut command = Command::new(perfetto().expect("the messages"));
    command.args(["-c", READER]).arg(folder.path().join(file));
    lines(&run(&mut command).success())
}

/// Returns the annotations of an event by name.
fn annotations(event: &Value) -> BTreeMap<&str, &Value> {
    let all = event["debugAnnotations"].as_array().into_iter().flatten();
    all.map(|one| {
        let values = ["boolValue", "uintValue", "doubleValue", "stringValue"];
        let mut values = values.iter().filter_map(|key| one.get(key));
        let value = values.next().expect("a value");
        (one["name"].as_str().expect("a name"), value)
    })
    .collect()
}

fn tracks_and_slices_are_those_of_the_processes() {
    for name in TRACES {
        let packets = packets(name);
        let processes = rows_of_jsonl(&["tree"], name);
        let connections = rows_of_jsonl(&["connections"], name);
        let trees: BTreeSet<&str> = processes
            .iter()
            .map(|process| process["tree"].as_str().expect("a tree"))
            .collect();
        let tracks = packets
            .iter()
            .filter_map(|packet| packet.get("trackDescriptor"));
        let tracks: Vec<&Value> = tracks.collect();
        assert_eq!(tracks.len(), processes.len() + trees.len(), "{name}");
        let events: Vec<(u64, &Value)> = packets
            .iter()
            .filter_map(|packet| {
                let at = packet.get("timestamp")?.as_str()?.parse().ok()?;
                Some((at, packet.get("trackEvent")?))
            })
            .collect();
        let instants = events
            .iter()
            .filter(|(_, event)| event["type"] == "TYPE_INSTANT");
        assert_eq!(instants.count(), connections.len(), "{name}");
        let mut open: BTreeMap<&str, (u64, &Value)> = BTreeMap::new();
        let mut described = Vec::new();
        for (at, event) in &events {
            let track = event["trackUuid"].as_str().expect("a track");
            match event["type"].as_str() {
                Some("TYPE_SLICE_BEGIN") => {
                    assert!(
                        open.insert(track, (*at, event)).is_none(),
                        "{name}: {event}"
                    );
                }
                Some("TYPE_SLICE_END") => {
                    let (from, begin) = open.remove(track).expect("a begin");
                    assert!(from <= *at, "{name}: {begin}");
                    if begin.get("debugAnnotations").is_some() {
                        described.push(annotations(begin));
                    }
                }
                _ => {}
            }
        }
        assert!(open.is_empty(), "{name}");
        assert_eq!(described.len(), processes.len(), "{name}");
        for (described, process) in described.iter().zip(&processes) {
            assert_eq!(described["pid"], &process["pid"].to_string(), "{name}");
            assert_eq!(described["tree"], &process["tree"], "{name}");
            assert_eq!(
                described.get("user").copied(),
                process.get("user"),
                "{name}"
            );
            let argv = serde_json::to_string(&process["argv"]).expect("JSON");
            assert_eq!(described["argv"], &argv, "{name}");
        }
    }
}

fn a_timeline_has_no_tables() {
    let folder = tempfile::tempdir().expect("a directory");
    let options = ["--format", "perfetto", "--tables", "changes"];
    let ended = export(&[trace("scene")], folder.path(), &options);
    assert_eq!(ended.code, Some(2));
    assert!(files(folder.path()).is_empty());
}
