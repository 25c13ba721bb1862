//! The report as text: sections of lines for a terminal of any width, or for a pipe.

use crate::{
    findings::By,
    view::{
        completeness, escape,
        field::{self, Context, refs},
        groups,
        listeners::LISTENER,
        lookups::LOOKUP,
        page::{Emphasis, Page, pad},
        process::{name, program},
        summary::doubt,
        table::table,
        user_of,
    },
};

use super::{
    Report, changes,
    facts::{Facts, behind, facts, hooks},
};

/// Columns of the words that say what a line of the head is about.
const LABEL: usize = 15;

/// Columns before the lines of a section.
const INDENT: &str = "  ";

pub(super) fn lines(report: &Report<'_>, page: &Page) -> Vec<String> {
    let facts = facts(report);
    let model = report.model;
    // What is in a section stands under its title.
    let inner = Page {
        width: page
            .width
            .map(|width| width.saturating_sub(INDENT.len()).max(1)),
        ..*page
    };
    let context = Context {
        page: &inner,
        model,
    };
    let mut lines = head(page, &facts);
    let mut add = |title: &str, rows: Vec<String>| {
        lines.extend(section(page, title, indented(rows)));
    };
    add("Completeness", completeness(&inner, model));
    add("Trees", trees(&inner, &facts));
    add(
        &format!("Still running{}", doubt(model)),
        running(&inner, report, &facts),
    );
    add(
        "Destinations, as a firewall has to allow them",
        field::lines(
            context,
            &refs(groups::fields(By::Destination)),
            facts.destinations.iter(),
        ),
    );
    let all = report.shown.listeners.iter().copied();
    add("Listeners", field::lines(context, &refs(&LISTENER), all));
    let failed = report.shown.lookups.iter().copied();
    let failed = failed.filter(|lookup| lookup.has_failed());
    add(
        "Lookups that failed",
        field::lines(context, &refs(&LOOKUP), failed),
    );
    add("Units that were started or ended", units(&inner, report));
    lines.extend(changes::lines(page, "Changes", &report.changes));
    let told: Vec<_> = hooks(report).map(|[fact, hook, _]| [fact, hook]).collect();
    let told = table(&inner, &["FACT", "HOOK"], &told, &[]);
    lines.extend(section(page, "What told of what", indented(told)));
    let attention = changes::lines(page, "Attention", &report.attention);
    let after_head = lines
        .iter()
        .position(String::is_empty)
        .unwrap_or(lines.len());
    lines.splice(after_head..after_head, attention);
    lines
}

fn indented(rows: Vec<String>) -> Vec<String> {
    let rows = rows.into_iter();
    rows.map(|row| format!("{INDENT}{row}")).collect()
}

/// An empty line, the title, the lines; nothing where there is nothing under the title.
pub(super) fn section(page: &Page, title: &str, rows: Vec<String>) -> Vec<String> {
    if rows.is_empty() {
        return Vec::new();
    }
    let title = page.fit(page.emphasise(Emphasis::Heading, title));
    [String::new(), title].into_iter().chain(rows).collect()
}

fn head(page: &Page, facts: &Facts<'_>) -> Vec<String> {
    let title = format!("{}: {}", facts.subject, facts.outcome);
    let mut lines: Vec<String> = page
        .wrap(&title, 2)
        .into_iter()
        .map(|line| page.fit(page.emphasise(Emphasis::Heading, &line)))
        .collect();
    let numbers = facts.numbers.iter();
    let numbers = numbers.map(|(label, value, remark)| (*label, format!("{value}, {remark}")));
    let circumstances = facts.circumstances.iter();
    let circumstances = circumstances.map(|(label, value)| (*label, value.clone()));
    for (label, value) in numbers.chain(circumstances) {
        let label = pad(label, LABEL);
        let wrapped = page.wrap(&format!("{INDENT}{label}{value}"), LABEL + INDENT.len());
        lines.extend(wrapped.into_iter().map(|line| page.fit(line)));
    }
    lines
}

fn trees(page: &Page, facts: &Facts<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    for tree in &facts.trees {
        let line = format!(
            "{}: {}, {} running, {}",
            escape::text(tree.sums.name.as_bytes()),
            counted(tree.sums.processes, "process", "processes"),
            tree.sums.running,
            counted(tree.sums.connections, "connection", "connections"),
        );
        lines.push(page.fit(page.emphasise(Emphasis::Event, &line)));
        for reason in &tree.reasons {
            let reason = page.wrap(&format!("{INDENT}because: {reason}"), 4);
            lines.extend(reason.into_iter().map(|line| page.fit(line)));
        }
        if tree.more_reasons > 0 {
            lines.push(page.fit(format!(
                "{INDENT}because: {} more, which `tracer tree` shows",
                tree.more_reasons
            )));
        }
    }
    lines
}

/// `1 process`, `2 processes`
pub(super) fn counted(count: usize, one: &str, several: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        count => format!("{count} {several}"),
    }
}

/// Running processes told; the rest is a number.
const RUNNING: usize = 200;

fn running(page: &Page, report: &Report<'_>, facts: &Facts<'_>) -> Vec<String> {
    let model = report.model;
    let rows: Vec<_> = facts
        .running
        .iter()
        .take(RUNNING)
        .map(|index| {
            let process = model.process(*index);
            [
                format!("{} [{}]", name(process), process.id.pid),
                escape::text(process.tree.as_bytes()),
                user_of(model, process),
                program(process),
            ]
        })
        .collect();
    let headings = ["PROCESS", "TREE", "USER", "COMMAND LINE"];
    // The command line is last: what of it has no room is cut.
    let mut lines = table(page, &headings, &rows, &[]);
    if facts.running.len() > RUNNING {
        lines.push(format!("and {} more", facts.running.len() - RUNNING));
    }
    lines
}

fn units(page: &Page, report: &Report<'_>) -> Vec<String> {
    let rows: Vec<_> = report
        .shown
        .unit_transitions
        .iter()
        .map(|transition| {
            [
                page.time(transition.boot_ns),
                escape::text(&transition.unit),
                transition.action.name().to_owned(),
                behind(report.model, transition),
            ]
        })
        .collect();
    table(page, &["TIME", "UNIT", "WHAT", "WHY"], &rows, &[])
}
