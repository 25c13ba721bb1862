//! Summarises a recording in a screenful.

mod left;
mod masked;

use std::collections::HashSet;

use crate::{
    event::Exit,
    findings::{
        Change, Picture, Reached, Tree, failed_lookups, reached, running_doubt, still_running,
        survivors, trees,
    },
    model::{Model, ProcessIndex, SYSTEM},
};

use super::{
    Context,
    destination::written,
    escape,
    field::{EMPTY, Field, lines, refs},
    missing::{missing, not_certain},
    numbers::grouped,
    page::{Emphasis, Page, duration, pad},
    process::{command_line, name},
    signal_name, user_of,
};

pub use masked::MaskedSecret;

/// Limit of the destinations shown of one tree.
const DESTINATIONS: usize = 4;

/// Limit of the running processes shown.
const RUNNING: usize = 12;

/// The lines of the summary.
pub struct Summary<'a> {
    /// The model of the recording.
    pub model: &'a Model,
    /// The masked command line; empty if there was no command.
    pub command: &'a [Vec<u8>],
    /// Events in the trace.
    pub events: u64,
    /// Changes that the recording left behind, by kind.
    pub changes: &'a [Change<'a>],
    /// Secrets that were masked.
    pub secrets: usize,
    /// The first command lines with them.
    pub masked: &'a [MaskedSecret],
}

impl Summary<'_> {
    /// Writes the summary.
    pub fn lines(&self, page: &Page) -> Vec<String> {
        let mut lines = vec![page.fit(page.emphasise(Emphasis::Heading, &self.headline()))];
        lines.extend(self.trees(page));
        lines.extend(self.running(page));
        lines.extend(left::lines(page, self.changes));
        lines.extend(self.failed_lookups().map(|line| page.fit(line)));
        lines.extend(completeness(page, self.model));
        lines.extend(masked::lines(page, self.secrets, self.masked));
        lines
    }

    /// Lists the reading commands that have something to show, besides the report.
    pub fn useful_verbs(&self) -> Vec<&'static str> {
        let model = self.model;
        let is_recorded = |index: ProcessIndex| !model.is_background(&model.process(index).tree);
        let has_processes = model.processes().any(|(index, _)| is_recorded(index));
        let mut connections = model.connections().iter();
        let has_connections = connections.any(|connection| is_recorded(connection.owner));
        let verbs = [
            ("tree", has_processes),
            ("connections", has_connections),
            ("changes", !self.changes.is_empty()),
        ];
        let useful = verbs.into_iter().filter(|(_, is_useful)| *is_useful);
        useful.map(|(verb, _)| verb).collect()
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
        // The table stands two columns from the left.
        let inner = Page {
            width: page.width.map(|width| width.saturating_sub(2).max(1)),
            ..*page
        };
        let context = Context::new(&inner, self.model);
        let mut reached = reached(self.model);
        let trees = trees(self.model, &Picture::whole(self.model)).into_iter();
        let rows = trees.map(|tree| Row {
            reached: reached.remove(tree.name).unwrap_or_default(),
            tree,
        });
        let rows: Vec<Row<'_>> = rows.collect();
        let lines = lines(context, &refs(&fields()), rows.iter()).into_iter();
        lines.map(|line| format!("  {line}")).collect()
    }

    /// Lists names that do not exist or could not be resolved, except lookups by the system.
    fn failed_lookups(&self) -> Option<String> {
        let failed = failed_lookups(self.model);
        let texts = failed.iter().map(|lookup| {
            let name = escape::text(lookup.question.as_bytes());
            format!("{name} {}", escape::text(lookup.rcode.as_bytes()))
        });
        let texts = limited(texts);
        (!texts.is_empty()).then(|| format!("lookups that failed: {texts}"))
    }

    fn running(&self, page: &Page) -> Vec<String> {
        let left: Vec<_> = still_running(self.model).collect();
        if left.is_empty() {
            return Vec::new();
        }
        let lost = doubt(self.model);
        let survived: HashSet<ProcessIndex> = survivors(self.model).collect();
        let mut lines = vec![format!("still running{lost}: {}", left.len())];
        for (index, process) in left.iter().take(RUNNING) {
            let mark = match survived.contains(index) {
                true => "(removed) ",
                false => "",
            };
            lines.push(page.fit(format!(
                "  {} {} {} {mark}{}",
                pad(&format!("{} [{}]", name(process), process.id.pid), 24),
                pad(&escape::text(process.tree.as_bytes()), 10),
                pad(&user_of(self.model, process), 9),
                command_line(process),
            )));
        }
        if left.len() > RUNNING {
            lines.push(format!("  and {} more", left.len() - RUNNING));
        }
        lines
    }
}

/// A tree and the remote ends of its connections.
struct Row<'a> {
    tree: Tree<'a>,
    reached: Vec<Reached<'a>>,
}

fn fields<'a>() -> [Field<Row<'a>>; 4] {
    [
        Field::<Row<'a>>::cell(0, "TREE", |_, row| escape::text(row.tree.name.as_bytes())),
        Field::<Row<'a>>::cell(1, "PROCESSES", |_, row| row.tree.processes.to_string()).right(),
        Field::<Row<'a>>::cell(2, "RUNNING", |_, row| row.tree.running.to_string()).right(),
        Field::<Row<'a>>::cell(3, "DESTINATIONS", |_, row| {
            match limited(row.reached.iter().map(remote)) {
                none if none.is_empty() => EMPTY.to_owned(),
                some => some,
            }
        }),
    ]
}

/// Writes a remote end: `203.0.113.9:443 Some.Tag (3)`.
fn remote(reached: &Reached<'_>) -> String {
    let mut text = written(&reached.destination);
    if let Some(tag) = reached.tag {
        text.push_str(&format!(" {}", escape::text(tag.as_bytes())));
    }
    if reached.connections > 1 {
        text.push_str(&format!(" ({})", reached.connections));
    }
    text
}

/// Joins the first texts with commas, and counts the rest.
fn limited(texts: impl ExactSizeIterator<Item = String>) -> String {
    let total = texts.len();
    let mut shown: Vec<String> = texts.take(DESTINATIONS).collect();
    if total > DESTINATIONS {
        shown.push(format!("and {} more", total - DESTINATIONS));
    }
    shown.join(", ")
}

/// Describes the end of the command: `ended with 0 after 1.4s`. None if it has not ended.
pub(super) fn outcome(model: &Model) -> Option<String> {
    let end = model.command_end()?;
    let how = match end.status.map(Exit::of) {
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

/// Describes doubts about processes that still run.
pub(super) fn doubt(model: &Model) -> &'static str {
    let doubt = running_doubt(model);
    match (doubt.has_no_end, doubt.exits_lost) {
        (false, false) => "",
        (false, true) => ", or their exits were lost",
        (true, false) => ", as far as the trace goes",
        (true, true) => ", as far as the trace goes, or their exits were lost",
    }
}

/// Returns the title of the processes that still run.
pub(super) fn running_title(model: &Model) -> String {
    let whose = match model.command() {
        Some(_) => ", left by the recorded trees",
        None => "",
    };
    format!("Still running{whose}{}", doubt(model))
}

/// Lists missing and uncertain parts, or says that the trace is complete.
pub fn completeness(page: &Page, model: &Model) -> Vec<String> {
    let entries = missing(model);
    let notes: Vec<String> = caveats(model)
        .iter()
        .flat_map(|caveat| page.wrap(caveat, 4))
        .collect();
    let unreadable: Vec<String> = model
        .ledger()
        .unreadable_things()
        .map(|(what, count)| format!("{count} × {}", escape::text(what.as_bytes())))
        .collect();
    let unreadable = (!unreadable.is_empty())
        .then(|| page.fit(format!("malformed messages: {}", unreadable.join(", "))));
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

/// Lists the directories that were compared; none if there are none.
pub fn looked_at(model: &Model) -> Option<String> {
    let roots = model.watched_roots().iter();
    let roots: Vec<String> = roots.map(|root| escape::text(root)).collect();
    (!roots.is_empty()).then(|| {
        let roots = roots.join(", ");
        let homes = model.homes();
        // There may be thousands of them.
        let into = match homes.looked_into {
            0 => String::new(),
            1 => ", and .ssh of one home,".to_owned(),
            count => format!(", and .ssh of {count} homes,"),
        };
        let but = match homes.left_out {
            0 => String::new(),
            1 => ", nor was .ssh of one more home".to_owned(),
            count => format!(", nor was .ssh of {count} more homes"),
        };
        format!("files below {roots}{into} were compared; other files were not{but}")
    })
}

/// Says how many changes have no state from before, and which are not listed; none without any.
pub fn seen_elsewhere(model: &Model) -> Option<String> {
    let files = model.files_elsewhere().len();
    let folded = model.folded_elsewhere().iter();
    let folded: Vec<String> = folded
        .map(|folded| {
            let path = escape::text(&folded.path);
            format!("{} more below {path} are not listed", folded.changes)
        })
        .collect();
    if files == 0 && folded.is_empty() {
        return None;
    }
    let files = match files {
        1 => "one other file was seen when a recorded tree changed it: its state before is unknown"
            .to_owned(),
        _ => format!(
            "{files} other files were seen when recorded trees changed them: their state before \
             is unknown"
        ),
    };
    let parts: Vec<String> = [files].into_iter().chain(folded).collect();
    Some(parts.join("; "))
}

/// Says how many changes by the system are not shown.
pub fn hidden_of_system(count: usize, what: &str) -> String {
    let count = grouped(count as u64);
    format!("{count} {what}that the system itself made are not shown (--tree {SYSTEM} shows them)")
}

/// Says how many changes without a known author are not shown.
pub fn hidden_without_author(count: usize, what: &str) -> String {
    let count = grouped(count as u64);
    format!("{count} {what}with an unknown author are not shown (without filters they are)")
}

/// Gives the reason why changes are unknown, if they are.
pub fn why_not_compared(model: &Model) -> Option<String> {
    let not_compared = "files, users, packages and settings were not compared";
    match (model.was_compared(), model.end()) {
        (true, Some(_)) => None,
        (true, None) => {
            Some("the recording was not finished: not everything was compared".to_owned())
        }
        (false, Some(_)) => Some(not_compared.to_owned()),
        (false, None) => Some(format!("the recording was not finished: {not_compared}")),
    }
}

/// Lists uncertain parts, one sentence each, and unmasked secrets.
pub fn caveats(model: &Model) -> Vec<String> {
    let caveats = not_certain(model);
    caveats
        .iter()
        .map(|caveat| format!("not certain: {}", escape::text(caveat.as_bytes())))
        .chain(unmasked(model).map(str::to_owned))
        .collect()
}

/// Warns of a trace that was recorded with `--no-redact`.
pub fn unmasked(model: &Model) -> Option<&'static str> {
    model
        .ledger()
        .is_unmasked()
        .then_some("NOT MASKED: recorded with --no-redact, so this trace has secrets in clear text")
}
