//! Reads a verdict in each of its formats as its consumer does, and counts the findings.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use serde_json::Value;

use super::check;
use crate::harness::run;

/// The validator of SARIF files, as npm has it.
const MULTITOOL: &str = "@microsoft/sarif-multitool@5";

/// The reason for a skip without it.
pub(crate) const NO_MULTITOOL: &str =
    "npm, or a registry with @microsoft/sarif-multitool, is not here";

/// Returns true if the multitool is here, or could be installed.
pub(super) fn has_multitool() -> bool {
    multitool().is_some()
}

/// Returns the program, which npm installs once, below the build directory.
pub(super) fn multitool() -> Option<&'static PathBuf> {
    static TOOL: OnceLock<Option<PathBuf>> = OnceLock::new();
    let tool = TOOL.get_or_init(|| {
        let own = std::env::current_exe().ok()?;
        let room = own.parent()?.with_file_name("test-tools").join("sarif");
        let program = room.join("node_modules/.bin/sarif-multitool");
        if !program.exists() {
            fs::create_dir_all(&room).ok()?;
            let installed = Command::new("npm")
                .args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"])
                .arg(&room)
                .arg(MULTITOOL)
                .status();
            installed.ok().filter(|status| status.success())?;
        }
        program.exists().then_some(program)
    });
    tool.as_ref()
}

/// Returns the complaints of the multitool with their levels: `error SARIF1001`.
pub(super) fn sarif_complaints(text: &str) -> Option<Vec<String>> {
    let directory = tempfile::tempdir().expect("a directory");
    let (file, report) = (
        directory.path().join("it.sarif"),
        directory.path().join("report.sarif"),
    );
    fs::write(&file, text).expect("a file");
    let mut command = Command::new(multitool()?);
    command.arg("validate").arg(&file);
    let ended = run(command
        .args(["--rule-kind", "GHAS", "--output"])
        .arg(&report));
    let said = fs::read_to_string(report);
    let said = said.unwrap_or_else(|error| panic!("{error}: {}", ended.messages()));
    let said: Value = serde_json::from_str(said.trim_start_matches('\u{feff}')).expect("JSON");
    let complaints = said["runs"][0]["results"].as_array().expect("results");
    let complaint = |one: &Value| {
        // The default of the format.
        let level = one["level"].as_str().unwrap_or("warning");
        format!("{level} {}", one["ruleId"].as_str().unwrap_or_default())
    };
    Some(complaints.iter().map(complaint).collect())
}

/// A workflow command: its name, properties, and message.
pub(super) type WorkflowCommand = (String, BTreeMap<String, String>, String);

/// Reads a line of a log as GitHub's runner does (`ActionCommand.TryParseV2`).
pub(super) fn workflow_command(line: &str) -> Option<WorkflowCommand> {
    let unescaped = |text: &str, is_property: bool| {
        let mut text = text.replace("%0D", "\r").replace("%0A", "\n");
        if is_property {
            text = text.replace("%3A", ":").replace("%2C", ",");
        }
        text.replace("%25", "%")
    };
    let (head, message) = line.trim_start().strip_prefix("::")?.split_once("::")?;
    let (name, properties) = head.split_once(' ').unwrap_or((head, ""));
    let properties = properties.split(',').filter_map(|pair| {
        let (key, value) = pair.trim().split_once('=')?;
        Some((key.to_owned(), unescaped(value, true)))
    });
    let message = unescaped(message, false);
    Some((name.to_owned(), properties.collect(), message))
}

/// Reads JUnit as any consumer does, and prints suite, message and text of each failure.
const JUNIT: &str = r#"
import json, sys, xml.etree.ElementTree as tree
root = tree.parse(sys.argv[1]).getroot()
failed = [(suite.get("name"), case.find("failure")) for suite in root.iter("testsuite")
          for case in suite.iter("testcase") if case.find("failure") is not None]
assert int(root.get("failures")) == len(failed), root.attrib
for suite, failure in failed:
    print(json.dumps([suite, failure.get("message") or "", failure.text or ""]))
"#;

/// Requires that a verdict has just these findings, in every format. Each is given by a part of its
/// text.
pub(crate) fn findings_in_every_format(trace: &Path, policy: &Path, expected: &[&str]) {
    let read = |format: &str| {
        let checked = check(trace, policy, &["--format", format]);
        assert_eq!(checked.code, Some(5), "{format}: {}", checked.text());
        checked.text().to_owned()
    };
    let agree = |format: &str, found: &[String]| {
        assert_eq!(found.len(), expected.len(), "{format}: {found:#?}");
        for part in expected {
            let of_part = found.iter().filter(|text| text.contains(part));
            assert_eq!(of_part.count(), 1, "{format}: {part} in {found:#?}");
        }
    };
    // Text: a reader.
    let text = read("text");
    let found = text.lines().filter(|line| line.starts_with("new "));
    agree("text", &found.map(str::to_owned).collect::<Vec<_>>());
    assert!(text.contains(&format!("findings: {}\n", expected.len())));
    let directory = tempfile::tempdir().expect("a directory");
    let written = |format: &str| {
        let file = directory.path().join(format);
        fs::write(&file, read(format)).expect("a file");
        file
    };
    // jsonl: jq.
    let filter = "select(.record == \"finding\") | [(.line // 0), .text] | @json";
    let read_by_jq = run(Command::new("jq")
        .args(["-r", filter])
        .arg(written("jsonl")))
    .success();
    let rows: Vec<(u64, String)> = read_by_jq
        .text()
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line and a text"))
        .collect();
    let texts: Vec<String> = rows.iter().map(|(_, text)| text.clone()).collect();
    agree("jsonl", &texts);
    // github: the runner.
    let log = read("github");
    let commands: Vec<WorkflowCommand> = log.lines().filter_map(workflow_command).collect();
    let errors: Vec<&WorkflowCommand> = commands
        .iter()
        .filter(|(name, ..)| name == "error")
        .collect();
    let messages = errors.iter().map(|(_, _, message)| message.clone());
    agree("github", &messages.collect::<Vec<_>>());
    let policy_text = fs::read_to_string(policy).expect("a policy");
    let lines = policy_text.lines().count();
    for (_, properties, message) in &errors {
        let line: usize = properties["line"].parse().expect("a line");
        assert!((1..=lines).contains(&line), "{line}");
        let row = rows
            .iter()
            .find(|(_, text)| message.contains(text.as_str()));
        let closest = row.map_or(0, |(line, _)| *line);
        assert!(closest == 0 || closest == line as u64, "{closest} {line}");
    }
    // junit: another library.
    let read_by_python = run(Command::new("/usr/bin/python3")
        .args(["-c", JUNIT])
        .arg(written("junit")))
    .success();
    let cases = read_by_python.text().lines();
    agree("junit", &cases.map(str::to_owned).collect::<Vec<_>>());
    // sarif: the validator, where it is.
    let text = read("sarif");
    let log: Value = serde_json::from_str(&text).expect("JSON");
    let results = log["runs"][0]["results"].as_array().expect("results");
    let messages = results
        .iter()
        .map(|result| result["message"]["text"].as_str().unwrap_or_default());
    agree("sarif", &messages.map(str::to_owned).collect::<Vec<_>>());
    for complaint in sarif_complaints(&text).unwrap_or_default() {
        assert!(!complaint.starts_with("error"), "{complaint}");
    }
}

/// Requires that a trace conforms to its policy, and that each of the rules with these texts is
/// needed: without them all, each is one finding.
pub(crate) fn dropped_rules_are_findings(trace: &Path, rules: &[(&str, &str)]) {
    let directory = tempfile::tempdir().expect("a directory");
    let policy = directory.path().join("policy.toml");
    run(crate::harness::tracer()
        .args(["policy", "new"])
        .arg(trace)
        .arg("-o")
        .arg(&policy))
    .success();
    let checked = check(trace, &policy, &[]);
    assert_eq!(checked.code, Some(0), "{}", checked.text());
    let mut text = fs::read_to_string(&policy).expect("a policy");
    for (rule, _) in rules {
        let count = text.lines().filter(|line| line.contains(rule)).count();
        assert_eq!(count, 1, "{rule} in {text}");
        let in_list = [(format!("[{rule}, "), "["), (format!(", {rule}"), "")];
        text = match in_list.iter().find(|(part, _)| text.contains(part)) {
            Some((part, rest)) => text.replacen(part, rest, 1),
            None => super::without(&text, rule),
        };
    }
    fs::write(&policy, text).expect("a policy");
    let expected: Vec<&str> = rules.iter().map(|(_, finding)| *finding).collect();
    findings_in_every_format(trace, &policy, &expected);
}
