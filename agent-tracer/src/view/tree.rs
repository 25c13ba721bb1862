//! The process forest: tree by tree, lineage as indentation.

use crate::model::{Model, Process, ProcessIndex, SYSTEM};

use super::{
    because, escape,
    page::{Emphasis, Page, columns, duration, pad},
    process::{end, name, program},
    user_of,
};

/// Columns that lineage and names take before they push the rest, on a wide and a narrow page.
const NAME_COLUMNS: (usize, usize) = (36, 26);

/// The lines of the forest. `show` says which processes are wanted; those of tree `system` are
/// only counted, unless `with_system`.
pub fn tree(
    page: &Page,
    model: &Model,
    show: &dyn Fn(ProcessIndex) -> bool,
    with_system: bool,
) -> Vec<String> {
    let forest = Forest::new(model, show, with_system);
    let mut lines = Vec::new();
    for tree in model.trees() {
        let roots = forest.roots(tree);
        if roots.is_empty() {
            continue;
        }
        let (count, running) = forest.count(tree);
        let heading = format!(
            "{}: {count} process{}, {running} running",
            escape::text(tree.as_bytes()),
            if count == 1 { "" } else { "es" }
        );
        if !lines.is_empty() {
            lines.push(String::new());
        }
        lines.push(page.fit(page.emphasise(Emphasis::Heading, &heading)));
        let mut reason = String::new();
        for root in roots {
            // Why the tree begins here; below, lineage shows it. Generations of one daemon mostly
            // have the same reason, which is said once.
            let next = because(model, model.process(root));
            if next != reason {
                lines.push(page.fit(page.emphasise(Emphasis::Faint, &format!("# {next}"))));
                reason = next;
            }
            forest.write(page, root, &mut lines);
        }
    }
    let hidden = model
        .processes()
        .filter(|(index, process)| {
            *process.tree == *SYSTEM && show(*index) && !forest.shown[index.position()]
        })
        .count();
    if hidden > 0 {
        if !lines.is_empty() {
            lines.push(String::new());
        }
        lines.push(page.fit(format!(
            "{SYSTEM}: {hidden} process{} not shown (--tree {SYSTEM} shows them)",
            if hidden == 1 { "" } else { "es" }
        )));
    }
    lines
}

struct Forest<'a> {
    model: &'a Model,
    shown: Vec<bool>,
    children: Vec<Vec<ProcessIndex>>,
}

impl<'a> Forest<'a> {
    fn new(model: &'a Model, show: &dyn Fn(ProcessIndex) -> bool, with_system: bool) -> Self {
        let shown: Vec<bool> = model
            .processes()
            .map(|(index, process)| show(index) && (with_system || *process.tree != *SYSTEM))
            .collect();
        let mut children = vec![Vec::new(); shown.len()];
        for (index, process) in model.processes() {
            if let Some(parent) = process.parent {
                children[parent.position()].push(index);
            }
        }
        Forest {
            model,
            shown,
            children,
        }
    }

    /// Shown processes of a tree whose parent is not shown in it.
    fn roots(&self, tree: &str) -> Vec<ProcessIndex> {
        self.of(tree)
            .filter(|index| {
                self.model.process(*index).parent.is_none_or(|parent| {
                    !self.shown[parent.position()] || *self.model.process(parent).tree != *tree
                })
            })
            .collect()
    }

    fn of(&self, tree: &str) -> impl Iterator<Item = ProcessIndex> {
        self.model
            .processes()
            .filter(move |(index, process)| *process.tree == *tree && self.shown[index.position()])
            .map(|(index, _)| index)
    }

    fn count(&self, tree: &str) -> (usize, usize) {
        self.of(tree).fold((0, 0), |(count, running), index| {
            (
                count + 1,
                running + usize::from(self.model.process(index).is_running()),
            )
        })
    }

    /// Iterative, since lineage can be as deep as a hostile program likes.
    fn write(&self, page: &Page, root: ProcessIndex, lines: &mut Vec<String>) {
        /// Columns that lineage may take: deeper processes stay at this indentation.
        const DEEPEST: usize = 24;
        let mut stack = vec![(root, String::new(), String::new())];
        while let Some((index, first, rest)) = stack.pop() {
            let process = self.model.process(index);
            lines.push(line(page, self.model, process, &first));
            let kin: Vec<ProcessIndex> = self.children[index.position()]
                .iter()
                .copied()
                .filter(|child| {
                    self.shown[child.position()] && self.model.process(*child).tree == process.tree
                })
                .collect();
            for (position, child) in kin.iter().enumerate().rev() {
                let last = position + 1 == kin.len();
                let (branch, below) = if last {
                    ("└─ ", "   ")
                } else {
                    ("├─ ", "│  ")
                };
                let base = if columns(&rest) >= DEEPEST {
                    &rest[..rest.len() - last_width(&rest)]
                } else {
                    &rest
                };
                stack.push((*child, format!("{base}{branch}"), format!("{base}{below}")));
            }
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

/// Bytes of the last three columns of an indentation.
fn last_width(indent: &str) -> usize {
    indent.chars().rev().take(3).map(char::len_utf8).sum()
}
