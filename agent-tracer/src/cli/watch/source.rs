//! Finds the trace to follow: the one that was named, or the newest of a directory. It goes on to
//! the next one when that appears.

use std::{
    fs::{self, File, Metadata},
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use agent_tracer::{session::Follow, trace::OpenError, view};
use anyhow::bail;

use super::{recorder, segment};

/// Time without an event after which a trace without an end is left for a newer one: its recorder
/// was killed.
const PATIENCE: Duration = Duration::from_secs(3);

/// Time between two looks at a directory or for the recorder.
const SELDOM: Duration = Duration::from_secs(1);

/// The trace that is followed.
pub(super) struct Source {
    /// What was named.
    path: PathBuf,
    is_directory: bool,
    open: Option<Open>,
    /// Position among the traces of the directory, from 1, and their number.
    segment: Option<(usize, usize)>,
    notice: String,
    looked: Option<Instant>,
}

struct Open {
    path: PathBuf,
    name: Vec<u8>,
    identity: Identity,
    follow: Follow<File>,
    changed: SystemTime,
    is_cut_off: bool,
}

/// Device and inode of a file.
type Identity = (u64, u64);

impl Source {
    /// Opens what was named. A directory may have no trace so far.
    ///
    /// # Errors
    ///
    /// It does not exist, may not be read, or is not a trace.
    pub(super) fn new(path: &Path) -> anyhow::Result<Source> {
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) => return Err(refused(path, &error)),
        };
        if !metadata.is_dir() && !metadata.is_file() {
            bail!(
                "cannot follow {}: it is neither a file nor a directory\n\
                 hint: `tracer replay` reads a pipe",
                path.display()
            );
        }
        let mut source = Source {
            path: path.to_path_buf(),
            is_directory: metadata.is_dir(),
            open: None,
            segment: None,
            notice: String::new(),
            looked: None,
        };
        source.look()?;
        Ok(source)
    }

    /// Looks if there is another trace to follow. Returns `true` if it follows another one now.
    ///
    /// # Errors
    ///
    /// The file that was named cannot be read any more, or the directory; the reason why a trace in
    /// a directory cannot be read is a notice.
    pub(super) fn look(&mut self) -> anyhow::Result<bool> {
        let is_seldom = self.looked.is_none_or(|at| at.elapsed() >= SELDOM);
        if is_seldom {
            self.looked = Some(Instant::now());
            let quiet = self.quiet();
            if let Some(open) = &mut self.open {
                let is_over = open.follow.is_finished() || quiet < SELDOM;
                open.is_cut_off = !is_over && recorder::is_gone(open.follow.header());
            }
        }
        match self.is_directory {
            true if is_seldom => self.look_in_directory(),
            true => {
                self.note_change();
                Ok(false)
            }
            false => self.look_at_file(),
        }
    }

    fn note_change(&mut self) {
        if let Some(open) = &mut self.open
            && let Ok(metadata) = fs::metadata(&open.path)
            && identity(&metadata) == open.identity
            && let Ok(changed) = metadata.modified()
        {
            open.changed = changed;
        }
    }

    fn look_at_file(&mut self) -> anyhow::Result<bool> {
        let metadata = match fs::metadata(&self.path) {
            Ok(metadata) => metadata,
            // Its recorder may be about to replace it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.notice = format!("{} is no longer there", self.path.display());
                return Ok(false);
            }
            Err(error) => return Err(refused(&self.path, &error)),
        };
        if let Some(open) = &self.open
            && open.identity == identity(&metadata)
            && metadata.len() >= open.follow.offset()
        {
            self.note_change();
            self.notice.clear();
            return Ok(false);
        }
        let path = self.path.clone();
        match open(&path) {
            Ok(opened) => {
                self.notice.clear();
                self.open = Some(opened);
                Ok(true)
            }
            Err(error) if error.is_cut_off() => {
                self.notice = "the recording has not begun: its hooks are being attached".into();
                Ok(self.open.take().is_some())
            }
            Err(error) => Err(explained(&path, error)),
        }
    }

    fn look_in_directory(&mut self) -> anyhow::Result<bool> {
        self.note_change();
        let all = match segment::segments(&self.path) {
            Ok(all) => all,
            Err(error) if self.open.is_some() && error.kind() == io::ErrorKind::NotFound => {
                self.notice = format!("{} is no longer there", self.path.display());
                return Ok(false);
            }
            Err(error) => return Err(refused(&self.path, &error)),
        };
        let place = |path: &Path| all.iter().position(|one| one.path == path);
        let current = self.open.as_ref().and_then(|open| place(&open.path));
        self.segment = current.map(|at| (at + 1, all.len()));
        let Some(newest) = all.last() else {
            let directory = self.path.display();
            self.notice = format!("no trace in {directory} so far: waiting for a recording");
            return Ok(false);
        };
        if let Some(open) = &self.open {
            let is_over = open.follow.is_finished() || self.quiet() >= PATIENCE;
            if open.path == newest.path || !is_over {
                self.notice.clear();
                return Ok(false);
            }
        }
        match open(&newest.path) {
            Ok(mut opened) => {
                let name = newest.path.file_name().unwrap_or_default();
                opened.name = name.as_encoded_bytes().to_vec();
                self.notice.clear();
                self.segment = Some((all.len(), all.len()));
                self.open = Some(opened);
                Ok(true)
            }
            Err(error) => {
                if !error.is_cut_off() {
                    let error = explained(&newest.path, error).to_string();
                    // A directory of traces that may not be read would never show anything.
                    if self.open.is_none() {
                        bail!(error);
                    }
                    self.notice = error.lines().next().unwrap_or_default().to_owned();
                }
                Ok(false)
            }
        }
    }

    /// Returns the trace, to read on.
    pub(super) fn follow(&mut self) -> Option<&mut Follow<File>> {
        self.open.as_mut().map(|open| &mut open.follow)
    }

    /// Returns the trace.
    pub(super) fn followed(&self) -> Option<&Follow<File>> {
        self.open.as_ref().map(|open| &open.follow)
    }

    /// Returns the time since the file was written to.
    pub(super) fn quiet(&self) -> Duration {
        let changed = self.open.as_ref().map(|open| open.changed);
        let quiet = changed.and_then(|changed| changed.elapsed().ok());
        quiet.unwrap_or_default()
    }

    /// True if the recorder has ended without an end in the trace.
    pub(super) fn is_cut_off(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.is_cut_off)
    }

    /// Returns the name of the file, or what was named.
    pub(super) fn name(&self) -> &[u8] {
        match &self.open {
            Some(open) => &open.name,
            None => self.path.as_os_str().as_encoded_bytes(),
        }
    }

    /// Returns the position among the traces of a directory, from 1, and their number.
    pub(super) fn segment(&self) -> Option<(usize, usize)> {
        self.segment
    }

    /// Returns a remark for the reader; empty if there is none.
    pub(super) fn notice(&self) -> &str {
        &self.notice
    }
}

fn open(path: &Path) -> Result<Open, OpenError> {
    let name = view::text(path.as_os_str().as_encoded_bytes());
    let failed = |source| OpenError::Io {
        name: name.clone(),
        source,
    };
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    let follow = Follow::new(file, &name)?;
    Ok(Open {
        path: path.to_path_buf(),
        name: path.as_os_str().as_encoded_bytes().to_vec(),
        identity: identity(&metadata),
        follow,
        changed: metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH),
        is_cut_off: false,
    })
}

#[cfg(unix)]
fn identity(metadata: &Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt;
    (metadata.dev(), metadata.ino())
}

/// Without inodes a file that was replaced shows by its length alone.
#[cfg(not(unix))]
fn identity(_metadata: &Metadata) -> Identity {
    (0, 0)
}

fn explained(path: &Path, error: OpenError) -> anyhow::Error {
    match error {
        OpenError::Io { source, .. } => refused(path, &source),
        other => other.into(),
    }
}

/// Names the remedy for a file or directory that cannot be read.
fn refused(path: &Path, error: &io::Error) -> anyhow::Error {
    let shown = path.display();
    if error.kind() == io::ErrorKind::NotFound {
        return anyhow::anyhow!(
            "cannot follow {shown}: it does not exist\n\
             hint: start the recording first, with `sudo tracer record -o {shown} …`"
        );
    }
    if error.kind() == io::ErrorKind::PermissionDenied {
        return anyhow::anyhow!(
            "cannot read {shown}: permission denied{}\n\
             hint: use sudo, or record through sudo: it gives the trace to the user who called it",
            owner(path)
        );
    }
    anyhow::anyhow!("cannot read {shown}: {error}\nhint: check the name and its permissions")
}

#[cfg(unix)]
fn owner(path: &Path) -> String {
    use std::os::unix::fs::MetadataExt;
    match fs::metadata(path) {
        Ok(metadata) => format!(", it belongs to user {}", metadata.uid()),
        Err(_) => String::new(),
    }
}

#[cfg(not(unix))]
fn owner(_path: &Path) -> String {
    String::new()
}
