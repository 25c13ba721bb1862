//! What a recording came to, in a screenful.

use std::collections::BTreeMap;

use crate::{
    event::Exit,
    findings::{Destination, running_doubt, still_running},
    model::{Model, ProcessIndex, SYSTEM},
};

use super::{
    destination::written,
    escape,
    missing::{missing, not_certain},
    page::{Emphasis, Page, columns, duration, pad, pad_left},
    process::name,
    signal_name, user_of,
};

/// Destinations shown of one tree; the rest is a number.
const DESTINATIONS: usize = 4;

/// Running processes shown; the rest is a number.
const RUNNING: usize = 12;

/// The lines of the summary.
pub struct Summary<'a> {
    /// What happened.
    pub model: &'a Model,
    /// The command line, already redacted; empty where there was no command.
    pub command: &'a [Vec<u8>],
    /// Events in the trace.
    pub events: u64,
    /// Secrets that were masked.
    pub secrets: usize,
}

impl Summary<'_> {
    /// Renders it.
    pub fn lines(&self, page: &Page) -> Vec<String> {
        let mut lines = vec![page.fit(page.emphasise(Emphasis::Heading, &self.headline()))];
        lines.extend(self.trees(page));
        lines.extend(self.running(page));
        lines.extend(self.failed_lookups().map(|line| page.fit(line)));
        lines.extend(completeness(page, self.model));
        if self.secrets > 0 {
            lines.push(page.fit(format!(
                "masked: {} secret{}, as ‹secret N› wherever {} occurred",
                self.secrets,
                if self.secrets == 1 { "" } else { "s" },
                if self.secrets == 1 { "it" } else { "they" },
            )));
        }
        lines
    }

    fn headline(&self) -> String {
        let (first, last) = self.model.span();
        let recorded = duration(last.saturating_sub(first));
        match outcome(self.model) {
            Some(outcome) if !self.command.is_empty() => {
                let command = escape::arguments(self.command);
                format!("{command}: {outcome}; {} events in {recorded}", self.events)
            }
            Some(_) | None => format!("{} events in {recorded}", self.events),
        }
    }

    fn trees(&self, page: &Page) -> Vec<String> {
        let mut rows = vec![[
            "TREE".to_owned(),
            "PROCESSES".to_owned(),
            "RUNNING".to_owned(),
            "DESTINATIONS".to_owned(),
        ]];
        for tree in self.model.trees() {
            let members: Vec<ProcessIndex> = self
                .model
                .processes()
                .filter(|(_, process)| *process.tree == *tree)
                .map(|(index, _)| index)
                .collect();
            let running = members
                .iter()
                .filter(|index| self.model.process(**index).is_running())
                .count();
            rows.push([
                escape::text(tree.as_bytes()),
                members.len().to_string(),
                running.to_string(),
                self.destinations(tree),
            ]);
        }
        let widths: Vec<usize> = (0..3)
            .map(|column| {
                rows.iter()
                    .map(|row| columns(&row[column]))
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        rows.iter()
            .map(|[tree, processes, running, destinations]| {
                page.fit(format!(
                    "  {}  {}  {}  {destinations}",
                    pad(tree, widths[0]),
                    pad_left(processes, widths[1]),
                    pad_left(running, widths[2]),
                ))
            })
            .collect()
    }

    /// `203.0.113.9:443 Some.Tag (3)`, in the order of their first connection.
    fn destinations(&self, tree: &str) -> String {
        let mut counts: BTreeMap<String, (usize, usize)> = BTreeMap::new();
        for (position, connection) in self.model.connections().iter().enumerate() {
            if *self.model.process(connection.owner).tree == *tree {
                let mut remote = written(&Destination::of(connection));
                let tags = connection.remote.map(|end| self.model.tags(end.ip()));
                if let Some(tag) = tags.unwrap_or_default().first() {
                    remote.push_str(&format!(" {}", escape::text(tag.name.as_bytes())));
                }
                counts.entry(remote).or_insert((position, 0)).1 += 1;
            }
        }
        let mut destinations: Vec<(String, (usize, usize))> = counts.into_iter().collect();
        destinations.sort_by_key(|(_, (first, _))| *first);
        let total = destinations.len();
        let mut shown: Vec<String> = destinations
            .into_iter()
            .take(DESTINATIONS)
            .map(|(remote, (_, count))| {
                if count == 1 {
                    remote
                } else {
                    format!("{remote} ({count})")
                }
            })
            .collect();
        if total > DESTINATIONS {
            shown.push(format!("and {} more", total - DESTINATIONS));
        }
        if shown.is_empty() {
            "-".to_owned()
        } else {
            shown.join(", ")
        }
    }

    /// Lists names that do not exist or could not be resolved, except lookups by the system.
    fn failed_lookups(&self) -> Option<String> {
        let mut failed: Vec<String> = Vec::new();
        for lookup in self.model.lookups() {
            let tree = lookup.asker.map(|asker| &*self.model.process(asker).tree);
            if !lookup.has_failed() || tree.is_none_or(|tree| tree == SYSTEM) {
                continue;
            }
            let name = escape::text(lookup.question.as_bytes());
            let line = format!("{name} {}", escape::text(lookup.rcode.as_bytes()));
            if !failed.contains(&line) {
                failed.push(line);
            }
        }
        let total = failed.len();
        failed.truncate(DESTINATIONS);
        if total > DESTINATIONS {
            failed.push(format!("and {} more", total - DESTINATIONS));
        }
        (total > 0).then(|| format!("lookups that failed: {}", failed.join(", ")))
    }

    fn running(&self, page: &Page) -> Vec<String> {
        let left: Vec<_> = still_running(self.model).collect();
        if left.is_empty() {
            return Vec::new();
        }
        let lost = doubt(self.model);
        let mut lines = vec![format!("still running{lost}: {}", left.len())];
        for (_, process) in left.iter().take(RUNNING) {
            lines.push(page.fit(format!(
                "  {} {} {} {}",
                pad(&format!("{} [{}]", name(process), process.id.pid), 24),
                pad(&escape::text(process.tree.as_bytes()), 10),
                pad(&user_of(self.model, process), 9),
                escape::arguments(&process.argv),
            )));
        }
        if left.len() > RUNNING {
            lines.push(format!("  and {} more", left.len() - RUNNING));
        }
        lines
    }
}

/// How the recorded command ended, and after how long: `ended with 0 after 1.4s`. None as long as it has not.
pub(super) fn outcome(model: &Model) -> Option<String> {
    let end = model.command_end()?;
    let how = match end.status.map(|status| Exit { status }) {
        Some(exit) => match exit.signal() {
            Some(signal) => format!("was killed by {}", signal_name(signal)),
            None => format!("ended with {}", exit.code()),
        },
        None => "ended".to_owned(),
    };
    let forked_ns = model
        .command()
        .and_then(|index| model.process(index).forked_ns);
    let started_ns = forked_ns.unwrap_or(model.span().0);
    let after = duration(end.boot_ns.saturating_sub(started_ns));
    Some(format!("{how} after {after}"))
}

/// What keeps one from being sure that something still runs.
pub(super) fn doubt(model: &Model) -> &'static str {
    let doubt = running_doubt(model);
    match (doubt.has_no_end, doubt.exits_lost) {
        (false, false) => "",
        (false, true) => ", or their exit was lost",
        (true, false) => ", as far as the trace goes",
        (true, true) => ", as far as the trace goes, or their exit was lost",
    }
}

/// Whether anything is missing, and what.
pub fn completeness(page: &Page, model: &Model) -> Vec<String> {
    let entries = missing(model.ledger());
    let notes: Vec<String> = caveats(model)
        .iter()
        .flat_map(|caveat| page.wrap(caveat, 4))
        .collect();
    let unreadable: Vec<String> = model
        .ledger()
        .unreadable_things()
        .map(|(what, count)| format!("{count} × {}", escape::text(what.as_bytes())))
        .collect();
    let unreadable = (!unreadable.is_empty()).then(|| {
        page.fit(format!(
            "broke the rules of its protocol: {}",
            unreadable.join(", ")
        ))
    });
    if entries.is_empty() {
        let complete = "complete: no event was lost".to_owned();
        let mut lines: Vec<String> = unreadable.into_iter().chain([complete]).collect();
        lines.extend(notes);
        return lines;
    }
    let mut lines: Vec<String> = unreadable.into_iter().collect();
    lines.push(page.emphasise(Emphasis::Bad, "INCOMPLETE:"));
    for entry in entries {
        lines.extend(page.wrap(&format!("  {}", escape::text(entry.as_bytes())), 4));
    }
    lines.extend(notes);
    lines
}

/// Which directories were looked at twice; none where there were none.
pub fn looked_at(model: &Model) -> Option<String> {
    let roots = model.watched_roots().iter();
    let roots: Vec<String> = roots.map(|root| escape::text(root)).collect();
    (!roots.is_empty()).then(|| {
        let roots = roots.join(", ");
        let homes = model.homes();
        // There may be thousands of them.
        let into = match homes.looked_into {
            0 => String::new(),
            1 => ", and in .ssh of one home".to_owned(),
            count => format!(", and in .ssh of {count} homes"),
        };
        let but = match homes.left_out {
            0 => String::new(),
            1 => ", nor was .ssh of one more home".to_owned(),
            count => format!(", nor was .ssh of {count} more homes"),
        };
        format!("files were looked at below {roots}{into}; what is elsewhere was not{but}")
    })
}

/// Why it is not known what changed, where it is not.
pub fn why_not_compared(model: &Model) -> Option<String> {
    let not_twice = "files, users, packages and settings were not looked at twice";
    match (model.was_compared(), model.end()) {
        (true, Some(_)) => None,
        (true, None) => {
            Some("the recording was not finished: not all was looked at twice".to_owned())
        }
        (false, Some(_)) => Some(not_twice.to_owned()),
        (false, None) => Some(format!("the recording was not finished: {not_twice}")),
    }
}

/// What was not seen for certain, one sentence each; and whether secrets are there to be seen.
pub fn caveats(model: &Model) -> Vec<String> {
    let caveats = not_certain(model.ledger());
    caveats
        .iter()
        .map(|caveat| format!("not certain: {}", escape::text(caveat.as_bytes())))
        .chain(unmasked(model).map(str::to_owned))
        .collect()
}

/// That the trace was recorded with `--no-redact`, if it was.
pub fn unmasked(model: &Model) -> Option<&'static str> {
    model.ledger().is_unmasked().then_some(
        "NOT MASKED: recorded with --no-redact, secrets stand in this trace as they were",
    )
}
