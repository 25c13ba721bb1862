//! Moves a recording from one segment to the next. Hooks, buffers and numbers of connections stay,
//! so every event is in exactly one segment: all that was drained before is in the first.

use std::{
    collections::{BTreeMap, HashSet},
    fs::File,
    io,
    path::PathBuf,
    time::{Duration, Instant},
};

use super::{
    RecordError, TraceFailure,
    elsewhere::Elsewhere,
    inventory::Begun,
    recorder::{Recorder, exit_of},
    rotation::{Course, delete_oldest},
    segment::{self, Opened, Segment},
    sources,
};
use crate::{
    capture::{self, During, HostsFile, boot_now, with_reserve},
    event::{
        Carried, CommandStarted, End, EndReason, Event, EventKind, ProcessId, Snapshot,
        UnitFollowed, Units, UserNamed,
    },
    session::Session,
    trace::{CreateError, Header, NewFile, Writer},
};

/// Interval between two looks for segments that are too old.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Segments that are deleted at most to make room for one on a full disk.
const DELETIONS: usize = 16;

/// What the next segment opens with.
struct Opening {
    users: BTreeMap<u32, Vec<u8>>,
    snapshot: Snapshot,
    units: Option<Units>,
    /// The process that the recording follows, and its user.
    followed: Option<(ProcessId, u32)>,
    carried: Carried,
}

impl Recorder<'_> {
    /// Begins the next segment if it is due.
    pub(super) async fn rotate_if_due(&mut self) {
        let length = self.session.writer.as_ref().map_or(0, Writer::length);
        let has_failed = self.write_failed;
        let Some(course) = &self.course else { return };
        if course.is_due(length, has_failed) {
            self.rotate().await;
        }
        self.keep_within_limits();
    }

    /// Notes a request for the next segment.
    pub(super) fn ask_for_segment(&mut self) {
        if let Some(course) = &mut self.course {
            course.is_asked = true;
            course.not_before = None;
        }
    }

    async fn rotate(&mut self) {
        let units = self.loaded_units().await;
        self.find_holders();
        let (header, (new, opened, path)) = match self.next_file() {
            Ok(next) => next,
            Err(error) => return self.cannot_rotate(&error),
        };
        // Twice: a program may have written a file and ended in between.
        for _ in 0..2 {
            self.drain_all();
            self.take_files();
            self.take_users();
        }
        let model = &self.session.model;
        if model.command_end().is_none() && exit_of(model).is_some() {
            // The followed process has ended just now, and the recording with it. The new file goes
            // unused.
            return;
        }
        self.take_last_users();
        if !self.session.model.ledger().is_complete() {
            self.take_lost_ends();
        }
        self.take_units(boot_now());
        self.report_losses();
        let opening = self.opening(units);
        self.end_segment(EndReason::Rotated);
        let rules = self.session.model.rules().clone();
        self.session = Session::begin(&header, rules);
        self.session.writer = Some(opened.writer);
        self.evidence = opened.evidence;
        self.header = header;
        self.sequence = 0;
        self.write_failed = false;
        self.tagged.clear();
        self.containers.clear();
        self.elsewhere = Elsewhere::default();
        self.digests.begin_segment();
        self.sources.hosts = HostsFile::default();
        self.users.keep(opening.users.keys().copied());
        self.service.segments += 1;
        if let Some(course) = &mut self.course {
            course.begun_with(path);
        }
        new.keep();
        self.open_segment(opening);
        self.flush();
        capture::trim_heap();
    }

    /// Takes what a segment opens with.
    fn open_segment(&mut self, opening: Opening) {
        let now = boot_now();
        for (user, name) in opening.users {
            let named = EventKind::UserNamed(UserNamed { user, name });
            self.take(Event::of_recording(now, named));
        }
        let snapshot = EventKind::Snapshot(opening.snapshot);
        self.take(Event::of_recording(now, snapshot));
        if let Some(units) = opening.units {
            self.take(Event::of_recording(now, EventKind::Units(units)));
        }
        self.take_hosts();
        if let Some((process, user)) = opening.followed {
            let kind = EventKind::CommandStarted(CommandStarted { attached: true });
            self.take(Event {
                boot_ns: now,
                process,
                user,
                kind,
            });
        }
        if let Some(unit) = self.followed_unit.clone() {
            let followed = EventKind::UnitFollowed(UnitFollowed { unit });
            self.take(Event::of_recording(now, followed));
        }
        let carried = EventKind::Carried(opening.carried);
        self.take(Event::of_recording(now, carried));
        let Some(course) = &mut self.course else {
            return;
        };
        let not_written = std::mem::take(&mut course.not_written);
        self.note_lost("event that could not be written", not_written);
        for deleted in std::mem::take(&mut self.deleted) {
            let kind = EventKind::SegmentsDeleted(deleted);
            self.take(Event::of_recording(boot_now(), kind));
        }
    }

    /// Describes what the next segment opens with, after the last event of this one.
    fn opening(&mut self, units: Option<Units>) -> Opening {
        let gone = self.gone();
        let model = &self.session.model;
        let users = model.users_alive().into_iter();
        let users = users.map(|(user, name)| (user, name.to_vec())).collect();
        let (snapshot, carried) = model.carry(&gone, units.as_ref());
        let followed = model.command().map(|index| model.process(index));
        let followed = followed.filter(|process| process.is_running());
        let followed = followed.map(|process| (process.id, process.user));
        Opening {
            users,
            snapshot,
            // Without an answer, no unit counts as old that is not carried.
            units: self
                .sources
                .units
                .is_some()
                .then(|| units.unwrap_or_default()),
            followed,
            carried,
        }
    }

    /// Ends the file of this segment, and shows what it is.
    fn end_segment(&mut self, reason: EndReason) {
        let end = EventKind::End(End {
            reason: reason.into(),
        });
        self.take(Event::of_recording(boot_now(), end));
        self.service.bytes_before += self.session.writer.as_ref().map_or(0, Writer::length);
        let is_complete = self.session.model.ledger().is_complete();
        let (file, mended) = self.close();
        let Some(course) = &mut self.course else {
            return;
        };
        if let Err(TraceFailure::Write(failure)) = &file {
            course.not_written = failure.events_not_written;
            // The disk may be full for a while.
            course.try_later();
        }
        let segment = Segment {
            path: course.path.clone(),
            number: self.header.segment,
            events: self.sequence,
            duration: course.begun.elapsed(),
            reason,
            is_complete,
        };
        self.observer.written();
        self.observer.segment_ended(&segment, &file, &mended);
    }

    /// Creates the file of the next segment, with its header. The recording goes on in the old one
    /// if that fails.
    fn next_file(&mut self) -> Result<(Header, (NewFile, Opened, PathBuf)), RecordError> {
        let mut header = self.header.clone();
        header.segment += 1;
        header.clock_offset_ns = capture::clock_offset();
        header.start_boot_ns = boot_now();
        for _ in 0..DELETIONS {
            match with_reserve(During::Publication, || self.new_file(&header)) {
                Err(error) if is_full(&error) && self.make_room() => {}
                Err(error) => return Err(error),
                Ok(opened) => return Ok((header, opened)),
            }
        }
        with_reserve(During::Publication, || self.new_file(&header)).map(|new| (header, new))
    }

    fn new_file(&self, header: &Header) -> Result<(NewFile, Opened, PathBuf), RecordError> {
        let Some(course) = &self.course else {
            return Err(RecordError::Wait(io::ErrorKind::Unsupported.into()));
        };
        let path = course
            .rotation
            .next_path(&header.hostname, Some(&course.path));
        let mut new = NewFile::create(&path, false, course.owner)?;
        let opened = segment::open(&mut new, &path, header)?;
        // A file on a full disk may take a header and nothing else.
        check_room(new.file()).map_err(|source| RecordError::Begin {
            file: path.clone(),
            source,
        })?;
        Ok((new, opened, path))
    }

    fn cannot_rotate(&mut self, error: &RecordError) {
        if let Some(course) = &mut self.course {
            let is_first = course.not_before.is_none();
            course.try_later();
            if is_first {
                self.observer.cannot_rotate(error);
            }
        }
    }

    /// Deletes the oldest segment, where old ones may go. Returns true if one is gone.
    fn make_room(&mut self) -> bool {
        let Some(course) = &self.course else {
            return false;
        };
        let Course { rotation, path, .. } = course;
        let keep = &rotation.keep;
        let deleted = delete_oldest(keep, &rotation.directory, &self.header.hostname, path);
        let deleted = deleted.ok().flatten();
        let is_any = deleted.is_some();
        // The next segment says so, which this one makes room for.
        if let Some(deleted) = deleted {
            self.service.deleted += deleted.count;
            self.deleted.push(deleted);
        }
        is_any
    }

    /// Deletes segments that exceed the limits, at each rotation and once a minute.
    fn keep_within_limits(&mut self) {
        let number = self.header.segment;
        let Some(course) = &mut self.course else {
            return;
        };
        if course.looked_in == number && course.looked.elapsed() < LOOK_EVERY {
            return;
        }
        course.looked = Instant::now();
        course.looked_in = number;
        let Course { rotation, path, .. } = course;
        let now_s = jiff::Timestamp::now().as_second();
        let host = &self.header.hostname;
        match rotation.keep.apply(&rotation.directory, host, path, now_s) {
            Ok(None) => {}
            Ok(Some(deleted)) => {
                self.service.deleted += deleted.count;
                let kind = EventKind::SegmentsDeleted(deleted);
                self.take(Event::of_recording(boot_now(), kind));
            }
            Err(error) => {
                let directory = rotation.directory.clone();
                self.observer.cannot_delete(&directory, &error);
            }
        }
    }

    /// Finds the processes that run for the model and are gone: their ends were lost.
    fn gone(&mut self) -> HashSet<ProcessId> {
        if self.session.model.ledger().is_complete() && self.losses_before == 0 {
            return HashSet::new();
        }
        self.losses_before += 1;
        let running = self.session.model.processes();
        let running = running.filter(|(_, process)| process.is_running() && process.id.pid != 0);
        let gone: HashSet<ProcessId> = running
            .map(|(_, process)| process.id)
            .filter(|id| !capture::is_alive(id.pid, id.start_ns))
            .collect();
        // An end from before that look is in the buffer by now.
        self.drain_all();
        gone
    }

    /// Asks systemd for the units that are loaded. The recording goes on meanwhile.
    async fn loaded_units(&mut self) -> Option<Units> {
        let asked = self.sources.units.as_ref()?.loaded_now();
        tokio::pin!(asked);
        loop {
            tokio::select! {
                units = &mut asked => return units,
                () = tokio::time::sleep(super::watch::POLL_EVERY) => self.keep_up(),
            }
        }
    }

    /// Finds who holds the open sockets whose owners have ended. The recording goes on meanwhile.
    fn find_holders(&mut self) {
        self.drain_all();
        let model = &self.session.model;
        let has_ended = |owner| !model.process(owner).is_running();
        let listeners = model.listeners().iter();
        let inbound = model.connections().iter();
        let is_any = listeners
            .filter(|listener| listener.ended_ns.is_none())
            .any(|listener| has_ended(listener.holder()))
            || inbound
                .filter(|connection| connection.is_inbound && connection.ended_ns().is_none())
                .any(|connection| has_ended(connection.owner));
        if !is_any {
            return;
        }
        self.flush();
        let found = self.wait_for(Begun::new("processes with sockets", capture::held_sockets));
        for event in sources::listener_holders(&found, &self.session.model) {
            self.take(event);
        }
        for event in sources::inbound_holders(&found, &self.session.model) {
            self.take(event);
        }
    }
}

/// Checks that there is room for the first blocks of a segment, and leaves the file as it is.
fn check_room(file: &File) -> io::Result<()> {
    const FIRST: u64 = 1 << 20;
    let kept = rustix::fs::FallocateFlags::KEEP_SIZE;
    match rustix::fs::fallocate(file, kept, 0, FIRST) {
        Err(rustix::io::Errno::NOSPC | rustix::io::Errno::DQUOT) => {
            Err(io::ErrorKind::StorageFull.into())
        }
        // Returns what was reserved. Not every file system can do the first.
        Ok(()) | Err(_) => file.set_len(file.metadata()?.len()),
    }
}

/// True for an error of a full disk.
fn is_full(error: &RecordError) -> bool {
    let source = match error {
        RecordError::Begin { source, .. } => source,
        RecordError::Create(CreateError::Other { source, .. }) => source,
        RecordError::Capture(_)
        | RecordError::Create(_)
        | RecordError::Directory(_)
        | RecordError::Launch(_)
        | RecordError::Process(_)
        | RecordError::Wait(_) => return false,
    };
    matches!(
        source.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}
