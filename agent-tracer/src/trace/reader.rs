//! Reads a trace, complete, unfinished, torn or damaged. It yields every intact event in order, and
//! a gap for each damaged part. It repairs nothing, and holds one block at a time.

mod arrived;

use std::fs::File;
use std::io::{self, Read};
use std::mem;
use std::path::Path;

use bytes::Bytes;

use super::block::{BLOCK_MAGIC, BlockHeader, BlockKind, HEADER_BYTES};
use super::compress::Unpacker;
use super::envelope::EventCoder;
use super::index::{Facts, Index, Wanted};
use super::lookahead::Lookahead;
use super::open::{Opened, open};
use super::{Header, OpenError};
use crate::event::Event;

/// An error of the device, midway through a file.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot read {name} from byte {offset} on: {source}\n\
     hint: check the disk, or copy the file elsewhere"
)]
pub struct ReadError {
    /// The file.
    pub name: String,
    /// Bytes read before the error.
    pub offset: u64,
    /// The system's error.
    pub source: io::Error,
}

/// One element of a trace.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// An event.
    Event {
        /// Its number, counted from 1. Numbers ascend, and skip missing events.
        sequence: u64,
        /// The event.
        event: Event,
    },
    /// A missing or a surplus part.
    Gap(Gap),
}

/// Reason of a gap at the end of a trace that has no last block, and is intact otherwise.
pub const NO_END: &str = "it was killed, its disk was full, or it still goes on";

/// A place where a trace is damaged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// First byte of the damage, or of the damaged block.
    pub offset: u64,
    /// First intact byte after the damage, if any.
    pub resumed_at: Option<u64>,
    /// Count of missing events, if known.
    pub events_missing: Option<u64>,
    /// The problem in words.
    pub reason: &'static str,
}

/// Reads one trace. The iterator ends with the stream or at the first error.
pub struct Reader<R> {
    name: String,
    input: Lookahead<R>,
    header: Header,
    format: u32,
    trace: u32,
    unpacker: Unpacker,
    /// State of the current group.
    coder: EventCoder,
    /// Position of its next block; `None` behind damage, until a new group begins.
    part: Option<u16>,
    /// Messages of the block that were not read so far.
    raw: Bytes,
    block_offset: u64,
    /// Count of events left in the block.
    remaining: u32,
    /// Number of the next event.
    sequence: u64,
    /// Damage with an unknown end so far: begin and reason.
    damage: Option<(u64, &'static str)>,
    unknown_events: u64,
    /// The index, until it turns out to be false.
    index: Option<Index>,
    /// Position of the group in the index, and the facts about its events so far.
    group: Option<usize>,
    facts: Facts,
    /// Place from which on no group can have a wanted event.
    pass_from: Option<u64>,
    /// True while groups are checked, and not unpacked.
    is_passing: bool,
    /// Count of the events that were passed over.
    passed_over: u64,
    finished: bool,
    /// True once the missing end was reported.
    broken_off: bool,
    /// True at the end of the iterator.
    done: bool,
}

impl Reader<File> {
    /// Opens a trace file.
    pub fn open(path: &Path) -> Result<Reader<File>, OpenError> {
        let name = path.display().to_string();
        match File::open(path) {
            Ok(file) => {
                let mut reader = Reader::new(file, name)?;
                reader.index = Index::load(path, reader.trace, reader.offset());
                Ok(reader)
            }
            Err(source) => Err(OpenError::Io { name, source }),
        }
    }

    /// Opens a trace file for certain events. The reader passes over what follows the last group
    /// that can have one: it compares the checksums there, and yields gaps only.
    ///
    /// It passes over nothing without an index that says that nothing is missing.
    pub fn open_for(path: &Path, wanted: &Wanted) -> Result<Reader<File>, OpenError> {
        let mut reader = Reader::open(path)?;
        let start_ns = reader.header.start_boot_ns;
        let index = reader.index.as_ref();
        let index = index.filter(|index| index.nothing_missing);
        reader.pass_from = index.and_then(|index| index.end_of(wanted, start_ns));
        Ok(reader)
    }
}

impl<R: Read> Reader<R> {
    /// Reads a trace from any stream, such as a pipe; it needs no buffer. `name` names it in
    /// errors.
    pub fn new(stream: R, name: impl Into<String>) -> Result<Reader<R>, OpenError> {
        let mut input = Lookahead::new(stream);
        let name = name.into();
        let Opened {
            header,
            format,
            trace,
            unpacker,
        } = match open(&mut input) {
            Ok(Ok(opened)) => opened,
            Ok(Err(problem)) => return Err(problem.with_name(name)),
            Err(source) => return Err(OpenError::Io { name, source }),
        };
        Ok(Reader {
            name,
            input,
            header,
            format,
            trace,
            unpacker,
            coder: EventCoder::default(),
            part: None,
            raw: Bytes::new(),
            block_offset: 0,
            remaining: 0,
            sequence: 1,
            damage: None,
            unknown_events: 0,
            index: None,
            group: None,
            facts: Facts::default(),
            pass_from: None,
            is_passing: false,
            passed_over: 0,
            finished: false,
            broken_off: false,
            done: false,
        })
    }

    /// Returns the circumstances of the recording.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Returns the format version of the trace.
    pub fn format(&self) -> u32 {
        self.format
    }

    /// Counts the bytes read so far.
    pub fn offset(&self) -> u64 {
        self.input.offset()
    }

    /// Counts the events of unknown kinds so far, which the iterator skips.
    pub fn unknown_events(&self) -> u64 {
        self.unknown_events
    }

    /// Counts the events that were passed over, since none of them can be wanted.
    pub fn passed_over(&self) -> u64 {
        self.passed_over
    }

    /// True once it has read the last block of a complete recording. False after the last item
    /// means that the recording was killed, ran out of space, or still goes on.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    fn next_item(&mut self) -> io::Result<Option<Item>> {
        loop {
            if self.remaining > 0 {
                match self.next_event() {
                    Some(item) => return Ok(Some(item)),
                    None => continue,
                }
            }
            match self.next_block()? {
                Step::On => {}
                Step::Gap(gap) => return Ok(Some(Item::Gap(gap))),
                Step::EndOfStream => return Ok(None),
            }
        }
    }

    /// Returns the next event of the block, unless it is malformed or of an unknown kind.
    fn next_event(&mut self) -> Option<Item> {
        let Some(decoded) = self.coder.decode(&mut self.raw) else {
            self.lose(self.block_offset, "an event in it is malformed");
            return None;
        };
        let sequence = self.sequence;
        self.sequence += 1;
        self.remaining -= 1;
        if self.remaining == 0 && !self.raw.is_empty() {
            self.lose(self.block_offset, "a block has more in it than its events");
        }
        match decoded {
            Some(event) => {
                if self.group.is_some() {
                    self.facts.note(&event);
                }
                Some(Item::Event { sequence, event })
            }
            None => {
                self.unknown_events += 1;
                None
            }
        }
    }

    /// Notes damage, unless there is some already, and gives up the group.
    fn lose(&mut self, offset: u64, reason: &'static str) {
        self.damage.get_or_insert((offset, reason));
        self.part = None;
        self.remaining = 0;
    }

    /// Takes one step through the blocks.
    fn next_block(&mut self) -> io::Result<Step> {
        self.input.fill(HEADER_BYTES)?;
        let offset = self.input.offset();
        let window = self.input.window();
        if window.is_empty() {
            let missing_end = !self.finished && !self.broken_off;
            let end = missing_end.then_some((offset, NO_END));
            return Ok(match self.damage.take().or(end) {
                Some((offset, reason)) => {
                    self.broken_off = true;
                    Step::Gap(Gap {
                        offset,
                        resumed_at: None,
                        events_missing: None,
                        reason,
                    })
                }
                None => Step::EndOfStream,
            });
        }
        if self.finished {
            let count = window.len();
            self.lose(offset, "there are bytes after the end of the recording");
            self.input.take(count);
            return Ok(Step::On);
        }
        let header = BlockHeader::parse(window).filter(|header| header.trace == self.trace);
        let Some(header) = header else {
            let reason = match window.len() {
                0..HEADER_BYTES => "the file ends within the header of a block",
                _ => "the header of a block is damaged",
            };
            self.lose(offset, reason);
            self.input.take(1);
            self.input.take_until(&BLOCK_MAGIC)?;
            return Ok(Step::On);
        };
        // With an intact header, the payload is not searched for blocks, even if it is damaged. So
        // a search is linear in the size of the file.
        let size = HEADER_BYTES + header.stored_length as usize;
        self.input.fill(size)?;
        let entered = self.enter(&header, offset);
        self.input.take(size);
        Ok(match entered {
            Ok(Some(gap)) => Step::Gap(gap),
            Ok(None) => Step::On,
            Err(reason) => {
                self.lose(offset, reason);
                Step::On
            }
        })
    }

    /// Makes the block at the front of the input the current one, if it is intact. Returns the gap
    /// before it, if any.
    fn enter(&mut self, header: &BlockHeader, offset: u64) -> Result<Option<Gap>, &'static str> {
        let length = header.stored_length as usize;
        let place = HEADER_BYTES..HEADER_BYTES + length;
        let payload = self.input.window().get(place.clone());
        let payload = payload.ok_or("the file ends within a block")?;
        if crc32fast::hash(payload) != header.payload_crc {
            return Err("a block is damaged");
        }
        let next = match header.next_sequence() {
            Some(next) if header.first_sequence >= self.sequence => next,
            Some(_) | None => return Err("a block repeats events"),
        };
        let is_passed = match header.kind {
            BlockKind::Events => self.passes_over(header, offset)?,
            BlockKind::Index => {
                self.end_group(offset);
                false
            }
            BlockKind::Header | BlockKind::End | BlockKind::Unknown(_) => false,
        };
        let payload = self.input.window().get(place).unwrap_or_default();
        let mut unknown = 0;
        match header.kind {
            BlockKind::Events if is_passed => {
                self.passed_over += u64::from(header.event_count);
                self.part = header.part.checked_add(1);
            }
            BlockKind::Events => {
                if header.part == 0 {
                    self.coder = EventCoder::default();
                    self.unpacker
                        .begin_group()
                        .map_err(|_| "a block cannot be unpacked")?;
                } else if self.part != Some(header.part) {
                    return Err("a block continues one that is missing");
                }
                let length = header.raw_length as usize;
                // The allocation of the block before, unless something still refers to it.
                let mut raw = Vec::from(mem::take(&mut self.raw));
                self.unpacker
                    .unpack(header.codec, payload, length, &mut raw)?;
                self.raw = raw.into();
                if self.raw.is_empty() && header.event_count > 0 {
                    return Err("a block lacks its events");
                }
                self.part = header.part.checked_add(1);
                self.block_offset = offset;
                self.remaining = header.event_count;
            }
            BlockKind::Index => {
                if header.event_count > 0 || !Index::is_well_formed(header, payload) {
                    return Err("the index is malformed");
                }
            }
            BlockKind::End => self.finished = true,
            BlockKind::Header | BlockKind::Unknown(_) => unknown = u64::from(header.event_count),
        }
        self.unknown_events += unknown;
        let events_missing = header.first_sequence - self.sequence;
        self.sequence = if header.kind == BlockKind::Events && !is_passed {
            header.first_sequence
        } else {
            next
        };
        let damage = match self.damage.take() {
            None if events_missing > 0 => Some((offset, "blocks are missing")),
            damage => damage,
        };
        Ok(damage.map(|(at, reason)| Gap {
            offset: at,
            resumed_at: Some(offset),
            events_missing: Some(events_missing),
            reason,
        }))
    }
}

/// The index beside the blocks.
impl<R> Reader<R> {
    /// Compares a block of events with the index where it begins a group. Returns `true` if the
    /// block is passed over.
    fn passes_over(&mut self, header: &BlockHeader, offset: u64) -> Result<bool, &'static str> {
        if header.part == 0 {
            self.end_group(offset);
            if let Some(index) = &self.index {
                self.group = index.position(offset, header.first_sequence);
                if self.group.is_none() {
                    self.contradict(offset);
                }
            }
            let from = self.pass_from;
            self.is_passing = self.group.is_some() && from.is_some_and(|from| offset >= from);
        }
        match self.is_passing && self.part != Some(header.part) && header.part > 0 {
            true => Err("a block continues one that is missing"),
            false => Ok(self.is_passing),
        }
    }

    /// Compares the facts about the group that ends with those of the index.
    fn end_group(&mut self, offset: u64) {
        if let (Some(index), Some(group)) = (&self.index, self.group.take())
            && !index.covers(group, &mut self.facts)
        {
            self.contradict(offset);
        }
        self.facts.clear();
    }

    /// Notes a false index, once. From here on the trace is read as one without an index.
    fn contradict(&mut self, offset: u64) {
        self.index = None;
        self.damage
            .get_or_insert((offset, "the index does not agree with the events"));
    }
}

/// Results of a step through the blocks.
enum Step {
    /// The block may have events.
    On,
    /// There is a gap before the block.
    Gap(Gap),
    /// The stream has ended.
    EndOfStream,
}

impl<R: Read> Iterator for Reader<R> {
    type Item = Result<Item, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let item = self.next_item().map_err(|source| ReadError {
            name: self.name.clone(),
            offset: self.input.offset(),
            source,
        });
        self.done = !matches!(item, Ok(Some(_)));
        item.transpose()
    }
}
