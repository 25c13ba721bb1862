//! Traces in memory, whole and broken in every way, and what readers make of them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(
    clippy::needless_update,
    reason = "kinds may get fields that these tests need not set"
)]

use std::io::{self, Cursor, Read, Write};
use std::time::{Duration, Instant};

use proptest::prelude::*;

mod kinds;

use kinds::{event, kind};

use super::block::{BlockHeader, BlockKind, Codec, HEADER_BYTES};
use super::*;
use crate::event::*;

fn header() -> Header {
    Header {
        tool_version: "0.1.0".into(),
        hostname: "build".into(),
        clock_offset_ns: -5,
        start_boot_ns: 77,
        command: vec![b"sh".to_vec(), b"onboard\xff.sh".to_vec()],
        mode: Mode::Command.into(),
        plan: vec![PlanEntry {
            fact: "exec".into(),
            ..PlanEntry::default()
        }],
        rules: vec![RuleSource {
            name: "omi".into(),
            text: "[tree]".into(),
        }],
        ..Header::default()
    }
}

fn exit(number: u64) -> Event {
    let process = ProcessId {
        pid: 100 + (number % 3) as u32,
        start_ns: 1_000_000 + number % 3,
    };
    let kind = EventKind::Exit(Exit {
        status: number as u32,
    });
    Event {
        boot_ns: 1_000_000_000 + number * 1000,
        process,
        user: 33,
        kind,
    }
}

/// A trace of `blocks` blocks with `each` events each, and where the blocks begin, the end
/// block and the end of the file included. `group` is how many blocks a group has.
fn trace(blocks: u64, each: u64, group: u64) -> (Vec<u8>, Vec<usize>) {
    let mut file = Vec::new();
    let mut starts = Vec::new();
    let mut now = Instant::now();
    let mut writer = Writer::new(&mut file, &header()).unwrap();
    for block in 0..blocks {
        starts.push(writer.length() as usize);
        for event in 0..each {
            writer.append(&exit(block * each + event), now);
        }
        if (block + 1) % group == 0 {
            writer.end_group();
        }
        now += FLUSH_AFTER;
        writer.flush_if_due(now);
    }
    starts.push(writer.length() as usize);
    let finished = writer.finish().unwrap();
    assert_eq!(
        finished,
        Finished {
            events: blocks * each,
            bytes: file.len() as u64
        }
    );
    starts.push(file.len());
    (file, starts)
}

struct Seen {
    events: Vec<(u64, Event)>,
    gaps: Vec<Gap>,
    unknown: u64,
    finished: bool,
}

fn read(bytes: &[u8]) -> Result<Seen, OpenError> {
    let mut reader = Reader::new(bytes, "t.trace")?;
    let (mut events, mut gaps) = (Vec::new(), Vec::new());
    for item in &mut reader {
        match item.unwrap() {
            Item::Event { sequence, event } => events.push((sequence, event)),
            Item::Gap(gap) => gaps.push(gap),
        }
    }
    assert!(events.is_sorted_by(|one, next| one.0 < next.0));
    Ok(Seen {
        events,
        gaps,
        unknown: reader.unknown_events(),
        finished: reader.is_finished(),
    })
}

fn sequences(read: &Seen) -> Vec<u64> {
    for (sequence, event) in &read.events {
        assert_eq!(*event, exit(sequence - 1));
    }
    read.events.iter().map(|event| event.0).collect()
}

fn message(bytes: &[u8]) -> String {
    read(bytes).err().unwrap().to_string()
}

#[test]
fn whole() {
    let (file, _) = trace(6, 5, 2);
    let read = read(&file).unwrap();
    assert_eq!(sequences(&read), Vec::from_iter(1..=30));
    assert!(read.gaps.is_empty() && read.finished);
    let reader = Reader::new(file.as_slice(), "").unwrap();
    assert_eq!((reader.header(), reader.format()), (&header(), 1));
}

#[test]
fn nothing_happened() {
    let (file, _) = trace(0, 0, 1);
    let read = read(&file).unwrap();
    assert!(read.events.is_empty() && read.gaps.is_empty() && read.finished);
}

/// Cut anywhere: every block that is whole is read, and the tear is told unless it is between
/// blocks.
#[test]
fn torn() {
    let (file, starts) = trace(6, 4, 2);
    for length in 0..file.len() {
        let torn = file.get(..length).unwrap();
        if length < starts[0] {
            let message = message(torn);
            assert!(message.contains("cut off") || length == 0, "{message}");
            continue;
        }
        let read = read(torn).unwrap();
        let whole = starts.iter().filter(|start| **start <= length).count() as u64 - 1;
        assert_eq!(sequences(&read), Vec::from_iter(1..=whole * 4));
        assert!(!read.finished);
        // Torn between two blocks, only its end is missing.
        let last = starts
            .iter()
            .filter(|start| **start <= length)
            .max()
            .unwrap();
        assert_eq!(read.gaps.len(), 1, "{length}");
        assert_eq!(read.gaps[0].offset, *last as u64);
        assert_eq!(read.gaps[0].resumed_at, None);
    }
}

/// A byte changed anywhere: only the rest of its group is missing, the numbers of the others
/// stay, and the gap says where and how many.
#[test]
fn flipped() {
    let (file, starts) = trace(6, 4, 2);
    for position in 0..file.len() {
        for change in [1, 0x80, 0xff] {
            let mut damaged = file.clone();
            damaged[position] ^= change;
            if position < starts[0] {
                assert!(read(&damaged).is_err());
                continue;
            }
            let read = read(&damaged).unwrap();
            let block = starts.iter().filter(|start| **start <= position).count() as u64 - 1;
            let end = if block == 6 { 6 } else { block / 2 * 2 + 2 };
            let kept = (1..=block * 4).chain(end * 4 + 1..=24);
            assert_eq!(sequences(&read), Vec::from_iter(kept));
            let gap = Gap {
                offset: starts[block as usize] as u64,
                resumed_at: (block < 6).then(|| starts[end as usize] as u64),
                events_missing: (block < 6).then_some((end - block) * 4),
                reason: read.gaps[0].reason,
            };
            assert_eq!(read.gaps, [gap]);
            assert_eq!(read.finished, block < 6);
        }
    }
}

#[test]
fn bytes_missing_and_added() {
    let (file, starts) = trace(6, 4, 1);
    let mut shorter = file.clone();
    shorter.drain(starts[1] + 50..starts[1] + 60);
    assert_eq!(
        sequences(&read(&shorter).unwrap()),
        Vec::from_iter((1..=4).chain(13..=24))
    );
    let mut without_block = file.clone();
    without_block.drain(starts[1]..starts[2]);
    let gap = &read(&without_block).unwrap().gaps[0];
    assert_eq!(
        (gap.events_missing, gap.reason),
        (Some(4), "blocks are missing")
    );
    let mut longer = file.clone();
    longer.splice(starts[3]..starts[3], vec![0xb7; 300_000]);
    let longer = read(&longer).unwrap();
    assert_eq!(sequences(&longer), Vec::from_iter(1..=24));
    assert_eq!(longer.gaps[0].events_missing, Some(0));
    let twice = read(&[file.clone(), file.clone()].concat()).unwrap();
    assert_eq!(twice.gaps[0].offset, file.len() as u64);
    let mut zeros = file.clone();
    zeros[starts[3]..].fill(0);
    assert_eq!(sequences(&read(&zeros).unwrap()), Vec::from_iter(1..=12));
}

/// What a program passes as an argument is not taken for a block, even where damage makes the
/// reader search.
#[test]
fn forged() {
    let (file, starts) = trace(3, 4, 1);
    let mut other = Vec::new();
    let mut writer = Writer::new(&mut other, &Header::default()).unwrap();
    let length = writer.length() as usize;
    for number in 0..40 {
        writer.append(&exit(number), Instant::now());
    }
    writer.finish().unwrap();
    let mut damaged = file.clone();
    damaged[starts[1]] = 0;
    damaged.splice(starts[2]..starts[2], other.split_off(length));
    assert_eq!(
        sequences(&read(&damaged).unwrap()),
        Vec::from_iter((1..=4).chain(9..=12))
    );
}

#[test]
fn refused() {
    let (file, _) = trace(1, 1, 1);
    assert_eq!(
        message(b""),
        "t.trace is empty: was its recording stopped before it began?"
    );
    assert_eq!(
        message(b"#!/bin/sh\nexit 0"),
        "t.trace is not a trace: it was not made by `tracer record`: check the name"
    );
    assert!(message(b"\x1f\x8b\x08 rest of it").contains("gunzip"));
    let mut text = file.clone();
    text.remove(5);
    assert!(message(&text).contains("takes it for text"));
    let mut newer = file.clone();
    newer[8] = 2;
    assert_eq!(
        message(&newer),
        "t.trace was written in format 2 by a newer tracer; this one reads up to format 1: update it"
    );
    let name = std::path::Path::new("/nonexistent/t.trace");
    assert!(
        Reader::open(name)
            .err()
            .unwrap()
            .to_string()
            .starts_with("cannot read /nonexistent/")
    );
}

/// A kind from the future is skipped and counted, and the differences go on past it.
#[test]
fn unknown_kind() {
    let mut raw = Vec::new();
    let mut foretold = envelope::Foretold::default();
    assert!(foretold.encode(&exit(0), 1000, &mut raw));
    // Time and process id 7 and 3 further than before; a message with tag 99.
    raw.extend([8, 0x08, 14, 0x10, 6, 0x9a, 0x06, 1, 0xff]);
    let mut second = Vec::new();
    // An unknown field next to a kind that is known.
    assert!(envelope::Foretold::default().encode(&exit(0), 1000, &mut second));
    second[0] += 3;
    second.extend([0xa0, 0x06, 1]);
    let block = |raw: &[u8], events, first, kind| {
        let (file, starts) = trace(0, 0, 1);
        let trace = BlockHeader::parse(&file[12..]).unwrap().trace;
        let header = BlockHeader {
            kind,
            codec: Codec::Raw,
            part: 0,
            stored_length: raw.len() as u32,
            raw_length: raw.len() as u32,
            first_sequence: first,
            event_count: events,
            trace,
            payload_crc: crc32fast::hash(raw),
        };
        (
            file[..starts[0]].to_vec(),
            [header.to_bytes(), raw.to_vec()].concat(),
        )
    };
    let (start, one) = block(&raw, 2, 1, BlockKind::Events);
    let (_, two) = block(b"future", 5, 3, BlockKind::Unknown(9));
    let (_, three) = block(&second, 1, 8, BlockKind::Events);
    let read = read(&[start, one, two, three].concat()).unwrap();
    assert_eq!(read.events, [(1, exit(0)), (8, exit(0))]);
    // The gap is the end, which it lacks.
    assert_eq!((read.unknown, read.gaps.len()), (6, 1));
    assert_eq!(read.gaps[0].resumed_at, None);
}

/// A disk with room for so many bytes.
struct Full {
    file: Vec<u8>,
    room: usize,
}

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(self.room - self.file.len());
        self.file.extend_from_slice(&bytes[..count]);
        if count == 0 {
            Err(io::ErrorKind::StorageFull.into())
        } else {
            Ok(count)
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Output for Full {
    fn cut_back(&mut self, length: u64) -> io::Result<()> {
        self.file.cut_back(length)
    }
}

#[test]
fn disk_full() {
    let (whole, starts) = trace(6, 4, 2);
    for room in starts[0]..whole.len() {
        let mut disk = Full {
            file: Vec::new(),
            room,
        };
        let mut writer = Writer::new(&mut disk, &header()).unwrap();
        let mut now = Instant::now();
        for number in 0..24 {
            writer.append(&exit(number), now);
            if number % 4 == 3 {
                now += FLUSH_AFTER;
                writer.flush_if_due(now);
            }
        }
        let failure = match writer.finish() {
            Ok(_) => continue,
            Err(failure) => failure,
        };
        assert_eq!(failure.error.kind(), io::ErrorKind::StorageFull);
        let read = read(&disk.file).unwrap();
        assert_eq!(
            sequences(&read).len() as u64 + failure.events_not_written,
            24
        );
        assert!(read.gaps.len() == 1 && read.gaps[0].resumed_at.is_none() && !read.finished);
    }
    assert!(
        Writer::new(
            Full {
                file: Vec::new(),
                room: 20
            },
            &header()
        )
        .is_err()
    );
    #[cfg(target_os = "linux")]
    {
        let device = std::fs::File::options()
            .write(true)
            .open("/dev/full")
            .unwrap();
        assert!(Writer::new(device, &header()).is_err());
    }
}

#[test]
fn flushed_in_time() {
    let mut file = Vec::new();
    let mut writer = Writer::new(&mut file, &header()).unwrap();
    let empty = writer.length();
    let now = Instant::now();
    assert_eq!(writer.due(), None);
    writer.append(&exit(0), now);
    assert_eq!(writer.due(), Some(now + FLUSH_AFTER));
    writer.flush_if_due(now + Duration::from_millis(99));
    assert_eq!(writer.length(), empty);
    writer.append(&exit(1), now + FLUSH_AFTER);
    assert!(writer.length() > empty);
    assert_eq!(writer.due(), None);
    drop(writer);
    let read = read(&file).unwrap();
    assert_eq!(sequences(&read), [1, 2]);
    assert!(!read.finished);
}

/// Larger than a group, and larger than a trace can hold.
#[test]
fn large() {
    let log = |bytes: usize| {
        let line = (0..bytes)
            .map(|at| char::from(b'a' + (at * at / 7 % 26) as u8))
            .collect();
        Event::of_recording(5, EventKind::KernelLog(KernelLog { line }))
    };
    let mut file = Vec::new();
    let mut writer = Writer::new(&mut file, &header()).unwrap();
    let events = [exit(0), log(3 << 20), exit(2), log(64 << 20), exit(4)];
    for event in &events {
        writer.append(event, Instant::now());
    }
    writer.finish().unwrap();
    let read = read(&file).unwrap();
    assert!(read.gaps.is_empty());
    let lost = EventKind::Lost(Lost {
        what: "kernel_log".into(),
        count: 1,
    });
    for (number, event) in read.events {
        let expected = &events[number as usize - 1];
        assert!(if number == 4 {
            event.kind == lost
        } else {
            event == *expected
        });
    }
}

#[cfg(unix)]
#[test]
fn created() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let told = |name: &str, overwrite| {
        create(&path(name), overwrite, None)
            .unwrap_err()
            .to_string()
    };
    let me = std::fs::metadata(directory.path()).unwrap();
    let file = create(&path("a"), false, Some((me.uid(), me.gid()))).unwrap();
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let exists = "a exists: choose another name with -o, or add --force to overwrite it";
    assert!(told("a", false).ends_with(exists));
    std::fs::write(path("a"), "before").unwrap();
    let again = create(&path("a"), true, None).unwrap();
    assert_eq!(again.metadata().unwrap().len(), 0);
    assert_eq!(file.metadata().unwrap().len(), 6);
    symlink(path("nowhere"), path("dangling")).unwrap();
    symlink(path("a"), path("link")).unwrap();
    for overwrite in [false, true] {
        assert!(told("dangling", overwrite).contains("symbolic link"));
        assert!(told("link", overwrite).contains("symbolic link"));
        assert!(told("", overwrite).contains("is a directory"));
        assert!(told("no/b", overwrite).contains("there is no directory"));
    }
    let device = create(std::path::Path::new("/dev/null"), true, None).unwrap_err();
    assert!(device.to_string().contains("not a regular file"));
    assert!(!path("nowhere").exists());
}

/// Gives a byte or two at a time, as pipes may.
struct Slow<'a>(&'a [u8]);

impl Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = buffer.len().min(2);
        self.0.read(buffer.get_mut(..count).unwrap())
    }
}

proptest! {
    #[test]
    fn round_trip(events in proptest::collection::vec((event(), 0..60_u64), 0..60)) {
        let mut file = Vec::new();
        let mut writer = Writer::new(&mut file, &header()).unwrap();
        let mut now = Instant::now();
        for (event, pause) in &events {
            now += Duration::from_millis(*pause);
            writer.append(event, now);
        }
        writer.finish().unwrap();
        let expected: Vec<_> =
            events.into_iter().map(|(event, _)| event).enumerate().map(|(at, event)| (at as u64 + 1, event)).collect();
        prop_assert_eq!(&read(&file).unwrap().events, &expected);
        let items = Reader::new(Slow(&file), "").unwrap().map(Result::unwrap);
        prop_assert_eq!(items.count(), expected.len());
    }

    #[test]
    fn every_kind_has_a_tag(kind in kind()) {
        let mut bytes = Vec::new();
        let event = Event::of_recording(1, kind);
        prop_assert!(envelope::Foretold::default().encode(&event, 1 << 20, &mut bytes));
        let decoded = envelope::Foretold::default().decode(&mut bytes.as_slice());
        prop_assert_eq!(decoded, Some(Some(event)));
    }

    /// Nothing panics, nothing is made up: behind the header of a trace, and in place of it.
    #[test]
    fn garbage(garbage in proptest::collection::vec(any::<u8>(), 0..400), at in 0..300_usize) {
        let (file, starts) = trace(4, 3, 2);
        let mut appended = file[..starts[0]].to_vec();
        appended.extend(&garbage);
        prop_assert!(read(&appended).unwrap().events.is_empty());
        let mut replaced = file.clone();
        for (byte, value) in replaced.iter_mut().skip(starts[0] + at).zip(&garbage) {
            *byte = *value;
        }
        sequences(&read(&replaced).unwrap());
        drop(read(&garbage));
        drop(read(&[&MAGIC[..], &[1, 0, 0, 0], &garbage].concat()));
    }

    /// Checksums hold, and what they cover is garbage.
    #[test]
    fn sealed_garbage(
        garbage in proptest::collection::vec(any::<u8>(), 0..200),
        (codec, part, raw_length, events) in (0..3_u8, 0..2_u16, any::<u32>(), 0..100_u32),
    ) {
        let (file, starts) = trace(0, 0, 1);
        let mut header = BlockHeader::parse(&file[12..]).unwrap();
        header.kind = BlockKind::Events;
        header.codec = if codec == 0 { Codec::Raw } else { Codec::Zstd };
        header.part = part;
        header.stored_length = garbage.len() as u32;
        header.raw_length = if codec == 1 { raw_length } else { garbage.len() as u32 };
        header.event_count = events;
        header.payload_crc = crc32fast::hash(&garbage);
        let sealed = [&file[..starts[0]], &header.to_bytes(), &garbage].concat();
        let read = read(&sealed).unwrap();
        prop_assert!(read.events.len() as u64 + read.unknown <= u64::from(events));
    }
}

#[test]
fn block_headers_survive() {
    let (file, _) = trace(0, 0, 1);
    let mut stream = Cursor::new(file);
    stream.set_position(12);
    let mut bytes = [0; HEADER_BYTES];
    stream.read_exact(&mut bytes).unwrap();
    assert_eq!(BlockHeader::parse(&bytes).unwrap().to_bytes(), bytes);
}
