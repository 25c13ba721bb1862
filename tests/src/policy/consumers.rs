//! Other programs read the forms of a verdict.

use std::{fs, process::Command};

use serde_json::Value;

use super::{
    Bench,
    formats::{NO_MULTITOOL, has_multitool, sarif_complaints, workflow_command},
};
use crate::harness::{Test, plain, run, tracer};

pub(super) fn tests() -> Vec<Test> {
    vec![
        plain!(lines_of_json_end_in_a_verdict),
        plain!(ten_annotations_and_the_rest_in_the_summary),
        plain!(every_sarif_result_has_a_place),
        plain!(the_multitool_accepts_the_sarif).only_where(has_multitool, NO_MULTITOOL),
        plain!(the_runner_reads_the_annotations),
        plain!(python_reads_the_junit).needs("/usr/bin/python3"),
    ]
}

/// A hostile trace that breaks every rule, as a verdict in a format.
fn verdict(format: &str) -> (Bench, String) {
    let bench = Bench::of("hostile");
    bench.write("[require]\nfacts = []\n\n[[allow]]\nprogram = \"/never\"\n");
    let checked = bench.check(&["--format", format]);
    assert_eq!(checked.code, Some(4));
    let text = checked.text().to_owned();
    let is_plain = |character: char| !character.is_control() || character == '\n';
    assert!(text.chars().all(is_plain), "{text:?}");
    assert!(!text.contains('\u{202e}'), "{text:?}");
    (bench, text)
}

fn lines_of_json_end_in_a_verdict() {
    let (_bench, text) = verdict("jsonl");
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let last = lines.last().expect("a verdict");
    assert_eq!(last["record"], "verdict");
    assert_eq!(last["outcome"], "incomplete");
    let findings = lines.iter().filter(|line| line["record"] == "finding");
    assert_eq!(Some(findings.count() as u64), last["findings"].as_u64());
    assert!(lines.iter().any(|line| line["record"] == "unused"));
}

fn ten_annotations_and_the_rest_in_the_summary() {
    let (bench, text) = verdict("github");
    let errors = text
        .lines()
        .filter(|line| line.starts_with("::error "))
        .count();
    assert_eq!(errors, 10, "{text}");
    // Without a summary, nothing is silent.
    let (_, lines) = verdict("jsonl");
    let findings = lines.lines().filter(|line| line.contains("\"finding\""));
    let unknown = lines
        .lines()
        .filter(|line| line.contains("\"record\":\"unknown\""));
    let others = text.lines().filter(|line| !line.starts_with("::")).count();
    assert_eq!(others + 9, findings.count() + unknown.count());
    let summary = bench.directory.path().join("summary");
    let checked = run(tracer()
        .arg("check")
        .arg(&bench.trace)
        .args(["--format", "github", "--policy"])
        .arg(bench.path())
        .env("GITHUB_STEP_SUMMARY", &summary));
    assert!(checked.text().lines().all(|line| line.starts_with("::")));
    let summary = fs::read_to_string(summary).expect("a summary");
    assert!(
        summary.contains("&lt;script&gt;") && !summary.contains("<script"),
        "{summary}"
    );
    // A rule is no remedy for what was not seen.
    assert!(!summary.contains("tracer policy add "), "{summary}");
}

fn every_sarif_result_has_a_place() {
    let (_bench, text) = verdict("sarif");
    let log: Value = serde_json::from_str(&text).expect("JSON");
    let results = log["runs"][0]["results"].as_array().expect("results");
    assert!(results.len() > 10);
    let mut prints = Vec::new();
    for result in results {
        let place = &result["locations"][0]["physicalLocation"];
        assert!(place["region"]["startLine"].as_u64() >= Some(1));
        assert!(
            !place["artifactLocation"]["uri"]
                .as_str()
                .expect("a place")
                .starts_with('/')
        );
        prints.push(result["partialFingerprints"]["tracerFinding/v1"].to_string());
    }
    prints.sort();
    prints.dedup();
    assert_eq!(prints.len(), results.len());
}

fn the_multitool_accepts_the_sarif() {
    let (_bench, text) = verdict("sarif");
    let complaints = sarif_complaints(&text).expect("the multitool");
    let is_error = |complaint: &&String| complaint.starts_with("error");
    let errors: Vec<&String> = complaints.iter().filter(is_error).collect();
    assert!(errors.is_empty(), "{errors:?}");
}

/// Shows that a hostile name ends no annotation and begins none.
fn the_runner_reads_the_annotations() {
    let (bench, text) = verdict("github");
    let commands: Vec<_> = text.lines().filter_map(workflow_command).collect();
    let policy = bench.path().display().to_string();
    let errors = commands.iter().filter(|(name, ..)| name == "error");
    // The tenth says how many more there are.
    assert_eq!(errors.clone().count(), 10, "{commands:#?}");
    for (name, properties, message) in errors {
        let keys: Vec<&str> = properties.keys().map(String::as_str).collect();
        assert_eq!(keys, ["file", "line", "title"], "{name} {message}");
        assert_eq!(properties["file"], policy);
        assert!(!message.contains('\r'), "{message:?}");
    }
}

/// Reads a report as any consumer does.
const READER: &str = r#"
import sys, xml.etree.ElementTree as tree
root = tree.parse(sys.argv[1]).getroot()
suites = list(root.iter("testsuite"))
failed = [case for case in root.iter("testcase") if case.find("failure") is not None]
errors = [case for case in root.iter("testcase") if case.find("error") is not None]
assert all(suite.get("name") for suite in suites)
assert int(root.get("failures")) == len(failed), root.attrib
assert int(root.get("errors")) == len(errors), root.attrib
print(len(suites), len(failed), len(errors))
"#;

fn python_reads_the_junit() {
    let (bench, text) = verdict("junit");
    let file = bench.directory.path().join("it.xml");
    fs::write(&file, text).expect("a file");
    let read = run(Command::new("/usr/bin/python3")
        .args(["-c", READER])
        .arg(&file))
    .success();
    let numbers = read
        .text()
        .split_whitespace()
        .map(|number| number.parse().expect("a number"));
    let numbers: Vec<usize> = numbers.collect();
    let (_, lines) = verdict("jsonl");
    let findings = lines
        .lines()
        .filter(|line| line.contains("\"finding\""))
        .count();
    assert_eq!(numbers[1], findings);
    assert!(numbers[0] > 3 && numbers[2] > 0);
}
