//! Handles each event of a recording: names its users, masks its secrets, then writes, applies and
//! shows it. It also makes the events of the recording itself. The `watch` module decides on the
//! duration.

use std::{
    collections::HashSet,
    net::{IpAddr, SocketAddr},
    os::unix::process::ExitStatusExt,
    process::ExitStatus,
    time::Instant,
};

use super::{
    Ended, Observer, Recorded,
    digests::Digests,
    elsewhere::Elsewhere,
    evidence::{Evidence, Mended, TraceFailure},
    masked::Masked,
    rotation::Course,
    segment::Segment,
    service::Service,
    sniffer::Sniffer,
    sources::{self, Sources},
};
use crate::{
    capture::{
        self, Capture, Files, Hook, Launch, LaunchError, Launched, PackedInventory, Roots,
        UserLookup, boot_now,
    },
    event::{
        AddressTag, AddressTagged, CarriedConnection, CommandEnded, CommandStarted, Decoded, End,
        Event, EventKind, Exit, FileAction, Lost, ProcessId, SegmentsDeleted, SnapshotSocket,
        UserNamed,
    },
    model::{Connection, Listener, Model, container_of},
    names::{Match, Tags},
    redact::Redactor,
    session::Session,
    trace::{self, Header},
};

/// Limit of remembered addresses: a scan of a whole network would make the recorder grow. An
/// address that was forgotten is tagged again.
const TAGGED_LIMIT: usize = 65_536;

/// Limit of containers whose names are looked up.
const CONTAINER_LIMIT: usize = 10_000;

/// A recording that is being made.
pub(super) struct Recorder<'a> {
    pub(super) capture: Capture,
    pub(super) sources: Sources,
    pub(super) session: Session,
    /// The trace file, for the check at the end.
    pub(super) evidence: Evidence,
    /// The header of the trace, or of its present segment.
    pub(super) header: Header,
    /// The course of a recording of many segments.
    pub(super) course: Option<Course>,
    /// The unit that the recording follows.
    pub(super) followed_unit: Option<Vec<u8>>,
    pub(super) service: Service,
    /// Deletions of segments that the next one notes.
    pub(super) deleted: Vec<SegmentsDeleted>,
    /// Count of the segments with losses so far.
    pub(super) losses_before: u64,
    pub(super) sniffer: Sniffer,
    /// Files outside of the roots that recorded trees changed.
    pub(super) elsewhere: Elsewhere,
    /// The content of executed downloads.
    pub(super) digests: Digests,
    /// The files below the roots at the start.
    pub(super) files_before: Option<(Roots, Files)>,
    /// True if the machine is compared before and after.
    pub(super) compares: bool,
    /// The state of the machine at the start, for a comparison.
    pub(super) inventory: Option<PackedInventory>,
    pub(super) redactor: Redactor,
    /// The places of masked secrets, for the summary.
    pub(super) masked: Masked,
    pub(super) users: UserLookup,
    pub(super) tags: Tags,
    /// Addresses looked up so far, up to a limit.
    pub(super) tagged: HashSet<IpAddr>,
    /// Ids of containers whose names were looked up.
    pub(super) containers: HashSet<String>,
    pub(super) sequence: u64,
    pub(super) write_failed: bool,
    pub(super) observer: &'a mut dyn Observer,
}

impl Recorder<'_> {
    /// Takes an event: names its users, masks its secrets, then commits it.
    pub(super) fn take(&mut self, mut event: Event) {
        self.name_users(&event);
        self.tag_addresses(&event);
        self.name_containers(&event);
        self.mask(event.process, &mut event.kind);
        if matches!(event.kind, EventKind::Exec(_)) {
            self.digests.executed(event.process);
        }
        self.commit(&event);
    }

    /// Takes the names of containers, ahead of the first event with a process in each.
    fn name_containers(&mut self, event: &Event) {
        let cgroups: Vec<&[u8]> = if let EventKind::Cgroup(cgroup) = &event.kind {
            vec![&cgroup.path]
        } else if let EventKind::Snapshot(snapshot) = &event.kind {
            let processes = snapshot.processes.iter();
            processes.map(|process| &*process.cgroup).collect()
        } else {
            return;
        };
        for id in cgroups.into_iter().filter_map(container_of) {
            if self.containers.len() >= CONTAINER_LIMIT || !self.containers.insert(id.to_owned()) {
                continue;
            }
            if let Some(named) = capture::container_named(id) {
                let named = EventKind::ContainerNamed(named);
                self.take(Event::of_recording(event.boot_ns, named));
            }
        }
    }

    fn commit(&mut self, event: &Event) {
        self.sequence += 1;
        self.service.count(event);
        self.session.take(event, Instant::now());
        self.observer.event(
            &self.session.model,
            self.session.clock,
            self.sequence,
            event,
        );
    }

    /// Commits the names of an event's users, ahead of the first event with each user.
    fn name_users(&mut self, event: &Event) {
        let mut seen = vec![(event.user, event.process.pid)];
        seen.extend(other_users(event).map(|user| (user, event.process.pid)));
        if let EventKind::Snapshot(snapshot) = &event.kind {
            seen = snapshot
                .processes
                .iter()
                .map(|process| (process.user, process.pid))
                .collect();
        } else if event.process.pid == 0 {
            return;
        }
        for (user, pid) in seen {
            if let Some(name) = self.users.name(user, pid, event.boot_ns) {
                let named = EventKind::UserNamed(UserNamed { user, name });
                self.commit(&Event::of_recording(event.boot_ns, named));
            }
        }
    }

    /// Commits the tags of an event's addresses, ahead of the first event with each address.
    fn tag_addresses(&mut self, event: &Event) {
        let remotes: Vec<SocketAddr> = if let EventKind::Connect(connect) = &event.kind {
            connect.remote().into_iter().collect()
        } else if let EventKind::Inbound(inbound) = &event.kind {
            inbound.remote().into_iter().collect()
        } else if let EventKind::Sockets(sockets) = &event.kind {
            let all = sockets.sockets.iter();
            all.filter_map(SnapshotSocket::remote).collect()
        } else if let EventKind::Carried(carried) = &event.kind {
            let all = carried.connections.iter();
            all.filter_map(CarriedConnection::remote).collect()
        } else {
            return;
        };
        for address in remotes.into_iter().map(|remote| remote.ip()) {
            if self.tagged.len() >= TAGGED_LIMIT {
                self.tagged.clear();
            }
            if !self.tagged.insert(address) {
                continue;
            }
            let tags: Vec<AddressTag> = self.tags.lookup(address).map(address_tag).collect();
            if !tags.is_empty() {
                let tagged = EventKind::AddressTagged(AddressTagged {
                    address: sources::octets(address),
                    tags,
                });
                self.commit(&Event::of_recording(event.boot_ns, tagged));
            }
        }
    }

    /// Takes at most `limit` records. Returns the time of the last one if more may be waiting.
    pub(super) fn drain(&mut self, limit: usize) -> Option<u64> {
        let batch = self.capture.drain(limit);
        let mut last = 0;
        for decoded in batch.decoded {
            last = self.take_decoded(decoded);
        }
        batch.is_full.then_some(last)
    }

    /// Takes a result of the kernel side. Returns its time.
    fn take_decoded(&mut self, decoded: Decoded) -> u64 {
        match decoded {
            Decoded::Event(event) => {
                let boot_ns = event.boot_ns;
                self.take_from_kernel(event);
                boot_ns
            }
            Decoded::Payload(payload) => {
                let boot_ns = payload.boot_ns;
                for event in self.sniffer.take(payload) {
                    self.take(event);
                }
                boot_ns
            }
        }
    }

    pub(super) fn take_from_kernel(&mut self, event: Event) {
        // systemd reports a job between the request for it and the fork for it.
        self.take_units(event.boot_ns);
        for named in self.sniffer.ended(&event) {
            self.take(named);
        }
        self.take(event);
    }

    /// Takes what the capture holds back: attempts to connect that sent nothing, and the traffic of
    /// open UDP sockets.
    fn flush_capture(&mut self) {
        for event in self.capture.flush() {
            self.take_from_kernel(event);
        }
    }

    /// Takes the closes of silent UDP peers, where there are many.
    pub(super) fn take_silent_peers(&mut self) {
        for event in self.capture.close_silent_peers() {
            self.take_from_kernel(event);
        }
    }

    /// Takes /etc/hosts, if it changed since the last call.
    pub(super) fn take_hosts(&mut self) {
        if let Some(hosts) = self.sources.hosts.changed() {
            self.take(Event::of_recording(boot_now(), EventKind::Hosts(hosts)));
        }
    }

    /// Takes all events from before this call. It returns even if programs make events faster than
    /// it takes them.
    pub(super) fn drain_all(&mut self) {
        const AT_ONCE: usize = 4096;
        let until = boot_now();
        while self.drain(AT_ONCE).is_some_and(|last| last <= until) {
            self.flush();
        }
    }

    /// Takes systemd's events from before a time.
    pub(super) fn take_units(&mut self, before_ns: u64) {
        while let Some(event) = self.sources.unit(before_ns) {
            self.take(event);
        }
    }

    /// Takes changes of files. Takes the kernel's earlier events first, so that the authors are
    /// known.
    pub(super) fn take_files(&mut self) {
        let (changes, missed) = self.sources.changes();
        if !changes.is_empty() {
            self.drain_all();
        }
        for change in changes {
            let model = &self.session.model;
            let written = (change.action == FileAction::Written).then(|| change.clone());
            let event = sources::file(change, model, &mut self.redactor, &mut self.elsewhere);
            if let Some(event) = event {
                self.take(event);
            }
            if let Some(change) = written {
                self.digests.written(&change, &self.session.model);
            }
        }
        for (what, count) in missed {
            self.note_lost(what, count);
        }
        for event in self.digests.take(&self.session.model) {
            self.take(event);
        }
    }

    /// Takes changes of user that no program reports. Earlier events of the kernel come first.
    pub(super) fn take_users(&mut self) {
        let (changes, overflows) = self.capture.user_changes();
        if !changes.is_empty() {
            self.drain_all();
        }
        for change in changes {
            if let Some(event) = sources::user_change(change, &self.session.model) {
                self.take(event);
            }
        }
        self.note_lost("change of user", overflows);
    }

    /// Takes the holders of listeners and of their open connections: a daemon binds, forks, and its
    /// parent exits.
    fn take_socket_holders(&mut self) {
        let model = &self.session.model;
        let is_new = |listener: &Listener| listener.ended_ns.is_none() && !listener.is_pre_existing;
        let is_open =
            |connection: &Connection| connection.is_inbound && connection.ended_ns().is_none();
        let has_any =
            model.listeners().iter().any(is_new) || model.connections().iter().any(is_open);
        if !has_any {
            return;
        }
        let found = capture::held_sockets();
        for event in sources::listener_holders(&found, &self.session.model) {
            self.take(event);
        }
        // The guess of their owners is that of the listener, which has changed now.
        for event in sources::inbound_holders(&found, &self.session.model) {
            self.take(event);
        }
    }

    /// Takes the users of processes that go on, which may have changed without a report.
    pub(super) fn take_last_users(&mut self) {
        let mut choices = self.capture.plan().choices.iter();
        if !choices.any(|choice| choice.hook == Some(Hook::ProcAtEnd)) {
            return;
        }
        let model = &self.session.model;
        let running = model
            .processes()
            .filter(|(_, process)| process.is_running());
        let changed: Vec<Event> = running
            .filter_map(|(_, process)| sources::last_user(process))
            .collect();
        for event in changed {
            self.take(event);
        }
    }

    /// Takes the pre-existing connections.
    pub(super) fn take_sockets(&mut self) {
        let found = std::mem::take(&mut self.sources.earlier);
        self.drain_all();
        let (event, unowned) = sources::sockets(found, &self.session.model, &mut self.capture);
        self.take(event);
        // In a PID namespace, the holder may be outside, so this is not a loss.
        if !self.capture.plan().inside_pid_namespace {
            self.note_lost("connection from before, without owner", unowned);
        }
    }

    pub(super) fn note_lost(&mut self, what: &str, count: u64) {
        if count > 0 {
            let lost = Lost {
                what: what.to_owned(),
                count,
            };
            self.take(Event::of_recording(boot_now(), EventKind::Lost(lost)));
        }
    }

    /// Takes the events that the recorder polls for: changes of /etc/hosts, and losses.
    pub(super) fn report_losses(&mut self) {
        self.take_hosts();
        for event in self.capture.expire_attempts() {
            self.take_from_kernel(event);
        }
        for event in self.capture.take_ledger() {
            self.take(event);
        }
    }

    /// Writes all events so far, and reports a failure. The file has an event before it is shown,
    /// even if the recorder is killed.
    pub(super) fn flush(&mut self) {
        let Some(writer) = &mut self.session.writer else {
            return;
        };
        writer.flush();
        if let Some(failure) = writer.failure()
            && !self.write_failed
        {
            self.write_failed = true;
            self.observer.write_failed(failure);
        }
        self.observer.written();
    }

    /// Forks the command, and lets it run once its process is known.
    pub(super) fn start_command(
        &mut self,
        launch: Launch,
        ended: impl FnOnce() + Send + 'static,
    ) -> Result<Launched, LaunchError> {
        // Makes as much room as possible for the event of this fork.
        self.drain_all();
        let mut launched = launch.fork(ended)?;
        self.drain_all();
        let (process, user) = match self.session.model.latest(launched.pid) {
            Some(index) => {
                let process = self.session.model.process(index);
                (process.id, process.user)
            }
            // Its fork was lost, which the ledger will show.
            None => {
                let start_ns = capture::start_of(launched.pid).unwrap_or(0);
                (
                    ProcessId {
                        pid: launched.pid,
                        start_ns,
                    },
                    0,
                )
            }
        };
        let kind = EventKind::CommandStarted(CommandStarted { attached: false });
        self.take(Event {
            boot_ns: boot_now(),
            process,
            user,
            kind,
        });
        // It was forked with all of them.
        capture::reduce_capabilities();
        self.flush();
        launched.release();
        Ok(launched)
    }

    pub(super) fn command_ended(&mut self, status: Option<u32>) {
        self.drain_all();
        let (process, user) = match self.session.model.command() {
            Some(index) => {
                let process = self.session.model.process(index);
                (process.id, process.user)
            }
            None => (ProcessId::default(), 0),
        };
        let kind = EventKind::CommandEnded(CommandEnded {
            status: status.unwrap_or(0),
            status_known: status.is_some(),
        });
        self.take(Event {
            boot_ns: boot_now(),
            process,
            user,
            kind,
        });
    }

    pub(super) fn finish(mut self, ended: Ended, command: Vec<Vec<u8>>) -> Recorded {
        self.drain_all();
        self.take_files();
        self.compare();
        self.look_elsewhere();
        // The snapshots are complete. Events from meanwhile are taken now, and nothing comes after.
        self.take_files();
        if let Some(files) = self.sources.files.take() {
            files.close();
        }
        for event in self.digests.finish(&self.session.model) {
            self.take(event);
        }
        self.take_hosts();
        self.drain_all();
        self.take_users();
        self.take_last_users();
        self.take_socket_holders();
        self.take_lost_ends();
        self.take_units(u64::MAX);
        self.flush_capture();
        self.report_losses();
        let end = EventKind::End(End {
            reason: ended.reason.into(),
        });
        self.take(Event::of_recording(boot_now(), end));
        let is_complete = self.session.model.ledger().is_complete();
        let (file, mended) = self.close();
        self.observer.written();
        self.write_metrics();
        Recorded {
            segment: self.course.map(|course| Segment {
                path: course.path,
                number: self.header.segment,
                events: self.sequence,
                duration: course.begun.elapsed(),
                reason: ended.reason,
                is_complete,
            }),
            model: self.session.model,
            clock: self.session.clock,
            command,
            events: self.sequence,
            secrets: self.redactor.count(),
            masked: self.masked.into_places(),
            file,
            mended,
            status: ended.status,
        }
    }

    /// Ends the file, and checks that it is still at its path.
    pub(super) fn close(&mut self) -> (Result<trace::Finished, TraceFailure>, Vec<Mended>) {
        let Some(mut writer) = self.session.writer.take() else {
            return (Err(TraceFailure::NotBegun), Vec::new());
        };
        if self.session.has_missed_nothing() {
            writer.nothing_is_missing();
        }
        let finished = match writer.finish() {
            Ok(finished) => finished,
            Err(failure) => {
                if !self.write_failed {
                    self.observer.write_failed(&failure);
                }
                return (Err(failure.into()), Vec::new());
            }
        };
        match capture::with_reserve(capture::During::Publication, || {
            self.evidence.check(&finished)
        }) {
            Ok(mended) => (Ok(finished), mended),
            Err(failure) => (Err(failure), Vec::new()),
        }
    }
}

/// Returns the users of an event besides the effective one.
fn other_users(event: &Event) -> impl Iterator<Item = u32> {
    let (real, login) = match &event.kind {
        EventKind::UserChanged(changed) => (Some(changed.real_user), None),
        EventKind::Exec(exec) => {
            let lineage = exec.lineage.as_deref();
            (
                lineage.map(|lineage| lineage.real_user),
                lineage.and_then(|lineage| lineage.login_user),
            )
        }
        _ => (None, None),
    };
    let user = event.user;
    let others = real.into_iter().chain(login);
    others.filter(move |other| *other != user)
}

fn address_tag(found: Match<'_>) -> AddressTag {
    AddressTag {
        name: found.name.to_owned(),
        prefix: found.prefix.to_string(),
        region: found.region.to_owned(),
        system_service: found.system_service.to_owned(),
        cloud: found.cloud.to_owned(),
    }
}

/// Returns the status of the command's process, once it has ended.
pub(super) fn exit_of(model: &Model) -> Option<Exit> {
    model
        .process(model.command()?)
        .ended()
        .map(|(_, exit)| exit)
}

pub(super) fn raw(status: ExitStatus) -> u32 {
    status.into_raw().cast_unsigned()
}
