//! What a report says in any form: the numbers of its head, its trees with their reasons, what systemd did.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::{
    event::UnitAction,
    findings::{By, Destination, Group, groups, still_running},
    model::{Connection, Model, ProcessIndex, SYSTEM, State, UnitTurn},
    trace::Mode,
    view::{
        because, escape,
        page::duration,
        process::{cause, requested},
        summary::{looked_at, outcome, why_not_compared},
    },
};

use super::Report;

/// Reasons told of one tree; the rest is a number.
const REASONS: usize = 6;

/// What is told about a recording.
pub(super) struct Facts<'a> {
    /// What was recorded.
    pub(super) subject: String,
    /// How that ended.
    pub(super) outcome: String,
    /// The numbers of the head: what of, how many, and what is to be known of them.
    pub(super) numbers: Vec<(&'static str, String, String)>,
    /// Where, when and how it was recorded.
    pub(super) circumstances: Vec<(&'static str, String)>,
    pub(super) trees: Vec<Tree<'a>>,
    /// Those that were started and still run.
    pub(super) running: Vec<ProcessIndex>,
    pub(super) destinations: Vec<Group>,
}

/// A tree, summed up.
#[derive(Default)]
pub(super) struct Tree<'a> {
    pub(super) name: &'a str,
    pub(super) processes: usize,
    pub(super) running: usize,
    pub(super) connections: usize,
    pub(super) destinations: HashSet<Destination>,
    /// Why it begins where it begins.
    pub(super) reasons: Vec<String>,
    /// Further such reasons.
    pub(super) more_reasons: usize,
}

pub(super) fn facts<'a>(report: &'a Report<'_>) -> Facts<'a> {
    let (first, last) = report.model.span();
    let recorded = duration(last.saturating_sub(first));
    let destinations = groups(By::Destination, report.shown.connections.iter().copied());
    let running: Vec<ProcessIndex> = still_running(report.model)
        .map(|(index, _)| index)
        .filter(|index| report.shows(*index))
        .collect();
    Facts {
        subject: subject(report),
        outcome: outcome(report.model).unwrap_or_else(|| format!("recorded for {recorded}")),
        numbers: numbers(report, &destinations, running.len(), recorded),
        circumstances: circumstances(report),
        trees: trees(report),
        running,
        destinations,
    }
}

/// The command, or what else was to be recorded.
fn subject(report: &Report<'_>) -> String {
    match report.header.mode() {
        Mode::Command => escape::arguments(&report.header.command),
        Mode::System => "the whole system".to_owned(),
        Mode::Pid => format!("process {}", report.header.target_pid),
        Mode::Unit => "a unit".to_owned(),
        Mode::Unknown => "a recording".to_owned(),
    }
}

fn numbers(
    report: &Report<'_>,
    destinations: &[Group],
    running: usize,
    recorded: String,
) -> Vec<(&'static str, String, String)> {
    let shown = &report.shown;
    let (mut processes, mut ran_before) = (0_usize, 0_usize);
    for (_, process) in report.processes() {
        processes += 1;
        ran_before += usize::from(process.forked_ns.is_none());
    }
    let failed = shown
        .connections
        .iter()
        .filter(|connection| has_failed(connection))
        .count();
    let hosts: HashSet<_> = destinations
        .iter()
        .flat_map(|group| &group.destinations)
        .map(|destination| &destination.place)
        .collect();
    let listeners = shown.listeners.len();
    let lookups = shown.lookups.iter().filter(|lookup| lookup.has_failed());
    let lookups = lookups.count();
    vec![
        ("duration", recorded, format!("{} events", report.events)),
        (
            "processes",
            processes.to_string(),
            format!("{ran_before} of them ran before"),
        ),
        (
            "still running",
            running.to_string(),
            "of those that were started".to_owned(),
        ),
        (
            "connections",
            shown.connections.len().to_string(),
            format!("{failed} failed"),
        ),
        (
            "hosts",
            hosts.len().to_string(),
            format!("{} destinations", destinations.len()),
        ),
        (
            "listeners",
            listeners.to_string(),
            format!("{lookups} lookups failed"),
        ),
    ]
}

/// Whether it never came to be.
pub(super) fn has_failed(connection: &Connection) -> bool {
    match connection.state {
        State::Refused
        | State::TimedOut
        | State::Unreachable
        | State::Blocked
        | State::Aborted
        | State::Failed => true,
        State::Connecting | State::Open | State::Closing | State::Closed => false,
    }
}

fn circumstances(report: &Report<'_>) -> Vec<(&'static str, String)> {
    let header = report.header;
    let plain = |text: &str| escape::text(text.as_bytes());
    let mut all = vec![
        ("recorded", report.clock.rfc3339(report.clock.start_ns)),
        (
            "machine",
            format!(
                "{}, Linux {}, {}",
                plain(&header.hostname),
                plain(&header.kernel_release),
                plain(&header.arch)
            ),
        ),
        (
            "recorder",
            format!("tracer {}", plain(&header.tool_version)),
        ),
        (
            "ended",
            match report.model.end() {
                Some(end) => end.describe().to_owned(),
                None => "the trace has no end: its recorder was stopped before its time".to_owned(),
            },
        ),
    ];
    let unknown = why_not_compared(report.model).map(|why| format!("not known: {why}"));
    let others = (report.of_others > 0).then(|| {
        let count = report.of_others;
        format!("{count} that the system itself made are not shown (--tree {SYSTEM} shows them)")
    });
    let unseen = (report.without_author > 0).then(|| {
        let count = report.without_author;
        format!("{count} by somebody who was not seen are not shown (without filters they are)")
    });
    let changes = unknown.into_iter().chain(looked_at(report.model));
    let hidden = others.into_iter().chain(unseen);
    all.extend(changes.chain(hidden).map(|value| ("changes", value)));
    if !report.shown.is_everything {
        let total = report.model.processes().count();
        let shown = report.processes().count();
        all.push((
            "filtered",
            format!(
                "{shown} of {total} processes and {} of {} connections are shown",
                report.shown.connections.len(),
                report.model.connections().len()
            ),
        ));
    }
    all
}

/// Every fact that a recorder knows of, with the hook that told it and why that one.
pub(super) fn hooks(report: &Report<'_>) -> impl Iterator<Item = [String; 3]> {
    let plain = |text: &str| escape::text(text.as_bytes());
    report.header.plan.iter().map(move |entry| {
        let hook = match entry.hook.as_str() {
            "" => "not recorded".to_owned(),
            hook => plain(hook),
        };
        [plain(&entry.fact), hook, plain(&entry.reason)]
    })
}

/// In one pass: a machine has many units, each a tree.
fn trees<'a>(report: &'a Report<'_>) -> Vec<Tree<'a>> {
    let model = report.model;
    let mut by_name: BTreeMap<&str, Tree<'a>> = BTreeMap::new();
    let mut all_reasons: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (_, process) in report.processes() {
        let tree = by_name.entry(&process.tree).or_default();
        tree.processes += 1;
        tree.running += usize::from(process.is_running());
        let is_root = process.parent.is_none_or(|parent| {
            !report.shows(parent) || *model.process(parent).tree != *process.tree
        });
        if is_root {
            let reasons = all_reasons.entry(&process.tree).or_default();
            let reason = because(model, process);
            if reasons.insert(reason.clone()) {
                match tree.reasons.len() < REASONS {
                    true => tree.reasons.push(reason),
                    false => tree.more_reasons += 1,
                }
            }
        }
    }
    for connection in &report.shown.connections {
        let tree = by_name
            .entry(&model.process(connection.owner).tree)
            .or_default();
        tree.connections += 1;
        tree.destinations.insert(Destination::of(connection));
    }
    let known = model.trees().into_iter();
    known
        .filter_map(|name| {
            let tree = by_name.remove(name)?;
            Some(Tree { name, ..tree })
        })
        .collect()
}

/// What is behind the start or the end of a unit.
pub(super) fn behind(model: &Model, turn: &UnitTurn) -> String {
    if let Some(activation) = model.activation_of(turn) {
        return cause(&activation.cause);
    }
    match (&turn.request, turn.action) {
        (Some(request), UnitAction::Started | UnitAction::Restarted) => {
            format!("started by {}", requested(request))
        }
        (Some(request), _) => format!("asked for by {}", requested(request)),
        (None, _) => "-".to_owned(),
    }
}
