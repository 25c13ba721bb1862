//! Says in words what is missing from a recording, and what was not seen for certain.

use crate::model::{Caveat, Ledger, Missing, NotCompared, Truncation};

/// One sentence for each thing that is missing; not escaped.
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
                format!("events of kinds that this version does not know: {count}")
            }
        })
        .collect()
}

/// One sentence for each thing that was not seen for certain; not escaped.
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
        Truncation::Path => format!("paths that lack their beginning: {count}"),
        Truncation::Names => {
            format!("renames of threads whose names --process does not find: {count}")
        }
    }
}

fn not_compared(what: &NotCompared) -> String {
    let subject = what.subject.map_or("file", |subject| subject.name());
    format!("{subject}s were not all compared: {}", what.problem)
}
