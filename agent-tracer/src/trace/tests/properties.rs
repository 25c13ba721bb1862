//! Traces of any events and of any bytes: what is written is read, and nothing makes a reader
//! panic.

use std::io::Read;

use proptest::prelude::*;

use super::{
    kinds::{event, kind},
    *,
};

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
            (1..).zip(events.into_iter().map(|(event, _)| event)).collect();
        prop_assert_eq!(&read(&file).unwrap().events, &expected);
        let items = Reader::new(Slow(&file), "").unwrap().map(Result::unwrap);
        prop_assert_eq!(items.count(), expected.len());
    }

    #[test]
    fn every_kind_has_a_tag(kind in kind()) {
        let mut bytes = Vec::new();
        let event = Event::of_recording(1, kind);
        prop_assert!(envelope::EventCoder::default().encode(&event, 1 << 20, &mut bytes));
        let decoded = envelope::EventCoder::default().decode(&mut bytes.into());
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
