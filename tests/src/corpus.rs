//! Compares the views of old traces byte for byte: every trace stays readable, and views change
//! only on purpose. It runs on any system as any user, and with a tool that cannot record.
//!
//! `TRACER_TESTS_BLESS=1` writes the present views. `corpus/README.md` describes how to add a
//! trace.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::harness::{Test, run, tracer};

/// A view, the end of the name of the file that has it, and the arguments that make it.
const VIEWS: [(&str, &[&str]); 22] = [
    ("replay.txt", &["replay"]),
    (
        "absolute.txt",
        &["replay", "--time", "absolute", "--tree", "command"],
    ),
    ("jsonl", &["replay", "--format", "jsonl"]),
    ("tree.txt", &["tree"]),
    ("report.txt", &["report"]),
    ("tree.jsonl", &["tree", "--format", "jsonl"]),
    ("connections.txt", &["connections"]),
    ("destinations.txt", &["connections", "--by", "destination"]),
    (
        "destinations.jsonl",
        &["connections", "--by", "destination", "--format", "jsonl"],
    ),
    ("listening.txt", &["connections", "--listening"]),
    ("lookups.txt", &["connections", "--lookups"]),
    (
        "names.jsonl",
        &[
            "replay",
            "--format",
            "jsonl",
            "--event",
            "dns,tls_hello,http_request,listen,bind,hosts,unreadable",
        ],
    ),
    (
        "connections.jsonl",
        &["connections", "--tree", "omsagent", "--format", "jsonl"],
    ),
    ("changes.txt", &["changes"]),
    ("changes.jsonl", &["changes", "--format", "jsonl"]),
    ("all.jsonl", &["changes", "--all", "--format", "jsonl"]),
    ("changes.csv", &["changes", "--format", "csv"]),
    ("connections.csv", &["connections", "--format", "csv"]),
    ("tree.csv", &["tree", "--format", "csv"]),
    (
        "header.jsonl",
        &["changes", "--header", "--tree", "none", "--format", "jsonl"],
    ),
    ("remote.txt", &["changes", "--remote", "mirror.example"]),
    ("process.txt", &["changes", "--process", "wget"]),
];

/// Views of data in newer traces only.
const NEW_VIEWS: [&str; 13] = [
    "listening.txt",
    "lookups.txt",
    "names.jsonl",
    "connections.jsonl",
    "changes.txt",
    "changes.jsonl",
    "all.jsonl",
    "changes.csv",
    "connections.csv",
    "tree.csv",
    "header.jsonl",
    "remote.txt",
    "process.txt",
];

/// Traces with only these views, since others would be long or repeat them.
const SHORT_VIEWS: [(&str, &[&str]); 6] = [
    (
        "oms-install",
        &[
            "tree.txt",
            "report.txt",
            "connections.txt",
            "destinations.txt",
            "destinations.jsonl",
        ],
    ),
    (
        "oms-names",
        &[
            "report.txt",
            "connections.txt",
            "destinations.txt",
            "destinations.jsonl",
            "listening.txt",
            "lookups.txt",
            "names.jsonl",
            "connections.jsonl",
            "connections.csv",
            "changes.jsonl",
        ],
    ),
    (
        "changed",
        &[
            "jsonl",
            "report.txt",
            "changes.txt",
            "changes.jsonl",
            "all.jsonl",
            "changes.csv",
            "header.jsonl",
            "remote.txt",
            "process.txt",
        ],
    ),
    (
        "lookalike",
        &["jsonl", "tree.txt", "tree.jsonl", "report.txt"],
    ),
    ("cut", &["report.txt", "connections.txt"]),
    (
        "hostile",
        &[
            "replay.txt",
            "tree.txt",
            "tree.csv",
            "report.txt",
            "connections.txt",
        ],
    ),
];

pub(crate) fn tests() -> Vec<Test> {
    let mut traces: Vec<PathBuf> = fs::read_dir(directory())
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|end| end == "trace"))
        .collect();
    traces.sort();
    let mut tests: Vec<Test> = traces
        .into_iter()
        .map(|trace| {
            let name = trace.file_stem().unwrap_or_default().display().to_string();
            Test::new(module_path!(), &name, move || compare(&trace))
        })
        .collect();
    if tests.is_empty() {
        let missing = "the traces, which lie beside the source: TRACER_TESTS_CORPUS names a copy";
        tests.push(Test::new(module_path!(), "traces", || {}).lacking(missing));
    }
    tests
}

/// Returns the directory of the traces.
pub(crate) fn directory() -> PathBuf {
    match std::env::var_os("TRACER_TESTS_CORPUS") {
        Some(given) => given.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus"),
    }
}

fn compare(trace: &Path) {
    let name = trace.file_stem().unwrap_or_default().display().to_string();
    for (end, arguments) in VIEWS {
        let short = SHORT_VIEWS.iter().find(|(long, _)| *long == name);
        let is_wanted = match short {
            Some((_, views)) => views.contains(&end),
            None => !NEW_VIEWS.contains(&end),
        };
        if !is_wanted {
            continue;
        }
        let (verb, options) = arguments.split_first().expect("a verb");
        // From its own directory, so that messages do not name another.
        let mut command = tracer();
        command
            .current_dir(directory())
            .arg(verb)
            .arg(trace.file_name().unwrap_or_default())
            .args(options);
        let answer = run(&mut command);
        let said = format!(
            "{}{}exit status {}\n",
            answer.text(),
            answer.messages(),
            answer.code.unwrap_or(-1)
        );
        let file = trace.with_extension(end);
        if std::env::var_os("TRACER_TESTS_BLESS").is_some() {
            fs::write(&file, &said).expect("writes what is expected from now on");
            continue;
        }
        let expected = fs::read_to_string(&file).unwrap_or_default();
        let differs = expected.lines().zip(said.lines()).find(|(a, b)| a != b);
        assert!(
            said == expected,
            "{} is not what `tracer {}` says; the first difference: {differs:#?}",
            file.display(),
            arguments.join(" ")
        );
    }
}
