//! Opens the file of a recording, or of one of its segments, and describes one that was closed.

use std::{
    fs::File,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{RecordError, evidence::Evidence};
use crate::{
    event::EndReason,
    trace::{Header, NewFile, Writer},
};

/// A file with its header.
pub(super) struct Opened {
    pub(super) writer: Writer<File>,
    pub(super) evidence: Evidence,
}

/// Writes the header to a new file, and moves the file to its path.
pub(super) fn open(new: &mut NewFile, path: &Path, header: &Header) -> Result<Opened, RecordError> {
    let begin = |source| RecordError::Begin {
        file: path.to_owned(),
        source,
    };
    let file = new.file().try_clone().map_err(begin)?;
    let writer = Writer::new(file, header).map_err(begin)?;
    new.publish()?;
    let evidence = Evidence::hold(new.file(), path).map_err(begin)?;
    Ok(Opened { writer, evidence })
}

/// A segment that was closed.
pub struct Segment {
    /// The path of its file.
    pub path: PathBuf,
    /// Its number in the recording, from 1.
    pub number: u32,
    /// Count of its events.
    pub events: u64,
    /// Its duration.
    pub duration: Duration,
    /// The reason for its end.
    pub reason: EndReason,
    /// True if the ledger of the segment has no entry.
    pub is_complete: bool,
}
