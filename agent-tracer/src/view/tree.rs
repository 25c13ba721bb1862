//! The process forest: tree by tree, lineage as indentation.

use std::{fmt::Write, io, rc::Rc};

use crate::{
    findings::{Folds, Forest, Grove, Siblings, distinct},
    model::{Model, Process, ProcessIndex, SYSTEM},
};

#[cfg(test)]
mod tests;

use super::{
    because, escape,
    page::{Emphasis, Page, columns, duration, pad, pad_from, push_missing_columns},
    process::{comm, end, name, program, push_called},
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

/// A process, or several, whose line is to be written.
struct Branch {
    siblings: Siblings,
    /// Lineage before the mark of this line, shared by all children of a process.
    above: Rc<str>,
    /// True for the last child of a process; `None` for a root.
    is_last: Option<bool>,
    depth: usize,
}

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
        let root = Branch {
            siblings: root,
            above: Rc::default(),
            is_last: None,
            depth: 0,
        };
        let mut stack = vec![root];
        let mut indent = String::new();
        while let Some(branch) = stack.pop() {
            let Branch {
                siblings,
                above,
                is_last,
                depth,
            } = branch;
            // Deeper ones show their depth in place of an indentation.
            let is_deep = above.len() >= deepest && columns(&above) >= deepest;
            let (mark, below) = match is_last {
                None => ("", ""),
                Some(_) if is_deep => ("", ""),
                Some(true) => ("└─ ", "   "),
                Some(false) => ("├─ ", "│  "),
            };
            indent.clear();
            indent.push_str(&above);
            indent.push_str(mark);
            if is_last.is_some() && is_deep {
                // Writing to a string cannot fail.
                let _ = write!(indent, "+{} ", depth - shown_depth);
            }
            sink(&self.line(&siblings, &indent))?;
            // Only processes without a child are folded.
            let [index] = siblings.all.as_slice() else {
                continue;
            };
            let children = forest.children(*index, self.model.process(*index));
            if children.is_empty() {
                continue;
            }
            let above: Rc<str> = match below {
                "" => above,
                below => [&*above, below].concat().into(),
            };
            let children = self.folded(&children);
            let count = children.len();
            for (position, siblings) in children.into_iter().enumerate().rev() {
                stack.push(Branch {
                    siblings,
                    above: Rc::clone(&above),
                    is_last: Some(position + 1 == count),
                    depth: depth + 1,
                });
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
        let mut line = String::with_capacity(192);
        line.push_str(indent);
        let start = line.len();
        match processes.len() {
            1 => push_called(&mut line, comm(process), process.id.pid),
            count => line.push_str(&format!("{} ×{count}", name(process))),
        }
        let label = line.get(start..).unwrap_or_default();
        // Each character of the indentation takes one column.
        let taken = indent.chars().count() + columns(label);
        let width = match page.is_narrow() {
            true => NAME_COLUMNS.1,
            false => NAME_COLUMNS.0,
        };
        push_missing_columns(&mut line, taken, width);
        line.push(' ');
        let start = line.len();
        line.push_str(&user_of(model, process));
        pad_from(&mut line, start, 8);
        line.push(' ');
        let state = pad(&ends(&processes), 7);
        let has_failed =
            |process: &&Process| process.ended().is_some_and(|(_, exit)| exit.status != 0);
        match processes.iter().any(has_failed) {
            true => page.push(&mut line, Emphasis::Bad, &state),
            false => line.push_str(&state),
        }
        line.push(' ');
        if !self.has_times {
            line.push_str(&programs(&processes));
            return page.fit(line);
        }
        match process.forked_ns {
            Some(forked_ns) => page.push_time(&mut line, forked_ns),
            None => {
                let before = pad("before", columns(&page.time(0)));
                page.push(&mut line, Emphasis::Faint, &before);
            }
        }
        let ended = processes.iter().filter_map(|process| process.ended());
        let ended = match processes.iter().all(|process| process.ended().is_some()) {
            true => ended.map(|(at, _)| at).max(),
            false => None,
        };
        let life = match (process.forked_ns, ended) {
            (Some(from), Some(to)) => duration(to.saturating_sub(from)),
            (_, _) => "-".to_owned(),
        };
        // Writing to a string cannot fail.
        let _ = write!(line, " {life:>7} ");
        line.push_str(&programs(&processes));
        page.fit(line)
    }
}

/// Describes the ends of siblings: the one that they have in common, or up to two.
fn ends(processes: &[&Process]) -> String {
    if let [process] = processes {
        return end(process);
    }
    let ends = distinct(processes.iter().map(|process| end(process)));
    match ends.as_slice() {
        [one] => one.clone(),
        [one, two] => format!("{one}, {two}"),
        several => format!("{} codes", several.len()),
    }
}

/// Returns the first command line, with the number of others.
fn programs(processes: &[&Process]) -> String {
    if let [process] = processes {
        return program(process);
    }
    let programs = distinct(processes.iter().map(|process| program(process)));
    match programs.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [first, _] => format!("{first} (and 1 other)"),
        [first, others @ ..] => format!("{first} (and {} others)", others.len()),
    }
}
