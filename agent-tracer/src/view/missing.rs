//! Describes missing and uncertain parts of a recording.

use crate::model::{Caveat, Ledger, Missing, NotCompared, Truncation};

/// Describes missing parts, one sentence each; not escaped.
pub(super) fn missing(ledger: &Ledger) -> Vec<String> {
    let missing = ledger.missing().into_iter();
    missing
        .map(|missing| match missing {
            Missing::Fact(fact) => format!("not recorded at all: {fact}"),
            Missing::Lost(what, count) => format!("lost: {count} × {what}"),
            Missing::Truncated(what, count) => truncated(what, count),
            Missing::NotCompared(what) => not_compared(what),
            Missing::UnseenForks(count) => {
                format!("processes that appeared without a fork: {count}")
            }
            Missing::KernelLog(count, lines) => format!(
                "problems that the kernel programs reported: {count}: {}",
                lines.join("; ")
            ),
            Missing::Gap(gap) => gap.to_owned(),
            Missing::UnknownEvents(count) => {
                format!("events of kinds that are unknown to this version: {count}")
            }
        })
        .collect()
}

/// Describes uncertain parts, one sentence each; not escaped.
pub(super) fn not_certain(ledger: &Ledger) -> Vec<String> {
    let caveats = ledger.caveats().iter();
    caveats
        .map(|caveat| match caveat {
            Caveat::Hook(words) => words.clone(),
            Caveat::NotCompared(what) => not_compared(what),
        })
        .collect()
}

fn truncated(what: Truncation, count: u64) -> String {
    match what {
        Truncation::Arguments => format!("argument lists that were cut: {count}"),
        Truncation::Path => format!("paths without their beginning: {count}"),
        Truncation::Names => {
            format!("names of threads that --process does not find: {count}")
        }
    }
}

fn not_compared(what: &NotCompared) -> String {
    let subject = what.subject.map_or("file", |subject| subject.name());
    format!("{subject}s were not all compared: {}", what.problem)
}
