//! Reads the content of downloads for their SHA-256, on a thread of its own: those that are
//! executed, and native code that is written. A file is opened as soon as its execution or writing
//! is known, so that a later removal changes nothing.

mod native;

use std::{
    collections::{BTreeMap, VecDeque},
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::Path,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
    time::{Duration, Instant},
};

use crate::{
    capture::{OpenedFile, boot_now},
    event::{Event, EventKind, FileHashed, FileIdentity, NativeCode, ProcessId},
    model::Model,
};
use native::Written;

/// Time for an execution to prove to be that of a download: the file's events come later.
const PATIENCE: Duration = Duration::from_secs(2);

/// Interval between two looks at the recent executions.
const EVERY: Duration = Duration::from_millis(50);

/// Limit of executions that wait.
const RECENT: usize = 4096;

/// Limit of files that are read.
const FILES: usize = 1024;

/// Limit of files that wait for the thread: each is open.
const WAITING: usize = 64;

/// Longest time to wait for the thread at the end.
const AT_END: Duration = Duration::from_secs(5);

/// The executed downloads, and native code.
#[derive(Default)]
pub(super) struct Digests {
    recent: VecDeque<(Instant, ProcessId)>,
    known: BTreeMap<Key, Known>,
    native: Written,
    reader: Option<Reader>,
    pending: usize,
    looked: Option<Instant>,
}

/// The path of a file that is read, and `true` if it was written, not executed.
type Key = (Vec<u8>, bool);

/// A file that was opened, and what was read.
struct Known {
    by: ProcessId,
    identity: FileIdentity,
    native: NativeCode,
    sha256: Option<Vec<u8>>,
}

struct Reader {
    jobs: SyncSender<(Key, OpenedFile)>,
    results: Receiver<(Key, Option<Vec<u8>>)>,
}

impl Digests {
    /// Notes an execution.
    pub(super) fn executed(&mut self, by: ProcessId) {
        if self.recent.len() >= RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back((Instant::now(), by));
    }

    /// Opens the recently executed downloads, and returns the events of those that were read.
    pub(super) fn take(&mut self, model: &Model) -> Vec<Event> {
        if self.looked.is_some_and(|looked| looked.elapsed() < EVERY) {
            return Vec::new();
        }
        self.looked = Some(Instant::now());
        let mut recent = std::mem::take(&mut self.recent);
        recent.retain(|(since, by)| {
            let Some(index) = model.find(*by) else {
                return false;
            };
            let paths = model.downloads_executed_by(index);
            for path in &paths {
                let is_program = *model.process(index).exe == **path;
                self.open(path, *by, is_program);
            }
            paths.is_empty() && since.elapsed() < PATIENCE
        });
        self.recent = recent;
        let events = self.results();
        self.read_written();
        events
    }

    /// Forgets the files that were read, for the next segment.
    pub(super) fn begin_segment(&mut self) {
        self.native.begin_segment();
        match self.pending {
            0 => self.known.clear(),
            _ => self.known.retain(|_, known| known.sha256.is_none()),
        }
    }

    /// Reads the executed downloads that are left, and compares all with the files at their paths.
    pub(super) fn finish(&mut self, model: &Model) -> Vec<Event> {
        self.looked = None;
        let mut events = self.take(model);
        for download in model.downloads() {
            if let Some(runner) = download.runner {
                self.open(&download.path, model.process(runner).id, false);
            }
        }
        self.look_at_renamed(model);
        let until = Instant::now() + AT_END;
        loop {
            self.read_written();
            if self.pending == 0 {
                break;
            }
            let left = until.saturating_duration_since(Instant::now());
            let Some(reader) = &self.reader else { break };
            let Ok((key, sha256)) = reader.results.recv_timeout(left) else {
                break;
            };
            events.extend(self.result(key, sha256));
        }
        let changed = self.known.iter().filter(|((path, is_written), known)| {
            let path = Path::new(OsStr::from_bytes(path));
            let has_changed = OpenedFile::identity_at(path) != Some(known.identity);
            !is_written && known.sha256.is_some() && has_changed
        });
        events.extend(changed.filter_map(|((path, _), known)| event(path, known, true)));
        events
    }

    fn open(&mut self, path: &[u8], by: ProcessId, is_program: bool) {
        let key = (path.to_vec(), false);
        if self.known.contains_key(&key) || self.known.len() >= FILES || self.pending >= WAITING {
            return;
        }
        let at = Path::new(OsStr::from_bytes(path));
        let running = is_program.then(|| OpenedFile::program_of(by.pid, at));
        let Some(file) = running.flatten().or_else(|| OpenedFile::open(at)) else {
            return;
        };
        self.read(key, by, NativeCode::None, file);
    }

    /// Gives a file to the thread.
    fn read(&mut self, key: Key, by: ProcessId, native: NativeCode, file: OpenedFile) {
        let identity = file.identity();
        if self.reader.is_none() {
            self.reader = Reader::start();
        }
        let Some(reader) = &self.reader else { return };
        if reader.jobs.try_send((key.clone(), file)).is_ok() {
            self.pending += 1;
            let known = Known {
                by,
                identity,
                native,
                sha256: None,
            };
            self.known.insert(key, known);
        }
    }

    fn results(&mut self) -> Vec<Event> {
        let reader = self.reader.iter();
        let done: Vec<_> = reader
            .flat_map(|reader| reader.results.try_iter())
            .collect();
        let done = done.into_iter();
        done.filter_map(|(key, sha256)| self.result(key, sha256))
            .collect()
    }

    fn result(&mut self, key: Key, sha256: Option<Vec<u8>>) -> Option<Event> {
        self.pending = self.pending.saturating_sub(1);
        let known = self.known.get_mut(&key)?;
        known.sha256 = sha256;
        event(&key.0, known, false)
    }
}

fn event(path: &[u8], known: &Known, has_changed: bool) -> Option<Event> {
    let sha256 = match (&known.sha256, known.native) {
        (Some(sha256), _) => sha256.clone(),
        (None, NativeCode::None) => return None,
        (None, NativeCode::Library | NativeCode::Program) => Vec::new(),
    };
    let hashed = FileHashed {
        path: path.to_vec(),
        sha256,
        identity: Some(known.identity),
        has_changed,
        native: known.native.into(),
    };
    Some(Event {
        boot_ns: boot_now(),
        process: known.by,
        user: 0,
        kind: EventKind::FileHashed(hashed),
    })
}

impl Reader {
    fn start() -> Option<Reader> {
        let (jobs, todo) = sync_channel::<(Key, OpenedFile)>(WAITING);
        let (done, results) = sync_channel(WAITING);
        thread::Builder::new()
            .name("tracer".to_owned())
            .spawn(move || {
                while let Ok((key, file)) = todo.recv() {
                    if done.send((key, file.sha256())).is_err() {
                        break;
                    }
                }
            })
            .ok()?;
        Some(Reader { jobs, results })
    }
}
