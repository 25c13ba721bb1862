//! Writes a verdict as lines of JSON: what is unknown, findings, unused rules, and the answer.

use serde::Serialize;

use super::{blindness, protocol_name, sentence, stable_name, why};
use crate::{
    policy::{Closest, Finding, Item, Verdict, Why},
    view::json::to_line,
};

/// A finding. Its order is that of the keys.
#[derive(Serialize)]
struct FindingRow {
    record: &'static str,
    why: &'static str,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<&'static str>,
    name: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    names: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tree: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    process: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attention: Option<String>,
    count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    closest: Option<ClosestRow>,
}

/// The rule that comes closest.
#[derive(Serialize)]
struct ClosestRow {
    line: usize,
    rule: String,
    differs: Vec<String>,
}

/// A thing that a recording could not see.
#[derive(Serialize)]
struct UnknownRow {
    record: &'static str,
    text: String,
    trace: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
}

/// An allow that nothing needed.
#[derive(Serialize)]
struct UnusedRow {
    record: &'static str,
    line: usize,
    subject: &'static str,
    rule: String,
}

/// The answer, always the last line.
#[derive(Serialize)]
struct VerdictRow {
    record: &'static str,
    outcome: &'static str,
    findings: usize,
    unknown: usize,
    unused: usize,
}

/// Lists the lines of a verdict.
pub fn verdict_jsonl(verdict: &Verdict<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    for (observation, blind) in &verdict.blind {
        lines.push(to_line(&UnknownRow {
            record: "unknown",
            text: blindness(verdict, observation, blind),
            trace: observation.name.clone(),
            line: blind.line(),
        }));
    }
    let findings = verdict.findings.iter();
    lines.extend(findings.map(|finding| to_line(&row(verdict, finding))));
    lines.extend(verdict.unused_rules().map(|rule| {
        to_line(&UnusedRow {
            record: "unused",
            line: rule.line,
            subject: rule.subject.name(),
            rule: rule.written.clone(),
        })
    }));
    lines.push(to_line(&VerdictRow {
        record: "verdict",
        outcome: verdict.outcome.name(),
        findings: verdict.findings.len(),
        unknown: verdict.blind.len(),
        unused: verdict.unused.len(),
    }));
    lines
}

fn row(verdict: &Verdict<'_>, finding: &Finding<'_>) -> FindingRow {
    let item = finding.first();
    let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let end = item.and_then(|item| item.end.as_ref());
    let party = item.and_then(Item::party);
    let names = match &finding.why {
        Why::New(draft) => draft.names.clone(),
        Why::Denied(..) | Why::Expired(..) => Vec::new(),
    };
    let line = match finding.why {
        Why::New(_) => None,
        Why::Denied(line, ..) | Why::Expired(line, ..) => Some(line),
    };
    FindingRow {
        record: "finding",
        why: why(finding),
        text: sentence(verdict, finding),
        subject: item.map(|item| item.subject.name()),
        kind: item
            .and_then(|item| item.change)
            .map(|(kind, _)| kind.name()),
        action: item
            .and_then(|item| item.change)
            .map(|(_, action)| action.name()),
        name: item.map_or_else(|| stable_name(finding), |item| lossy(&item.name)),
        names,
        port: end.map(|end| end.port),
        protocol: end.and_then(|end| protocol_name(end.protocol)),
        tree: item.map(|item| item.tree.to_string()),
        user: item.map(|item| lossy(&item.user)),
        process: party.map(|party| lossy(&party.comm)),
        pid: party.map(|party| party.pid),
        attention: item.and_then(|item| item.attention.as_deref().map(str::to_owned)),
        count: finding.items.len(),
        trace: finding
            .items
            .first()
            .map(|(observation, _)| observation.name.clone()),
        line,
        closest: finding.closest.as_ref().map(closest),
    }
}

fn closest(closest: &Closest) -> ClosestRow {
    let differs = closest.differs.iter();
    ClosestRow {
        line: closest.line,
        rule: closest.written.clone(),
        differs: differs
            .map(|aspect| format!("{aspect:?}").to_lowercase())
            .collect(),
    }
}
