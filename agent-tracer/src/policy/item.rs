//! Describes the things that a recording did, as rules see them.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use indexmap::IndexSet;

use crate::{
    event::Protocol,
    findings::{Action, Kind},
};

/// Name of the tree of a change whose author is unknown.
pub const UNKNOWN: &str = "unknown";

/// Subjects of rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A program that was executed.
    Program,
    /// A remote end that a process asked for.
    Destination,
    /// A socket that accepts connections or datagrams.
    Listener,
    /// A peer that came to a listener.
    Inbound,
    /// A file that was downloaded and executed.
    Download,
    /// A difference on the machine.
    Change,
}

impl Subject {
    /// All subjects, in the order of a learned policy.
    pub const ALL: [Subject; 6] = [
        Subject::Program,
        Subject::Destination,
        Subject::Listener,
        Subject::Inbound,
        Subject::Download,
        Subject::Change,
    ];

    /// The name in a policy.
    pub fn name(self) -> &'static str {
        match self {
            Subject::Program => "program",
            Subject::Destination => "destination",
            Subject::Listener => "listener",
            Subject::Inbound => "inbound",
            Subject::Download => "download",
            Subject::Change => "change",
        }
    }
}

/// A thing that a recording did.
#[derive(Clone, Debug)]
pub struct Item {
    /// The subject.
    pub subject: Subject,
    /// The kind and the difference, of a change.
    pub change: Option<(Kind, Action)>,
    /// Its name: a path, a host or an address, or the name of a change; not escaped.
    pub name: Vec<u8>,
    /// The end of a connection or of a socket.
    pub end: Option<End>,
    /// The tree of its processes.
    pub tree: Arc<str>,
    /// The user of its processes: the name, or else the number.
    pub user: Arc<[u8]>,
    /// The reason for attention, if its subject does not imply it.
    pub attention: Option<Arc<str>>,
    /// The processes, as far as a policy needs them; the first one always.
    pub parties: Vec<Party>,
    /// True if an author was inferred.
    pub is_inferred: bool,
    /// Number of the things that it stands for.
    pub count: u64,
    /// Bytes sent and received.
    pub bytes: (u64, u64),
}

/// An end of a connection or of a socket.
#[derive(Clone, Debug)]
pub struct End {
    /// All names of the host, the most certain first; in lower case.
    pub names: IndexSet<Arc<str>>,
    /// True if the host is known by a name.
    pub is_named: bool,
    /// All addresses.
    pub addresses: BTreeSet<IpAddr>,
    /// The port; 0 if unknown.
    pub port: u16,
    /// True if the kernel chose the port.
    pub is_any_port: bool,
    /// The protocol; none of a socket besides TCP and UDP.
    pub protocol: Option<Protocol>,
    /// The service tags of the addresses.
    pub tags: Vec<Arc<str>>,
    /// The proxy on the way.
    pub through: Option<SocketAddr>,
}

/// A process with a part in an item.
#[derive(Clone, Debug)]
pub struct Party {
    /// Its process id.
    pub pid: u32,
    /// Its name.
    pub comm: Arc<[u8]>,
    /// Its executable.
    pub exe: Arc<[u8]>,
    /// All its names.
    pub names: Vec<Arc<[u8]>>,
    /// Its systemd unit.
    pub unit: Option<Arc<[u8]>>,
    /// Its arguments.
    pub argv: Arc<[Vec<u8>]>,
}

impl Item {
    /// Returns the first of its processes.
    pub fn party(&self) -> Option<&Party> {
        self.parties.first()
    }

    /// Names the kind of change, or else the subject.
    pub fn kind(&self) -> &'static str {
        match self.change {
            Some((kind, _)) => kind.name(),
            None => self.subject.name(),
        }
    }

    /// Writes the name with port and protocol, as a rule has it; not escaped.
    pub fn label(&self) -> Vec<u8> {
        let Some(end) = &self.end else {
            return self.name.clone();
        };
        let Some(protocol) = end.protocol else {
            return self.name.clone();
        };
        let is_six = !end.is_named && self.name.contains(&b':');
        let mut label = match is_six {
            true => [b"[", self.name.as_slice(), b"]"].concat(),
            false => self.name.clone(),
        };
        let port = match self.subject {
            // The port is the listener's.
            Subject::Inbound => format!(" to port {}/{}", end.port, protocol.name()),
            _ => format!(":{}/{}", end.port, protocol.name()),
        };
        label.extend_from_slice(port.as_bytes());
        label
    }
}
