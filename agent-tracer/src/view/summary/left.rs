//! Counts what a recording left on the machine: changes by kind, listeners, and what deserves
//! attention.

use crate::{
    findings::{Change, Kind, attention_list, by_kind},
    view::{
        changes::words,
        page::{Emphasis, Page},
    },
};

use super::limited;

/// Counts changes and what deserves attention; nothing where there is nothing.
pub(super) fn lines(page: &Page, changes: &[Change<'_>]) -> Vec<String> {
    let counts: Vec<String> = by_kind(changes)
        .filter_map(|of_kind| {
            let noun = noun(of_kind.kind, of_kind.count == 1)?;
            Some(format!("{} {noun}", of_kind.count))
        })
        .collect();
    let counted = (!counts.is_empty()).then(|| format!("left behind: {}", counts.join(", ")));
    let items: Vec<String> = attention_list(changes)
        .iter()
        .map(|line| {
            format!(
                "{} {}",
                words::reason(line.reason),
                words::attention_item(line)
            )
        })
        .collect();
    let attention = (!items.is_empty()).then(|| {
        let head = format!("look at these first: {}", items.len());
        let head = page.emphasise(Emphasis::Bad, &head);
        format!("{head}: {}", limited(items.into_iter()))
    });
    let counted = counted.into_iter().flat_map(|line| page.wrap(&line, 4));
    counted
        .chain(attention.into_iter().map(|line| page.fit(line)))
        .collect()
}

/// Names the changes of a kind. Processes and destinations have lines of their own.
fn noun(kind: Kind, is_one: bool) -> Option<&'static str> {
    let (one, several) = match kind {
        Kind::Process | Kind::Destination => return None,
        Kind::Service => ("service", "services"),
        Kind::Listener => ("listener", "listeners"),
        Kind::Program => (
            "program from an unusual place",
            "programs from unusual places",
        ),
        Kind::Download => ("download", "downloads"),
        Kind::User => ("user", "users"),
        Kind::Group => ("group", "groups"),
        Kind::Package => ("package", "packages"),
        Kind::Cron => ("cron table", "cron tables"),
        Kind::File => ("file or directory", "files and directories"),
        Kind::Module => ("kernel module", "kernel modules"),
        Kind::Sysctl => ("kernel parameter", "kernel parameters"),
        Kind::Firewall => ("firewall rule", "firewall rules"),
        Kind::Mount => ("mount", "mounts"),
    };
    Some(if is_one { one } else { several })
}
