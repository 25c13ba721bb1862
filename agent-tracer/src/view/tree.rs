//! The process forest: tree by tree, lineage as indentation.

use std::io;

use crate::{
    findings::{Folds, Forest, Grove, Siblings, distinct},
    model::{Model, Process, ProcessIndex, SYSTEM},
};

#[cfg(test)]
mod tests;

use super::{
    because, escape,
    page::{Emphasis, Page, columns, duration, pad},
    process::{end, name, program},
    user_of,
};

/// Columns that lineage and names take before they push the rest, on a wide and a narrow page.
const NAME_COLUMNS: (usize, usize) = (36, 26);

/// Options of the forest as text.
#[derive(Clone, Copy, Debug, Default)]
pub struct TreeStyle {
    /// True if processes of the system are shown; else they are only counted.
    pub with_system: bool,
    /// True if equal siblings are one line.
    pub folded: bool,
    /// True if start and duration are also shown where a page has little room.
    pub times: bool,
}

/// Writes the lines of the forest as they are made: a machine has hundreds of thousands. `wants`
/// selects processes. Returns true if there was a line.
///
/// # Errors
///
/// The error of `sink`.
pub(super) fn tree(
    page: &Page,
    model: &Model,
    wants: &dyn Fn(ProcessIndex) -> bool,
    style: TreeStyle,
    sink: &mut dyn FnMut(&str) -> io::Result<()>,
) -> io::Result<bool> {
    let with_system = style.with_system;
    let scene = Scene {
        page,
        model,
        folds: style.folded.then(|| Folds::new(model)),
        has_times: style.times || !page.is_narrow(),
    };
    let forest = Forest::new(model, wants, with_system);
    let mut has_lines = false;
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
        if has_lines {
            sink("")?;
        }
        has_lines = true;
        sink(&page.fit(page.emphasise(Emphasis::Heading, &heading)))?;
        // Generations of one daemon mostly have the same reason, which appears once.
        let mut roots = roots.into_iter().peekable();
        while let Some(root) = roots.next() {
            let reason = because(model, model.process(root));
            let mut equal = vec![root];
            while let Some(next) =
                roots.next_if(|next| because(model, model.process(*next)) == reason)
            {
                equal.push(next);
            }
            if !reason.is_empty() {
                sink(&page.fit(page.emphasise(Emphasis::Faint, &format!("# {reason}"))))?;
            }
            for root in scene.folded(&equal) {
                scene.write(&forest, root, sink)?;
            }
        }
    }
    if forest.hidden > 0 {
        if has_lines {
            sink("")?;
        }
        has_lines = true;
        sink(&page.fit(format!(
            "{SYSTEM}: {} process{} not shown (--tree {SYSTEM} shows them)",
            forest.hidden,
            if forest.hidden == 1 { "" } else { "es" }
        )))?;
    }
    Ok(has_lines)
}

/// Columns that lineage may take at least, on a narrow page; deeper processes have a number in
/// place of an indentation.
const DEEPEST: usize = 24;

/// Columns that lineage may take where the width is unlimited: the depth is a hostile program's.
const WIDEST: usize = 120;

/// Columns of a generation.
const STEP: usize = 3;

/// The facts that all lines are made of.
struct Scene<'a> {
    page: &'a Page,
    model: &'a Model,
    folds: Option<Folds<'a>>,
    has_times: bool,
}

impl Scene<'_> {
    fn folded(&self, siblings: &[ProcessIndex]) -> Vec<Siblings> {
        match &self.folds {
            Some(folds) => folds.of(siblings),
            None => siblings.iter().copied().map(Siblings::one).collect(),
        }
    }

    /// Writes a root with its descendants; iterative, since a hostile program decides how deep they
    /// are.
    fn write(
        &self,
        forest: &Forest<'_>,
        root: Siblings,
        sink: &mut dyn FnMut(&str) -> io::Result<()>,
    ) -> io::Result<()> {
        let deepest = match self.page.width {
            Some(width) => (width / 3).max(DEEPEST),
            None => WIDEST,
        };
        let shown_depth = deepest.div_ceil(STEP);
        let mut stack = vec![(root, String::new(), String::new(), 0)];
        while let Some((siblings, first, rest, depth)) = stack.pop() {
            sink(&self.line(&siblings, &first))?;
            // Only processes without a child are folded.
            let [index] = siblings.all.as_slice() else {
                continue;
            };
            let children = forest.children(*index, self.model.process(*index));
            let children = self.folded(&children);
            let count = children.len();
            for (position, child) in children.into_iter().enumerate().rev() {
                let is_last = position + 1 == count;
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
                stack.push((child, first, rest, depth));
            }
        }
        Ok(())
    }

    fn line(&self, siblings: &Siblings, indent: &str) -> String {
        let Scene { page, model, .. } = self;
        let processes = siblings.all.iter().map(|index| model.process(*index));
        let processes: Vec<&Process> = processes.collect();
        let Some(process) = processes.first() else {
            return String::new();
        };
        let label = match processes.len() {
            1 => format!("{indent}{} [{}]", name(process), process.id.pid),
            count => format!("{indent}{} ×{count}", name(process)),
        };
        let state = pad(&ends(&processes), 7);
        let has_failed =
            |process: &&Process| process.ended().is_some_and(|(_, exit)| exit.status != 0);
        let state = if processes.iter().any(has_failed) {
            page.emphasise(Emphasis::Bad, &state)
        } else {
            state
        };
        let user = pad(&user_of(model, process), 8);
        let label = pad(
            &label,
            match page.is_narrow() {
                true => NAME_COLUMNS.1,
                false => NAME_COLUMNS.0,
            },
        );
        let program = programs(&processes);
        if !self.has_times {
            return page.fit(format!("{label} {user} {state} {program}"));
        }
        let started = match process.forked_ns {
            Some(forked_ns) => page.time(forked_ns),
            None => pad("before", columns(&page.time(0))),
        };
        let ended = processes.iter().filter_map(|process| process.ended());
        let ended = match processes.iter().all(|process| process.ended().is_some()) {
            true => ended.map(|(at, _)| at).max(),
            false => None,
        };
        let life = match (process.forked_ns, ended) {
            (Some(from), Some(to)) => duration(to.saturating_sub(from)),
            (_, _) => "-".to_owned(),
        };
        page.fit(format!(
            "{label} {user} {state} {} {life:>7} {program}",
            page.emphasise(Emphasis::Faint, &started),
        ))
    }
}

/// Describes the ends of siblings: the one that they have in common, or up to two.
fn ends(processes: &[&Process]) -> String {
    let ends = distinct(processes.iter().map(|process| end(process)));
    match ends.as_slice() {
        [one] => one.clone(),
        [one, two] => format!("{one}, {two}"),
        several => format!("{} codes", several.len()),
    }
}

/// Returns the first command line, with the number of others.
fn programs(processes: &[&Process]) -> String {
    let programs = distinct(processes.iter().map(|process| program(process)));
    match programs.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [first, _] => format!("{first} (and 1 other)"),
        [first, others @ ..] => format!("{first} (and {} others)", others.len()),
    }
}
