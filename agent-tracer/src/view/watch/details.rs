//! Writes the details of a row: the facts that the other views have of it.

use crate::{
    findings::{By, Contact, Destination, attention_list, contacts, groups},
    model::{Connection, Listener, Process},
    view::{
        Context, Page, because,
        changes::{by, words},
        connections::{CONNECTION, name_of, outcome},
        destination::written,
        escape,
        field::{EMPTY, Field, lines, refs},
        groups as by_destination,
        listeners::LISTENER,
        naming,
        numbers::grouped,
        page::{bytes, pad},
        process::{called, command_line},
        tree::{TreeStyle, tree},
        user_of,
    },
};

use super::{
    Pane, Watch,
    rows::{Sight, key_of},
};

/// Limit of the processes and of the connections listed of one row.
const LIMIT: usize = 500;

/// Addresses of a destination that are named.
const FEW: usize = 3;

/// Columns of the words before a fact.
const LABEL: usize = 13;

impl Watch {
    /// Writes the lines that [`Watch::details`] asks for, of at most `width` columns; none if it
    /// asks for none.
    pub fn detail_lines(&self, sight: &Sight<'_>, width: usize) -> Vec<String> {
        let Some((pane, key)) = self.details() else {
            return Vec::new();
        };
        let page = Page {
            width: Some(width.max(1)),
            styled: false,
            ..*sight.page
        };
        let lines = match pane {
            Pane::Trees => of_tree(sight, &page, key),
            Pane::Destinations => of_destination(sight, &page, key),
            Pane::Attention => of_attention(sight, &page, key),
            Pane::Ledger => page.wrap_whole(key, 0),
        };
        match lines.is_empty() {
            true => vec!["it is no longer among the rows".to_owned()],
            false => lines,
        }
    }
}

/// Lists the processes of a tree, its destinations and its listeners.
fn of_tree(sight: &Sight<'_>, page: &Page, name: &str) -> Vec<String> {
    let Sight { model, picture, .. } = sight;
    let mut all = Vec::new();
    let shows = |index| picture.shows(index) && *model.process(index).tree == *name;
    let style = TreeStyle {
        with_system: true,
        folded: true,
        times: false,
    };
    // The sink cannot fail.
    let _ = tree(page, model, &shows, style, &mut |line| {
        if all.len() < LIMIT {
            all.push(line.to_owned());
        }
        Ok(())
    });
    if all.len() == LIMIT {
        all.push(format!("the first {LIMIT} lines; `tracer tree` shows all"));
    }
    let own = picture.connections.iter();
    let own = own.filter(|connection| *model.process(connection.owner).tree == *name);
    let destinations = groups(By::Destination, own);
    let rows = destinations.iter().take(LIMIT).flat_map(|group| {
        let mut line = by_destination::labelled(group);
        let addresses = by_destination::addresses(group, FEW);
        if addresses != EMPTY {
            line.push_str(&format!(" ({addresses})"));
        }
        let summary = by_destination::summary(group, model);
        let outcomes = by_destination::outcomes(group);
        page.wrap_whole(&format!("{line}: {summary}; {outcomes}"), 2)
    });
    section(&mut all, "destinations", rows.collect());
    let listeners = picture.listeners.iter().copied();
    let listeners = listeners.filter(|listener| *model.process(listener.owner).tree == *name);
    let listeners: Vec<&Listener> = listeners.take(LIMIT).collect();
    let context = Context::new(page, model);
    section(&mut all, "listeners", table(context, &LISTENER, &listeners));
    all
}

/// Returns a table, without its remark on columns that have no room.
fn table<R>(context: Context<'_>, fields: &[Field<R>], rows: &[&R]) -> Vec<String> {
    let mut lines = lines(context, &refs(fields), rows.iter().copied());
    lines.truncate(rows.len() + 1);
    lines
}

/// Describes a destination, the process that connected first, and the last connections.
fn of_destination(sight: &Sight<'_>, page: &Page, key: &str) -> Vec<String> {
    let Sight { model, picture, .. } = sight;
    let contacts = contacts(model, picture);
    let Some(contact) = contacts.iter().find(|contact| key_of(contact) == key) else {
        return Vec::new();
    };
    let Contact {
        tree,
        destination,
        first,
        latest,
        connections,
        failed,
    } = contact;
    let own = picture.connections.iter().filter(|connection| {
        let is_own = *model.process(connection.owner).tree == **tree;
        let is_out = is_own && !connection.is_inbound;
        is_out && Destination::of(connection) == *destination
    });
    let own: Vec<&Connection> = own.collect();
    let group = groups(By::Destination, own.iter().copied());
    let group = group.first();
    let mut all = Facts::new(page);
    all.add("destination", &written(destination));
    let addresses = group.map(|group| by_destination::addresses(group, LIMIT));
    let addresses = addresses.filter(|text| text != EMPTY);
    all.add("addresses", &addresses.unwrap_or_default());
    // The best name and the others, each with its source.
    let names = naming::names(&latest.names, true);
    all.add("names", &names.unwrap_or_default());
    let tag = latest.remote.and_then(|remote| name_of(model, remote));
    all.add("tag", &tag.unwrap_or_default());
    all.add("tree", &escape::text(tree.as_bytes()));
    all.process(sight, model.process(first.owner));
    if !first.is_pre_existing {
        all.add("first", page.time(first.started_ns).trim());
    }
    all.add("latest", page.time(latest.started_ns).trim());
    let count = match failed {
        0 => grouped(*connections),
        failed => format!("{}, {} failed", grouped(*connections), grouped(*failed)),
    };
    all.add("connections", &count);
    let (sent, received) = group.map_or((0, 0), |group| (group.sent, group.received));
    all.add("sent", &bytes(sent));
    all.add("received", &bytes(received));
    all.add("state", &outcome(latest));
    let mut all = all.lines;
    let skipped = own.len().saturating_sub(LIMIT);
    let rows: Vec<&Connection> = own.iter().rev().take(LIMIT).copied().collect();
    let context = Context::new(page, model);
    let title = match skipped {
        0 => "connections, the newest first".to_owned(),
        _ => format!("the last {LIMIT} connections, the newest first"),
    };
    section(&mut all, &title, table(context, &CONNECTION, &rows));
    all
}

/// Describes a change that deserves attention, and its author.
fn of_attention(sight: &Sight<'_>, page: &Page, key: &str) -> Vec<String> {
    let Sight { model, changes, .. } = sight;
    let lines = attention_list(changes);
    let line = lines.iter().find(|line| {
        let what = words::attention_item(line);
        let reason = words::reason(line.reason);
        key.starts_with(&format!("{reason}: {what} ("))
            && key.ends_with(&by(model, line.change.kind, line.author))
    });
    let Some(line) = line else {
        return Vec::new();
    };
    let mut all = Facts::new(page);
    all.add("what", &words::attention_item(line));
    all.add("because", &words::reason(line.reason));
    all.add("change", &words::became(model, line.change));
    all.add("facts", &words::detail(model, line.change));
    match line.author {
        Some((author, is_inferred)) => {
            if is_inferred {
                all.add("author", "inferred");
            }
            let author = model.process(author);
            all.add("tree", &escape::text(author.tree.as_bytes()));
            all.process(sight, author);
        }
        None => all.add("author", "unknown"),
    }
    all.lines
}

/// Lines of facts, each with a word before it.
struct Facts<'p> {
    page: &'p Page,
    lines: Vec<String>,
}

impl Facts<'_> {
    fn new(page: &Page) -> Facts<'_> {
        Facts {
            page,
            lines: Vec::new(),
        }
    }

    /// Adds a fact, unless it is empty.
    fn add(&mut self, label: &str, value: &str) {
        if value.is_empty() {
            return;
        }
        let line = format!("{} {value}", pad(label, LABEL));
        self.lines.extend(self.page.wrap_whole(&line, LABEL + 1));
    }

    fn process(&mut self, sight: &Sight<'_>, process: &Process) {
        self.add("process", &called(process));
        self.add("command line", &command_line(process));
        self.add("executable", &escape::text(&process.exe));
        self.add("user", &user_of(sight.model, process));
        self.add("in its tree", &because(sight.model, process));
    }
}

/// Adds rows below an empty line and a title, if there are any.
fn section(all: &mut Vec<String>, title: &str, rows: Vec<String>) {
    if !rows.is_empty() {
        all.extend([String::new(), format!("{title}:")]);
        all.extend(rows);
    }
}
