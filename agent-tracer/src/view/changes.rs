//! What is different on the machine since the recording began, with who did it: as a table by kind.

mod attention;
mod collect;
mod facts;
mod files;
mod object;
mod services;
mod sysctls;
#[cfg(test)]
mod tests;
mod touched;

use crate::{
    event::FileDifference,
    model::{Model, ProcessIndex, SYSTEM},
};

pub use collect::collect;
pub use object::change_json;

use facts::Facts;

use super::{
    escape,
    page::{Emphasis, Page, columns, pad},
    process::name,
    summary::doubt,
};

/// What a change is of, in the order in which they are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A unit of systemd's.
    Service,
    /// A process that goes on running.
    Process,
    /// Somebody who waits for others.
    Listener,
    /// Somebody who is talked to.
    Destination,
    /// A file that was downloaded and executed.
    Download,
    /// A user.
    User,
    /// A group.
    Group,
    /// A package.
    Package,
    /// A table of cron jobs.
    Cron,
    /// A file, or a directory with what is in it.
    File,
    /// A kernel module.
    Module,
    /// A kernel parameter.
    Sysctl,
    /// A rule of the firewall.
    Firewall,
    /// A mount.
    Mount,
}

impl Kind {
    /// The name in jsonl.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Service => "service",
            Kind::Process => "process",
            Kind::Listener => "listener",
            Kind::Destination => "destination",
            Kind::Download => "download",
            Kind::User => "user",
            Kind::Group => "group",
            Kind::Package => "package",
            Kind::Cron => "cron",
            Kind::File => "file",
            Kind::Module => "module",
            Kind::Sysctl => "sysctl",
            Kind::Firewall => "firewall",
            Kind::Mount => "mount",
        }
    }

    fn heading(self) -> &'static str {
        match self {
            Kind::Service => "services",
            Kind::Process => "processes still running",
            Kind::Listener => "listeners",
            Kind::Destination => "outbound destinations",
            Kind::Download => "downloaded and executed",
            Kind::User => "users",
            Kind::Group => "groups",
            Kind::Package => "packages",
            Kind::Cron => "cron",
            Kind::File => "files and directories",
            Kind::Module => "kernel modules",
            Kind::Sysctl => "kernel parameters",
            Kind::Firewall => "firewall rules",
            Kind::Mount => "mounts",
        }
    }
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// It was not there before.
    New,
    /// It was, and is another now.
    Changed,
    /// It was there.
    Gone,
    /// Something was done to it, and nobody has looked at it since.
    Touched,
}

impl Action {
    /// The name in views and jsonl.
    pub fn name(self) -> &'static str {
        match self {
            Action::New => "new",
            Action::Changed => "changed",
            Action::Gone => "gone",
            Action::Touched => "touched",
        }
    }

    pub(super) fn of<T>(before: Option<&T>, after: Option<&T>) -> Action {
        match (before, after) {
            (None, _) => Action::New,
            (Some(_), Some(_)) => Action::Changed,
            (Some(_), None) => Action::Gone,
        }
    }
}

/// One change.
#[derive(Clone, Debug)]
pub struct Change<'a> {
    /// Of what.
    pub kind: Kind,
    /// What became of it.
    pub action: Action,
    /// What it is called; not escaped.
    pub what: Vec<u8>,
    /// What else is to be known of it, escaped.
    pub detail: String,
    /// Who did it, where that was seen.
    pub author: Option<ProcessIndex>,
    /// Whether the author was concluded, not seen.
    pub is_inferred: bool,
    /// Why it deserves attention first.
    pub attention: Option<&'static str>,
    /// What it is the first of, where that deserves it as a whole; empty where it is told by itself.
    pub first_of: Vec<u8>,
    /// How many it stands for.
    pub count: usize,
    /// What in a group of files deserves it.
    pub within: Vec<Within<'a>>,
    /// What there is of it besides words.
    facts: Facts<'a>,
}

/// A file of a group that deserves attention.
#[derive(Clone, Debug)]
pub struct Within<'a> {
    /// Its path; not escaped.
    pub path: Vec<u8>,
    /// Why.
    pub reason: &'static str,
    /// Who did it, where that was seen, and whether it was concluded; not always the author of the group.
    pub author: Option<(ProcessIndex, bool)>,
    /// What it was and is, where that is known.
    file: Option<&'a FileDifference>,
}

/// What deserves attention, why, and who did it.
pub(super) struct ToLookAt<'a> {
    pub(super) what: &'a [u8],
    pub(super) reason: &'static str,
    pub(super) author: Option<(ProcessIndex, bool)>,
}

impl<'a> Change<'a> {
    pub(super) fn new(kind: Kind, action: Action, what: impl Into<Vec<u8>>) -> Change<'a> {
        Change {
            kind,
            action,
            what: what.into(),
            detail: String::new(),
            author: None,
            is_inferred: false,
            attention: None,
            count: 1,
            first_of: Vec::new(),
            within: Vec::new(),
            facts: Facts::None,
        }
    }

    /// The tree of its author, where that is known.
    pub fn tree<'m>(&self, model: &'m Model) -> Option<&'m str> {
        self.author.map(|author| &*model.process(author).tree)
    }

    /// What of it deserves attention first, and why.
    pub(super) fn to_look_at(&self) -> impl Iterator<Item = ToLookAt<'_>> {
        let whole = match self.first_of.is_empty() {
            true => &self.what,
            false => &self.first_of,
        };
        let own = self.attention.map(|reason| ToLookAt {
            what: whole,
            reason,
            author: self.author.map(|author| (author, self.is_inferred)),
        });
        let within = self.within.iter().map(|within| ToLookAt {
            what: &within.path,
            reason: within.reason,
            author: within.author,
        });
        own.into_iter().chain(within)
    }

    /// Whether it is the system's own, and not of what was recorded.
    pub fn is_of_system(&self, model: &Model) -> bool {
        self.tree(model) == Some(SYSTEM)
    }

    /// Whether it is to be looked at first, whoever did it.
    pub fn deserves_attention(&self) -> bool {
        self.to_look_at().next().is_some()
    }

    /// What became of it, in a few words: also whether it is another's than what was recorded, where that was a command.
    pub(super) fn became(&self, model: &Model) -> String {
        let action = self.action.name();
        match model.command().is_some() && self.is_of_system(model) {
            true => format!("{action}, by the system itself"),
            false => action.to_owned(),
        }
    }
}

/// The lines of the tables, those that deserve attention first.
pub fn changes(page: &Page, model: &Model, wanted: &[Change<'_>]) -> Vec<String> {
    let mut lines = attention_lines(page, model, wanted);
    let mut kinds: Vec<Kind> = wanted.iter().map(|change| change.kind).collect();
    kinds.dedup();
    for kind in kinds {
        let of_kind: Vec<&Change<'_>> =
            wanted.iter().filter(|change| change.kind == kind).collect();
        if !lines.is_empty() {
            lines.push(String::new());
        }
        let doubt = match kind {
            Kind::Process => doubt(model),
            _ => "",
        };
        let count: usize = of_kind.iter().map(|change| change.count).sum();
        let heading = format!("{}{doubt}: {count}", kind.heading());
        lines.push(page.fit(page.emphasise(Emphasis::Heading, &heading)));
        let width = of_kind
            .iter()
            .map(|change| columns(&escape::text(&change.what)))
            .max()
            .unwrap_or(0)
            .min(match page.is_narrow() {
                true => NARROW_COLUMNS,
                false => WHAT_COLUMNS,
            });
        for change in of_kind {
            let what = pad(&escape::text(&change.what), width);
            let author = author(model, change);
            let text = format!(
                "  {} {what}  {}",
                pad(change.action.name(), 7),
                change.detail
            );
            lines.extend(row(page, text.trim_end(), &author));
        }
    }
    lines
}

/// Columns that names take before they push the rest.
const WHAT_COLUMNS: usize = 60;

/// The same where there is little room.
const NARROW_COLUMNS: usize = 24;

/// Columns before the later lines of a row.
const INDENT: usize = 10;

/// One line where there is room for it, or else the author on one of its own: that is never cut off.
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
    for change in wanted {
        for to_look_at in change.to_look_at() {
            let what = escape::text(to_look_at.what);
            let text = format!("  {}: {what} ({})", to_look_at.reason, change.became(model));
            count += 1;
            lines.extend(row(page, &text, &by(model, change.kind, to_look_at.author)));
        }
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
            Kind::Process | Kind::Listener | Kind::Destination => String::new(),
            _ => "by somebody who was not seen".to_owned(),
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
