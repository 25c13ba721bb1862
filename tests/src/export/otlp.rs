//! OpenTelemetry's own messages read the lines of OTLP/JSON.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
    process::Command,
    sync::OnceLock,
};

use serde_json::Value;

use super::{TRACES, export, files, lines, rows_of_jsonl, trace};
use crate::harness::{Test, plain, python_with, run};

pub(super) fn tests() -> Vec<Test> {
    vec![
        plain!(spans_are_the_processes_and_events_the_connections)
            .only_where(has_messages, NO_MESSAGES),
    ]
}

/// The messages, as PyPI has them.
const MESSAGES: &str = "opentelemetry-proto==1.45.2";

/// The reason for a skip without them.
const NO_MESSAGES: &str = "python3 with venv, or a registry with opentelemetry-proto, is not here";

/// Reads each line of a file, and fails for a field that the messages do not have. Ids are in hex
/// in OTLP/JSON, and in base64 in plain protobuf.
const READER: &str = r#"
import base64, json, sys
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.trace.v1 import trace_pb2
for line in open(sys.argv[1]):
    data = json.loads(line)
    for resource in data["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                for key, size in [("traceId", 16), ("spanId", 8), ("parentSpanId", 8)]:
                    if key in span:
                        raw = bytes.fromhex(span[key])
                        assert len(raw) == size and any(raw), span
                        span[key] = base64.b64encode(raw).decode()
    message = ParseDict(data, trace_pb2.TracesData())
    [resource] = message.resource_spans
    [scope] = resource.scope_spans
    [span] = scope.spans
    assert span.start_time_unix_nano <= span.end_time_unix_nano, span
    print(json.dumps(span.span_id.hex()))
"#;

fn messages() -> Option<&'static PathBuf> {
    static PYTHON: OnceLock<Option<PathBuf>> = OnceLock::new();
    let module = "opentelemetry.proto.trace.v1.trace_pb2";
    let python = PYTHON.get_or_init(|| python_with("otlp", MESSAGES, module));
    python.as_ref()
}

fn has_messages() -> bool {
    messages().is_some()
}

/// Returns the attributes of a span or an event by key.
fn attributes(of: &Value) -> BTreeMap<&str, &Value> {
    let all = of["attributes"].as_array().expect("attributes").iter();
    all.map(|one| (one["key"].as_str().expect("a key"), &one["value"]))
        .collect()
}

fn spans_are_the_processes_and_events_the_connections() {
    for name in TRACES {
        let folder = tempfile::tempdir().expect("a directory");
        let ended = export(&[trace(name)], folder.path(), &["--format", "otlp"]);
        assert!(matches!(ended.code, Some(0 | 3)), "{}", ended.messages());
        let names = files(folder.path());
        let (Some(file), 1) = (names.keys().next(), names.len()) else {
            panic!("{name} has not one file");
        };
        let file = folder.path().join(file);
        let mut command = Command::new(messages().expect("the messages"));
        let read = run(command.args(["-c", READER]).arg(&file)).success();
        let ids: BTreeSet<String> = lines(&read).iter().map(Value::to_string).collect();
        let text = fs::read_to_string(&file).expect("lines");
        let spans: Vec<Value> = text
            .lines()
            .map(|line| {
                let line: Value = serde_json::from_str(line).expect("JSON");
                line["resourceSpans"][0]["scopeSpans"][0]["spans"][0].clone()
            })
            .collect();
        let processes = rows_of_jsonl(&["tree"], name);
        assert_eq!(ids.len(), processes.len(), "{name}: ids are unique");
        assert_eq!(spans.len(), processes.len(), "{name}");
        for (span, process) in spans.iter().zip(&processes) {
            let attributes = attributes(span);
            let pid = process["pid"].to_string();
            assert_eq!(attributes["process.pid"]["intValue"], pid, "{name}");
            assert_eq!(
                attributes["tracer.tree"]["stringValue"], process["tree"],
                "{name}"
            );
            let words = process["argv"].as_array().expect("words").len();
            let values = &attributes["process.command_args"]["arrayValue"]["values"];
            assert_eq!(values.as_array().expect("values").len(), words, "{name}");
            if let Some(parent) = span.get("parentSpanId") {
                assert!(ids.contains(&parent.to_string()), "{name}: {span}");
            }
        }
        let events = spans
            .iter()
            .flat_map(|span| span["events"].as_array().expect("events"));
        let mut remotes: Vec<String> = events
            .map(|event| {
                let attributes = attributes(event);
                let remote = attributes.get("tracer.remote");
                remote.map_or_else(String::new, |remote| remote["stringValue"].to_string())
            })
            .collect();
        let connections = rows_of_jsonl(&["connections"], name);
        let remote = |row: &Value| row.get("remote").map_or_else(String::new, Value::to_string);
        let mut expected: Vec<String> = connections.iter().map(remote).collect();
        remotes.sort();
        expected.sort();
        assert_eq!(remotes, expected, "{name}");
    }
}
