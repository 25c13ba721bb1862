//! Describes missing and uncertain parts of a recording.

use std::collections::BTreeMap;

use super::{escape, socket};
use crate::event::SegmentsDeleted;
use crate::model::{Caveat, Missing, Model, NotCompared, Process, ProcessIndex, Truncation};

/// Processes that are named at most, of each tree.
const NAMED: usize = 5;

/// Describes missing parts, one sentence each; not escaped.
pub(super) fn missing(model: &Model) -> Vec<String> {
    let missing = model.ledger().missing().into_iter();
    missing
        .map(|missing| match missing {
            Missing::Fact(fact) => format!("not recorded at all: {fact}"),
            Missing::Lost(what, count) => format!("lost: {count} × {what}"),
            Missing::Truncated(what, count) => truncated(what, count),
            Missing::NotCompared(what) => not_compared(what),
            Missing::UnseenForks(processes) => unseen_forks(model, processes),
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
pub(super) fn not_certain(model: &Model) -> Vec<String> {
    let ledger = model.ledger();
    let caveats = ledger.caveats().iter();
    caveats
        .map(|caveat| match caveat {
            Caveat::Hook(words) => words.clone(),
            Caveat::NotCompared(what) => not_compared(what),
        })
        .chain(socket::unrecorded(model))
        .chain(unknown_listeners(ledger.unknown_listeners()))
        .chain(unknown_ends(ledger.unknown_ends()))
        .chain(ledger.deletions().iter().map(deletion))
        .collect()
}

/// Names processes without a fork, by tree.
fn unseen_forks(model: &Model, processes: &[ProcessIndex]) -> String {
    let mut by_tree: BTreeMap<&str, Vec<&Process>> = BTreeMap::new();
    for index in processes {
        let process = model.process(*index);
        by_tree.entry(&process.tree).or_default().push(process);
    }
    let trees = by_tree.iter().map(|(tree, processes)| {
        let named = processes.iter().take(NAMED).map(|process| {
            let parent = if process.parent.is_some() {
                ""
            } else {
                ", of an unknown parent"
            };
            let name = String::from_utf8_lossy(&process.comm);
            format!("{name} [{}{parent}]", process.id.pid)
        });
        let named: Vec<String> = named.collect();
        let more = match processes.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!("{tree}: {}{more}", named.join(", "))
    });
    let trees: Vec<String> = trees.collect();
    format!(
        "processes that appeared without a fork: {}, in tree {}",
        processes.len(),
        trees.join("; in tree ")
    )
}

fn unknown_listeners(count: u64) -> Option<String> {
    let text = match count {
        0 => return None,
        1 => "one inbound connection is left out: unknown listener".to_owned(),
        _ => format!("{count} inbound connections are left out: unknown listener"),
    };
    Some(text)
}

fn unknown_ends(count: u64) -> Option<String> {
    (count > 0).then(|| {
        format!("{count} connections were closed at an unknown time: their ends were lost")
    })
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

/// Describes a deletion of old segments; escaped.
pub(super) fn deletion(deleted: &SegmentsDeleted) -> String {
    let time = |seconds: i64| {
        let time = jiff::Timestamp::from_second(seconds);
        time.map_or_else(|_| "?".to_owned(), |time| time.to_string())
    };
    let what = match deleted.count {
        1 => "1 older segment was".to_owned(),
        count => format!("{count} older segments were"),
    };
    format!(
        "{what} deleted, from {} to {} ({}): --keep {}",
        time(deleted.first_s),
        time(deleted.last_s),
        super::size(deleted.bytes),
        escape::text(deleted.limit.as_bytes())
    )
}
