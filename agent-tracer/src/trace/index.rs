//! Lists the groups of a trace with their times, kinds and process ids: the block before the end.
//! A reader that looks for certain events passes over the groups behind the last that can have one.
//!
//! The index is a claim of the writer. A reader uses it as follows:
//!
//! | fact | use |
//! |---|---|
//! | place and first number of each group | compared with every block, also those passed over |
//! | times, kinds and process ids | compared with the events of every group that is read |
//! | the same, of groups that are passed over | believed |
//! | nothing is missing from the recording | believed; else nothing is passed over |
//!
//! So a false index can hide events from a reading that passes over them, and not from one of the
//! whole trace, which reports it as damage. A trace without an intact index is read whole.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;

use prost::Message;

use super::block::{BlockHeader, BlockKind, HEADER_BYTES};
use super::compress::Unpacker;
use crate::event::{Event, EventKind};

/// Limit of the groups in an index: 4 GiB of messages. A longer trace has none.
const GROUPS_LIMIT: usize = 1 << 14;

/// Ranges of process ids of a group. Ids are mostly given in order, so few ranges name them all.
pub(super) const RANGES_LIMIT: usize = 64;

/// Limit of an index, bytes. An index of the most groups and ranges takes less.
const BYTES_LIMIT: u32 = 8 << 20;

/// Bytes of the payload of an end block: the place of the index in the file.
pub(super) const END_PAYLOAD: usize = 8;

/// Tag of the first kind of events.
const FIRST_TAG: u32 = 10;

/// Events that a reading looks for. Others may be left out, together with what follows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Names of kinds; empty for all.
    pub kinds: Vec<String>,
    /// Process ids, of the process or, at a fork, of its parent; empty for all.
    pub pids: Vec<u32>,
    /// Earliest time, nanoseconds since the start of the recording.
    pub since_ns: Option<u64>,
    /// Latest time, likewise.
    pub until_ns: Option<u64>,
}

/// Facts about the events of a group.
#[derive(Debug)]
pub(super) struct Facts {
    earliest_ns: u64,
    latest_ns: u64,
    kinds: u64,
    pub(super) pids: Vec<u32>,
}

impl Default for Facts {
    fn default() -> Facts {
        Facts {
            earliest_ns: u64::MAX,
            latest_ns: 0,
            kinds: 0,
            pids: Vec::new(),
        }
    }
}

impl Facts {
    /// Notes an event.
    pub(super) fn note(&mut self, event: &Event) {
        self.earliest_ns = self.earliest_ns.min(event.boot_ns);
        self.latest_ns = self.latest_ns.max(event.boot_ns);
        self.kinds |= bit_of(event.kind.tag());
        self.note_pid(event.process.pid);
        if let EventKind::Fork(fork) = &event.kind {
            self.note_pid(fork.parent_pid);
        }
    }

    fn note_pid(&mut self, pid: u32) {
        let mut last = self.pids.iter().rev().take(2);
        if pid != 0 && !last.any(|known| *known == pid) {
            self.pids.push(pid);
        }
    }

    /// Begins with the next group.
    pub(super) fn clear(&mut self) {
        let mut pids = std::mem::take(&mut self.pids);
        pids.clear();
        *self = Facts {
            pids,
            ..Facts::default()
        };
    }

    /// Returns ranges that contain all process ids, first and last of each.
    pub(super) fn ranges(&mut self) -> Vec<(u32, u32)> {
        self.pids.sort_unstable();
        self.pids.dedup();
        let mut gaps: Vec<(u32, usize)> = self
            .pids
            .windows(2)
            .enumerate()
            .filter_map(|(position, pair)| match pair {
                [one, next] if next - one > 1 => Some((next - one, position + 1)),
                _ => None,
            })
            .collect();
        // The smallest gaps count as part of a range.
        gaps.sort_unstable_by(|one, other| other.cmp(one));
        gaps.truncate(RANGES_LIMIT - 1);
        gaps.sort_unstable_by_key(|(_, position)| *position);
        let ends = gaps.iter().map(|(_, position)| *position);
        let mut ranges = Vec::with_capacity(gaps.len() + 1);
        let mut begin = 0;
        for end in ends.chain([self.pids.len()]) {
            if let Some([first, .., last] | [first @ last]) = self.pids.get(begin..end) {
                ranges.push((*first, *last));
            }
            begin = end;
        }
        ranges
    }
}

/// Returns the bit of a kind. Kinds of a far future share the last one.
fn bit_of(tag: u32) -> u64 {
    1 << tag.saturating_sub(FIRST_TAG).min(63)
}

/// An index as stored, one list for each fact. zstd packs them well.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Stored {
    /// True if the recorder knew of no missing part besides those that the header has.
    #[prost(bool, tag = "1")]
    pub(super) nothing_missing: bool,
    /// Bytes of each group in the file.
    #[prost(uint64, repeated, tag = "2")]
    pub(super) bytes: Vec<u64>,
    /// Events of each group.
    #[prost(uint64, repeated, tag = "3")]
    pub(super) events: Vec<u64>,
    /// Earliest time of each group, nanoseconds since boot.
    #[prost(uint64, repeated, tag = "4")]
    pub(super) earliest: Vec<u64>,
    /// Latest time of each group.
    #[prost(uint64, repeated, tag = "5")]
    pub(super) latest: Vec<u64>,
    /// Kinds of each group: the lowest bit is that of tag 10.
    #[prost(uint64, repeated, tag = "6")]
    pub(super) kinds: Vec<u64>,
    /// Count of the ranges of process ids of each group.
    #[prost(uint32, repeated, tag = "7")]
    pub(super) ranges: Vec<u32>,
    /// First and last process id of each range.
    #[prost(uint32, repeated, tag = "8")]
    pub(super) pids: Vec<u32>,
}

/// Collects the index while a trace is written.
#[derive(Debug, Default)]
pub(super) struct Collector {
    stored: Stored,
    pub(super) facts: Facts,
    /// Place and first event number of the group.
    begin: (u64, u64),
}

impl Collector {
    pub(super) fn begin(offset: u64, first_sequence: u64) -> Collector {
        Collector {
            begin: (offset, first_sequence),
            ..Collector::default()
        }
    }

    /// Ends a group, if it has events, at a place in the file and before an event number.
    pub(super) fn end_group(&mut self, offset: u64, next_sequence: u64) {
        let (begin, first_sequence) = self.begin;
        if next_sequence <= first_sequence {
            return;
        }
        self.begin = (offset, next_sequence);
        let stored = &mut self.stored;
        // One more than the limit shows that there were too many.
        if stored.bytes.len() <= GROUPS_LIMIT {
            stored.bytes.push(offset.saturating_sub(begin));
            stored.events.push(next_sequence - first_sequence);
            stored.earliest.push(self.facts.earliest_ns);
            stored.latest.push(self.facts.latest_ns);
            stored.kinds.push(self.facts.kinds);
            let ranges = self.facts.ranges();
            stored.ranges.push(ranges.len() as u32);
            let ends = ranges.iter().flat_map(|(first, last)| [*first, *last]);
            stored.pids.extend(ends);
        }
        self.facts.clear();
    }

    /// Encodes the index, unless there are too few or too many groups for one.
    pub(super) fn encode(mut self, nothing_missing: bool) -> Option<Vec<u8>> {
        self.stored.nothing_missing = nothing_missing;
        let is_useful = (2..=GROUPS_LIMIT).contains(&self.stored.bytes.len());
        is_useful.then(|| self.stored.encode_to_vec())
    }
}

/// A group in an index.
#[derive(Debug, PartialEq, Eq)]
struct Group {
    offset: u64,
    first_sequence: u64,
    earliest_ns: u64,
    latest_ns: u64,
    kinds: u64,
    /// Its ranges of process ids.
    ranges: Range<usize>,
}

/// The index of a trace.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Index {
    pub(super) nothing_missing: bool,
    groups: Vec<Group>,
    pids: Vec<u32>,
}

impl Index {
    /// Reads the index from the end of a file, if there is an intact one. `begin` is the place of
    /// the first group.
    pub(super) fn load(path: &Path, trace: u32, begin: u64) -> Option<Index> {
        // A pipe has no second reader.
        if !std::fs::metadata(path).ok()?.is_file() {
            return None;
        }
        let mut file = File::open(path).ok()?;
        let mut end = [0; HEADER_BYTES + END_PAYLOAD];
        let end_offset = file.seek(SeekFrom::End(-(end.len() as i64))).ok()?;
        file.read_exact(&mut end).ok()?;
        let header = BlockHeader::parse(&end)?;
        let payload = end.last_chunk::<END_PAYLOAD>()?;
        let is_end = header.kind == BlockKind::End
            && header.trace == trace
            && header.stored_length as usize == END_PAYLOAD
            && header.payload_crc == crc32fast::hash(payload);
        let offset = u64::from_le_bytes(*payload);
        if !is_end || offset < begin || offset >= end_offset {
            return None;
        }
        file.seek(SeekFrom::Start(offset)).ok()?;
        let mut bytes = [0; HEADER_BYTES];
        file.read_exact(&mut bytes).ok()?;
        let header = BlockHeader::parse(&bytes)?;
        let follows = offset + HEADER_BYTES as u64 + u64::from(header.stored_length);
        let is_index = header.kind == BlockKind::Index
            && header.trace == trace
            && header.stored_length <= BYTES_LIMIT
            && follows == end_offset;
        if !is_index {
            return None;
        }
        let mut payload = vec![0; header.stored_length as usize];
        file.read_exact(&mut payload).ok()?;
        if header.payload_crc != crc32fast::hash(&payload) {
            return None;
        }
        Index::decode(&header, &payload, begin, offset)
    }

    /// Decodes an index between the places of the first group and of itself.
    fn decode(header: &BlockHeader, payload: &[u8], begin: u64, end: u64) -> Option<Index> {
        let (index, after) = Index::of(stored(header, payload)?, begin)?;
        (after == (end, header.first_sequence)).then_some(index)
    }

    /// True if a block is an index, wherever its groups are.
    pub(super) fn is_well_formed(header: &BlockHeader, payload: &[u8]) -> bool {
        stored(header, payload).is_some_and(|stored| Index::of(stored, 0).is_some())
    }

    /// Also returns the place behind the last group, and the number of the next event.
    fn of(stored: Stored, begin: u64) -> Option<(Index, (u64, u64))> {
        let count = stored.bytes.len();
        let lengths = [
            stored.events.len(),
            stored.earliest.len(),
            stored.latest.len(),
            stored.kinds.len(),
            stored.ranges.len(),
        ];
        if count > GROUPS_LIMIT || lengths.iter().any(|length| *length != count) {
            return None;
        }
        let (mut offset, mut sequence, mut ranges) = (begin, 1_u64, 0_usize);
        let mut groups = Vec::with_capacity(count);
        let times = stored.earliest.iter().zip(&stored.latest);
        let sizes = stored.bytes.iter().zip(&stored.events);
        let others = stored.kinds.iter().zip(&stored.ranges);
        for (((bytes, events), (earliest, latest)), (kinds, own)) in sizes.zip(times).zip(others) {
            let after = ranges.checked_add(2 * usize::try_from(*own).ok()?)?;
            groups.push(Group {
                offset,
                first_sequence: sequence,
                earliest_ns: *earliest,
                latest_ns: *latest,
                kinds: *kinds,
                ranges: ranges..after,
            });
            offset = offset.checked_add(*bytes)?;
            sequence = sequence.checked_add(*events)?;
            ranges = after;
        }
        let index = Index {
            nothing_missing: stored.nothing_missing,
            groups,
            pids: stored.pids,
        };
        (ranges == index.pids.len()).then_some((index, (offset, sequence)))
    }

    /// Returns the place from which on no group can have a wanted event. `None` if the last has.
    /// `start_ns` is the start of the recording.
    pub(super) fn end_of(&self, wanted: &Wanted, start_ns: u64) -> Option<u64> {
        // Events of a kind that is unknown here are counted, so they are read.
        let known = EventKind::TABLE
            .iter()
            .filter_map(|row| row.tag.parse().ok());
        let known = known.fold(0, |mask, tag| mask | bit_of(tag));
        if self.groups.iter().any(|group| group.kinds & !known != 0) {
            return None;
        }
        let kinds = mask_of(&wanted.kinds);
        let last = self
            .groups
            .iter()
            .rposition(|group| self.can_have(group, wanted, kinds, start_ns));
        let after = last.map_or(0, |last| last + 1);
        self.groups.get(after).map(|group| group.offset)
    }

    fn can_have(&self, group: &Group, wanted: &Wanted, kinds: u64, start_ns: u64) -> bool {
        // As a filter counts, what is before the start is at the start.
        let since_start = |boot_ns: u64| boot_ns.saturating_sub(start_ns);
        let (earliest, latest) = (since_start(group.earliest_ns), since_start(group.latest_ns));
        group.kinds & kinds != 0
            && wanted.since_ns.is_none_or(|since| latest >= since)
            && wanted.until_ns.is_none_or(|until| earliest <= until)
            && (wanted.pids.is_empty() || wanted.pids.iter().any(|pid| self.names(group, *pid)))
    }

    fn names(&self, group: &Group, pid: u32) -> bool {
        let ends = self.pids.get(group.ranges.clone()).unwrap_or_default();
        ends.chunks_exact(2).any(|ends| match ends {
            [first, last] => (first..=last).contains(&&pid),
            _ => false,
        })
    }

    /// Returns the position of the group that begins at a place with an event number.
    pub(super) fn position(&self, offset: u64, first_sequence: u64) -> Option<usize> {
        let found = self.groups.binary_search_by_key(&offset, |one| one.offset);
        let position = found.ok()?;
        (self.groups.get(position)?.first_sequence == first_sequence).then_some(position)
    }

    /// True if a group has all that its events have.
    pub(super) fn covers(&self, position: usize, facts: &mut Facts) -> bool {
        let Some(group) = self.groups.get(position) else {
            return false;
        };
        facts.pids.sort_unstable();
        facts.pids.dedup();
        facts.kinds & !group.kinds == 0
            && (facts.kinds == 0
                || facts.earliest_ns >= group.earliest_ns && facts.latest_ns <= group.latest_ns)
            && facts.pids.iter().all(|pid| self.names(group, *pid))
    }
}

/// Unpacks an index. Its length is bounded first, and no list in it is longer than its bytes.
pub(super) fn stored(header: &BlockHeader, payload: &[u8]) -> Option<Stored> {
    if header.raw_length > BYTES_LIMIT {
        return None;
    }
    let mut raw = Vec::new();
    let mut unpacker = Unpacker::new().ok()?;
    let length = header.raw_length as usize;
    let unpacked = unpacker.unpack(header.codec, payload, length, &mut raw);
    unpacked.ok()?;
    Stored::decode(raw.as_slice()).ok()
}

/// Returns the bits of kinds by name; all of them where none is named.
fn mask_of(names: &[String]) -> u64 {
    if names.is_empty() {
        return u64::MAX;
    }
    let rows = EventKind::TABLE.iter();
    let named = rows.filter(|row| names.iter().any(|name| name == row.name));
    let tags = named.filter_map(|row| row.tag.parse().ok());
    tags.fold(0, |mask, tag| mask | bit_of(tag))
}
