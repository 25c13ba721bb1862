//! Filters of the reading commands: they select processes, connections and events.
//!
//! A condition on a process (name, tree, pid, user) holds for its whole life: all its names count,
//! and the last tree. So the whole trace is read once before the first event is shown. Other
//! conditions are on single events; a process or connection is selected with one of its events.

mod marks;
mod remote;
mod unknown;

use std::{collections::HashSet, sync::Arc};

use crate::{
    event::{Event, EventKind},
    model::{
        Connection, Download, Listener, Model, NameLookup, Process, ProcessIndex, UnitTransition,
    },
    rules::Glob,
};

pub use marks::{LastEvents, Marks};
use marks::{is_marked, parent_at_fork};
pub use remote::Remote;
pub use unknown::{Named, Unknown};

/// Part of a recording of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// From its start to its end.
    Command,
    /// After its end.
    After,
}

/// The conditions of a filter. All conditions must hold; one value of each is enough.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Names of the process, at any time.
    pub process: Vec<Glob>,
    /// Its last tree.
    pub tree: Vec<String>,
    /// Its process id.
    pub pid: Vec<u32>,
    /// Users that it ran as, by name or number.
    pub user: Vec<String>,
    /// True if descendants of such processes are selected, too.
    pub descendants: bool,
    /// Names of event kinds.
    pub event: Vec<String>,
    /// Remote ends of connections.
    pub remote: Vec<Remote>,
    /// Nanoseconds after the start.
    pub since_ns: Option<u64>,
    /// Nanoseconds after the start.
    pub until_ns: Option<u64>,
    /// Part of the recording.
    pub phase: Option<Phase>,
    /// Trees whose processes are left out. Neither this nor the next condition selects anything.
    pub not_tree: Vec<String>,
    /// True if connections to DNS servers are left out.
    pub no_resolvers: bool,
}

/// Ports of DNS servers: plain, and over TLS (RFC 7858).
const RESOLVER_PORTS: [u16; 2] = [53, 853];

fn is_to_resolver(connection: &Connection) -> bool {
    let port = connection.remote.map_or(0, |remote| remote.port());
    !connection.is_inbound && RESOLVER_PORTS.contains(&port)
}

impl Filter {
    /// Returns true if there is no condition.
    pub fn is_empty(&self) -> bool {
        self.selects_nothing() && self.not_tree.is_empty() && !self.no_resolvers
    }

    /// Returns true if every condition only leaves something out.
    fn selects_nothing(&self) -> bool {
        !self.names_processes() && !self.asks_for_events()
    }

    /// Returns true if there is a condition on processes.
    fn asks_for_processes(&self) -> bool {
        self.names_processes() || !self.not_tree.is_empty()
    }

    /// Returns true if the whole trace must be read before the first event can be judged. A process
    /// id alone needs no more than the event.
    pub fn asks_for_lives(&self) -> bool {
        let others = self.process.is_empty() && self.tree.is_empty() && self.user.is_empty();
        !(others && self.not_tree.is_empty()) || (self.descendants && !self.pid.is_empty())
    }

    fn names_processes(&self) -> bool {
        !(self.process.is_empty()
            && self.tree.is_empty()
            && self.pid.is_empty()
            && self.user.is_empty())
    }

    fn asks_for_events(&self) -> bool {
        !self.event.is_empty()
            || !self.remote.is_empty()
            || self.since_ns.is_some()
            || self.until_ns.is_some()
            || self.phase.is_some()
    }

    /// Returns true if an event, just applied to the model, meets the conditions on events.
    /// `start_ns` is the start of the recording.
    pub fn wants_event(&self, model: &Model, start_ns: u64, event: &Event) -> bool {
        let since_start = event.boot_ns.saturating_sub(start_ns);
        (self.event.is_empty() || self.event.iter().any(|kind| kind == event.kind.name()))
            && self.since_ns.is_none_or(|since| since_start >= since)
            && self.until_ns.is_none_or(|until| since_start <= until)
            && self
                .phase
                .is_none_or(|phase| phase_of(model) == Some(phase))
            && (self.remote.is_empty() || self.wants_remote(model, &event.kind))
            && !(self.no_resolvers && is_of_resolvers(model, &event.kind))
    }

    fn wants_remote(&self, model: &Model, kind: &EventKind) -> bool {
        kind.connections()
            .filter_map(|id| model.connection(id))
            .any(|connection| self.wants_remote_of(model, connection))
    }

    fn wants_remote_of(&self, model: &Model, connection: &Connection) -> bool {
        let is_remote = |wanted: &Remote| wanted.matches(model, connection);
        (self.remote.is_empty() || self.remote.iter().any(is_remote))
            && !(self.no_resolvers && is_to_resolver(connection))
    }

    fn leaves_out(&self, process: &Process) -> bool {
        self.not_tree.iter().any(|tree| **tree == *process.tree)
    }

    fn wants_process(&self, model: &Model, process: &Process) -> bool {
        (self.process.is_empty()
            || process
                .names
                .iter()
                .any(|name| self.process.iter().any(|glob| glob.matches(name))))
            && (self.tree.is_empty() || self.tree.iter().any(|tree| **tree == *process.tree))
            && (self.pid.is_empty() || self.pid.contains(&process.id.pid))
            && (self.user.is_empty() || self.wants_user(model, process))
    }

    fn wants_user(&self, model: &Model, process: &Process) -> bool {
        process
            .former_users
            .iter()
            .chain([&process.user])
            .any(|id| {
                let name = model.user_name(*id);
                self.user
                    .iter()
                    .any(|wanted| name == Some(wanted.as_bytes()) || *wanted == id.to_string())
            })
    }
}

/// Returns true if all connections of an event lead to DNS servers.
fn is_of_resolvers(model: &Model, kind: &EventKind) -> bool {
    let connections = kind.connections().filter_map(|id| model.connection(id));
    let mut connections = connections.peekable();
    connections.peek().is_some() && connections.all(is_to_resolver)
}

fn phase_of(model: &Model) -> Option<Phase> {
    match (model.command(), model.command_end()) {
        (_, Some(_)) => Some(Phase::After),
        (Some(_), None) => Some(Phase::Command),
        (None, None) => None,
    }
}

/// The part of a trace that a filter selects.
pub struct Selection {
    filter: Filter,
    marks: Marks,
    /// True for each selected process, by position; none if all are selected.
    processes: Option<Vec<bool>>,
    /// Units of the selected processes; empty if all are selected.
    units: HashSet<Arc<[u8]>>,
    /// Likewise, units of the others.
    other_units: HashSet<Arc<[u8]>>,
}

impl Selection {
    /// Applies a filter to the processes of a whole trace.
    pub fn new(filter: Filter, marks: Marks, model: &Model) -> Selection {
        let processes = filter.asks_for_processes().then(|| {
            let mut wanted =
                model.mark_processes(|_, process| filter.wants_process(model, process));
            if filter.descendants {
                add_descendants(model, &mut wanted);
            }
            for (index, process) in model.processes() {
                if let Some(wanted) = wanted.get_mut(index.position()) {
                    *wanted &= !filter.leaves_out(process);
                }
            }
            wanted
        });
        let (mut units, mut other_units) = (HashSet::new(), HashSet::new());
        if let Some(wanted) = &processes {
            for (index, process) in model.processes() {
                let units = match is_marked(wanted, index.position()) {
                    true => &mut units,
                    false => &mut other_units,
                };
                units.extend(process.unit.clone());
            }
        }
        Selection {
            filter,
            marks,
            processes,
            units,
            other_units,
        }
    }

    /// Applies a filter that asks for no lives of processes, before any event is read.
    pub fn of_events(filter: Filter) -> Selection {
        Selection {
            filter,
            marks: Marks::default(),
            processes: None,
            units: HashSet::new(),
            other_units: HashSet::new(),
        }
    }

    /// Returns true if an event, just applied to the model, is shown.
    pub fn shows_event(&self, model: &Model, start_ns: u64, event: &Event) -> bool {
        if !self.filter.wants_event(model, start_ns, event) {
            return false;
        }
        if !self.filter.asks_for_processes() {
            return true;
        }
        let Some(index) = model.find(event.process) else {
            return !self.asks_for_processes();
        };
        let is_wanted = |index: ProcessIndex| match &self.processes {
            Some(wanted) => is_marked(wanted, index.position()),
            None => self.filter.pid.contains(&model.process(index).id.pid),
        };
        is_wanted(index) || parent_at_fork(model, index, event).is_some_and(is_wanted)
    }

    /// Returns the number of the last event that is shown; 0 if none is.
    pub fn last_shown(&self, last: &LastEvents) -> u64 {
        let is_wanted = |position: usize| match &self.processes {
            Some(wanted) => is_marked(wanted, position),
            None => true,
        };
        let numbers = last.by_process.iter().enumerate();
        let of_wanted = numbers.filter(|(position, _)| is_wanted(*position));
        let of_wanted = of_wanted.map(|(_, number)| *number).max();
        let without = match self.asks_for_processes() {
            true => 0,
            false => last.without_process,
        };
        of_wanted.unwrap_or(0).max(without)
    }

    /// Returns true if a process is shown.
    pub fn shows_process(&self, index: ProcessIndex) -> bool {
        self.is_of_wanted_process(index)
            && (!self.filter.asks_for_events()
                || is_marked(&self.marks.processes, index.position()))
    }

    /// Returns true if a connection is shown.
    pub fn shows_connection(&self, connection: &Connection) -> bool {
        let mut parties = connection.holders.iter().chain([&connection.owner]);
        parties.any(|index| self.is_of_wanted_process(*index))
            && !(self.filter.no_resolvers && is_to_resolver(connection))
            && (!self.filter.asks_for_events()
                || is_marked(&self.marks.connections, connection.position()))
    }

    /// Returns true if a listener is shown.
    pub fn shows_listener(&self, listener: &Listener) -> bool {
        let mut parties = listener.holders.iter().chain([&listener.owner]);
        parties.any(|index| self.is_of_wanted_process(*index))
            && (!self.filter.asks_for_events()
                || is_marked(&self.marks.listeners, listener.position()))
    }

    /// Returns true if a listener is shown and is not the socket of a client.
    pub fn shows_server(&self, listener: &Listener) -> bool {
        self.shows_listener(listener) && !listener.is_of_client()
    }

    /// Returns true if a download is shown: a selected process wrote, carried or executed it. With
    /// a condition on remote ends, it came from one of them.
    pub fn shows_download(&self, download: &Download) -> bool {
        let mut parties = download.parties();
        if self.filter.remote.is_empty() {
            return parties.any(|index| self.shows_process(index));
        }
        let mut from = download.connections.iter();
        parties.any(|index| self.is_of_wanted_process(index))
            && from.any(|position| is_marked(&self.marks.connections, *position))
    }

    /// Returns true if the process of a lookup is shown.
    pub fn shows_lookup(&self, lookup: &NameLookup) -> bool {
        let mut parties = lookup.asker.into_iter().chain(lookup.client).peekable();
        match parties.peek() {
            Some(_) => parties.any(|party| self.shows_process(party)),
            None => self.selects_nothing(),
        }
    }

    /// Returns true if the start or end of a unit is shown, given its position: a selected process
    /// requested it, or ran in the unit.
    pub fn shows_unit_transition(&self, position: usize, transition: &UnitTransition) -> bool {
        let request = transition.request.as_ref();
        let is_of_wanted = self.processes.is_none()
            || self.units.contains(&transition.unit)
            || !self.asks_for_processes() && !self.other_units.contains(&transition.unit)
            || request.is_some_and(|request| self.is_of_wanted_process(request.by));
        is_of_wanted
            && (!self.filter.asks_for_events() || is_marked(&self.marks.unit_transitions, position))
    }

    /// Returns the trees that are asked for; none if all are.
    pub fn trees(&self) -> &[String] {
        &self.filter.tree
    }

    /// Returns true if nothing is left out.
    pub fn is_everything(&self) -> bool {
        self.filter.is_empty()
    }

    /// Returns true if every condition only leaves something out.
    pub fn selects_nothing(&self) -> bool {
        self.filter.selects_nothing()
    }

    /// Returns true if there is a condition that selects processes.
    pub fn asks_for_processes(&self) -> bool {
        self.filter.names_processes()
    }

    fn is_of_wanted_process(&self, index: ProcessIndex) -> bool {
        self.processes
            .as_ref()
            .is_none_or(|wanted| is_marked(wanted, index.position()))
    }
}

/// Adds the descendants of selected processes. One pass is not enough: a snapshot is sorted by
/// pid, and a parent may have the higher one.
fn add_descendants(model: &Model, wanted: &mut [bool]) {
    let mut changed = true;
    while changed {
        changed = false;
        for (index, process) in model.processes() {
            let by_parent = process
                .parent
                .is_some_and(|parent| is_marked(wanted, parent.position()));
            if by_parent
                && let Some(own) = wanted.get_mut(index.position())
                && !*own
            {
                *own = true;
                changed = true;
            }
        }
    }
}
