//! Takes the snapshots of the machine: one while the hooks are being attached, one at the end while
//! they still are. So a change during the last snapshot is in the trace.

use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{self, Receiver, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use super::{Observer, recorder::Recorder, sources, watch::POLL_EVERY};
use crate::{
    capture::{
        self, Choice, FileChange, FileWatch, Files, FoundSocket, Inventory, PackedInventory, Roots,
        boot_now,
    },
    event::{Event, EventKind, FileAction, FileState, FilesCompared, Snapshot},
};

/// Delay before the user learns the reason.
const UNNOTICED: Duration = Duration::from_millis(500);

/// Subjects of a snapshot, for the user who waits.
const MACHINE: &str = "users, packages, units and settings of this machine (--no-changes skips it)";
const FILES: &str = "files below the watched directories (--no-changes skips it)";
const ELSEWHERE: &str = "other files that were changed (--no-changes skips it)";
const WATCHES: &str = "directories to watch (--no-changes skips it)";
const PROCESSES: &str = "running processes";
const SOCKETS: &str = "connections of running processes";

/// Begins to watch files.
pub(super) fn begin_watch(roots: &Roots) -> Begun<(Option<FileWatch>, Choice)> {
    let roots = roots.clone();
    Begun::new(WATCHES, move || FileWatch::start_or_explain(&roots))
}

/// Begins to look for earlier connections.
pub(super) fn begin_sockets() -> Begun<(Vec<FoundSocket>, [Choice; 2])> {
    Begun::new(SOCKETS, capture::earlier_sockets)
}

/// Begins to look at all processes, once the hooks are attached.
pub(super) fn begin_snapshot() -> Begun<Snapshot> {
    Begun::new(PROCESSES, capture::snapshot)
}

/// The snapshots before a recording, which are being taken.
pub(super) struct Before {
    files: Begun<Files>,
    machine: Begun<PackedInventory>,
}

impl Before {
    /// Begins the snapshots. The hooks can be attached meanwhile.
    pub(super) fn begin(roots: &Roots) -> Before {
        let roots = roots.clone();
        Before {
            files: Begun::new(FILES, move || Files::walk(&roots)),
            machine: Begun::new(MACHINE, || Inventory::take().pack()),
        }
    }
}

/// A task on a thread of its own.
pub(super) struct Begun<T> {
    what: &'static str,
    since: Instant,
    result: Option<Receiver<T>>,
    /// The task again, if there is no thread for it.
    take: Box<dyn Fn() -> T + Send>,
}

impl<T: Send + 'static> Begun<T> {
    /// Begins a task. `what` is for the user who waits.
    pub(super) fn new(what: &'static str, take: impl Fn() -> T + Clone + Send + 'static) -> Self {
        Begun {
            what,
            since: Instant::now(),
            result: begin(take.clone()),
            take: Box::new(take),
        }
    }

    /// Waits for the result, and reports a long duration.
    pub(super) fn wait(self, observer: &mut dyn Observer) -> T {
        let Some(result) = self.result else {
            return (self.take)();
        };
        let unnoticed = UNNOTICED.saturating_sub(self.since.elapsed());
        match result.recv_timeout(unnoticed) {
            Ok(taken) => taken,
            Err(RecvTimeoutError::Timeout) => {
                observer.takes_long(self.what);
                result.recv().unwrap_or_else(|_| (self.take)())
            }
            Err(RecvTimeoutError::Disconnected) => (self.take)(),
        }
    }
}

/// Begins a task on a thread of its own, if the system allows another thread.
fn begin<T: Send + 'static>(take: impl FnOnce() -> T + Send + 'static) -> Option<Receiver<T>> {
    let (sender, result) = mpsc::channel();
    thread::Builder::new()
        .name("tracer".to_owned())
        // The other end waits for it.
        .spawn(move || drop(sender.send(take())))
        .ok()?;
    Some(result)
}

impl Recorder<'_> {
    /// Does something that may take a while. The recording goes on meanwhile.
    fn while_recording<T: Send + 'static>(
        &mut self,
        what: &'static str,
        take: impl Fn() -> T + Clone + Send + 'static,
    ) -> T {
        self.drain_all();
        self.flush();
        self.wait_for(Begun::new(what, take))
    }

    /// Keeps the snapshots from before the command. The recording goes on until they are complete.
    pub(super) fn keep_before(&mut self, before: Before, roots: Roots) {
        self.files_before = Some((roots, self.wait_for(before.files)));
        self.inventory = Some(self.wait_for(before.machine));
    }

    /// Waits for a task. The recording goes on meanwhile.
    pub(super) fn wait_for<T: Send + 'static>(&mut self, begun: Begun<T>) -> T {
        let Some(result) = begun.result else {
            return (begun.take)();
        };
        let noticed = begun.since + UNNOTICED;
        let mut is_noticed = false;
        loop {
            match result.recv_timeout(POLL_EVERY) {
                Ok(taken) => return taken,
                Err(RecvTimeoutError::Disconnected) => return (begun.take)(),
                Err(RecvTimeoutError::Timeout) => {}
            }
            self.keep_up();
            if !is_noticed && Instant::now() >= noticed {
                is_noticed = true;
                self.observer.takes_long(begun.what);
            }
        }
    }

    /// Takes the differences of the machine and of its files, if there are first snapshots.
    pub(super) fn compare(&mut self) {
        self.drain_all();
        self.flush();
        // Both snapshots wait for disks, and take both processors of a small machine.
        let machine = self.inventory.take().map(|before| {
            let before = Arc::new(before);
            Begun::new(MACHINE, move || before.compare_now())
        });
        self.compare_files();
        for compared in machine.map_or_else(Vec::new, |begun| self.wait_for(begun)) {
            let kind = EventKind::Compared(compared);
            self.take(Event::of_recording(boot_now(), kind));
        }
    }

    /// Takes the differences of the files below the roots, if there is a first snapshot.
    fn compare_files(&mut self) {
        let Some((mut roots, before)) = self.files_before.take() else {
            return;
        };
        // All keys of a new user are new.
        roots.find_homes();
        let before = Arc::new(before);
        let parts = self.wait_for(Begun::new(FILES, move || before.compare(&roots)));
        self.take_holders(&parts);
        for part in parts {
            let kind = EventKind::FilesCompared(part);
            self.take(Event::of_recording(boot_now(), kind));
        }
    }

    /// Takes the processes that have a changed file open for writing, such as a log. fanotify
    /// reports a write only when the file is closed.
    fn take_holders(&mut self, parts: &[FilesCompared]) {
        let model = &self.session.model;
        let all = parts.iter().flat_map(|part| &part.differences);
        let unexplained = all.filter(|difference| {
            let is_file = |state: &FileState| state.kind() == "file";
            difference.after.as_ref().is_some_and(is_file)
                && model.file_authors(&difference.path).wrote.is_none()
        });
        let files =
            unexplained.map(|difference| PathBuf::from(OsStr::from_bytes(&difference.path)));
        for (pid, path) in capture::writers_of(&files.collect()) {
            let change = FileChange {
                path,
                action: FileAction::Open,
                pid,
                is_directory: false,
                is_wanted: true,
                is_compared: true,
                jobs: Vec::new(),
            };
            let model = &self.session.model;
            let event = sources::file(change, model, &mut self.redactor, &mut self.elsewhere);
            if let Some(event) = event {
                self.take(event);
            }
        }
    }

    /// Takes the files outside of the roots that recorded trees changed, as they are now. A
    /// recording without comparisons leaves them out.
    pub(super) fn look_elsewhere(&mut self) {
        let seen = std::mem::take(&mut self.elsewhere);
        if !self.compares {
            return;
        }
        let seen = Arc::new(seen);
        for part in self.while_recording(ELSEWHERE, move || seen.look()) {
            let kind = EventKind::FilesElsewhere(part);
            self.take(Event::of_recording(boot_now(), kind));
        }
    }
}
