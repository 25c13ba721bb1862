//! What a report says in any form: the numbers of its head, its trees with their reasons, what systemd did.

use std::collections::BTreeSet;

use crate::{
    event::UnitAction,
    findings::{self, By, Group, Totals, groups, still_running, totals},
    model::{Model, ProcessIndex, SYSTEM, UnitTransition},
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

/// A tree, and why it begins where it begins.
pub(super) struct Tree<'a> {
    pub(super) sums: findings::Tree<'a>,
    /// The reasons, each once.
    pub(super) reasons: Vec<String>,
    /// Further such reasons.
    pub(super) more_reasons: usize,
}

pub(super) fn facts<'a>(report: &'a Report<'_>) -> Facts<'a> {
    let destinations = groups(By::Destination, report.shown.connections.iter().copied());
    let totals = totals(report.model, &report.shown, &destinations);
    let recorded = duration(totals.duration_ns);
    let running: Vec<ProcessIndex> = still_running(report.model)
        .map(|(index, _)| index)
        .filter(|index| report.shows(*index))
        .collect();
    Facts {
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
        format!("{count} with an unknown author are not shown (they are without filters)")
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

/// What is behind the start or the end of a unit.
pub(super) fn behind(model: &Model, transition: &UnitTransition) -> String {
    if let Some(activation) = model.activation_of(transition) {
        return cause(&activation.cause);
    }
    match (&transition.request, transition.action) {
        (Some(request), UnitAction::Started | UnitAction::Restarted) => {
            format!("started by {}", requested(request))
        }
        (Some(request), _) => format!("asked for by {}", requested(request)),
        (None, _) => "-".to_owned(),
    }
}
