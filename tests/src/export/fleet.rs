//! Databases answer the questions of `docs/fleet/queries.sql` over a composed fleet. Their rows
//! must be those that a script makes of tracer's own jsonl.

mod engine;
mod made;

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use serde_json::Value;

use super::{NO_DUCKDB, duckdb, export, files, has_duckdb};
use crate::harness::{Test, plain, run, tracer};
use engine::{Engine, NO_CHDB, NO_SPARK, NO_STORAGE, has_chdb, has_spark, has_storage, in_storage};
use made::{NO_FLEET, compose, fleet, has_fleet};

pub(super) fn tests() -> Vec<Test> {
    let over_fleet = |test: Test| test.only_where(has_fleet, NO_FLEET);
    vec![
        plain!(a_seed_makes_the_same_fleet).only_where(has_fleet, NO_FLEET),
        plain!(a_statement_has_the_digest_of_a_download).only_where(has_fleet, NO_FLEET),
        over_fleet(plain!(duckdb_answers_like_tracer)).only_where(has_duckdb, NO_DUCKDB),
        over_fleet(plain!(chdb_answers_like_tracer)).only_where(has_chdb, NO_CHDB),
        over_fleet(plain!(spark_answers_like_tracer)).only_where(has_spark, NO_SPARK),
        over_fleet(plain!(object_storage_answers_like_tracer)).only_where(has_storage, NO_STORAGE),
        over_fleet(plain!(compacted_days_answer_like_tracer)).only_where(has_duckdb, NO_DUCKDB),
        plain!(every_question_has_rows_in_old_traces).only_where(has_duckdb, NO_DUCKDB),
    ]
}

/// The questions, which a machine without the source has, too.
const QUERIES: &str = include_str!("../../../docs/fleet/queries.sql");

/// Compacts a folder.
const COMPACT: &str = include_str!("../../../docs/fleet/compact.sh");

/// The number of questions.
const QUESTIONS: usize = 14;

/// Compares the rows of each question.
#[track_caller]
fn compare(answers: &BTreeMap<u64, Value>) {
    let own = &fleet().answers;
    assert_eq!(answers.len(), QUESTIONS);
    for (number, rows) in own {
        let others = &answers[number];
        if rows == others {
            continue;
        }
        let list = |rows: &Value| rows.as_array().expect("rows").clone();
        let (rows, others) = (list(rows), list(others));
        let differs = rows.iter().find(|row| !others.contains(row));
        let in_place = others.iter().find(|row| !rows.contains(row));
        panic!(
            "question {number}: {} rows, tracer has {}; {in_place:?} in place of {differs:?}",
            others.len(),
            rows.len(),
        );
    }
}

fn a_seed_makes_the_same_fleet() {
    let directory = tempfile::tempdir().expect("a directory");
    let made = |name: &str, seed: &str| {
        let folder = directory.path().join(name);
        compose(
            &folder,
            &["--hosts", "3", "--recordings", "7", "--seed", seed],
        );
        files(&folder)
    };
    let first = made("first", "1");
    assert_eq!(first.len(), 7);
    assert!(first == made("again", "1"), "the files differ");
    let other = made("other", "2");
    assert!(first.values().ne(other.values()), "the files are the same");
}

fn a_statement_has_the_digest_of_a_download() {
    let folder = tempfile::tempdir().expect("a directory");
    let trace = fleet().traces.first().expect("a trace").clone();
    let mut command = tracer();
    command.args(["changes", "--format", "jsonl"]).arg(&trace);
    let changes = super::lines(&run(&mut command));
    let mut changes = changes.iter();
    let download = changes.find(|row| row["kind"] == "download");
    let digest = &download.expect("a download")["sha256"];
    export(&[trace], folder.path(), &["--format", "in-toto"]).success();
    let files = files(folder.path());
    let statement: Value = serde_json::from_slice(files.values().next().expect("a statement"))
        .expect("a statement is JSON");
    let files = &statement["predicate"]["monitorLog"]["fileAccess"];
    let mut files = files.as_array().expect("files").iter();
    assert!(
        files.any(|file| &file["digest"]["sha256"] == digest),
        "no file has {digest}"
    );
}

fn duckdb_answers_like_tracer() {
    compare(&Engine::DuckDb.answers(&fleet().room, "fleet"));
}

fn chdb_answers_like_tracer() {
    compare(&Engine::ChDb.answers(&fleet().room, "fleet"));
}

fn spark_answers_like_tracer() {
    compare(&Engine::Spark.answers(&fleet().room, "fleet"));
}

fn object_storage_answers_like_tracer() {
    compare(&in_storage(&fleet().room));
}

/// Compacts while a recording is missing and another is damaged. Both are exported afterwards, and
/// only their days are compacted again.
fn compacted_days_answer_like_tracer() {
    let directory = tempfile::tempdir().expect("a directory");
    let folder = directory.path().join("fleet");
    let traces = &fleet().traces;
    let [missing, damaged, rest @ ..] = &traces[..] else {
        panic!("two traces");
    };
    let part = directory.path().join("damaged.trace");
    let whole = fs::read(damaged).expect("a trace");
    fs::write(&part, &whole[..whole.len() / 2]).expect("a file");
    export(rest, &folder, &[]);
    assert_eq!(export(&[part], &folder, &[]).code, Some(3));
    compact(directory.path());
    let before = files(&directory.path().join("days"));
    export(&[missing.clone(), damaged.clone()], &folder, &[]);
    compact(directory.path());
    let after = files(&directory.path().join("days"));
    let same = after
        .iter()
        .filter(|(path, content)| before.get(*path) == Some(content));
    let same = same.count();
    // Days of other recordings are left alone.
    assert!(
        same > before.len() / 2 && same < after.len(),
        "{same} of {}",
        after.len()
    );
    let exported = files(&folder);
    assert!(after.len() < exported.len(), "{} files", after.len());
    compare(&Engine::DuckDb.answers(directory.path(), "days"));
    if has_chdb() {
        compare(&Engine::ChDb.answers(directory.path(), "days"));
    }
}

/// Runs the script with DuckDB's package in place of its program.
fn compact(directory: &Path) {
    let program = directory.join("run.py");
    let text = "import duckdb, sys\nduckdb.execute(sys.argv[2])\n";
    fs::write(&program, text).expect("a program");
    let shell = directory.join("duckdb.sh");
    let python = duckdb().expect("DuckDB").display();
    let text = format!("exec {python} {} \"$@\"\n", program.display());
    fs::write(&shell, format!("#!/bin/sh\n{text}")).expect("a program");
    run(Command::new("/bin/chmod").arg("+x").arg(&shell)).success();
    let mut command = Command::new("/bin/sh");
    command.args(["-c", COMPACT]).env("DUCKDB", &shell);
    run(command.current_dir(directory)).success();
}

/// A value that a question must find in the corpus, by its number.
const FOUND: [(u64, &str); QUESTIONS] = [
    (1, "packages.example"),
    (2, "github.com"),
    (3, "breaks off"),
    (4, "/opt/acme/acmed"),
    (5, "AzureMonitor"),
    (6, "1.0-2 installed"),
    (7, "0.1.0"),
    (8, "setuid"),
    (9, "0.0.0.0"),
    (10, "ECONNREFUSED"),
    (11, "<!--<script>"),
    (12, "composed"),
    (13, "acmed"),
    (14, "/tmp/systemd"),
];

fn every_question_has_rows_in_old_traces() {
    let directory = tempfile::tempdir().expect("a directory");
    let folder = directory.path().join("fleet");
    let own = ["changed", "oms-names", "torn"].map(super::trace);
    export(&own, &folder, &[]);
    // Composed traces are of one boot. Other names keep them apart.
    for name in ["hostile", "lookalike"] {
        export(&[super::trace(name)], &folder, &["--host", name]).success();
    }
    let answers = Engine::DuckDb.ask(directory.path(), "fleet", "2026-11-25", "%.example%");
    assert_eq!(answers.len(), QUESTIONS);
    for (number, value) in FOUND {
        let rows = answers[&number].to_string();
        assert!(rows.contains(value), "{number}. {rows}");
    }
    // An older recording has it.
    assert!(!answers[&2].to_string().contains("ingest.example"));
}
