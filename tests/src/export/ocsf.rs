//! The published schema of OCSF judges its events, and models by others read them.

use std::{collections::BTreeMap, fs, path::PathBuf, process::Command, sync::OnceLock};

use serde_json::Value;

use super::{TRACES, export, files, rows_of_jsonl, trace};
use crate::harness::{Test, plain, python_with, run};

pub(super) fn tests() -> Vec<Test> {
    vec![plain!(events_are_those_of_the_schema).only_where(has_models, NO_MODELS)]
}

/// The schema and the models, as PyPI has them, and what the models import without saying so.
const MODELS: &str = "ocsf-json-schema==1.2.0 jsonschema==4.26.0 ocsf-pydantic==0.0.6 \
                      pydantic[email]==2.14.4 pydantic-extra-types==2.11.1 pycountry==26.2.16";

/// The reason for a skip without them.
const NO_MODELS: &str = "python3 with venv, or a registry with ocsf-json-schema, is not here";

/// Judges each line of a file by the schema of its class, and reads it with the model. Fails for a
/// value that one of them refuses, and for a type that is not that of class and activity.
const READER: &str = r#"
import json, sys
from jsonschema import Draft202012Validator
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema
from ocsf.events.network.dns import DNSActivity
from ocsf.events.network.network_activity import NetworkActivity
from ocsf.events.system.filesystem import FileSystemActivity
from ocsf.events.system.process import ProcessActivity
models = {1001: FileSystemActivity, 1007: ProcessActivity, 4001: NetworkActivity, 4003: DNSActivity}
published = OcsfJsonSchemaEmbedded(get_ocsf_schema(version="1.3.0"))
def validator(uid):
    name = published.lookup_class_name_from_uid(class_uid=uid)
    return Draft202012Validator(published.get_class_schema(class_name=name, profiles=["host"]))
validators = {uid: validator(uid) for uid in models}
for line in open(sys.argv[1]):
    data = json.loads(line)
    assert data["metadata"]["profiles"] == ["host"], data
    for error in validators[data["class_uid"]].iter_errors(data):
        # A question is as it was asked, also if it is not the name of a host.
        is_name = list(error.absolute_path) == ["query", "hostname"]
        assert is_name and error.validator == "pattern", (error.message, data)
    # The models do not have the activities of this class.
    known = {"activity_id": 99} if data["class_uid"] == 4001 else {}
    models[data["class_uid"]](**{**data, **known})
    assert data["type_uid"] == data["class_uid"] * 100 + data["activity_id"], data
    assert data["category_uid"] == data["class_uid"] // 1000, data
"#;

fn models() -> Option<&'static PathBuf> {
    static PYTHON: OnceLock<Option<PathBuf>> = OnceLock::new();
    let module = "ocsf.events.network.network_activity";
    let python = PYTHON.get_or_init(|| python_with("ocsf", MODELS, module));
    python.as_ref()
}

fn has_models() -> bool {
    models().is_some()
}

fn events_are_those_of_the_schema() {
    for name in TRACES {
        let folder = tempfile::tempdir().expect("a directory");
        let ended = export(&[trace(name)], folder.path(), &["--format", "ocsf"]);
        assert!(matches!(ended.code, Some(0 | 3)), "{}", ended.messages());
        let names = files(folder.path());
        let (Some(file), 1) = (names.keys().next(), names.len()) else {
            panic!("{name} has not one file");
        };
        let file = folder.path().join(file);
        let mut command = Command::new(models().expect("the models"));
        run(command.args(["-c", READER]).arg(&file)).success();
        let text = fs::read_to_string(&file).expect("lines");
        let mut counts: BTreeMap<(u64, u64), usize> = BTreeMap::new();
        let mut remotes: Vec<String> = Vec::new();
        for line in text.lines() {
            let event: Value = serde_json::from_str(line).expect("JSON");
            let number = |key: &str| event[key].as_u64().expect("a number");
            *counts
                .entry((number("class_uid"), number("activity_id")))
                .or_default() += 1;
            if number("class_uid") == 4001 {
                remotes.push(event["unmapped"]["remote"].to_string());
            }
        }
        let processes = rows_of_jsonl(&["tree"], name);
        let ended = processes.iter().filter(|row| !row["ended"].is_null());
        let forked = processes.iter().filter(|row| !row["started"].is_null());
        let count = |class, activity| counts.get(&(class, activity)).copied().unwrap_or(0);
        assert_eq!(count(1007, 2), ended.count(), "{name}: ends");
        assert_eq!(count(1007, 1), forked.count(), "{name}: launches");
        let connections = rows_of_jsonl(&["connections"], name);
        let mut expected: Vec<String> =
            (connections.iter().map(|row| row["remote"].to_string())).collect();
        remotes.sort();
        expected.sort();
        assert_eq!(remotes, expected, "{name}");
        let lookups = rows_of_jsonl(&["connections", "--lookups"], name);
        assert_eq!(count(4003, 2), lookups.len(), "{name}: lookups");
        let changes = rows_of_jsonl(&["changes", "--all"], name);
        let changed = changes.iter().filter(|row| row["kind"] == "file");
        let of_files: usize = [1, 3, 4]
            .iter()
            .map(|activity| count(1001, *activity))
            .sum();
        assert_eq!(of_files, changed.count(), "{name}: files");
    }
}
