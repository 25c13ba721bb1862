//! Declares a policy: what a recording must have seen, and rules about what it did.

use jiff::civil::Date;

use super::{EndPattern, Ports, Subject};
use crate::{
    event::Protocol,
    findings::{Action, Kind},
    glob::Glob,
};

/// A policy as its file has it.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// The name of the file.
    pub file: String,
    /// Requirements to a recording.
    pub require: Require,
    /// True if the policy covers the system's own tree, too.
    pub system: bool,
    /// Rules for what is allowed.
    pub allow: Vec<Rule>,
    /// Rules for what is not, even if it is allowed.
    pub deny: Vec<Rule>,
}

impl Policy {
    /// True if a rule has a condition on single processes.
    pub fn asks_for_processes(&self) -> bool {
        let mut rules = self.allow.iter().chain(&self.deny);
        rules.any(|rule| rule.on.is_of_process())
    }
}

/// Requirements to a recording.
#[derive(Clone, Debug, Default)]
pub struct Require {
    /// The line of the table; 1 without one.
    pub line: usize,
    /// Facts that must have been recorded; all known ones if none are named.
    pub facts: Option<Vec<Required>>,
    /// Kinds of changes that must have been compared; all if none are named.
    pub compared: Option<Vec<Required>>,
    /// Directories that must have been compared.
    pub roots: Vec<Required>,
}

/// One requirement with its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Required {
    /// Its name.
    pub name: String,
    /// Its line in the file.
    pub line: usize,
}

/// One rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its line in the file.
    pub line: usize,
    /// Its subject.
    pub subject: Subject,
    /// Values of the subject, any of which is enough.
    pub what: Vec<What>,
    /// The subject's values as written.
    pub written: String,
    /// Further conditions, all of which must hold.
    pub on: Conditions,
    /// The author's reason.
    pub reason: Option<String>,
    /// The last day on which it is good.
    pub expires: Option<Date>,
    /// Number of the recordings that it was learned from.
    pub seen: Option<u64>,
}

/// A value of a subject.
#[derive(Clone, Debug)]
pub enum What {
    /// A path.
    Path(Glob),
    /// An end of a connection or of a socket.
    End(EndPattern),
    /// A kind of change.
    Kind(Kind),
}

/// Conditions of a rule. Of several values of one, any is enough; of `argv`, all are needed.
#[derive(Clone, Debug, Default)]
pub struct Conditions {
    /// The tree.
    pub tree: Vec<Glob>,
    /// The user, by name or number.
    pub user: Vec<Glob>,
    /// The name of a change.
    pub name: Vec<Glob>,
    /// The difference.
    pub action: Vec<Action>,
    /// A name of the process, or the path of its executable.
    pub process: Vec<Glob>,
    /// The systemd unit of the process.
    pub unit: Vec<Glob>,
    /// Arguments of the process.
    pub argv: Vec<Glob>,
    /// The port.
    pub port: Vec<Ports>,
    /// The protocol.
    pub protocol: Option<Protocol>,
    /// A service tag of the address.
    pub tag: Vec<Glob>,
    /// The reason for attention.
    pub attention: AttentionCondition,
}

/// A condition on attention.
#[derive(Clone, Debug, Default)]
pub enum AttentionCondition {
    /// Not written: an allow is good for what deserves none, a deny for everything.
    #[default]
    Unsaid,
    /// It deserves none.
    None,
    /// Its reason matches one of these.
    Reasons(Vec<Glob>),
}

impl Conditions {
    /// True if the answer depends on the process, and not on its tree and user alone.
    pub fn is_of_process(&self) -> bool {
        !(self.process.is_empty() && self.unit.is_empty() && self.argv.is_empty())
    }
}
