//! Takes the snapshots of the machine: one before the hooks are attached, one at the end while they
//! still are. So a change during the last snapshot is in the trace.

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
    capture::{self, FileChange, Files, Inventory, PackedInventory, Roots, boot_now},
    event::{Event, EventKind, FileAction, FileState, FilesCompared},
};

/// Delay before the user learns the reason.
const UNNOTICED: Duration = Duration::from_millis(500);

/// Subjects of a snapshot, for the user who waits.
const MACHINE: &str = "users, packages, units and settings of this machine";
const FILES: &str = "files below the watched directories";

/// Takes a snapshot of the machine.
pub(super) fn take(observer: &mut dyn Observer) -> PackedInventory {
    unhurried(observer, MACHINE, || Inventory::take().pack())
}

/// Takes a snapshot of the files below the roots.
pub(super) fn take_files(observer: &mut dyn Observer, roots: &Roots) -> Files {
    let roots = roots.clone();
    unhurried(observer, FILES, move || Files::walk(&roots))
}

/// Does something that may take a while, and reports a long duration.
fn unhurried<T: Send + 'static>(
    observer: &mut dyn Observer,
    what: &str,
    take: impl Fn() -> T + Clone + Send + 'static,
) -> T {
    let Some(result) = begin(take.clone()) else {
        return take();
    };
    match result.recv_timeout(UNNOTICED) {
        Ok(taken) => taken,
        Err(RecvTimeoutError::Timeout) => {
            observer.takes_long(what);
            result.recv().unwrap_or_else(|_| take())
        }
        Err(RecvTimeoutError::Disconnected) => take(),
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
        what: &str,
        take: impl Fn() -> T + Clone + Send + 'static,
    ) -> T {
        self.drain_all();
        self.flush();
        let Some(result) = begin(take.clone()) else {
            return take();
        };
        let noticed = Instant::now() + UNNOTICED;
        let mut is_noticed = false;
        loop {
            match result.recv_timeout(POLL_EVERY) {
                Ok(taken) => return taken,
                Err(RecvTimeoutError::Disconnected) => return take(),
                Err(RecvTimeoutError::Timeout) => {}
            }
            self.keep_up();
            if !is_noticed && Instant::now() >= noticed {
                is_noticed = true;
                self.observer.takes_long(what);
            }
        }
    }

    /// Takes the differences of the files below the roots, if there is a first snapshot.
    pub(super) fn compare_files(&mut self) {
        let Some((mut roots, before)) = self.files_before.take() else {
            return;
        };
        // All keys of a new user are new.
        roots.find_homes();
        let before = Arc::new(before);
        let parts = self.while_recording(FILES, move || before.compare(&roots));
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
                jobs: Vec::new(),
            };
            let event = sources::file(change, &self.session.model, &mut self.redactor);
            if let Some(event) = event {
                self.take(event);
            }
        }
    }

    /// Takes the differences on the machine, if there is a first snapshot.
    pub(super) fn compare(&mut self) {
        let Some(before) = self.inventory.take() else {
            return;
        };
        let before = Arc::new(before);
        let compare = move || before.unpack().compare(&Inventory::take());
        for compared in self.while_recording(MACHINE, compare) {
            let kind = EventKind::Compared(compared);
            self.take(Event::of_recording(boot_now(), kind));
        }
    }
}
