//! Writes a verdict as SARIF 2.1.0. Every result is at a line of the policy: services refuse
//! results without a place.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{blindness, line, rule_id, sentence, stable_name, tree, why};
use crate::{policy::Verdict, view::json::to_line};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// Writes a verdict; `version` is that of this program.
pub fn verdict_sarif(verdict: &Verdict<'_>, version: &str) -> String {
    let mut rules: BTreeMap<String, usize> = BTreeMap::new();
    let mut ids: Vec<String> = Vec::new();
    let mut results: Vec<Value> = Vec::new();
    let mut add = |id: String, line: usize, text: String, key: &[&str]| {
        let next = ids.len();
        let index = *rules.entry(id.clone()).or_insert(next);
        if index == next {
            ids.push(id.clone());
        }
        results.push(json!({
            "ruleId": id,
            "ruleIndex": index,
            "level": "error",
            "message": { "text": text },
            "locations": [{
                "physicalLocation": {
                    "artifactLocation": { "uri": uri(&verdict.policy.file) },
                    "region": { "startLine": line, "startColumn": 1 },
                },
            }],
            "partialFingerprints": { "tracerFinding/v1": fingerprint(key) },
        }));
    };
    for (observation, blind) in &verdict.blind {
        let line = blind.line().unwrap_or(verdict.policy.require.line).max(1);
        let text = format!("Unknown: {}.", blindness(verdict, observation, blind));
        let key = format!("{blind:?}");
        add("unknown".to_owned(), line, text, &["unknown", "", &key]);
    }
    for finding in &verdict.findings {
        let id = rule_id(finding);
        let text = format!("{}.", sentence(verdict, finding));
        let name = stable_name(finding);
        let key = [id.as_str(), tree(finding), name.as_str(), why(finding)];
        add(id.clone(), line(verdict, finding), text, &key);
    }
    let rules: Vec<Value> = ids.iter().map(|id| rule(id)).collect();
    let log = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {
                "driver": {
                    "name": "tracer",
                    "semanticVersion": version,
                    "version": version,
                    "informationUri": "https://crates.io/crates/agent-tracer",
                    "rules": rules,
                },
            },
            "automationDetails": { "id": "tracer-check/" },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    to_line(&log)
}

/// Describes a kind of finding.
fn rule(id: &str) -> Value {
    let short = match id.split_once('-') {
        Some(("new", kind)) => format!("A {kind} that no rule allows."),
        Some(("denied", kind)) => format!("A {kind} that a rule denies."),
        Some(("expired", _)) => "A rule that is past its date.".to_owned(),
        Some(_) | None => "A part that the recording could not see.".to_owned(),
    };
    let name: String = id.split('-').map(capitalised).collect();
    let help = "Accept it with `tracer policy add`, or find out why the recorded command does it.";
    json!({
        "id": id,
        "name": name,
        "shortDescription": { "text": short },
        "fullDescription": { "text": format!("{short} The policy lists all that is allowed.") },
        "help": { "text": help, "markdown": help },
        "defaultConfiguration": { "level": "error" },
        "properties": {
            "tags": ["security"],
            "precision": "high",
            "security-severity": "7.0",
        },
    })
}

fn capitalised(word: &str) -> String {
    let mut characters = word.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => String::new(),
    }
}

/// Identifies a finding across runs.
fn fingerprint(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_be_bytes());
        hash.update(part.as_bytes());
    }
    let digest = hash.finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes a path as a relative reference.
fn uri(path: &str) -> String {
    let path = path.trim_start_matches("./").trim_start_matches('/');
    let mut uri = String::new();
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(char::from(byte));
            }
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::{fingerprint, uri};

    #[test]
    fn references_are_relative() {
        assert_eq!(uri("./ci/a b.toml"), "ci/a%20b.toml");
        assert_eq!(uri("/x.toml"), "x.toml");
    }

    #[test]
    fn parts_of_fingerprints_do_not_run_together() {
        assert_ne!(fingerprint(&["a", "bc"]), fingerprint(&["ab", "c"]));
    }
}
