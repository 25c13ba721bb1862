//! DuckDB runs the queries of `docs/fleet/queries.sql` over a folder of several hosts.

use std::{collections::BTreeMap, process::Command};

use super::{NO_DUCKDB, duckdb, export, has_duckdb, lines, trace};
use crate::harness::{Test, plain, run};

pub(super) fn tests() -> Vec<Test> {
    vec![plain!(every_query_has_rows).only_where(has_duckdb, NO_DUCKDB)]
}

/// The queries, which a machine without the source has, too.
const QUERIES: &str = include_str!("../../../docs/fleet/queries.sql");

/// Runs the statements of stdin with the day of the corpus. Prints the title of each query, and its
/// rows as JSON.
const READER: &str = r#"
import duckdb, json, sys
day = "SET VARIABLE since = DATE '2026-11-25'"
for statement in sys.argv[1].split(";\n"):
    lines = statement.splitlines()
    titles = [line[3:] for line in lines if line[:3] == "-- " and line[3:4].isdigit()]
    text = "\n".join(line for line in lines if line[:2] != "--").strip()
    if text.startswith("SET VARIABLE since"):
        duckdb.execute(text)
        text = day
    if titles:
        rows = duckdb.execute(f"SELECT to_json(row) FROM ({text}) AS row").fetchall()
        rows = [json.loads(row) for (row,) in rows]
        print(json.dumps({"title": titles[-1], "rows": rows}))
    elif text:
        duckdb.execute(text)
"#;

/// A value that a query must find in the corpus, by the query's number.
const FOUND: [(u64, &str); 14] = [
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

fn every_query_has_rows() {
    let directory = tempfile::tempdir().expect("a directory");
    let folder = directory.path().join("fleet");
    let own = ["changed", "oms-names", "torn"].map(trace);
    export(&own, &folder, &[]);
    // Composed traces are of one boot. Other names keep them apart.
    for name in ["hostile", "lookalike"] {
        export(&[trace(name)], &folder, &["--host", name]).success();
    }
    let mut command = Command::new(duckdb().expect("DuckDB"));
    command.current_dir(&directory);
    let answers = run(command.args(["-c", READER, QUERIES])).success();
    let answers: BTreeMap<u64, (String, String)> = lines(&answers)
        .into_iter()
        .map(|answer| {
            let title = answer["title"].as_str().expect("a title");
            let (number, title) = title.split_once(". ").expect("a number");
            let number = number.parse().expect("a number");
            (number, (title.to_owned(), answer["rows"].to_string()))
        })
        .collect();
    assert_eq!(answers.len(), FOUND.len());
    for (number, value) in FOUND {
        let (title, rows) = &answers[&number];
        assert!(rows.contains(value), "{number}. {title} {rows}");
    }
    // An older recording has it.
    assert!(!answers[&2].1.contains("ingest.example"));
}
