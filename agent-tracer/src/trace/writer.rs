//! Appends events to a trace, block by block. It reads no clock, and an error does not stop the
//! recording.
//!
//! It does not sync: a trace survives the death of the recorder, but not of the machine.

use std::fs::File;
use std::io::{self, Write};
use std::mem;
use std::time::{Duration, Instant};

use prost::Message;
use sha2::{Digest as _, Sha256};

use super::block::{BlockHeader, BlockKind, Codec, HEADER_BYTES, PAYLOAD_LIMIT};
use super::compress::Packer;
use super::digest::Digest;
use super::envelope::EventCoder;
use super::index::Collector;
use super::{FORMAT_VERSION, Header, MAGIC};
use crate::event::{Event, EventKind, Lost};

/// Longest delay of an event before its block is written, if [`Writer::flush_if_due`] is called in
/// time. A recorder calls [`Writer::flush`] sooner, after each batch of events.
pub const FLUSH_AFTER: Duration = Duration::from_millis(100);

/// Bytes of messages after which a group ends. A larger group packs better, and loses more to a
/// damaged block.
///
/// It bounds memory, too: the current block, its packed form and the packer's window have this size
/// each. Only a larger event takes more.
const GROUP_BYTES: usize = 256 << 10;

/// Destinations of a trace.
pub trait Output: Write {
    /// Drops the bytes from `length` on, so that an incomplete block does not look like damage. An
    /// output that cannot do that does nothing.
    fn cut_back(&mut self, length: u64) -> io::Result<()>;
}

impl Output for File {
    fn cut_back(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }
}

impl Output for Vec<u8> {
    fn cut_back(&mut self, length: u64) -> io::Result<()> {
        self.truncate(usize::try_from(length).unwrap_or(usize::MAX));
        Ok(())
    }
}

impl<O: Output + ?Sized> Output for &mut O {
    fn cut_back(&mut self, length: u64) -> io::Result<()> {
        (**self).cut_back(length)
    }
}

/// The error that ended a trace early. The file is well-formed up to there.
#[derive(Debug, thiserror::Error)]
#[error(
    "the trace ends early, {events_not_written} events are not in it: {error}{}",
    hint(.error)
)]
pub struct WriteFailure {
    /// The system's error.
    #[source]
    pub error: io::Error,
    /// Count of events that are not in the file: those of the failed block, and all later ones.
    pub events_not_written: u64,
}

/// Formats the remedy for a failed write as a line of its own; empty if unknown.
pub fn hint(error: &io::Error) -> &'static str {
    let number = error.raw_os_error();
    if number == Some(libc::EIO) {
        return "\nhint: the device fails: see dmesg, and record to another with -o";
    }
    // The file is open for writing: permissions were checked then.
    if number == Some(libc::EPERM) {
        return "\nhint: the file was made immutable: see lsattr, and record elsewhere with -o";
    }
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "\nhint: free disk space, or record to another disk with -o"
        }
        io::ErrorKind::FileTooLarge => {
            "\nhint: raise the limit on the size of files: ulimit -f unlimited"
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            "\nhint: the file system became read-only: see dmesg, and record elsewhere with -o"
        }
        _ => "",
    }
}

/// Size and digest of a finished trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finished {
    /// Count of its events.
    pub events: u64,
    /// Size of the file, bytes.
    pub bytes: u64,
    /// SHA-256 of the whole file.
    pub digest: Digest,
}

/// Writes one trace.
///
/// Without a call of [`Writer::finish`], the trace lacks its last block, as after a kill.
pub struct Writer<O: Output> {
    output: O,
    packer: Packer,
    /// Messages of the current block.
    raw: Vec<u8>,
    /// The encoded block; a buffer for reuse.
    stored: Vec<u8>,
    coder: EventCoder,
    /// Position of the block in its group.
    part: u16,
    /// Bytes of messages in the written blocks of the group.
    group_bytes: usize,
    first_sequence: u64,
    event_count: u32,
    /// Time of the block's first event.
    opened: Option<Instant>,
    /// Size of the file up to the last complete block.
    length: u64,
    /// Digest of these bytes.
    written: Sha256,
    trace: u32,
    index: Collector,
    /// True if the recorder knows of no missing part.
    nothing_missing: bool,
    failure: Option<WriteFailure>,
}

impl<O: Output> Writer<O> {
    /// Begins a trace, and writes magic, version and header.
    pub fn new(mut output: O, header: &Header) -> io::Result<Writer<O>> {
        let mut packer = Packer::new()?;
        let raw = header.encode_to_vec();
        let mut payload = Vec::new();
        packer.pack(&raw, &mut payload)?;
        let trace = crc32fast::hash(&payload);
        let block = BlockHeader {
            kind: BlockKind::Header,
            codec: Codec::Zstd,
            part: 0,
            stored_length: checked_length(&payload)?,
            raw_length: checked_length(&raw)?,
            first_sequence: 1,
            event_count: 0,
            trace,
            payload_crc: trace,
        };
        let mut stored = Vec::new();
        stored.extend(MAGIC);
        stored.extend(FORMAT_VERSION.to_le_bytes());
        stored.extend(block.to_bytes());
        stored.extend(payload);
        output.write_all(&stored)?;
        output.flush()?;
        Ok(Writer {
            output,
            packer,
            raw: Vec::new(),
            length: stored.len() as u64,
            index: Collector::begin(stored.len() as u64, 1),
            nothing_missing: false,
            written: Sha256::new_with_prefix(&stored),
            stored,
            coder: EventCoder::default(),
            part: 0,
            group_bytes: 0,
            first_sequence: 1,
            event_count: 0,
            opened: None,
            trace,
            failure: None,
        })
    }

    /// Appends an event, which reaches the file with its block: see [`FLUSH_AFTER`]. After a
    /// failure it only counts the event.
    ///
    /// A [`Lost`] event replaces an event of more than 64 MiB.
    pub fn append(&mut self, event: &Event, now: Instant) {
        // Large events get a block of their own, so that what is before them stays within the
        // limit.
        if !self.raw.is_empty() && self.raw.len() + event.kind.encoded_len() > GROUP_BYTES {
            self.close_block();
        }
        if let Some(failure) = &mut self.failure {
            failure.events_not_written += 1;
            return;
        }
        // zstd enlarges incompressible input by less than a 256th.
        let limit = (PAYLOAD_LIMIT - (PAYLOAD_LIMIT >> 8)) as usize;
        if self.coder.encode(event, limit, &mut self.raw) {
            self.index.facts.note(event);
        } else {
            let what = event.kind.name().to_owned();
            let lost = Event {
                kind: EventKind::Lost(Lost { what, count: 1 }),
                ..event.clone()
            };
            self.coder.encode(&lost, limit, &mut self.raw);
            self.index.facts.note(&lost);
        }
        self.event_count += 1;
        self.opened.get_or_insert(now);
        if self.group_bytes + self.raw.len() >= GROUP_BYTES {
            self.close_block();
        }
        self.flush_if_due(now);
    }

    /// When [`Writer::flush_if_due`] will have something to do, if no more events come: for the
    /// caller's timer.
    pub fn due(&self) -> Option<Instant> {
        self.opened.map(|opened| opened + FLUSH_AFTER)
    }

    /// Writes the block in the making now. A block costs 40 bytes besides its events.
    pub fn flush(&mut self) {
        self.close_block();
    }

    /// Writes the block in the making if its first event has waited for [`FLUSH_AFTER`].
    pub fn flush_if_due(&mut self, now: Instant) {
        if self.due().is_some_and(|due| now >= due) {
            self.close_block();
        }
    }

    /// Size of the file so far, bytes: whole blocks.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Returns the error after which nothing was written, if any.
    pub fn failure(&self) -> Option<&WriteFailure> {
        self.failure.as_ref()
    }

    /// Notes that nothing is missing from the recording besides what its header says. A reader that
    /// looks for few events may then pass over the others.
    pub fn nothing_is_missing(&mut self) {
        self.nothing_missing = true;
    }

    /// Writes what is left, the index, and that this is the end.
    pub fn finish(mut self) -> Result<Finished, WriteFailure> {
        self.close_block();
        let place = self.length;
        let has_index = self.failure.is_none() && self.write_index();
        if self.failure.is_none() {
            self.stored.clear();
            self.stored.resize(HEADER_BYTES, 0);
            self.raw.clear();
            if has_index {
                self.raw.extend(place.to_le_bytes());
                self.stored.extend(place.to_le_bytes());
            }
            self.write_block(BlockKind::End, Codec::Raw, 0);
        }
        match self.failure {
            Some(failure) => Err(failure),
            None => Ok(Finished {
                events: self.first_sequence - 1,
                bytes: self.length,
                digest: Digest::from(self.written),
            }),
        }
    }

    /// Writes the index. Returns `false` for a trace without one.
    fn write_index(&mut self) -> bool {
        let mut index = mem::take(&mut self.index);
        index.end_group(self.length, self.first_sequence);
        let Some(raw) = index.encode(self.nothing_missing) else {
            return false;
        };
        self.raw = raw;
        self.stored.clear();
        self.stored.resize(HEADER_BYTES, 0);
        let begun = self.packer.begin_group();
        match begun.and_then(|()| self.packer.pack(&self.raw, &mut self.stored)) {
            Ok(()) => self.write_block(BlockKind::Index, Codec::Zstd, 0),
            Err(error) => self.fail(error),
        }
        true
    }

    /// Ends the block, and with it the group if that is large enough.
    fn close_block(&mut self) {
        if self.event_count == 0 {
            return;
        }
        self.stored.clear();
        self.stored.resize(HEADER_BYTES, 0);
        let begun = if self.part == 0 {
            self.packer.begin_group()
        } else {
            Ok(())
        };
        match begun.and_then(|()| self.packer.pack(&self.raw, &mut self.stored)) {
            Ok(()) => self.write_block(BlockKind::Events, Codec::Zstd, self.part),
            Err(error) => self.fail(error),
        }
        self.group_bytes += self.raw.len();
        self.part += 1;
        if self.group_bytes >= GROUP_BYTES || self.part == u16::MAX {
            self.begin_group();
        }
        self.raw.clear();
        self.event_count = 0;
        self.opened = None;
        // A snapshot may have taken 40 MiB.
        self.raw.shrink_to(2 * GROUP_BYTES);
        self.stored.shrink_to(2 * GROUP_BYTES);
    }

    fn begin_group(&mut self) {
        self.group_bytes = 0;
        self.part = 0;
        self.coder = EventCoder::default();
        self.index.end_group(self.length, self.first_sequence);
    }

    /// Puts the header before the payload in `stored`, and writes both at once. So a kill of the
    /// recorder tears at most one block.
    fn write_block(&mut self, kind: BlockKind, codec: Codec, part: u16) {
        let payload = self.stored.get(HEADER_BYTES..).unwrap_or_default();
        let header = checked_length(payload).and_then(|stored_length| {
            Ok(BlockHeader {
                kind,
                codec,
                part,
                stored_length,
                raw_length: checked_length(&self.raw)?,
                first_sequence: self.first_sequence,
                event_count: self.event_count,
                trace: self.trace,
                payload_crc: crc32fast::hash(payload),
            })
        });
        let written = header.and_then(|header| {
            for (byte, value) in self.stored.iter_mut().zip(header.to_bytes()) {
                *byte = value;
            }
            self.output.write_all(&self.stored)?;
            self.output.flush()
        });
        match written {
            Ok(()) => {
                self.length += self.stored.len() as u64;
                self.written.update(&self.stored);
                self.first_sequence += u64::from(self.event_count);
            }
            Err(error) => self.fail(error),
        }
    }

    /// Ends the current block and group.
    #[cfg(test)]
    pub(super) fn end_group(&mut self) {
        self.close_block();
        self.begin_group();
    }

    fn fail(&mut self, error: io::Error) {
        // If that fails, too, readers report a torn block.
        drop(self.output.cut_back(self.length));
        self.failure = Some(WriteFailure {
            error,
            events_not_written: u64::from(self.event_count),
        });
    }
}

fn checked_length(bytes: &[u8]) -> io::Result<u32> {
    match u32::try_from(bytes.len()) {
        Ok(length) if length <= PAYLOAD_LIMIT => Ok(length),
        Ok(_) | Err(_) => Err(io::Error::other("a block would be larger than 64 MiB")),
    }
}
