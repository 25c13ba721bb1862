//! Filters of the reading commands: they select processes, connections and events.
//!
//! A condition on a process (name, tree, pid, user) holds for its whole life: all its names count,
//! and the last tree. So the whole trace is read once before the first event is shown. Other
//! conditions are on single events; a process or connection is selected with one of its events.

use std::{
    collections::HashSet,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use ipnet::IpNet;

use crate::{
    event::{Event, EventKind},
    model::{
        Connection, Download, Listener, Model, NameLookup, Process, ProcessIndex, UnitTransition,
    },
    rules::{Glob, Scope},
};

/// Part of a recording of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// From its start to its end.
    Command,
    /// After its end.
    After,
}

/// Remote ends of a condition.
#[derive(Clone, Debug)]
pub enum Remote {
    /// Addresses of a network; a single address is one too.
    Network(IpNet),
    /// Matches of a glob: ADDRESS, ADDRESS:PORT, a service tag, or a host with or without port.
    Written(Glob),
}

impl Remote {
    /// Reads a network, an address, or a glob.
    ///
    /// # Errors
    ///
    /// The glob is malformed.
    pub fn parse(text: &str) -> Result<Remote, String> {
        if let Ok(network) = text.parse::<IpNet>() {
            return Ok(Remote::Network(network));
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Remote::Network(IpNet::from(address.to_canonical())));
        }
        if text.contains('/') {
            return Err("not a network: write it like 10.0.0.0/8 or fd00::/8".to_owned());
        }
        Glob::new(text, Scope::Text).map(Remote::Written)
    }

    fn matches(&self, model: &Model, connection: &Connection) -> bool {
        match self {
            Remote::Network(network) => {
                let destination = connection.destination.iter();
                // Behind a proxy, where it was asked for an address.
                let asked_for = destination.filter_map(|(host, _)| host.parse().ok());
                let remote = connection.remote.iter().map(SocketAddr::ip);
                remote
                    .chain(asked_for)
                    .any(|address: IpAddr| network.contains(&address))
            }
            Remote::Written(glob) => {
                let remote = connection
                    .remote
                    .is_some_and(|remote| is_written(glob, model, remote));
                let port = connection.remote.map_or(0, |remote| remote.port());
                let names = connection.names.iter().map(|name| (&*name.name, port));
                let destination = connection.destination.iter();
                let destination = destination.flat_map(|(host, port)| {
                    let names = connection.destination_names.iter();
                    let names = names.map(|name| (&*name.name, *port));
                    names.chain([(host.as_str(), *port)])
                });
                remote
                    || names.chain(destination).any(|(host, port)| {
                        glob.matches(host.as_bytes())
                            || glob.matches(format!("{host}:{port}").as_bytes())
                    })
            }
        }
    }
}

fn is_written(glob: &Glob, model: &Model, remote: SocketAddr) -> bool {
    glob.matches(remote.to_string().as_bytes())
        || glob.matches(remote.ip().to_string().as_bytes())
        || model
            .tags(remote.ip())
            .iter()
            .any(|tag| glob.matches(tag.name.as_bytes()))
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
}

impl Filter {
    /// Returns true if there is no condition.
    pub fn is_empty(&self) -> bool {
        !self.asks_for_processes() && !self.asks_for_events()
    }

    /// Returns true if the whole trace must be read before the first event can be judged.
    pub fn asks_for_processes(&self) -> bool {
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
    }

    fn wants_remote(&self, model: &Model, kind: &EventKind) -> bool {
        kind.connections()
            .filter_map(|id| model.connection(id))
            .any(|connection| self.wants_remote_of(model, connection))
    }

    fn wants_remote_of(&self, model: &Model, connection: &Connection) -> bool {
        self.remote.is_empty()
            || self
                .remote
                .iter()
                .any(|wanted| wanted.matches(model, connection))
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

fn phase_of(model: &Model) -> Option<Phase> {
    match (model.command(), model.command_end()) {
        (_, Some(_)) => Some(Phase::After),
        (Some(_), None) => Some(Phase::Command),
        (None, None) => None,
    }
}

/// Marks the owners of matching events while a trace is read.
#[derive(Debug, Default)]
pub struct Marks {
    processes: Vec<bool>,
    connections: Vec<bool>,
    listeners: Vec<bool>,
    unit_transitions: Vec<bool>,
}

impl Marks {
    /// Notes an event that was just applied to the model.
    pub fn note(&mut self, filter: &Filter, model: &Model, start_ns: u64, event: &Event) {
        if !filter.asks_for_events() {
            return;
        }
        let is_wanted = filter.wants_event(model, start_ns, event);
        // The entries that this event added.
        self.unit_transitions
            .resize(model.unit_transitions().len(), is_wanted);
        if !is_wanted {
            return;
        }
        if let Some(index) = model.find(event.process) {
            mark(&mut self.processes, index.position());
        }
        for listener in event.kind.connections().filter_map(|id| model.listener(id)) {
            mark(&mut self.listeners, listener.position());
        }
        for connection in event
            .kind
            .connections()
            .filter_map(|id| model.connection(id))
        {
            // Only some of the connections of an event may be selected.
            if filter.wants_remote_of(model, connection) {
                mark(&mut self.connections, connection.position());
                mark(&mut self.processes, connection.owner.position());
            }
        }
    }
}

fn mark(marks: &mut Vec<bool>, position: usize) {
    if marks.len() <= position {
        marks.resize(position + 1, false);
    }
    marks[position] = true;
}

/// The part of a trace that a filter selects.
pub struct Selection {
    filter: Filter,
    marks: Marks,
    /// True for each selected process, by position; none if all are selected.
    processes: Option<Vec<bool>>,
    /// Units of the selected processes; empty if all are selected.
    units: HashSet<Arc<[u8]>>,
}

impl Selection {
    /// Applies a filter to the processes of a whole trace.
    pub fn new(filter: Filter, marks: Marks, model: &Model) -> Selection {
        let processes = filter.asks_for_processes().then(|| {
            let mut wanted: Vec<bool> = model
                .processes()
                .map(|(_, process)| filter.wants_process(model, process))
                .collect();
            if filter.descendants {
                add_descendants(model, &mut wanted);
            }
            wanted
        });
        let mut units = HashSet::new();
        if let Some(wanted) = &processes {
            let of_wanted = model
                .processes()
                .filter(|(index, _)| is_marked(wanted, index.position()));
            units.extend(of_wanted.filter_map(|(_, process)| process.unit.clone()));
        }
        Selection {
            filter,
            marks,
            processes,
            units,
        }
    }

    /// Returns true if an event, just applied to the model, is shown.
    pub fn shows_event(&self, model: &Model, start_ns: u64, event: &Event) -> bool {
        if !self.filter.wants_event(model, start_ns, event) {
            return false;
        }
        if self.processes.is_none() {
            return true;
        }
        let Some(index) = model.find(event.process) else {
            return false;
        };
        let is_fork = matches!(event.kind, EventKind::Fork(_));
        let parent = model.process(index).parent.filter(|_| is_fork);
        self.is_of_wanted_process(index)
            || parent.is_some_and(|parent| self.is_of_wanted_process(parent))
    }

    /// Returns true if a process is shown.
    pub fn shows_process(&self, index: ProcessIndex) -> bool {
        self.is_of_wanted_process(index)
            && (!self.filter.asks_for_events()
                || is_marked(&self.marks.processes, index.position()))
    }

    /// Returns true if a connection is shown.
    pub fn shows_connection(&self, connection: &Connection) -> bool {
        self.is_of_wanted_process(connection.owner)
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
        let parties = [download.writer, download.runner];
        let mut parties = parties.into_iter().chain(download.carrier);
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
            None => self.is_everything(),
        }
    }

    /// Returns true if the start or end of a unit is shown, given its position: a selected process
    /// requested it, or ran in the unit.
    pub fn shows_unit_transition(&self, position: usize, transition: &UnitTransition) -> bool {
        let request = transition.request.as_ref();
        let is_of_wanted = self.processes.is_none()
            || self.units.contains(&transition.unit)
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

    /// Returns true if there is a condition on processes.
    pub fn asks_for_processes(&self) -> bool {
        self.processes.is_some()
    }

    fn is_of_wanted_process(&self, index: ProcessIndex) -> bool {
        self.processes
            .as_ref()
            .is_none_or(|wanted| is_marked(wanted, index.position()))
    }
}

fn is_marked(marks: &[bool], position: usize) -> bool {
    marks.get(position).copied().unwrap_or(false)
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
