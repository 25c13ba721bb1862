//! The report as text: sections of lines for a terminal of any width, or for a pipe.

use crate::{
    findings::By,
    policy::Mark,
    view::{
        completeness,
        connections::CONNECTION,
        escape,
        field::{self, Context, refs},
        groups,
        listeners::LISTENER,
        lookups::LOOKUP,
        numbers::grouped,
        page::{Emphasis, Page, pad},
        summary::running_title,
    },
};

use super::{
    Against, Report, changes,
    columns::{FAILED_EXEC, GAINED, HOOK, RUNNING, UNIT, bad_requests},
    overview::{Overview, overview},
};

/// Columns of the words that say what a line of the head is about.
const LABEL: usize = 15;

/// Columns before the lines of a section.
const INDENT: &str = "  ";

pub(super) fn lines(report: &Report<'_>, page: &Page) -> Vec<String> {
    let overview = overview(report);
    let model = report.model;
    // What is in a section stands under its title.
    let inner = Page {
        width: page
            .width
            .map(|width| width.saturating_sub(INDENT.len()).max(1)),
        ..*page
    };
    let context = Context::new(&inner, model);
    let mut lines = head(page, &overview);
    let mut add = |title: &str, rows: Vec<String>| {
        lines.extend(section(page, title, indented(rows)));
    };
    let against = report.against.as_ref();
    add("Completeness", completeness(&inner, model));
    add("Trees", trees(&inner, &overview));
    add(&running_title(model), running(context, &overview, against));
    add(
        "Destinations, as a firewall has to allow them",
        field::marked_lines(
            context,
            &refs(groups::fields(By::Destination)),
            marked(overview.destinations.iter(), |group| {
                against?.of_group(group)
            }),
        ),
    );
    let all = report.shown.listeners.iter().copied();
    let all = marked(all, |listener| against?.of_listener(listener));
    add(
        "Listeners",
        field::marked_lines(context, &refs(&LISTENER), all),
    );
    let inbound = marked(report.shown.inbound(), |one| against?.of_inbound(one));
    add(
        "Inbound connections",
        field::marked_lines(context, &refs(&CONNECTION), inbound),
    );
    let gained = report.shown.gains(model).map(|(_, process)| process);
    add(
        "Programs that gained privilege",
        field::marked_lines(
            context,
            &refs(&GAINED),
            marked(gained, |process| against?.of_program(process)),
        ),
    );
    add(
        "Execs that failed",
        field::lines(
            context,
            &refs(&FAILED_EXEC),
            report.shown.failed_execs(model),
        ),
    );
    let bad = report.shown.bad_requests(model);
    add(
        "Requests that ended badly",
        field::lines(context, &refs(&bad_requests()), bad.iter()),
    );
    let failed = report.shown.failed_lookups();
    add(
        "Lookups that failed",
        field::lines(context, &refs(&LOOKUP), failed),
    );
    let turns = report.shown.unit_transitions.iter().copied();
    add(
        "Units that were started or ended",
        field::lines(context, &refs(&UNIT), turns),
    );
    lines.extend(changes::lines(page, "Changes", &report.changes));
    let hooks = field::lines(context, &refs(&HOOK), report.header.plan.iter());
    lines.extend(section(page, "Hooks that were used", indented(hooks)));
    // What one of two recordings could not see comes before what was found.
    let mut first = against.map_or_else(Vec::new, |against| {
        let title = format!("Against {}", against.name());
        section(page, &title, indented(against.lines(&inner)))
    });
    first.extend(changes::lines(page, "Attention", &report.attention));
    let after_head = lines
        .iter()
        .position(String::is_empty)
        .unwrap_or(lines.len());
    lines.splice(after_head..after_head, first);
    lines
}

/// Adds its mark to each row.
fn marked<'r, R: 'r>(
    rows: impl Iterator<Item = &'r R>,
    mark: impl Fn(&R) -> Option<Mark>,
) -> impl Iterator<Item = (&'r R, Option<&'static str>)> {
    rows.map(move |row| (row, mark(row).map(Mark::name)))
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

fn head(page: &Page, overview: &Overview<'_>) -> Vec<String> {
    let title = format!("{}: {}", overview.subject, overview.outcome);
    let mut lines: Vec<String> = page
        .wrap(&title, 2)
        .into_iter()
        .map(|line| page.fit(page.emphasise(Emphasis::Heading, &line)))
        .collect();
    let numbers = overview.numbers.iter();
    let numbers = numbers.map(|(label, value, remark)| (*label, format!("{value}, {remark}")));
    let circumstances = overview.circumstances.iter();
    let circumstances = circumstances.map(|one| (one.label, one.value.clone()));
    for (label, value) in numbers.chain(circumstances) {
        let label = pad(label, LABEL);
        let wrapped = page.wrap(&format!("{INDENT}{label}{value}"), LABEL + INDENT.len());
        lines.extend(wrapped.into_iter().map(|line| page.fit(line)));
    }
    lines
}

fn trees(page: &Page, overview: &Overview<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    for tree in &overview.trees {
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

/// `1 process`, `1,234 processes`
pub(super) fn counted(count: usize, one: &str, several: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        count => format!("{} {several}", grouped(count as u64)),
    }
}

/// Limit of the running processes shown.
const RUNNING_LIMIT: usize = 200;

fn running(
    context: Context<'_>,
    overview: &Overview<'_>,
    against: Option<&Against<'_>>,
) -> Vec<String> {
    let running = overview.running.iter().take(RUNNING_LIMIT);
    let rows = running.map(|index| context.model.process(*index));
    let rows = marked(rows, |process| against?.of_running(process));
    let mut lines = field::marked_lines(context, &refs(&RUNNING), rows);
    if overview.running.len() > RUNNING_LIMIT {
        let more = overview.running.len() - RUNNING_LIMIT;
        lines.push(format!("and {more} more, which `tracer tree` shows"));
    }
    lines
}
