//! Lists what is different on the machine since the recording began, with its authors and with
//! what deserves attention.

mod attention;
mod collect;
mod facts;
mod files;
mod reason;
mod services;
mod shown;
mod sysctls;
#[cfg(test)]
mod tests;
mod touched;

use crate::{
    event::FileDifference,
    model::{Model, ProcessIndex, SYSTEM},
};

pub use collect::changes;
pub use facts::{Downloaded, Facts};
pub use reason::Reason;
pub use services::Unit;
pub use shown::{ShownChanges, shown_changes};

/// What a change is of, in the order in which they are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A unit of systemd's.
    Service,
    /// A process that goes on running.
    Process,
    /// A socket that waits for others.
    Listener,
    /// A remote end that is talked to.
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
}

impl Kind {
    /// Returns true for what goes on, in contrast to what is stored on the machine.
    pub fn is_activity(self) -> bool {
        match self {
            Kind::Process | Kind::Listener | Kind::Destination => true,
            Kind::Service
            | Kind::Download
            | Kind::User
            | Kind::Group
            | Kind::Package
            | Kind::Cron
            | Kind::File
            | Kind::Module
            | Kind::Sysctl
            | Kind::Firewall
            | Kind::Mount => false,
        }
    }
}

/// The changes of one kind.
pub struct OfKind<'c, 'a> {
    /// The kind.
    pub kind: Kind,
    /// The changes, in their order.
    pub changes: Vec<&'c Change<'a>>,
    /// How many changes these rows stand for.
    pub count: usize,
}

/// Splits changes, which are sorted by kind, at each new kind.
pub fn by_kind<'c, 'a>(changes: &'c [Change<'a>]) -> impl Iterator<Item = OfKind<'c, 'a>> {
    let chunks = changes.chunk_by(|one, other| one.kind == other.kind);
    chunks.filter_map(|chunk| {
        Some(OfKind {
            kind: chunk.first()?.kind,
            changes: chunk.iter().collect(),
            count: chunk.iter().map(|change| change.count).sum(),
        })
    })
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
    /// Something was done to it, and it was not compared since.
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

    /// Compares whether it was there and is there.
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
    /// Who did it, where that was seen.
    pub author: Option<ProcessIndex>,
    /// Whether the author was concluded, not seen.
    pub is_inferred: bool,
    /// Why it deserves attention first.
    pub attention: Option<Reason>,
    /// What it is the first of, where that deserves attention as a whole.
    pub first_of: Option<FirstOf>,
    /// How many it stands for.
    pub count: usize,
    /// What in a group of files deserves attention.
    pub within: Vec<Within<'a>>,
    /// What else is known of it, by its kind.
    pub facts: Facts<'a>,
}

/// Several rules of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirstOf {
    /// The table; not escaped.
    pub table: Vec<u8>,
    /// How many rules of it there are.
    pub rules: usize,
}

/// A file of a group that deserves attention.
#[derive(Clone, Debug)]
pub struct Within<'a> {
    /// Its path; not escaped.
    pub path: Vec<u8>,
    /// Why.
    pub reason: Reason,
    /// Its own author, and whether that was concluded.
    pub author: Option<(ProcessIndex, bool)>,
    /// What it was and is, where that is known.
    pub file: Option<&'a FileDifference>,
}

/// What deserves attention, why, and who did it.
#[derive(Clone, Copy, Debug)]
pub struct AttentionItem<'a> {
    /// What it is called; not escaped.
    pub what: &'a [u8],
    /// Where this stands for several rules, how many.
    pub rules: Option<usize>,
    /// Why.
    pub reason: &'a Reason,
    /// Who did it, and whether that was concluded.
    pub author: Option<(ProcessIndex, bool)>,
}

impl<'a> Change<'a> {
    pub(super) fn new(
        kind: Kind,
        action: Action,
        what: impl Into<Vec<u8>>,
        facts: Facts<'a>,
    ) -> Change<'a> {
        Change {
            kind,
            action,
            what: what.into(),
            author: None,
            is_inferred: false,
            attention: None,
            count: 1,
            first_of: None,
            within: Vec::new(),
            facts,
        }
    }

    /// The tree of its author, where that is known.
    pub fn tree<'m>(&self, model: &'m Model) -> Option<&'m str> {
        self.author.map(|author| &*model.process(author).tree)
    }

    /// What of it deserves attention first, and why.
    pub fn attention_items(&self) -> impl Iterator<Item = AttentionItem<'_>> {
        let (what, rules) = match &self.first_of {
            None => (&self.what, None),
            Some(first) => (&first.table, Some(first.rules)),
        };
        let own = self.attention.as_ref().map(|reason| AttentionItem {
            what,
            rules,
            reason,
            author: self.author.map(|author| (author, self.is_inferred)),
        });
        let within = self.within.iter().map(|within| AttentionItem {
            what: &within.path,
            rules: None,
            reason: &within.reason,
            author: within.author,
        });
        own.into_iter().chain(within)
    }

    /// Whether it is the system's own, and not of what was recorded.
    pub fn is_of_system(&self, model: &Model) -> bool {
        self.tree(model) == Some(SYSTEM)
    }

    /// Whether it is to be looked at first, whatever its author is.
    pub fn deserves_attention(&self) -> bool {
        self.attention_items().next().is_some()
    }
}
