//! The overview of a report in any form: numbers, circumstances, and trees with their reasons.

use std::collections::BTreeSet;

use crate::{
    event::UnitAction,
    findings::{self, By, Bystanders, ConnectionGroup, Flows, Totals, flows, groups, totals},
    model::{Model, Origin, ProcessIndex, UnitTransition},
    trace::{Header, Mode},
    view::{
        because, escape,
        numbers::grouped,
        page::duration,
        process::{cause, requested},
        summary::{
            hidden_of_system, hidden_without_author, looked_at, outcome, seen_elsewhere,
            why_not_compared,
        },
    },
};

use super::{Report, text::counted};

/// Limit of the reasons shown of one tree.
const REASONS: usize = 6;

/// Limit of the trees in the head of a page.
const LEAD: usize = 12;

/// The overview of a recording.
pub(super) struct Overview<'a> {
    /// The command, or another target of the recording.
    pub(super) subject: String,
    /// The end of the command.
    pub(super) outcome: String,
    /// The numbers of the head: label, number, remark.
    pub(super) numbers: Vec<(&'static str, String, String)>,
    pub(super) circumstances: Vec<Circumstance>,
    pub(super) trees: Vec<Tree<'a>>,
    /// Processes that were started and still run.
    pub(super) running: Vec<ProcessIndex>,
    pub(super) destinations: Vec<ConnectionGroup>,
    /// Connections from trees to destinations.
    pub(super) flows: Flows<'a>,
}

/// A circumstance of the recording, or of the report.
pub(super) struct Circumstance {
    pub(super) label: &'static str,
    pub(super) value: String,
    /// True if it limits the conclusions that a reader may draw.
    pub(super) is_limit: bool,
}

/// A tree with the reasons of its first processes.
pub(super) struct Tree<'a> {
    pub(super) sums: findings::Tree<'a>,
    /// The reasons, each once.
    pub(super) reasons: Vec<String>,
    /// Further such reasons.
    pub(super) more_reasons: usize,
    /// True for the system's tree beside a recorded command.
    pub(super) is_bystander: bool,
}

impl Overview<'_> {
    /// Lists the recorded trees for the head of a page.
    pub(super) fn lead(&self) -> impl Iterator<Item = &Tree<'_>> {
        let recorded = self.trees.iter().filter(|tree| !tree.is_bystander);
        recorded.take(LEAD)
    }

    /// Number of the recorded trees that the head has no room for.
    pub(super) fn more_trees(&self) -> usize {
        let recorded = self.trees.iter().filter(|tree| !tree.is_bystander);
        recorded.count().saturating_sub(LEAD)
    }
}

impl Tree<'_> {
    /// The name; escaped.
    pub(super) fn name(&self) -> String {
        escape::text(self.sums.name.as_bytes())
    }

    /// Counts its processes and destinations in words.
    pub(super) fn counted(&self) -> String {
        let destinations = self.sums.destinations.len();
        let processes = counted(self.sums.processes, "process", "processes");
        match destinations {
            0 => processes,
            _ => format!(
                "{processes}, {}",
                counted(destinations, "destination", "destinations")
            ),
        }
    }
}

pub(super) fn overview<'a>(report: &'a Report<'_>) -> Overview<'a> {
    let destinations = groups(By::Destination, report.shown.connections.iter());
    let totals = totals(report.model, &report.shown, &destinations);
    let recorded = duration(totals.duration_ns);
    let running = report.shown.still_running(report.model);
    Overview {
        subject: subject(report.header),
        outcome: outcome(report.model).unwrap_or_else(|| format!("recorded for {recorded}")),
        numbers: numbers(
            &totals,
            report.events,
            &still(report.model, &running),
            recorded,
        ),
        circumstances: circumstances(report),
        trees: trees(report),
        running,
        destinations,
        flows: flows(report.model, &report.shown),
    }
}

/// The command, or what else was to be recorded.
pub(in crate::view) fn subject(header: &Header) -> String {
    match header.mode() {
        Mode::Command => escape::arguments(&header.command),
        Mode::System => "the whole system".to_owned(),
        Mode::Pid => format!("process {}", header.target_pid),
        Mode::Unit => "a unit".to_owned(),
        Mode::Unknown => "a recording".to_owned(),
    }
}

/// Describes the processes that still run: their count, and the origin of them.
fn still(model: &Model, running: &[ProcessIndex]) -> (String, String) {
    let ran_before = |index: &&ProcessIndex| model.process(**index).origin == Origin::Snapshot;
    let survivors = running.iter().filter(ran_before).count();
    let origin = match survivors {
        0 => "of those that were started".to_owned(),
        count => format!("{} ran before and were removed", grouped(count as u64)),
    };
    (grouped(running.len() as u64), origin)
}

fn numbers(
    totals: &Totals,
    events: u64,
    running: &(String, String),
    recorded: String,
) -> Vec<(&'static str, String, String)> {
    let number = |count: usize| grouped(count as u64);
    let mut of_trees = format!("in {}", counted(totals.trees, "tree", "trees"));
    if totals.ran_before > 0 {
        of_trees.push_str(&format!(", {} ran before", number(totals.ran_before)));
    }
    let mut numbers = vec![
        ("duration", recorded, format!("{} events", grouped(events))),
        ("processes", number(totals.processes), of_trees),
        ("still running", running.0.clone(), running.1.clone()),
        (
            "connections",
            number(totals.connections),
            format!("{} failed", number(totals.failed)),
        ),
        (
            "destinations",
            number(totals.destinations),
            format!("on {}", counted(totals.hosts, "host", "hosts")),
        ),
        (
            "listeners",
            number(totals.listeners),
            format!(
                "{} failed",
                counted(totals.failed_lookups, "lookup", "lookups")
            ),
        ),
    ];
    let Bystanders {
        processes,
        connections,
        listeners,
    } = totals.bystanders;
    if processes > 0 {
        let parts = [
            (connections, "connection", "connections"),
            (listeners, "listener", "listeners"),
        ];
        let parts = parts.into_iter().filter(|(count, ..)| *count > 0);
        let parts: Vec<String> = parts
            .map(|(count, one, several)| counted(count, one, several))
            .collect();
        let remark = match parts.is_empty() {
            true => "counted apart".to_owned(),
            false => format!("apart, with {}", parts.join(", ")),
        };
        numbers.push(("bystanders", number(processes), remark));
    }
    numbers
}

fn circumstances(report: &Report<'_>) -> Vec<Circumstance> {
    let header = report.header;
    let plain = |text: &str| escape::text(text.as_bytes());
    let machine = format!(
        "{}, Linux {}, {}",
        plain(&header.hostname),
        plain(&header.kernel_release),
        plain(&header.arch)
    );
    let ended = match report.model.end() {
        Some(end) => end.describe().to_owned(),
        None => "the trace has no end: the recorder was killed, or still runs".to_owned(),
    };
    let facts = [
        ("recorded", report.clock.rfc3339(report.clock.start_ns)),
        ("machine", machine),
        (
            "recorder",
            format!("tracer {}", plain(&header.tool_version)),
        ),
        ("ended", ended),
    ];
    let facts = facts.into_iter().map(|(label, value)| Circumstance {
        label,
        value,
        is_limit: false,
    });
    let limits = limits(report).into_iter();
    let limits = limits.map(|(label, value)| Circumstance {
        label,
        value,
        is_limit: true,
    });
    facts.chain(limits).collect()
}

/// Lists the limits of a report: changes that are unknown or not shown, and filters.
fn limits(report: &Report<'_>) -> Vec<(&'static str, String)> {
    let unknown = why_not_compared(report.model).map(|why| format!("not known: {why}"));
    let of_system = (report.of_system > 0).then(|| hidden_of_system(report.of_system, ""));
    let unseen =
        (report.without_author > 0).then(|| hidden_without_author(report.without_author, ""));
    let changes = unknown.into_iter().chain(looked_at(report.model));
    let changes = changes.chain(seen_elsewhere(report.model));
    let changes = changes.chain(of_system).chain(unseen);
    let mut limits: Vec<_> = changes.map(|value| ("changes", value)).collect();
    if !report.shown.is_everything {
        let total = report.model.processes().count();
        let shown = report.processes().count();
        limits.push((
            "filtered",
            format!(
                "{} of {} processes and {} of {} connections are shown",
                grouped(shown as u64),
                grouped(total as u64),
                grouped(report.shown.connections.len() as u64),
                grouped(report.model.connections().len() as u64)
            ),
        ));
    }
    limits
}

fn trees<'a>(report: &'a Report<'_>) -> Vec<Tree<'a>> {
    let model = report.model;
    let trees = findings::trees(model, &report.shown).into_iter();
    trees
        .map(|sums| {
            let mut seen = BTreeSet::new();
            let (mut reasons, mut more_reasons) = (Vec::new(), 0);
            for root in &sums.roots {
                let reason = because(model, model.process(*root));
                if seen.insert(reason.clone()) {
                    match reasons.len() < REASONS {
                        true => reasons.push(reason),
                        false => more_reasons += 1,
                    }
                }
            }
            Tree {
                is_bystander: report.shown.is_bystander(model, sums.name),
                sums,
                reasons,
                more_reasons,
            }
        })
        .collect()
}

/// Says what caused the start or the end of a unit.
pub(super) fn behind(model: &Model, transition: &UnitTransition) -> String {
    if let Some(activation) = model.activation_of(transition) {
        return cause(&activation.cause);
    }
    match (&transition.request, transition.action) {
        (Some(request), UnitAction::Started | UnitAction::Restarted) => {
            format!("started by {}", requested(request))
        }
        (Some(request), _) => format!("requested by {}", requested(request)),
        (None, _) => "-".to_owned(),
    }
}
