//! Exports traces of the corpus, and lets DuckDB read the tables. Their rows must be those of
//! tracer's own jsonl.

mod expected;
mod fleet;
mod in_toto;
mod ocsf;
mod otlp;
mod perfetto;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    corpus,
    harness::{Ended, Test, plain, python_with, run, tracer},
};
use expected::{Start, flat_line, flat_row};

pub(crate) fn tests() -> Vec<Test> {
    let mut tests = vec![
        plain!(tables_have_the_rows_of_jsonl).only_where(has_duckdb, NO_DUCKDB),
        plain!(the_same_trace_again_replaces_its_files),
        plain!(names_in_paths_are_safe_and_files_are_private),
        plain!(a_bad_trace_stops_no_other),
        plain!(errors_name_the_object_and_the_reason),
    ];
    tests.extend(in_toto::tests());
    tests.extend(ocsf::tests());
    tests.extend(otlp::tests());
    tests.extend(perfetto::tests());
    tests.extend(fleet::tests());
    tests
}

/// A database that reads Parquet, as PyPI has it, and zones of its times.
const DUCKDB: &str = "duckdb==2.0.1 pytz==2026.6";

/// The reason for a skip without it.
const NO_DUCKDB: &str = "python3 with venv, or a registry with duckdb, is not here";

/// Prints the rows of each table as a line of JSON.
const ROWS: &str = "
import duckdb, sys
duckdb.execute(\"SET TimeZone = 'UTC'\")
query = 'SELECT to_json(row) FROM read_parquet(?, hive_partitioning = false) AS row'
for table in sys.argv[2:]:
    files = f'{sys.argv[1]}/{table}/*/*/*.parquet'
    rows = [row for (row,) in duckdb.execute(query, [files]).fetchall()]
    print('[' + ','.join(rows) + ']')
";

/// The tables, and the commands that print the same rows.
const TABLES: [(&str, &[&str]); 5] = [
    ("processes", &["tree"]),
    ("connections", &["connections"]),
    ("lookups", &["connections", "--lookups"]),
    ("listeners", &["connections", "--listening"]),
    ("changes", &["changes", "--all"]),
];

/// Traces without the one of a newer format.
const TRACES: [&str; 10] = [
    "changed",
    "cut",
    "damaged",
    "hostile",
    "killed",
    "lookalike",
    "oms-install",
    "oms-names",
    "scene",
    "torn",
];

fn duckdb() -> Option<&'static PathBuf> {
    static PYTHON: OnceLock<Option<PathBuf>> = OnceLock::new();
    let python = PYTHON.get_or_init(|| python_with("duckdb", DUCKDB, "duckdb"));
    python.as_ref()
}

fn has_duckdb() -> bool {
    duckdb().is_some()
}

fn trace(name: &str) -> PathBuf {
    corpus::directory().join(format!("{name}.trace"))
}

fn export(traces: &[PathBuf], folder: &Path, options: &[&str]) -> Ended {
    let mut command = tracer();
    command.arg("export").args(traces).arg("-o").arg(folder);
    run(command.args(options))
}

/// Exports one trace.
fn exported(name: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a directory");
    let ended = export(&[trace(name)], folder.path(), &[]);
    // Damaged traces have status 3.
    assert!(matches!(ended.code, Some(0 | 3)), "{}", ended.messages());
    folder
}

/// Lists the files below a folder, by their path in it.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(one) = folders.pop() {
        for entry in fs::read_dir(one).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let inner = path.strip_prefix(folder).expect("a file of the folder");
                files.insert(inner.to_path_buf(), fs::read(&path).expect("a file"));
            }
        }
    }
    files
}

/// Returns the rows of tables, table by table.
fn rows(folder: &Path, tables: &[&str]) -> Vec<Vec<Value>> {
    let mut command = Command::new(duckdb().expect("DuckDB"));
    command.args(["-c", ROWS]).arg(folder).args(tables);
    let tables = lines(&run(&mut command).success()).into_iter();
    tables
        .map(|rows| match rows {
            Value::Array(rows) => rows,
            other => panic!("not a list: {other}"),
        })
        .collect()
}

/// Returns the rows that a command prints of a trace.
fn rows_of_jsonl(words: &[&str], name: &str) -> Vec<Value> {
    let mut command = tracer();
    let command = command.args(words).arg(trace(name));
    lines(&run(command.args(["--format", "jsonl"])))
}

fn lines(ended: &Ended) -> Vec<Value> {
    let lines = ended.text().lines();
    lines
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

/// Columns of every shape, which the corpus has values of.
const SEEN: [&str; 10] = [
    "after_state.mode",
    "argv.0",
    "before",
    "connections",
    "destination_host",
    "duration_ms",
    "names.0.name",
    "not_utf8.name",
    "remote_port",
    "started_ns",
];

fn tables_have_the_rows_of_jsonl() {
    let mut seen = BTreeSet::new();
    for name in TRACES {
        let folder = exported(name);
        let mut names = vec!["recordings"];
        names.extend(TABLES.map(|(table, _)| table));
        let mut tables = rows(folder.path(), &names).into_iter();
        let of_recording = tables.next().expect("recordings");
        let [recording] = &of_recording[..] else {
            panic!("{name}: {} recordings", of_recording.len());
        };
        for ((table, words), rows) in TABLES.into_iter().zip(tables) {
            let mut command = tracer();
            let command = command.args(words).arg(trace(name));
            let printed = run(command.args(["--format", "jsonl", "--header"]));
            let mut printed = lines(&printed).into_iter();
            let header = printed.next().expect("the header");
            let start = Start {
                time: header["started"].as_str().expect("a time").to_owned(),
                since_boot_ns: recording["started_ns"].as_i64().expect("nanoseconds"),
            };
            of_header(&header, recording, &start);
            assert_eq!(rows.len(), printed.len(), "{name}: {table}");
            for (row, line) in rows.iter().zip(printed) {
                let expected = flat_line(&line, &start);
                assert_eq!(flat_row(row), expected, "{name}: {table}");
                seen.extend(expected.into_keys());
            }
        }
    }
    for path in SEEN {
        assert!(seen.contains(path), "nothing has {path}");
    }
}

/// Compares what a recording has of the line of `--header`.
fn of_header(header: &Value, recording: &Value, start: &Start) {
    let mut expected = flat_line(header, start);
    assert_eq!(expected.remove("record"), Some("recording".into()));
    let row = flat_row(recording);
    for (path, value) in &expected {
        assert_eq!(row.get(path), Some(value), "{path}");
    }
    assert_eq!(recording["schema"], 1);
    assert_eq!(
        recording["facts"].as_array().map(Vec::is_empty),
        Some(false)
    );
}

fn the_same_trace_again_replaces_its_files() {
    let folder = tempfile::tempdir().expect("a directory");
    let traces = ["changed", "oms-names", "scene"].map(trace);
    let first = export(&traces, folder.path(), &[]).success();
    let before = files(folder.path());
    assert_eq!(before.len(), 6 * traces.len());
    let second = export(&traces, folder.path(), &[]).success();
    assert_eq!(first.text(), second.text());
    assert!(before == files(folder.path()), "the files differ");
}

fn names_in_paths_are_safe_and_files_are_private() {
    let folder = tempfile::tempdir().expect("a directory");
    let inner = folder.path().join("a/fleet");
    let options = [
        "--host",
        "../../x/\u{1b}[31m",
        "--tables",
        "lookups,processes",
    ];
    export(&[trace("scene")], &inner, &options).success();
    let files = files(&folder.path().join("a"));
    assert_eq!(files.len(), 2, "{:?}", files.keys());
    for name in files.keys() {
        let path = folder.path().join("a").join(name);
        assert!(name.starts_with("fleet"), "{name:?}");
        assert!(
            path.parent()
                .expect("a folder")
                .ends_with("host=_._.._x___31m"),
            "{name:?}"
        );
        let mode = |path: &Path| fs::metadata(path).expect("it").permissions().mode() & 0o7777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().expect("a folder")), 0o700);
    }
}

fn a_bad_trace_stops_no_other() {
    let folder = tempfile::tempdir().expect("a directory");
    let traces = ["newer", "torn", "scene", "oms-names"].map(trace);
    let ended = export(&traces, folder.path(), &[]);
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.messages().contains("newer.trace"),
        "{}",
        ended.messages()
    );
    // Both are of one recording.
    let twice = "is of the same recording as";
    assert!(ended.messages().contains(twice), "{}", ended.messages());
    assert_eq!(ended.text().lines().count(), 3);
    assert_eq!(files(&folder.path().join("processes")).len(), 2);
    let ended = export(&[trace("torn")], folder.path(), &[]);
    assert_eq!(ended.code, Some(3));
}

fn errors_name_the_object_and_the_reason() {
    let folder = tempfile::tempdir().expect("a directory");
    let file = folder.path().join("file");
    fs::write(&file, "").expect("a file");
    let ended = export(&[trace("scene")], &file, &[]);
    assert_eq!(ended.code, Some(1));
    let messages = ended.messages();
    assert!(
        messages.contains("cannot create ") && messages.contains("hint: "),
        "{messages}"
    );
    for options in [["--tables", "nothing"], ["--format", "csv"]] {
        assert_eq!(
            export(&[trace("scene")], folder.path(), &options).code,
            Some(2)
        );
    }
    assert_eq!(export(&[], folder.path(), &[]).code, Some(2));
}
