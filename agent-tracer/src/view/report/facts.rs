//! Lists further facts about single processes: what each changed, bound, looked up or failed to
//! execute.

use crate::{
    model::ProcessIndex,
    view::{errno_name, escape},
};

use super::Report;

/// A fact about a process.
pub(super) struct Fact {
    pub(super) process: ProcessIndex,
    /// The subject of the fact.
    pub(super) kind: &'static str,
    /// The fact in words; escaped.
    pub(super) text: String,
}

/// Lists the facts of a report, the most important first.
pub(super) fn facts(report: &Report<'_>) -> Vec<Fact> {
    let mut facts = Vec::new();
    let mut add = |process, kind, text| {
        facts.push(Fact {
            process,
            kind,
            text,
        });
    };
    for (kind, entries) in [
        ("attention", &report.attention),
        ("changes", &report.changes),
    ] {
        for entry in entries {
            if let Some(author) = entry.author {
                add(author, kind, format!("{}: {}", entry.kind, entry.what));
            }
        }
    }
    for listener in &report.shown.listeners {
        let local = listener.local.map(|local| local.to_string());
        let local = local.unwrap_or_else(|| "?".to_owned());
        let (protocol, state) = (listener.protocol.name(), listener.state());
        add(
            listener.holder(),
            "listeners",
            format!("{local}/{protocol} {state}"),
        );
    }
    for failed in report.shown.failed_execs(report.model) {
        let program = escape::text(&failed.filename);
        let error = errno_name(failed.error);
        add(
            failed.process,
            "failed execs",
            format!("{program}: {error}"),
        );
    }
    for lookup in report.shown.failed_lookups() {
        if let Some(asker) = lookup.party() {
            let question = escape::text(lookup.question.as_bytes());
            let answer = escape::text(lookup.rcode.as_bytes());
            add(asker, "failed lookups", format!("{question}: {answer}"));
        }
    }
    facts
}
