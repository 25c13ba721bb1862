//! The overview of a report in any form: numbers, circumstances, and trees with their reasons.

use std::collections::BTreeSet;

use crate::{
    event::UnitAction,
    findings::{self, By, ConnectionGroup, Totals, groups, totals},
    model::{Model, ProcessIndex, UnitTransition},
    trace::Mode,
    view::{
        because, escape,
        page::duration,
        process::{cause, requested},
        summary::{hidden_of_system, hidden_without_author, looked_at, outcome, why_not_compared},
    },
};

use super::Report;

/// Limit of the reasons shown of one tree.
const REASONS: usize = 6;

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
}

pub(super) fn overview<'a>(report: &'a Report<'_>) -> Overview<'a> {
    let destinations = groups(By::Destination, report.shown.connections.iter().copied());
    let totals = totals(report.model, &report.shown, &destinations);
    let recorded = duration(totals.duration_ns);
    let running = report.shown.still_running(report.model);
    Overview {
        subject: subject(report),
        outcome: outcome(report.model).unwrap_or_else(|| format!("recorded for {recorded}")),
        numbers: numbers(&totals, report.events, running.len(), recorded),
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
    totals: &Totals,
    events: u64,
    running: usize,
    recorded: String,
) -> Vec<(&'static str, String, String)> {
    let Totals {
        processes,
        ran_before,
        connections,
        failed,
        hosts,
        destinations,
        listeners,
        failed_lookups,
        ..
    } = totals;
    vec![
        ("duration", recorded, format!("{events} events")),
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
            connections.to_string(),
            format!("{failed} failed"),
        ),
        (
            "hosts",
            hosts.to_string(),
            format!("{destinations} destinations"),
        ),
        (
            "listeners",
            listeners.to_string(),
            format!("{failed_lookups} lookups failed"),
        ),
    ]
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
    let changes = changes.chain(of_system).chain(unseen);
    let mut limits: Vec<_> = changes.map(|value| ("changes", value)).collect();
    if !report.shown.is_everything {
        let total = report.model.processes().count();
        let shown = report.processes().count();
        limits.push((
            "filtered",
            format!(
                "{shown} of {total} processes and {} of {} connections are shown",
                report.shown.connections.len(),
                report.model.connections().len()
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
