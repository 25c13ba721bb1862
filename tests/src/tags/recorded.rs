//! Tests tags of recorded addresses: they are in the trace, and readers need no list.

use std::{fs, time::Duration};

use crate::{
    connect::server,
    harness::{Recording, Test, act, live, says},
};

pub(super) fn tests() -> Vec<Test> {
    vec![
        live!(names_from_a_list_are_in_the_trace),
        live!(an_invalid_list_stops_a_recording),
    ]
}

const LIST: &str = r#"{"changeNumber": 1, "cloud": "Made-up", "values": [
    {"name": "Here", "id": "Here", "properties": {
        "changeNumber": 1, "region": "", "platform": "x", "systemService": "",
        "addressPrefixes": ["127.0.0.0/8"]}},
    {"name": "Here.Exactly", "id": "Here.Exactly", "properties": {
        "changeNumber": 1, "region": "home", "platform": "x", "systemService": "Loop",
        "addressPrefixes": ["127.0.0.1/32"]}}
]}"#;

fn names_from_a_list_are_in_the_trace() {
    let directory = tempfile::tempdir().expect("a directory");
    let list = directory.path().join("list.json");
    fs::write(&list, LIST).expect("a list");
    let remote = server("127.0.0.1", Duration::ZERO).to_string();
    let remote6 = server("::1", Duration::ZERO).to_string();
    let trace = Recording::of(act([
        "dial", "plain", &remote, "mapped", &remote, "plain", &remote6,
    ]))
    .option(["--service-tags", list.to_str().expect("a path")])
    .run()
    .trace();
    // No reader needs it any more.
    drop(directory);
    let reported: Vec<_> = trace.all("address_tagged").collect();
    let ours: Vec<_> = reported
        .iter()
        .filter(|event| event.text("address") == "127.0.0.1")
        .collect();
    assert_eq!(ours.len(), 1, "once for all connections: {reported:?}");
    let rows = trace.connections(["--tree", "command"]);
    assert_eq!(rows.len(), 3, "{rows:?}");
    for row in &rows[..2] {
        assert_eq!(row["tag"], "Here.Exactly", "{row}");
        let tags = row["tags"].as_array().expect("all of them");
        assert_eq!(tags.len(), 2, "{row}");
        assert_eq!(tags[0]["prefix"], "127.0.0.1/32", "{row}");
        assert_eq!(tags[0]["region"], "home", "{row}");
        assert_eq!(tags[0]["system_service"], "Loop", "{row}");
        assert_eq!(tags[1]["name"], "Here", "{row}");
        assert_eq!(tags[1]["cloud"], "Made-up", "{row}");
    }
    assert!(rows[2]["tag"].is_null(), "{}", rows[2]);
    for (wanted, count) in [("Here.Exactly", 2), ("Here*", 2), ("Nowhere*", 0)] {
        let found = trace.connections(["--tree", "command", "--remote", wanted]);
        assert_eq!(found.len(), count, "{wanted}");
    }
    let table = trace.read("connections", ["--tree", "command"]);
    assert!(table.text().contains("Here.Exactly"), "{}", table.text());
}

fn an_invalid_list_stops_a_recording() {
    let directory = tempfile::tempdir().expect("a directory");
    let list = directory.path().join("list.json");
    fs::write(&list, "<!DOCTYPE html><html></html>").expect("a page");
    let recorded = Recording::of(act(["dial"]))
        .option(["--service-tags", list.to_str().expect("a path")])
        .run();
    says(&recorded.ended, 125, &["list.json", "not a tag file"]);
    assert!(!recorded.file.exists(), "no trace of nothing");
}
