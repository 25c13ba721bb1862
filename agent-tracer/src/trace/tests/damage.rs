//! Traces that are broken in every way: what is whole is read, and what is not is said.

use super::*;

/// Cut anywhere: every complete block is read, and the tear is reported unless it is between
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
        let end = end_of(&file);
        let last = starts
            .iter()
            .chain([&end])
            .filter(|start| **start <= length)
            .max()
            .unwrap();
        assert_eq!(read.gaps.len(), 1, "{length}");
        assert_eq!(read.gaps[0].offset, *last as u64);
        assert_eq!(read.gaps[0].resumed_at, None);
    }
}

/// Returns the place of the last block of a trace with an index.
fn end_of(file: &[u8]) -> usize {
    file.len() - HEADER_BYTES - index::END_PAYLOAD
}

/// A byte changed anywhere: only the rest of its group is missing. The numbers of the others stay,
/// and the gap has the place and the count.
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
            // The index and the end have no events.
            let is_end = position >= end_of(&file);
            let gap = match block {
                0..6 => Gap {
                    offset: starts[block as usize] as u64,
                    resumed_at: Some(starts[end as usize] as u64),
                    events_missing: Some((end - block) * 4),
                    reason: read.gaps[0].reason,
                },
                _ => Gap {
                    offset: if is_end { end_of(&file) } else { starts[6] } as u64,
                    resumed_at: (!is_end).then(|| end_of(&file) as u64),
                    events_missing: (!is_end).then_some(0),
                    reason: read.gaps[0].reason,
                },
            };
            assert_eq!(read.gaps, [gap]);
            assert_eq!(read.finished, !is_end);
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

/// An argument of a program is not taken for a block, even where damage makes the
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
        "cannot read t.trace: it is empty\nhint: its recording was stopped before it began"
    );
    assert_eq!(
        message(b"#!/bin/sh\nexit 0"),
        "cannot read t.trace: it is not a trace: it was not made by `tracer record`\n\
         hint: check the name"
    );
    assert!(message(b"\x1f\x8b\x08 rest of it").contains("gunzip"));
    let mut text = file.clone();
    text.remove(5);
    assert!(message(&text).contains("takes it for text"));
    let mut newer = file.clone();
    newer[8] = 2;
    assert_eq!(
        message(&newer),
        "cannot read t.trace: a newer tracer wrote it in format 2, and this one reads up to \
         format 1\nhint: update this one"
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
    let mut coder = envelope::EventCoder::default();
    assert!(coder.encode(&exit(0), 1000, &mut raw));
    // Time and process id 7 and 3 further than before; a message with tag 99.
    raw.extend([8, 0x08, 14, 0x10, 6, 0x9a, 0x06, 1, 0xff]);
    let mut second = Vec::new();
    // An unknown field next to a kind that is known.
    assert!(envelope::EventCoder::default().encode(&exit(0), 1000, &mut second));
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
