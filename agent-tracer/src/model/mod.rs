//! Events to what happened: processes with their lineage and tree, connections with their
//! owner, and what is missing.
//!
//! It does no I/O and reads no clock, environment or /proc, and nothing that it answers
//! depends on the order of a hash map, so the same events always give the same picture.

mod activation;
mod attribution;
mod change;
mod connection;
mod download;
mod identity;
mod ledger;
mod listener;
mod naming;
mod pool;
mod process;
mod request;
mod schedule;
mod unit;

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::Arc,
};

pub use activation::{Activation, Cause};
pub use change::{Given, Homes, Touches};
pub use connection::{Connection, State};
pub use download::Download;
pub use identity::Doubt;
pub use ledger::{Caveat, Ledger, Missing, NotCompared, Truncation};
pub use listener::{Listener, Traffic};
pub use naming::{Name, NameLookup, NameSource};
pub use process::{Because, Origin, Process, ProcessIndex};
pub use request::Request;
pub use schedule::{Writer, job_digest};
pub use unit::UnitTurn;

use crate::event::{AddressTag, EndReason, Event, EventKind, ProcessId, Protocol};
use crate::rules::RuleSet;

/// Name of the tree of the recorded command.
pub const COMMAND: &str = "command";

/// Name of the tree of everything that belongs to no other.
pub const SYSTEM: &str = "system";

/// Identifies a recording among others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provenance {
    /// The id, a UUID.
    pub id: String,
    /// The name of the machine, as that calls itself.
    pub host: String,
}

/// What the events so far add up to.
pub struct Model {
    rules: RuleSet,
    provenance: Option<Provenance>,
    /// Process id of the recorder.
    recorder: u32,
    processes: Vec<Process>,
    pool: pool::Pool,
    /// By identity. A process of the snapshot is here twice once an event told its exact start.
    by_id: HashMap<ProcessId, ProcessIndex>,
    connections: Vec<Connection>,
    by_connection: HashMap<u64, usize>,
    listeners: Vec<Listener>,
    by_listener: HashMap<u64, usize>,
    names: naming::Names,
    changes: change::Changes,
    downloads: download::Downloads,
    users: BTreeMap<u32, Vec<u8>>,
    tags: BTreeMap<IpAddr, Vec<AddressTag>>,
    command: Option<ProcessIndex>,
    command_ended: Option<CommandEnd>,
    end: Option<EndReason>,
    first_ns: Option<u64>,
    last_ns: u64,
    ledger: Ledger,
    requests: Vec<Request>,
    activations: Vec<Activation>,
    units: activation::UnitLives,
    unit_turns: Vec<UnitTurn>,
    /// Whether systemd itself tells what it does.
    systemd_tells: bool,
    /// The unit that the recording was asked to follow.
    followed: Option<Arc<[u8]>>,
    schedule: schedule::Schedule,
}

/// How and when the recorded command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandEnd {
    /// Nanoseconds since boot.
    pub boot_ns: u64,
    /// As `wait(2)` reports it, where known.
    pub status: Option<u32>,
}

impl Model {
    /// The rules that it attributes by.
    pub fn rules(&self) -> &RuleSet {
        &self.rules
    }

    /// A model of nothing yet, that attributes by these rules.
    pub fn new(rules: RuleSet) -> Model {
        Model {
            rules,
            provenance: None,
            recorder: 0,
            processes: Vec::new(),
            pool: pool::Pool::default(),
            by_id: HashMap::new(),
            connections: Vec::new(),
            by_connection: HashMap::new(),
            listeners: Vec::new(),
            by_listener: HashMap::new(),
            names: naming::Names::default(),
            changes: change::Changes::default(),
            downloads: download::Downloads::default(),
            users: BTreeMap::new(),
            tags: BTreeMap::new(),
            command: None,
            command_ended: None,
            end: None,
            first_ns: None,
            last_ns: 0,
            ledger: Ledger::default(),
            requests: Vec::new(),
            activations: Vec::new(),
            units: activation::UnitLives::new(),
            unit_turns: Vec::new(),
            systemd_tells: false,
            followed: None,
            schedule: schedule::Schedule::default(),
        }
    }

    /// Names the recording, for rows that are read apart from their trace.
    pub fn set_provenance(&mut self, provenance: Provenance) {
        self.provenance = Some(provenance);
    }

    /// The recording that it is of, where that is known.
    pub fn provenance(&self) -> Option<&Provenance> {
        self.provenance.as_ref()
    }

    /// Names the recorder, whose command line holds that of the command and is to match no rule.
    pub fn set_recorder(&mut self, pid: u32) {
        self.recorder = pid;
    }

    /// Takes the next event in.
    pub fn apply(&mut self, event: &Event) {
        self.first_ns.get_or_insert(event.boot_ns);
        self.last_ns = self.last_ns.max(event.boot_ns);
        match &event.kind {
            EventKind::Fork(fork) => self.fork(event, fork),
            EventKind::Exec(exec) => self.exec(event, exec),
            EventKind::Exit(exit) => self.exit(event, *exit),
            EventKind::Rename(rename) => self.rename(event, rename),
            EventKind::Cgroup(cgroup) => self.cgroup(event, cgroup),
            EventKind::Connect(connect) => self.connect(event, connect),
            EventKind::Established(established) => self.established(event, established),
            EventKind::ConnectFailed(failed) => self.connect_failed(event, failed),
            EventKind::Shutdown(shutdown) => self.shutdown(shutdown),
            EventKind::Close(close) => self.close(event, close),
            EventKind::Snapshot(snapshot) => self.snapshot(snapshot),
            EventKind::UserNamed(named) => {
                self.users.insert(named.user, named.name.clone());
                self.rematch_user(named.user);
            }
            EventKind::CommandStarted(started) => self.command_started(event, started.attached),
            EventKind::CommandEnded(ended) => {
                let status = ended.status_known.then_some(ended.status);
                self.command_is_over(event.boot_ns, status);
                self.command_ended = Some(CommandEnd {
                    boot_ns: event.boot_ns,
                    status,
                });
            }
            EventKind::Units(units) => self.units(units),
            EventKind::Unit(unit) => self.unit(event, unit),
            EventKind::File(file) => {
                self.touched(event, file);
                self.file(event, file);
            }
            EventKind::UnitFollowed(followed) => self.follow_unit(&followed.unit),
            EventKind::Sockets(sockets) => self.sockets(event, sockets),
            EventKind::AddressTagged(tagged) => {
                if let Some(address) = tagged.ip() {
                    self.tags.insert(address, tagged.tags.clone());
                }
            }
            EventKind::Listen(listen) => self.listen(event, listen, Protocol::Tcp),
            EventKind::Bind(listen) => self.listen(event, listen, Protocol::Udp),
            EventKind::Counted(counted) => self.counted(counted),
            EventKind::Dns(dns) => self.dns(event, dns),
            EventKind::TlsHello(hello) => self.tls_hello(hello),
            EventKind::HttpRequest(request) => self.http_request(request),
            EventKind::Hosts(hosts) => self.hosts(hosts),
            EventKind::Compared(compared) => self.compared(compared),
            EventKind::FilesCompared(compared) => self.files_compared(compared),
            EventKind::Unreadable(unreadable) => self.ledger.unreadable(&unreadable.what),
            EventKind::Lost(lost) => self.ledger.lost(&lost.what, lost.count),
            EventKind::KernelLog(log) => self.ledger.log(&log.line),
            EventKind::End(end) => {
                self.end = Some(EndReason::try_from(end.reason).unwrap_or(EndReason::Unknown));
            }
        }
    }

    /// All processes, in the order in which they became known.
    pub fn processes(&self) -> impl Iterator<Item = (ProcessIndex, &Process)> {
        (0..).map(ProcessIndex).zip(&self.processes)
    }

    /// One process.
    pub fn process(&self, index: ProcessIndex) -> &Process {
        &self.processes[index.0 as usize]
    }

    /// The process that an event names.
    pub fn find(&self, id: ProcessId) -> Option<ProcessIndex> {
        if id.pid == 0 {
            return None;
        }
        self.by_id.get(&id).copied().or_else(|| {
            let rounded = ProcessId {
                pid: id.pid,
                start_ns: process::rounded(id.start_ns),
            };
            // Only what /proc told has such a start: processes of the snapshot, and a command whose
            // fork was lost.
            self.by_id.get(&rounded).copied()
        })
    }

    /// The process that was last seen with this number.
    pub fn latest(&self, pid: u32) -> Option<ProcessIndex> {
        let position = self
            .processes
            .iter()
            .rposition(|process| process.id.pid == pid)?;
        u32::try_from(position).ok().map(ProcessIndex)
    }

    /// All connections, in the order in which they were asked for.
    pub fn connections(&self) -> &[Connection] {
        &self.connections
    }

    /// The connection with this number.
    pub fn connection(&self, id: u64) -> Option<&Connection> {
        self.by_connection
            .get(&id)
            .and_then(|position| self.connections.get(*position))
    }

    /// The tags of an address, the most telling first.
    pub fn tags(&self, address: IpAddr) -> &[AddressTag] {
        self.tags
            .get(&address.to_canonical())
            .map_or(&[], Vec::as_slice)
    }

    /// What a user id is called, as far as known.
    pub fn user_name(&self, user: u32) -> Option<&[u8]> {
        self.users.get(&user).map(Vec::as_slice)
    }

    /// The process that the recorded command ran in.
    pub fn command(&self) -> Option<ProcessIndex> {
        self.command
    }

    /// Whether a tree is the system's own, beside what was recorded. A recording without a command is of the system itself.
    pub fn is_beside(&self, tree: &str) -> bool {
        self.command.is_some() && tree == SYSTEM
    }

    /// How the recorded command ended, once it has.
    pub fn command_end(&self) -> Option<CommandEnd> {
        self.command_ended
    }

    /// Why the recording ended, once it has.
    pub fn end(&self) -> Option<EndReason> {
        self.end
    }

    /// Times of the first and the last event, nanoseconds since boot.
    pub fn span(&self) -> (u64, u64) {
        (self.first_ns.unwrap_or(0), self.last_ns)
    }

    /// What is known to be missing.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The ledger, for what only the reader of a file knows.
    pub fn ledger_mut(&mut self) -> &mut Ledger {
        &mut self.ledger
    }

    /// The names of the trees that any process is in, the command's first, the system's last,
    /// the others by name.
    pub fn trees(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self
            .processes
            .iter()
            .map(|process| &*process.tree)
            .collect();
        names.sort_by_key(|name| (*name != COMMAND, *name == SYSTEM, *name));
        names.dedup();
        names
    }
}
