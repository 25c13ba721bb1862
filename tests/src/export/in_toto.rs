//! in-toto's own messages read the statements, and the predicate has what its page asks for.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use serde_json::Value;

use super::{TRACES, export, files, rows_of_jsonl, trace};
use crate::harness::{Test, plain, python_with, run};

pub(super) fn tests() -> Vec<Test> {
    vec![
        plain!(statements_are_those_of_in_toto).only_where(has_messages, NO_MESSAGES),
        plain!(a_statement_is_about_the_subject),
        plain!(only_statements_have_subjects),
    ]
}

/// The messages, as PyPI has them.
const MESSAGES: &str = "in-toto-attestation==0.9.3";

/// The reason for a skip without them.
const NO_MESSAGES: &str = "python3 with venv, or a registry with in-toto-attestation, is not here";

/// Reads a statement with in-toto's messages, which refuse unknown fields, and validates it and
/// each file of its log. No package has a message of the predicate: its rules are below.
const READER: &str = r#"
import json, sys
from urllib.parse import urlparse
from google.protobuf.json_format import Parse, ParseDict
from google.protobuf.timestamp_pb2 import Timestamp
from in_toto_attestation.v1 import resource_descriptor_pb2, statement_pb2
from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
from in_toto_attestation.v1.statement import Statement
text = open(sys.argv[1]).read()
Statement.copy_from_pb(Parse(text, statement_pb2.Statement())).validate()
data = json.loads(text)
assert data["predicateType"] == "https://in-toto.io/attestation/runtime-trace/v0.2"
predicate = data["predicate"]
process = predicate["monitoredProcess"]
for uri in [predicate["monitor"]["type"], process["hostID"], process["type"]]:
    parts = urlparse(uri)
    assert parts.scheme == "https" and parts.netloc and " " not in uri and uri.isascii(), uri
assert process["event"]
log = predicate["monitorLog"]
assert set(log) == {"process", "network", "fileAccess"}
assert all(isinstance(one, dict) for one in log["process"])
for one in log["network"]:
    assert one["protocol"] in ("tcp", "udp"), one
    assert 1 <= one.get("port", 1) <= 65535, one
    assert isinstance(one["invokingProcess"]["pid"], int), one
    assert all(isinstance(one.get(key, ""), str) for key in ("ip", "hostname")), one
for one in log["fileAccess"]:
    file = ParseDict(one, resource_descriptor_pb2.ResourceDescriptor())
    ResourceDescriptor.copy_from_pb(file).validate()
    assert urlparse(file.uri).scheme == "file" and file.uri.isascii(), one
for key in ("buildStartedOn", "buildFinishedOn"):
    Timestamp().FromJsonString(predicate["metadata"][key])
"#;

fn messages() -> Option<&'static PathBuf> {
    static PYTHON: OnceLock<Option<PathBuf>> = OnceLock::new();
    let module = "in_toto_attestation.v1.statement_pb2";
    let python = PYTHON.get_or_init(|| python_with("in-toto", MESSAGES, module));
    python.as_ref()
}

fn has_messages() -> bool {
    messages().is_some()
}

/// Exports a statement, and returns its file.
fn statement(name: &str, folder: &Path, options: &[&str]) -> PathBuf {
    let options = [&["--format", "in-toto"], options].concat();
    let ended = export(&[trace(name)], folder, &options);
    assert!(matches!(ended.code, Some(0 | 3)), "{}", ended.messages());
    let names = files(folder);
    let (Some(file), 1) = (names.keys().next(), names.len()) else {
        panic!("{name} has not one file");
    };
    folder.join(file)
}

fn read(file: &Path) -> Value {
    let text = fs::read_to_string(file).expect("a statement");
    serde_json::from_str(&text).expect("JSON")
}

/// Returns the lines of a command without the recording and its host, which stand once in a
/// statement.
fn lines_of(words: &[&str], name: &str) -> Vec<Value> {
    let mut rows = rows_of_jsonl(words, name);
    for row in &mut rows {
        let row = row.as_object_mut().expect("a row");
        row.remove("recording");
        if row.remove("recording_host").is_none() {
            row.remove("host");
        }
    }
    rows
}

/// Returns the digest of a file, by sha256sum.
fn digest(file: &Path) -> String {
    let ended = run(Command::new("sha256sum").arg(file)).success();
    let digest = ended.text().split_whitespace().next();
    digest.expect("a digest").to_owned()
}

fn statements_are_those_of_in_toto() {
    for name in TRACES {
        let folder = tempfile::tempdir().expect("a directory");
        let file = statement(name, folder.path(), &[]);
        let mut command = Command::new(messages().expect("the messages"));
        run(command.args(["-c", READER]).arg(&file)).success();
        let statement = read(&file);
        let subject = &statement["subject"][0];
        assert_eq!(subject["name"], format!("{name}.trace"));
        assert_eq!(
            subject["digest"]["sha256"].as_str(),
            Some(&*digest(&trace(name)))
        );
        let predicate = &statement["predicate"];
        let log = &predicate["monitorLog"];
        let rows = |list: &str| log[list].as_array().expect("a list").clone();
        // These may be long.
        assert!(rows("process") == lines_of(&["tree"], name), "{name}");
        // The fields of the predicate and the row of jsonl are of the same connection.
        let connections: Vec<Value> = rows("network")
            .into_iter()
            .map(|mut network| {
                let mut row = network["tracer_connection"].take();
                let remote = row["remote"].as_str().unwrap_or_default();
                let ip = network["ip"].as_str().unwrap_or_default();
                assert!(remote.contains(ip), "{name}: {remote}: {ip}");
                if let Some(host) = network.get("hostname") {
                    assert_eq!(host, &row["names"][0]["name"], "{name}");
                }
                assert_eq!(network["protocol"], row["protocol"], "{name}");
                row["process"] = network["invokingProcess"].take();
                row
            })
            .collect();
        assert!(connections == lines_of(&["connections"], name), "{name}");
        let changes = lines_of(&["changes", "--all"], name).into_iter();
        let kinds = ["file", "download"].map(Value::from);
        let changes: Vec<Value> = changes.filter(|row| kinds.contains(&row["kind"])).collect();
        let files = rows("fileAccess");
        let annotations = files.iter().map(|file| &file["annotations"]);
        assert!(annotations.eq(&changes), "{name}");
        for (file, change) in files.iter().zip(&changes) {
            assert_eq!(file["digest"].get("sha256"), change.get("sha256"), "{name}");
        }
        let recording = &predicate["metadata"]["tracer_recording"];
        assert!(recording["complete"].is_boolean(), "{name}");
    }
}

fn a_statement_is_about_the_subject() {
    let folder = tempfile::tempdir().expect("a directory");
    let package = folder.path().join("a package.deb");
    fs::write(&package, "a package").expect("a file");
    let name = package.to_str().expect("a name");
    let inner = folder.path().join("statements");
    let options = [
        "--subject",
        name,
        "--subject",
        "/etc/passwd",
        "--host",
        "a b",
    ];
    let statement = read(&statement("scene", &inner, &options));
    let subjects = statement["subject"].as_array().expect("subjects");
    for (subject, file) in subjects.iter().zip([&*package, Path::new("/etc/passwd")]) {
        let name = file.file_name().expect("a name").to_str();
        assert_eq!(subject["name"].as_str(), name);
        assert_eq!(subject["digest"]["sha256"].as_str(), Some(&*digest(file)));
    }
    assert_eq!(subjects.len(), 2);
    let host = statement["predicate"]["monitoredProcess"]["hostID"].as_str();
    assert!(host.expect("a host").ends_with("/hosts/a%20b"));
}

fn only_statements_have_subjects() {
    let folder = tempfile::tempdir().expect("a directory");
    let ended = export(
        &[trace("scene")],
        folder.path(),
        &["--subject", "/etc/passwd"],
    );
    assert_eq!(ended.code, Some(2));
    let options = ["--format", "in-toto", "--subject", "/dev/null"];
    let ended = export(&[trace("scene")], folder.path(), &options);
    assert_eq!(ended.code, Some(1));
    assert!(ended.messages().contains("hint: "), "{}", ended.messages());
    let options = ["--format", "in-toto", "--subject", "/nothing/here"];
    let ended = export(&[trace("scene")], folder.path(), &options);
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.messages().contains("/nothing/here"),
        "{}",
        ended.messages()
    );
    assert!(files(folder.path()).is_empty());
}
