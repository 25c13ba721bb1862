//! The process forest: tree by tree, lineage as indentation.

use crate::{
    findings::{Forest, Grove},
    model::{Model, Process, ProcessIndex, SYSTEM},
};

use super::{
    because, escape,
    page::{Emphasis, Page, columns, duration, pad},
    process::{end, name, program},
    user_of,
};

/// Columns that lineage and names take before they push the rest, on a wide and a narrow page.
const NAME_COLUMNS: (usize, usize) = (36, 26);

/// Returns the lines of the forest. `wants` selects processes; those of the system are only
/// counted unless `with_system`.
pub fn tree(
    page: &Page,
    model: &Model,
    wants: &dyn Fn(ProcessIndex) -> bool,
    with_system: bool,
) -> Vec<String> {
    let forest = Forest::new(model, wants, with_system);
    let mut lines = Vec::new();
    for grove in forest.groves() {
        let Grove {
            name,
            processes,
            running,
            roots,
        } = grove;
        let heading = format!(
            "{}: {processes} process{}, {running} running",
            escape::text(name.as_bytes()),
            if processes == 1 { "" } else { "es" }
        );
        if !lines.is_empty() {
            lines.push(String::new());
        }
        lines.push(page.fit(page.emphasise(Emphasis::Heading, &heading)));
        let mut reason = String::new();
        for root in roots {
            // Generations of one daemon mostly have the same reason, which appears once.
            let next = because(model, model.process(root));
            if next != reason {
                lines.push(page.fit(page.emphasise(Emphasis::Faint, &format!("# {next}"))));
                reason = next;
            }
            write(page, model, &forest, root, &mut lines);
        }
    }
    if forest.hidden > 0 {
        if !lines.is_empty() {
            lines.push(String::new());
        }
        lines.push(page.fit(format!(
            "{SYSTEM}: {} process{} not shown (--tree {SYSTEM} shows them)",
            forest.hidden,
            if forest.hidden == 1 { "" } else { "es" }
        )));
    }
    lines
}

/// Columns that lineage may take at least, on a narrow page; deeper processes have a number in
/// place of an indentation.
const DEEPEST: usize = 24;

/// Columns that lineage may take where the width is unlimited: the depth is a hostile program's.
const WIDEST: usize = 120;

/// Columns of a generation.
const STEP: usize = 3;

/// Writes a root with its descendants; iterative, since a hostile program decides how deep they
/// are.
fn write(
    page: &Page,
    model: &Model,
    forest: &Forest<'_>,
    root: ProcessIndex,
    lines: &mut Vec<String>,
) {
    let deepest = match page.width {
        Some(width) => (width / 3).max(DEEPEST),
        None => WIDEST,
    };
    let shown_depth = deepest.div_ceil(STEP);
    let mut stack = vec![(root, String::new(), String::new(), 0)];
    while let Some((index, first, rest, depth)) = stack.pop() {
        let process = model.process(index);
        lines.push(line(page, model, process, &first));
        let children = forest.children(index, process);
        for (position, child) in children.iter().enumerate().rev() {
            let is_last = position + 1 == children.len();
            let (branch, below) = match is_last {
                true => ("└─ ", "   "),
                false => ("├─ ", "│  "),
            };
            let depth = depth + 1;
            // Deeper ones show their depth in place of an indentation.
            let (first, rest) = match columns(&rest) >= deepest {
                true => (format!("{rest}+{} ", depth - shown_depth), rest.clone()),
                false => (format!("{rest}{branch}"), format!("{rest}{below}")),
            };
            stack.push((*child, first, rest, depth));
        }
    }
}

fn line(page: &Page, model: &Model, process: &Process, indent: &str) -> String {
    let label = format!("{indent}{} [{}]", name(process), process.id.pid);
    let state = pad(&end(process), 7);
    let is_bad = process.ended.is_some_and(|(_, exit)| exit.status != 0);
    let state = if is_bad {
        page.emphasise(Emphasis::Bad, &state)
    } else {
        state
    };
    let user = pad(&user_of(model, process), 8);
    let program = program(process);
    if page.is_narrow() {
        return page.fit(format!(
            "{} {user} {state} {program}",
            pad(&label, NAME_COLUMNS.1)
        ));
    }
    let started = match process.forked_ns {
        Some(forked_ns) => page.time(forked_ns),
        None => pad("before", columns(&page.time(0))),
    };
    let life = match (process.forked_ns, process.ended) {
        (Some(from), Some((to, _))) => duration(to.saturating_sub(from)),
        (_, _) => "-".to_owned(),
    };
    page.fit(format!(
        "{} {user} {state} {} {life:>7} {program}",
        pad(&label, NAME_COLUMNS.0),
        page.emphasise(Emphasis::Faint, &started),
    ))
}
