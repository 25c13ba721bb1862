//! Writes changes as tables by kind.

mod fields;
#[cfg(test)]
mod tests;
pub(super) mod words;

use crate::{
    findings::{AttentionLine, Change, Kind, OfKind, attention_list, by_kind},
    model::{Model, ProcessIndex},
};

pub(super) use fields::fields;

use super::{
    escape,
    page::{Emphasis, Page, columns, pad},
    process::name,
    summary::doubt,
};

/// Returns the lines of the tables, with attention first.
pub fn changes(page: &Page, model: &Model, wanted: &[Change<'_>]) -> Vec<String> {
    let mut lines = attention_lines(page, model, wanted);
    for of_kind in by_kind(wanted) {
        let OfKind {
            kind,
            changes,
            count,
        } = of_kind;
        if !lines.is_empty() {
            lines.push(String::new());
        }
        let doubt = match kind {
            Kind::Process => doubt(model),
            _ => "",
        };
        let heading = format!("{}{doubt}: {count}", words::heading(kind));
        lines.push(page.fit(page.emphasise(Emphasis::Heading, &heading)));
        let width = changes
            .iter()
            .map(|change| columns(&escape::text(&change.what)))
            .max()
            .unwrap_or(0)
            .min(match page.is_narrow() {
                true => NARROW_COLUMNS,
                false => WHAT_COLUMNS,
            });
        for change in changes {
            let what = pad(&escape::text(&change.what), width);
            let author = author(model, change);
            let text = format!(
                "  {} {what}  {}",
                pad(change.action.name(), 7),
                words::detail(model, change)
            );
            lines.extend(row(page, text.trim_end(), &author));
        }
    }
    lines
}

/// Columns of names; longer names push the rest.
const WHAT_COLUMNS: usize = 60;

/// The same where there is little room.
const NARROW_COLUMNS: usize = 24;

/// Columns before the later lines of a row.
const INDENT: usize = 10;

/// Writes one line if there is room, or else the author on a line of its own, which is not cut.
fn row(page: &Page, text: &str, author: &str) -> Vec<String> {
    let line = match author.is_empty() {
        true => text.to_owned(),
        false => format!("{text}  {author}"),
    };
    if page.width.is_none_or(|width| columns(&line) <= width) {
        return vec![line];
    }
    let mut lines = page.wrap_whole(text, INDENT);
    if !author.is_empty() {
        lines.push(format!("{}{author}", " ".repeat(INDENT)));
    }
    lines.into_iter().map(|line| page.fit(line)).collect()
}

fn attention_lines(page: &Page, model: &Model, wanted: &[Change<'_>]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut count = 0;
    for line in attention_list(wanted) {
        let AttentionLine { change, reason, .. } = &line;
        let what = words::attention_item(&line);
        let reason = words::reason(reason);
        let text = format!("  {reason}: {what} ({})", words::became(model, change));
        count += line.files.unwrap_or(1);
        lines.extend(row(page, &text, &by(model, change.kind, line.author)));
    }
    if !lines.is_empty() {
        let heading = format!("look at these first: {count}");
        lines.insert(0, page.fit(page.emphasise(Emphasis::Bad, &heading)));
    }
    lines
}

fn author(model: &Model, change: &Change<'_>) -> String {
    let author = change.author.map(|author| (author, change.is_inferred));
    by(model, change.kind, author)
}

/// `by dpkg [4711] in omi`
pub(super) fn by(model: &Model, kind: Kind, author: Option<(ProcessIndex, bool)>) -> String {
    let Some((author, is_inferred)) = author else {
        return match kind {
            Kind::Process | Kind::Program | Kind::Listener | Kind::Destination => String::new(),
            _ => "author unknown".to_owned(),
        };
    };
    let process = model.process(author);
    let tree = escape::text(process.tree.as_bytes());
    if kind == Kind::Process {
        return format!("in {tree}");
    }
    let inferred = if is_inferred { " (inferred)" } else { "" };
    format!(
        "by {} [{}] in {tree}{inferred}",
        name(process),
        process.id.pid
    )
}
