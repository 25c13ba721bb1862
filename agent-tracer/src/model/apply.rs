//! Applies events to the model: finds the process of each, and hands its facts to the parts.

use super::{
    CommandEnd, Model, ProcessIndex, attribution, download::Moment, ledger::Truncation, request,
};
use crate::event::{
    Cgroup, CommandEnded, EndReason, Event, EventKind, Exec, Exit, FileEvent, FileHashed, Held,
    Inbound, Lineage, NativeCode, Protocol, Snapshot, SocketState, Sockets,
};

impl Model {
    /// Applies the next event.
    pub fn apply(&mut self, event: &Event) {
        let boot_ns = event.boot_ns;
        self.timeline.advance(boot_ns);
        match &event.kind {
            EventKind::Fork(fork) => {
                let first_ns = self.timeline.first_ns();
                let child = self.processes.fork(event, fork, first_ns, &mut self.ledger);
                // The event of another process may lack its own.
                if event.process.pid != 0 {
                    self.asks.fork(child, boot_ns, &mut self.processes);
                }
            }
            EventKind::Exec(exec) => self.exec(event, exec),
            EventKind::Exit(exit) => {
                let index = self.known_with(event, exit.lineage.as_ref());
                self.processes.end(index, boot_ns, *exit);
            }
            EventKind::Rename(rename) => {
                let index = self.known_with(event, rename.lineage.as_ref());
                self.processes.rename(index, rename, &mut self.ledger);
            }
            EventKind::UserChanged(changed) => {
                let index = self.known(event);
                self.processes[index].real_user = Some(changed.real_user);
            }
            EventKind::ExecFailed(failed) => {
                let index = self.known(event);
                self.failures.add(index, boot_ns, failed);
            }
            EventKind::SocketOpened(opened) => {
                let index = self.known(event);
                self.sockets.opened(index, opened);
            }
            EventKind::Inbound(inbound) => {
                // The event has the user of the time of the bind.
                let owner = self.processes.find(event.process);
                let owner = owner.or_else(|| self.accepting(inbound));
                if owner.is_none() {
                    self.ledger.unknown_listener();
                }
                self.connections.inbound(inbound, owner, boot_ns);
            }
            EventKind::UnixConnect(connect) => {
                let index = self.known(event);
                let daemon = self.asks.daemon(connect.peer_pid, &self.processes);
                if let Some(daemon) = daemon.filter(|daemon| *daemon != index) {
                    let path = connect.path.as_slice().into();
                    self.asks
                        .note(index, daemon, path, boot_ns, &self.processes);
                }
            }
            EventKind::Held(held) => self.held(held),
            EventKind::Cgroup(cgroup) => self.cgroup(event, cgroup),
            EventKind::Connect(connect) => {
                let owner = self.known(event);
                self.connections
                    .connect(connect, owner, boot_ns, &self.names);
                self.processes[owner].has_connected = true;
            }
            EventKind::Established(established) => {
                self.connections.established(established, boot_ns);
            }
            EventKind::ConnectFailed(failed) => self.connections.connect_failed(failed, boot_ns),
            EventKind::Shutdown(shutdown) => self.connections.shutdown(shutdown),
            EventKind::Close(close) => {
                // Of an outbound connection the event has the user of the time of the connect.
                let closer = self.processes.find(event.process);
                if !self.connections.close(close, closer, boot_ns) {
                    self.listeners.close(close, boot_ns);
                } else if close.time_unknown {
                    self.ledger.end_unknown();
                }
            }
            EventKind::Snapshot(snapshot) => self.snapshot(snapshot),
            EventKind::ContainerNamed(named) => self.containers.name(named),
            EventKind::UserNamed(named) => self.attribution.name_user(named, &mut self.processes),
            EventKind::CommandStarted(started) => {
                let index = self.known(event);
                self.timeline.start_command(index);
                attribution::start_command(index, started.attached, &mut self.processes);
            }
            EventKind::CommandEnded(ended) => self.command_ended(boot_ns, ended),
            EventKind::Units(units) => self.units.note_loaded(units),
            EventKind::Unit(unit) => {
                self.units
                    .unit(unit, boot_ns, &mut self.processes, &self.schedule);
            }
            EventKind::File(file) => self.file(event, file),
            EventKind::UnitFollowed(followed) => {
                self.units.follow(&followed.unit, &mut self.processes);
            }
            EventKind::Sockets(sockets) => self.sockets(event, sockets),
            EventKind::AddressTagged(tagged) => {
                if let Some(address) = tagged.ip() {
                    self.tags.insert(address, tagged.tags.clone());
                }
            }
            EventKind::Listen(listen) => {
                let owner = self.known(event);
                self.listeners.listen(listen, Protocol::Tcp, owner, boot_ns);
            }
            EventKind::Bind(listen) => {
                let owner = self.known(event);
                self.listeners.listen(listen, Protocol::Udp, owner, boot_ns);
            }
            EventKind::Counted(counted) => {
                if !self.connections.counted(counted) {
                    self.listeners.counted(counted);
                }
            }
            EventKind::Dns(dns) => {
                let asker = self.processes.find(event.process);
                let client =
                    asker.and_then(|asker| self.asks.client_of(asker, boot_ns, &self.processes));
                self.names.dns(dns, asker, client, boot_ns);
            }
            EventKind::TlsHello(hello) => self.connections.tls_hello(hello, &self.names),
            EventKind::HttpRequest(request) => self.connections.http_request(request, &self.names),
            EventKind::HttpAnswer(answer) => self.connections.http_answer(answer),
            EventKind::Hosts(hosts) => self.names.hosts(hosts),
            EventKind::Compared(compared) => self.changes.compared(compared, &mut self.ledger),
            EventKind::FilesCompared(compared) => {
                self.changes.files_compared(compared, &mut self.ledger);
            }
            EventKind::FileHashed(hashed) => self.hashed(event, hashed),
            EventKind::FilesElsewhere(elsewhere) => {
                let compared = self.changes.changed_files();
                self.elsewhere.add(elsewhere, compared, &self.processes);
            }
            EventKind::Carried(carried) => self.take_over(boot_ns, carried),
            EventKind::SegmentsDeleted(deleted) => self.ledger.deleted(deleted),
            EventKind::Unreadable(unreadable) => self.ledger.unreadable(&unreadable.what),
            EventKind::Lost(lost) => self.ledger.lost(&lost.what, lost.count),
            EventKind::KernelLog(log) => self.ledger.log(&log.line),
            EventKind::End(end) => {
                let reason = EndReason::try_from(end.reason).unwrap_or(EndReason::Unknown);
                self.timeline.end_with(reason);
            }
        }
    }

    /// Returns the process of an event, which is made up where it was unknown. A change of its user
    /// may match other rules.
    fn known(&mut self, event: &Event) -> ProcessIndex {
        let first_ns = self.timeline.first_ns();
        let (index, has_changed) =
            self.processes
                .known(event.process, event.user, first_ns, &mut self.ledger);
        // An exec changes program and user at once, and is attributed by both.
        if has_changed && !matches!(event.kind, EventKind::Exec(_)) {
            self.attribution.attribute(index, &mut self.processes);
        }
        index
    }

    /// Does the same for an event that has the lineage of its process.
    fn known_with(&mut self, event: &Event, lineage: Option<&Lineage>) -> ProcessIndex {
        let index = self.known(event);
        if let Some(lineage) = lineage {
            self.processes.note_lineage(index, lineage);
        }
        index
    }

    /// Finds the process that holds the listener of an inbound connection.
    fn accepting(&self, inbound: &Inbound) -> Option<ProcessIndex> {
        let local = inbound.local()?;
        let namespace = inbound.network_namespace;
        let listener = self
            .listeners
            .accepting(inbound.protocol(), local, namespace)?;
        Some(listener.holder())
    }

    fn held(&mut self, held: &Held) {
        let holders = held.holders.iter();
        let holders = holders.filter_map(|pid| self.processes.latest(*pid));
        let mut holders: Vec<ProcessIndex> = holders.collect();
        // A manager that makes a socket for its service keeps it, and serves no peer.
        holders.sort_by_key(|holder| self.processes.is_manager(*holder));
        if self.connections.held(held.connection, &holders) {
            return;
        }
        self.listeners.held(held.connection, holders);
        if let Some(listener) = self.listeners.get(held.connection) {
            self.connections.hand_over(listener);
        }
    }

    fn snapshot(&mut self, snapshot: &Snapshot) {
        let new = self.processes.snapshot(snapshot, &mut self.ledger);
        self.units.note_snapshot(new.clone(), &self.processes);
        self.attribution
            .attribute_snapshot(new, &mut self.processes);
    }

    fn exec(&mut self, event: &Event, exec: &Exec) {
        let index = self.known_with(event, exec.lineage.as_deref());
        let boot_ns = event.boot_ns;
        self.failures.found(index, exec);
        self.downloads.note_former_program(index, &self.processes);
        self.processes.exec(index, boot_ns, exec, &mut self.ledger);
        self.unusual.note(index, &self.processes[index], exec);
        if let Some(writer) = self.schedule.writer_of_job(index, exec, &self.processes) {
            self.units
                .start_job(index, writer.clone(), boot_ns, &mut self.processes);
        }
        self.attribution.attribute(index, &mut self.processes);
        self.units
            .note_request(index, &self.processes[index], boot_ns);
    }

    fn cgroup(&mut self, event: &Event, cgroup: &Cgroup) {
        let index = self.known(event);
        if !cgroup.path.starts_with(b"/") {
            self.ledger.truncated(Truncation::Path);
        }
        if !self.processes[index].set_cgroup(&cgroup.path) {
            return;
        }
        // systemd moves the processes that it forks into their units. Others move too, such as
        // sessions of su(1), and stay what they are by lineage.
        if let Some(unit) = self.processes[index].unit.clone()
            && self.processes.is_of_manager(index)
        {
            let (processes, schedule) = (&mut self.processes, &self.schedule);
            self.units
                .enter(index, &unit, event.boot_ns, processes, schedule);
        }
        self.attribution.attribute(index, &mut self.processes);
    }

    fn file(&mut self, event: &Event, file: &FileEvent) {
        let by = (event.process.pid != 0).then(|| self.known(event));
        let moment = Moment {
            reported_ns: event.boot_ns,
            by,
        };
        let connections = self.connections.all.next();
        self.downloads
            .file(file, moment, &self.processes, connections);
        let asked = by.and_then(|by| self.asked_for(event.boot_ns, file, by));
        if let Some(by) = by {
            self.changes.touched(file, by, asked);
        }
        let by = asked.flatten().or(by);
        self.schedule.file(file, by, &self.processes);
    }

    fn hashed(&mut self, event: &Event, hashed: &FileHashed) {
        if hashed.native() == NativeCode::None {
            self.downloads.hashed(hashed);
            return;
        }
        let moment = Moment {
            reported_ns: event.boot_ns,
            by: self.processes.find(event.process),
        };
        let connections = self.connections.all.next();
        self.downloads
            .native(hashed, moment, &self.processes, connections);
    }

    /// Returns the client, if known, that asked a service manager for a change among its units.
    /// `None` where another process made the change.
    fn asked_for(
        &self,
        boot_ns: u64,
        file: &FileEvent,
        by: ProcessIndex,
    ) -> Option<Option<ProcessIndex>> {
        let is_of_units = memchr::memmem::find(&file.path, b"/systemd/").is_some();
        (is_of_units && self.processes.is_manager(by))
            .then(|| request::asked_for_link(&file.path, boot_ns, &self.processes))
    }

    fn sockets(&mut self, event: &Event, sockets: &Sockets) {
        for socket in &sockets.sockets {
            let holder = socket.holders.first();
            let Some(owner) = holder.and_then(|pid| self.processes.latest(*pid)) else {
                continue;
            };
            if socket.state() == SocketState::Listening {
                self.listeners.adopt(socket, owner, event.boot_ns);
            } else {
                self.connections.adopt(socket, owner, event.boot_ns);
                self.processes[owner].has_connected = true;
            }
        }
    }

    /// Ends the command, too: the recorder is its parent, and knows its status even where its exit
    /// event was lost.
    fn command_ended(&mut self, boot_ns: u64, ended: &CommandEnded) {
        let status = ended.status_known.then_some(ended.status);
        if let (Some(index), Some(status)) = (self.timeline.command(), status) {
            self.processes.end(index, boot_ns, Exit::of(status));
        }
        self.timeline.end_command(CommandEnd { boot_ns, status });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::{Close, Connect, Fork, Inbound, ProcessId, Shutdown, UserChanged},
        model::State,
        rules::RuleSet,
    };

    const DAEMON: ProcessId = ProcessId {
        pid: 7,
        start_ns: 20,
    };

    fn apply(model: &mut Model, user: u32, kind: EventKind) {
        model.apply(&Event {
            boot_ns: 30,
            process: DAEMON,
            user,
            kind,
        });
    }

    #[test]
    fn a_close_has_the_user_of_the_connect_and_changes_none() {
        let mut model = Model::new(RuleSet::default());
        apply(&mut model, 0, EventKind::Fork(Fork::default()));
        let connect = Connect {
            connection: 1,
            ..Connect::default()
        };
        apply(&mut model, 0, EventKind::Connect(connect));
        let changed = UserChanged {
            real_user: 65534,
            at_end: false,
        };
        apply(&mut model, 65534, EventKind::UserChanged(changed));
        let close = Close {
            connection: 1,
            ..Close::default()
        };
        apply(&mut model, 0, EventKind::Close(close));
        let inbound = Inbound {
            connection: 2,
            ..Inbound::default()
        };
        apply(&mut model, 0, EventKind::Inbound(inbound));
        let daemon = model.find(DAEMON).map(|index| model.process(index));
        assert_eq!(daemon.map(|daemon| daemon.user), Some(65534));
    }

    #[test]
    fn a_lost_end_has_neither_time_nor_traffic() {
        let mut model = Model::new(RuleSet::default());
        apply(&mut model, 0, EventKind::Fork(Fork::default()));
        let connect = Connect {
            connection: 1,
            ..Connect::default()
        };
        apply(&mut model, 0, EventKind::Connect(connect));
        let shutdown = Shutdown {
            connection: 1,
            bytes_sent: 5,
            bytes_received: 7,
        };
        apply(&mut model, 0, EventKind::Shutdown(shutdown));
        let close = Close {
            connection: 1,
            time_unknown: true,
            ..Close::default()
        };
        apply(&mut model, 0, EventKind::Close(close));
        let connection = model.connection(1).expect("a connection");
        assert_eq!(connection.state, State::Closed);
        assert!(connection.is_end_unknown && connection.ended_ns().is_none());
        assert_eq!(connection.bytes(), Some((5, 7)), "as of the shutdown");
        assert_eq!(model.ledger().unknown_ends(), 1);
    }

    #[test]
    fn a_change_of_user_leaves_the_real_one_unknown_until_it_is_seen() {
        let mut model = Model::new(RuleSet::default());
        let real_user = |model: &Model| {
            let daemon = model.find(DAEMON).map(|index| model.process(index));
            daemon.and_then(|daemon| daemon.real_user)
        };
        let changed = |real_user| {
            EventKind::UserChanged(UserChanged {
                real_user,
                at_end: false,
            })
        };
        apply(&mut model, 0, changed(0));
        assert_eq!(real_user(&model), Some(0));
        apply(&mut model, 33, EventKind::Connect(Connect::default()));
        assert_eq!(real_user(&model), None);
        apply(&mut model, 33, changed(33));
        assert_eq!(real_user(&model), Some(33));
    }

    #[test]
    fn an_open_inbound_connection_is_of_the_process_that_holds_it() {
        let mut model = Model::new(RuleSet::default());
        let worker = ProcessId {
            pid: 8,
            start_ns: 25,
        };
        apply(&mut model, 0, EventKind::Fork(Fork::default()));
        model.apply(&Event {
            boot_ns: 30,
            process: worker,
            user: 33,
            kind: EventKind::Fork(Fork::default()),
        });
        let inbound = Inbound {
            connection: 1,
            ..Inbound::default()
        };
        apply(&mut model, 0, EventKind::Inbound(inbound));
        let held = Held {
            connection: 1,
            holders: vec![worker.pid],
        };
        model.apply(&Event::of_recording(40, EventKind::Held(held)));
        let owner = model.connections().first().map(|it| it.owner);
        assert_eq!(owner, model.find(worker));
    }

    #[test]
    fn an_inbound_connection_of_an_unknown_listener_is_counted() {
        let mut model = Model::new(RuleSet::default());
        model.apply(&Event::of_recording(
            1,
            EventKind::Inbound(Inbound::default()),
        ));
        assert_eq!(model.connections().len(), 0);
        assert_eq!(model.ledger().unknown_listeners(), 1);
    }
}
