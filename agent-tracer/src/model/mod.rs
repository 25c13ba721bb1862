//! Joins events into processes with their lineage and tree, connections with their owner, and a
//! ledger of what is missing.
//!
//! It does no I/O and reads no clock, environment or /proc. No answer depends on the order of a
//! hash map, so the same events always give the same answers.

mod apply;
mod ask;
mod attribution;
mod carry;
mod change;
mod command_lines;
mod connection;
mod container;
mod download;
mod elsewhere;
mod failure;
mod fold;
mod identity;
mod ledger;
mod listener;
mod naming;
mod numbered;
mod place;
mod pool;
mod process;
mod processes;
mod request;
mod schedule;
mod socket;
mod sparse;
mod timeline;
mod units;

use std::{
    collections::{BTreeMap, HashSet},
    net::IpAddr,
};

use foldhash::fast::RandomState;

pub use change::{FileAuthors, Homes};
pub use command_lines::{CommandLines, Programs};
pub use connection::{Connection, State, Traits};
pub use container::Container;
pub use download::{Content, Download};
pub use elsewhere::FileElsewhere;
pub use failure::FailedExec;
pub use identity::Doubt;
pub use ledger::{Caveat, Ledger, Missing, NotCompared, Truncation};
pub use listener::{Listener, Traffic};
pub use naming::{Name, NameLookup, NameSource};
pub use place::{UnusualPlace, UnusualProgram};
pub use process::{Asker, Because, Gain, Origin, Process, ProcessIndex, Program, container_of};
pub use request::Request;
pub use schedule::{Writer, job_digest};
pub use socket::OtherSocket;
pub use units::{Activation, Cause, UnitTransition};

use process::StandIns;

use crate::{
    event::{
        AddressTag, Difference, EndReason, FileAction, FileDifference, FoldedDirectory, ProcessId,
        Subject,
    },
    rules::RuleSet,
};

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

/// The events so far, joined. Each part keeps its fields to itself.
pub struct Model {
    provenance: Option<Provenance>,
    timeline: timeline::Timeline,
    processes: processes::Processes,
    attribution: attribution::Attribution,
    units: units::Units,
    schedule: schedule::Schedule,
    connections: connection::Connections,
    listeners: listener::Listeners,
    names: naming::Names,
    tags: BTreeMap<IpAddr, Vec<AddressTag>>,
    changes: change::Changes,
    elsewhere: elsewhere::Elsewhere,
    downloads: download::Downloads,
    asks: ask::Asks,
    unusual: place::UnusualPrograms,
    failures: failure::Failures,
    sockets: socket::OtherSockets,
    fold: fold::Fold,
    containers: container::Containers,
    ledger: Ledger,
}

/// Time and status of the recorded command's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandEnd {
    /// Nanoseconds since boot.
    pub boot_ns: u64,
    /// As `wait(2)` reports it, where known.
    pub status: Option<u32>,
}

impl Model {
    /// Makes an empty model that attributes processes by these rules.
    pub fn new(rules: RuleSet) -> Model {
        Model {
            provenance: None,
            timeline: timeline::Timeline::default(),
            processes: processes::Processes::default(),
            attribution: attribution::Attribution::new(rules),
            units: units::Units::default(),
            schedule: schedule::Schedule::default(),
            connections: connection::Connections::default(),
            listeners: listener::Listeners::default(),
            names: naming::Names::default(),
            tags: BTreeMap::new(),
            changes: change::Changes::default(),
            elsewhere: elsewhere::Elsewhere::default(),
            downloads: download::Downloads::default(),
            asks: ask::Asks::default(),
            unusual: place::UnusualPrograms::default(),
            failures: failure::Failures::default(),
            sockets: socket::OtherSockets::default(),
            fold: fold::Fold::default(),
            containers: container::Containers::default(),
            ledger: Ledger::default(),
        }
    }

    /// Sets the identity of the recording, for rows that are read without their trace.
    pub fn set_provenance(&mut self, provenance: Provenance) {
        self.provenance = Some(provenance);
    }

    /// Returns the identity of the recording, if known.
    pub fn provenance(&self) -> Option<&Provenance> {
        self.provenance.as_ref()
    }

    /// Sets the process id of the recorder. Its command line contains that of the command, so no
    /// rule may match it.
    pub fn set_recorder(&mut self, pid: u32) {
        self.processes.set_recorder(pid);
    }

    /// Sets the network namespace of the recorder. Connections and listeners name others only.
    pub fn set_network_namespace(&mut self, inode: u32) {
        self.connections.set_network_namespace(inode);
        self.listeners.set_network_namespace(inode);
    }

    /// Returns the rules of attribution.
    pub fn rules(&self) -> &RuleSet {
        self.attribution.rules()
    }

    /// Iterates over all processes, in the order in which they became known.
    pub fn processes(&self) -> impl Iterator<Item = (ProcessIndex, &Process)> {
        self.processes.iter()
    }

    /// Returns the number behind the last position of a process, for tables beside the model.
    pub fn process_positions(&self) -> usize {
        self.processes.positions()
    }

    /// Marks the processes for which `is_it` returns true, by position.
    pub fn mark_processes(
        &self,
        mut is_it: impl FnMut(ProcessIndex, &Process) -> bool,
    ) -> Vec<bool> {
        let mut marks = vec![false; self.process_positions()];
        for (index, process) in self.processes() {
            if let Some(mark) = marks.get_mut(index.position()) {
                *mark = is_it(index, process);
            }
        }
        marks
    }

    /// Returns how many processes one stands for: itself, and ended ones like it that a recording
    /// has released.
    pub fn count(&self, process: ProcessIndex) -> usize {
        self.processes.count(process)
    }

    /// Returns a process.
    pub fn process(&self, index: ProcessIndex) -> &Process {
        &self.processes[index]
    }

    /// Finds the process of an event.
    pub fn find(&self, id: ProcessId) -> Option<ProcessIndex> {
        self.processes.find(id)
    }

    /// Finds the last process that had a number.
    pub fn latest(&self, pid: u32) -> Option<ProcessIndex> {
        self.processes.latest(pid)
    }

    /// Returns the name of a user, if known.
    pub fn user_name(&self, user: u32) -> Option<&[u8]> {
        self.attribution.user_name(user)
    }

    /// Returns name and image of the container of a process, if known.
    pub fn container(&self, process: &Process) -> Option<&Container> {
        self.containers.get(process.container_id()?)
    }

    /// Returns the names of the trees that have processes: the command's first, the system's last,
    /// the others by name.
    pub fn trees(&self) -> Vec<&str> {
        let mut places: HashSet<usize, RandomState> = HashSet::default();
        let processes = self.processes.iter().map(|(_, process)| process);
        // Most processes of a tree share its name.
        let first = processes.filter(|process| places.insert(process.tree.as_ptr().addr()));
        let names: HashSet<&str, RandomState> = first.map(|process| &*process.tree).collect();
        let mut names: Vec<&str> = names.into_iter().collect();
        names.sort_by_key(|name| (*name != COMMAND, *name == SYSTEM, *name));
        names
    }

    /// True for the system's tree beside a recorded command. Without a command, the recording is of
    /// the system itself.
    pub fn is_background(&self, tree: &str) -> bool {
        self.command().is_some() && tree == SYSTEM
    }

    /// Returns the process of the recorded command.
    pub fn command(&self) -> Option<ProcessIndex> {
        self.timeline.command()
    }

    /// Returns the end of the recorded command, once it has ended.
    pub fn command_end(&self) -> Option<CommandEnd> {
        self.timeline.command_end()
    }

    /// Returns the reason for the end of the recording, once it has ended.
    pub fn end(&self) -> Option<EndReason> {
        self.timeline.end()
    }

    /// Returns the times of the first and the last event, nanoseconds since boot.
    pub fn span(&self) -> (u64, u64) {
        (self.timeline.first_ns(), self.timeline.last_ns())
    }

    /// Returns all connections, in the order of their requests. A recording holds one for several
    /// that have ended, see [`Connection::count`].
    pub fn connections(&self) -> &[Connection] {
        self.connections.as_slice()
    }

    /// Returns the connection at a [`Connection::position`].
    pub fn connection_at(&self, position: usize) -> Option<&Connection> {
        let all = self.connections.as_slice();
        let place = all.binary_search_by_key(&position, Connection::position);
        all.get(place.ok()?)
    }

    /// Returns the connection with a number.
    pub fn connection(&self, id: u64) -> Option<&Connection> {
        self.connections.get(id)
    }

    /// Returns all listeners, in the order of their begin.
    pub fn listeners(&self) -> &[Listener] {
        self.listeners.as_slice()
    }

    /// Returns the listener with a number.
    pub fn listener(&self, id: u64) -> Option<&Listener> {
        self.listeners.get(id)
    }

    /// True if nothing is missing that can concern these trees; of all trees if there are none. A
    /// process without a fork concerns its own tree, or any tree if its parent is unknown.
    pub fn is_complete_for(&self, trees: &[String]) -> bool {
        self.ledger.missing().iter().all(|missing| match missing {
            Missing::UnseenForks(processes) if !trees.is_empty() => processes.iter().all(|index| {
                let process = self.process(*index);
                process.parent.is_some() && !trees.iter().any(|tree| **tree == *process.tree)
            }),
            _ => false,
        })
    }

    /// Returns the programs that were executed from unusual places.
    pub fn unusual_programs(&self) -> impl Iterator<Item = &UnusualProgram> {
        self.unusual.iter()
    }

    /// Returns the execs that failed, equal ones of a process once.
    pub fn failed_execs(&self) -> impl Iterator<Item = &FailedExec> {
        self.failures.iter()
    }

    /// Returns the sockets besides TCP and UDP, equal ones of a process once.
    pub fn other_sockets(&self) -> impl Iterator<Item = OtherSocket> {
        self.sockets.others()
    }

    /// Iterates over all lookups of names, in the order of their first answers.
    pub fn lookups(&self) -> impl ExactSizeIterator<Item = &NameLookup> {
        self.names.all()
    }

    /// Returns the tags of an address, the most specific first.
    pub fn tags(&self, address: IpAddr) -> &[AddressTag] {
        self.tags
            .get(&address.to_canonical())
            .map_or(&[], Vec::as_slice)
    }

    /// Returns the activation that a process, or an ancestor of it, was started for.
    pub fn activation(&self, process: &Process) -> Option<&Activation> {
        self.units.activation_of(process)
    }

    /// Returns the activation behind a unit's start.
    pub fn activation_of(&self, transition: &UnitTransition) -> Option<&Activation> {
        self.units.activation_at(transition)
    }

    /// Returns every start and end of a unit, in order. Without reports from systemd, only starts
    /// are known, from the cgroups of processes.
    pub fn unit_transitions(&self) -> &[UnitTransition] {
        self.units.transitions()
    }

    /// Returns the request behind the last event of a unit.
    pub fn requester(&self, unit: &[u8]) -> Option<&Request> {
        self.units.request(unit)
    }

    /// True if the trace has a fact about a unit of this name.
    pub fn has_unit(&self, unit: &[u8]) -> bool {
        self.units.contains(unit)
    }

    /// Returns the last process that asked systemd to stop or disable a unit.
    pub fn asked_to_turn_off(&self, unit: &[u8]) -> Option<ProcessIndex> {
        request::last_to_turn_off(unit, &self.processes)
    }

    /// True if a change of a file matters for downloads. Then it is recorded even outside the
    /// watched roots.
    pub fn concerns_download(
        &self,
        by: Option<ProcessIndex>,
        path: &[u8],
        action: FileAction,
    ) -> bool {
        self.downloads
            .is_relevant(by, path, action, &self.processes)
    }

    /// True if the file behind a change is to be identified: it may be a download.
    pub fn identifies_files_of(&self, by: Option<ProcessIndex>) -> bool {
        self.downloads.are_any() || by.is_some_and(|by| self.processes[by].has_connected)
    }

    /// Returns the files that a process executes and that may be downloads.
    pub fn downloads_executed_by(&self, runner: ProcessIndex) -> Vec<Vec<u8>> {
        self.downloads.executed_by(runner, &self.processes[runner])
    }

    /// True if a file that a process wrote may be a download, so that native code in it matters. A
    /// package manager's files are those of packages.
    pub fn may_be_native_download(&self, by: ProcessIndex, path: &[u8]) -> bool {
        let process = &self.processes[by];
        let names = [process::base_name(&process.exe), &*process.comm];
        let packagers = [Programs::Debian, Programs::Rpm].map(Programs::names);
        let packagers = packagers.into_iter().flatten();
        *process.tree != *SYSTEM
            && !names
                .iter()
                .any(|name| packagers.clone().any(|known| known == name))
            && self.downloads.may_be_native(by, path, &self.processes)
    }

    /// Returns the paths whose last component is wanted and that may be downloads, with their
    /// writers.
    pub fn possible_downloads(
        &self,
        is_wanted: impl Fn(&[u8]) -> bool,
    ) -> Vec<(Vec<u8>, ProcessIndex)> {
        self.downloads.named_like(is_wanted)
    }

    /// Returns the files that may be downloads: those executed, in the order of their first
    /// executions, then others with native code.
    pub fn downloads(&self) -> Vec<Download> {
        self.downloads.find(&self.processes, self.connections())
    }

    /// True if the recording compared the machine before and after.
    pub fn was_compared(&self) -> bool {
        self.changes.was_compared()
    }

    /// True if the recording compared the files below its roots before and after.
    pub fn files_were_compared(&self) -> bool {
        self.changes.files_were_compared()
    }

    /// Returns the directories that the recording compared.
    pub fn watched_roots(&self) -> &[Vec<u8>] {
        self.changes.watched_roots()
    }

    /// Returns the count of homes whose `.ssh` the recording compared besides.
    pub fn homes(&self) -> Homes {
        self.changes.homes()
    }

    /// Returns the files outside of the compared directories that recorded trees changed.
    pub fn files_elsewhere(&self) -> &[FileElsewhere] {
        self.elsewhere.files()
    }

    /// Returns the directories with too many such files to list, each with its count of changes.
    pub fn folded_elsewhere(&self) -> &[FoldedDirectory] {
        self.elsewhere.folded()
    }

    /// Returns true if the recording looked for changes outside of the compared directories.
    pub fn looked_elsewhere(&self) -> bool {
        self.elsewhere.was_looked_at()
    }

    /// Returns the files that are new, changed or gone, in the order of their paths.
    pub fn changed_files(&self) -> &[FileDifference] {
        self.changes.changed_files()
    }

    /// True if the recording compared a list before and after, at least in part.
    pub fn list_was_compared(&self, subject: Subject) -> bool {
        self.changes.list_was_compared(subject)
    }

    /// Returns the entries of a list that are new, changed or gone.
    pub fn differences(&self, subject: Subject) -> &[Difference] {
        self.changes.differences(subject)
    }

    /// Iterates over the authors of changes to each path, in the order of the paths.
    pub fn all_file_authors(&self) -> impl Iterator<Item = (&[u8], FileAuthors)> {
        self.changes.all_file_authors()
    }

    /// Returns the authors of the changes to a path.
    pub fn file_authors(&self, path: &[u8]) -> FileAuthors {
        self.changes.file_authors(path)
    }

    /// Returns the author of a changed file, and `true` if that is inferred.
    pub fn author_of(&self, difference: &FileDifference) -> Option<(ProcessIndex, bool)> {
        self.changes.author_of(difference)
    }

    /// Returns the author of an entry of `/etc/passwd` or `/etc/group`.
    pub fn entry_author(&self, file: &[u8], name: &[u8], is_new: bool) -> Option<ProcessIndex> {
        self.changes
            .entry_author(file, name, is_new, &self.processes)
    }

    /// Collects the command lines of some programs.
    pub fn command_lines(&self, programs: Programs) -> CommandLines<'_> {
        CommandLines::of(programs, &self.processes)
    }

    /// Returns the ledger of what is missing.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Returns the ledger, to add facts that only the reader of a file has.
    pub fn ledger_mut(&mut self) -> &mut Ledger {
        &mut self.ledger
    }
}
