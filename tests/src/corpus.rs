//! Compares the views of old traces byte for byte: every trace stays readable, and views change
//! only on purpose. It runs on any system as any user, and with a tool that cannot record.
//!
//! `TRACER_TESTS_BLESS=1` writes the present views. `corpus/README.md` describes how to add a
//! trace.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::harness::{Test, on_terminal, run, tracer};

/// A view, the end of the name of the file that has it, and the arguments that make it.
const VIEWS: [(&str, &[&str]); 26] = [
    ("replay.txt", &["replay"]),
    (
        "absolute.txt",
        &["replay", "--time", "absolute", "--tree", "command"],
    ),
    ("jsonl", &["replay", "--format", "jsonl"]),
    ("tree.txt", &["tree"]),
    ("tree.80.txt", &["tree", "--fold", "--times"]),
    (
        "destinations.80.txt",
        &["connections", "--by", "destination"],
    ),
    (
        "destinations.200.txt",
        &["connections", "--by", "destination"],
    ),
    ("connections.80.txt", &["connections", "--no-resolvers"]),
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
        &[
            "changes",
            "--header",
            "--pid",
            "4294967295",
            "--format",
            "jsonl",
        ],
    ),
    ("remote.txt", &["changes", "--remote", "mirror.example"]),
    ("process.txt", &["changes", "--process", "wget"]),
];

/// Views of data in newer traces only.
const NEW_VIEWS: [&str; 17] = [
    "tree.80.txt",
    "destinations.80.txt",
    "destinations.200.txt",
    "connections.80.txt",
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
            "tree.80.txt",
            "report.txt",
            "connections.txt",
            "destinations.txt",
            "destinations.jsonl",
        ],
    ),
    (
        "oms-names",
        &[
            "destinations.80.txt",
            "destinations.200.txt",
            "connections.80.txt",
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

/// Returns the columns of the terminal of a view, which its name has.
fn columns(view: &str) -> Option<u16> {
    view.strip_suffix(".txt")?.rsplit('.').next()?.parse().ok()
}

/// Returns what a command says, on a terminal or in a pipe.
fn said(command: &mut Command, columns: Option<u16>) -> String {
    let (code, text) = match columns {
        Some(columns) => {
            command.env("NO_COLOR", "1").env("TERM", "xterm");
            let (code, text) = on_terminal(command, columns);
            (code, text.replace("\r\n", "\n"))
        }
        None => {
            let answer = run(command);
            (
                answer.code,
                format!("{}{}", answer.text(), answer.messages()),
            )
        }
    };
    format!("{text}exit status {}\n", code.unwrap_or(-1))
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
        let said = said(&mut command, columns(end));
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
