//! Indexes: what a reader passes over, and what it makes of false ones.

use super::*;
use crate::trace::index::{Facts, RANGES_LIMIT, Stored, Wanted};

fn fork(number: u64) -> Event {
    let fork = Fork {
        parent_pid: 7_000 + number as u32 / 100,
        ..Fork::default()
    };
    let process = ProcessId {
        pid: 50_000 + number as u32,
        start_ns: 77 + number,
    };
    Event {
        boot_ns: 77 + number * 1000,
        process,
        user: 0,
        kind: EventKind::Fork(fork),
    }
}

/// Writes ten groups of forty forks each; in the second there is an exit, too.
fn write(nothing_missing: bool) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut writer = Writer::new(file.reopen().unwrap(), &header()).unwrap();
    for number in 0..400 {
        writer.append(&fork(number), Instant::now());
        if number == 50 {
            writer.append(&exit(0), Instant::now());
        }
        if number % 40 == 39 {
            writer.end_group();
        }
    }
    if nothing_missing {
        writer.nothing_is_missing();
    }
    writer.finish().unwrap();
    file
}

/// Returns the counts of events read and passed over, and the gaps.
fn read_for(path: &std::path::Path, wanted: &Wanted) -> (usize, u64, Vec<Gap>) {
    read_with(Reader::open_for(path, wanted).unwrap())
}

fn read_with(mut reader: Reader<std::fs::File>) -> (usize, u64, Vec<Gap>) {
    let (mut events, mut gaps) = (0, Vec::new());
    for item in &mut reader {
        match item.unwrap() {
            Item::Event { .. } => events += 1,
            Item::Gap(gap) => gaps.push(gap),
        }
    }
    assert!(reader.is_finished());
    (events, reader.passed_over(), gaps)
}

fn some_wanted() -> Vec<(Wanted, usize)> {
    let all = Wanted::default;
    vec![
        (all(), 401),
        (
            Wanted {
                until_ns: Some(0),
                ..all()
            },
            40,
        ),
        (
            Wanted {
                until_ns: Some(40_000),
                ..all()
            },
            81,
        ),
        (
            Wanted {
                since_ns: Some(2_000_000_000),
                ..all()
            },
            0,
        ),
        (
            Wanted {
                kinds: vec!["exit".into()],
                ..all()
            },
            81,
        ),
        (
            Wanted {
                kinds: vec!["lost".into()],
                ..all()
            },
            0,
        ),
        (
            Wanted {
                pids: vec![50_125],
                ..all()
            },
            161,
        ),
        (
            // As the parent of the fork.
            Wanted {
                pids: vec![7_001],
                ..all()
            },
            201,
        ),
        (
            Wanted {
                pids: vec![1],
                ..all()
            },
            0,
        ),
    ]
}

#[test]
fn what_cannot_be_wanted_is_passed_over() {
    let file = write(true);
    for (wanted, expected) in some_wanted() {
        let (events, passed_over, gaps) = read_for(file.path(), &wanted);
        assert_eq!(events, expected, "{wanted:?}");
        assert_eq!(passed_over, 401 - expected as u64);
        assert_eq!(gaps, []);
    }
}

#[test]
fn a_recording_with_missing_parts_is_read_whole() {
    let file = write(false);
    for (wanted, _) in some_wanted() {
        let (events, passed_over, gaps) = read_for(file.path(), &wanted);
        assert_eq!((events, passed_over, gaps), (401, 0, Vec::new()));
    }
}

/// A byte changed anywhere is damage, read or passed over.
#[test]
fn damage_is_seen_where_nothing_is_unpacked() {
    let file = write(true);
    let whole = std::fs::read(file.path()).unwrap();
    let begin = Reader::new(whole.as_slice(), "").unwrap().offset() as usize;
    let end = whole.len() - HEADER_BYTES - index::END_PAYLOAD;
    for position in (begin..end).step_by(31) {
        let mut damaged = whole.clone();
        damaged[position] ^= 0x10;
        std::fs::write(file.path(), &damaged).unwrap();
        for (wanted, _) in some_wanted() {
            let (_, _, gaps) = read_for(file.path(), &wanted);
            assert_eq!(gaps.len(), 1, "{position} {wanted:?}");
        }
    }
}

/// Changes the index of a trace, and leaves every checksum right.
fn forge(whole: &[u8], change: impl FnOnce(&mut Stored)) -> Vec<u8> {
    let end = whole.len() - HEADER_BYTES - index::END_PAYLOAD;
    let place = u64::from_le_bytes(*whole.last_chunk().unwrap()) as usize;
    let header = BlockHeader::parse(&whole[place..]).unwrap();
    assert_eq!(header.kind, BlockKind::Index);
    let mut stored = index::stored(&header, &whole[place + HEADER_BYTES..end]).unwrap();
    change(&mut stored);
    let raw = prost::Message::encode_to_vec(&stored);
    let forged = BlockHeader {
        codec: Codec::Raw,
        stored_length: raw.len() as u32,
        raw_length: raw.len() as u32,
        payload_crc: crc32fast::hash(&raw),
        ..header
    };
    let mut bytes = [&whole[..place], &forged.to_bytes(), &raw].concat();
    bytes.extend(&whole[end..]);
    bytes
}

#[test]
fn a_false_index_is_damage_to_a_whole_reading() {
    let file = write(true);
    let whole = std::fs::read(file.path()).unwrap();
    let changes: [fn(&mut Stored); 6] = [
        |index| index.kinds[1] = 1,
        |index| index.latest[3] = 5,
        |index| index.earliest[0] = 1 << 40,
        |index| index.pids[3] = 50_000,
        |index| index.kinds.iter_mut().for_each(|kinds| *kinds = 0),
        |index| {
            index.bytes[4] += 1;
            index.bytes[5] -= 1;
        },
    ];
    for change in changes {
        std::fs::write(file.path(), forge(&whole, change)).unwrap();
        let (events, passed_over, gaps) = read_with(Reader::open(file.path()).unwrap());
        assert_eq!((events, gaps.len()), (401, 1));
        assert_eq!(passed_over, 0);
        assert_eq!(gaps[0].reason, "the index does not agree with the events");
    }
}

#[test]
fn an_index_that_cannot_be_is_not_used() {
    let file = write(true);
    let whole = std::fs::read(file.path()).unwrap();
    let changes: [fn(&mut Stored); 5] = [
        |index| index.kinds.clear(),
        |index| index.ranges[0] = u32::MAX,
        |index| index.bytes[0] = u64::MAX,
        |index| index.events[9] = u64::MAX,
        |index| index.pids.clear(),
    ];
    for change in changes {
        std::fs::write(file.path(), forge(&whole, change)).unwrap();
        for (wanted, _) in some_wanted() {
            let (events, passed_over, gaps) = read_for(file.path(), &wanted);
            assert_eq!((events, passed_over, gaps.len()), (401, 0, 1));
            assert_eq!(gaps[0].reason, "the index is malformed");
        }
    }
}

#[test]
fn ranges_name_every_process_of_a_group() {
    let mut facts = Facts::default();
    for number in 0..3_000_u64 {
        facts.note(&exit(number));
        facts.note(&fork(number * number % 10_007));
    }
    let ranges = facts.ranges();
    assert!(ranges.len() <= RANGES_LIMIT && ranges.is_sorted());
    let is_named = |pid| {
        ranges
            .iter()
            .any(|(first, last)| (first..=last).contains(&pid))
    };
    assert!(facts.pids.iter().all(is_named));
}
