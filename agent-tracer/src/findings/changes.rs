//! Lists the changes on the machine since the recording began, with authors and attention.

mod attention;
mod attention_list;
mod collect;
mod dpkg;
mod facts;
mod files;
mod packages;
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

pub use attention_list::{AttentionLine, attention_list};
pub use collect::changes;
pub use facts::{Downloaded, Facts};
pub use reason::Reason;
pub(super) use services::unit_of;
pub use services::{Link, Unit};
pub use shown::{ShownChanges, all_changes, shown_changes};

/// The kinds of changes, in the order in which they are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A systemd unit.
    Service,
    /// A process that still runs.
    Process,
    /// A socket that accepts connections or datagrams.
    Listener,
    /// A remote end of connections.
    Destination,
    /// A program that was executed from an unusual place.
    Program,
    /// A file that was downloaded, and executed or native code.
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
    /// All kinds, in their order.
    pub const ALL: [Kind; 15] = [
        Kind::Service,
        Kind::Process,
        Kind::Listener,
        Kind::Destination,
        Kind::Program,
        Kind::Download,
        Kind::User,
        Kind::Group,
        Kind::Package,
        Kind::Cron,
        Kind::File,
        Kind::Module,
        Kind::Sysctl,
        Kind::Firewall,
        Kind::Mount,
    ];

    /// The name in jsonl.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Service => "service",
            Kind::Process => "process",
            Kind::Listener => "listener",
            Kind::Destination => "destination",
            Kind::Program => "program",
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
            Kind::Process | Kind::Program | Kind::Listener | Kind::Destination => true,
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
    /// Number of the changes that these rows stand for.
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

/// The difference between before and after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// It did not exist before.
    New,
    /// It existed and differs now.
    Changed,
    /// It no longer exists.
    Gone,
    /// A process wrote, set or removed it; it was not compared.
    Touched,
}

impl Action {
    /// All of them.
    pub const ALL: [Action; 4] = [Action::New, Action::Changed, Action::Gone, Action::Touched];

    /// The name in views and jsonl.
    pub fn name(self) -> &'static str {
        match self {
            Action::New => "new",
            Action::Changed => "changed",
            Action::Gone => "gone",
            Action::Touched => "touched",
        }
    }

    /// Compares the existence before and after.
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
    /// The kind.
    pub kind: Kind,
    /// The difference.
    pub action: Action,
    /// Its name; not escaped.
    pub what: Vec<u8>,
    /// The author, if known.
    pub author: Option<ProcessIndex>,
    /// True if the author was inferred.
    pub is_inferred: bool,
    /// The reason for attention.
    pub attention: Option<Reason>,
    /// The group that it is the first of, if that deserves attention as a whole.
    pub first_of: Option<FirstOf>,
    /// Number of the changes that it stands for.
    pub count: usize,
    /// Files of a directory that deserve attention.
    pub within: Vec<Within<'a>>,
    /// True if there was no snapshot from before: it was seen when a process changed it.
    pub before_unknown: bool,
    /// Further facts, by its kind.
    pub facts: Facts<'a>,
}

/// Several rules of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirstOf {
    /// The table; not escaped.
    pub table: Vec<u8>,
    /// Number of its rules.
    pub rules: usize,
}

/// A file of a group that deserves attention.
#[derive(Clone, Debug)]
pub struct Within<'a> {
    /// Its path; not escaped.
    pub path: Vec<u8>,
    /// The reason.
    pub reason: Reason,
    /// Its author; true if inferred.
    pub author: Option<(ProcessIndex, bool)>,
    /// Its states before and after, if known.
    pub file: Option<&'a FileDifference>,
}

/// A change, or a part of one, that deserves attention.
#[derive(Clone, Copy, Debug)]
pub struct AttentionItem<'a> {
    /// Its name; not escaped.
    pub what: &'a [u8],
    /// Number of the rules that it stands for, if several.
    pub rules: Option<usize>,
    /// The reason.
    pub reason: &'a Reason,
    /// The author; true if inferred.
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
            before_unknown: false,
            facts,
        }
    }

    /// Returns the tree of its author, if known.
    pub fn tree<'m>(&self, model: &'m Model) -> Option<&'m str> {
        self.author.map(|author| &*model.process(author).tree)
    }

    /// Lists its parts that deserve attention.
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

    /// Returns true if the system itself is the author.
    pub fn is_of_system(&self, model: &Model) -> bool {
        self.tree(model) == Some(SYSTEM)
    }

    /// Returns true if it deserves attention, independent of its author.
    pub fn deserves_attention(&self) -> bool {
        self.attention_items().next().is_some()
    }
}
