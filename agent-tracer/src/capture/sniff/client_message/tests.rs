//! Tests messages in pieces, cut short, and damaged.

use proptest::prelude::*;

use super::{ClientMessage, PIECE_LIMIT, Reading, Reassembly, STREAM_LIMIT, read_client_message};
use crate::capture::sniff::fixtures::client_messages;

#[test]
fn a_part_is_neither_named_nor_refused() {
    for message in client_messages() {
        assert!(matches!(
            read_client_message(&message, false),
            Reading::Is(_)
        ));
        assert_eq!(
            read_client_message(&message, false),
            read_client_message(&message, true)
        );
        for end in 0..message.len() {
            let part = message.get(..end).expect("within");
            assert_eq!(
                read_client_message(part, false),
                Reading::NeedsMore,
                "{end}"
            );
            let cut = read_client_message(part, true);
            assert!(
                matches!(cut, Reading::Malformed(_) | Reading::SomethingElse),
                "{end}: {cut:?}"
            );
        }
    }
}

#[test]
fn cut_messages_differ_from_other_protocols() {
    let all = |bytes: &[u8]| read_client_message(bytes, true);
    assert_eq!(all(b""), Reading::SomethingElse);
    assert_eq!(all(b"GET"), Reading::SomethingElse);
    assert_eq!(all(b"\x16\x03\x01"), Reading::SomethingElse);
    assert_eq!(
        all(b"\x16\x03\x01\x02\0\x01"),
        Reading::Malformed("TLS hello")
    );
    assert_eq!(
        all(b"GET / HTTP/1.1\r\nHo"),
        Reading::Malformed("HTTP request")
    );
    assert_eq!(all(b"\x16abc"), Reading::SomethingElse);
    let request = read_client_message(b"GET / HTTP/1.0\r\n\r\n", false);
    let Reading::Is(ClientMessage::Request(request)) = request else {
        panic!("a request");
    };
    assert_eq!((request.host, request.destination), (None, None));
}

#[test]
fn a_row_holds_no_more_than_its_limit() {
    let mut stream = Reassembly::default();
    let far = u64::MAX - 3;
    stream.add(far, b"abcdefgh");
    stream.add(STREAM_LIMIT as u64, b"a");
    stream.add(0, b"");
    assert!(stream.bytes.is_empty() && stream.known.is_empty());
    stream.add(STREAM_LIMIT as u64 - 2, b"abcd");
    assert_eq!(stream.bytes.len(), STREAM_LIMIT);
    assert_eq!(stream.contiguous(), b"");
    stream.add(0, &[b'x'; 3 * STREAM_LIMIT]);
    assert!(stream.is_full());
    assert!(
        stream.contiguous().ends_with(b"xab"),
        "what came first holds"
    );
}

#[test]
fn a_row_has_no_more_holes_than_its_limit() {
    let mut stream = Reassembly::default();
    for piece in (0..2 * PIECE_LIMIT as u64).rev() {
        stream.add(1 + 2 * piece, b"a");
    }
    assert_eq!(stream.known.len(), PIECE_LIMIT);
    // A segment that closes gaps is still accepted.
    stream.add(0, &[b'b'; 4 * PIECE_LIMIT]);
    assert_eq!(stream.contiguous().len(), 4 * PIECE_LIMIT);
    assert_eq!(stream.known.len(), 1);
}

/// Segments that cover all bytes at least once, in any order.
fn segments(length: usize) -> impl Strategy<Value = Vec<std::ops::Range<usize>>> {
    let cuts = proptest::collection::vec(0..=length, 0..12);
    let again = proptest::collection::vec((0..=length, 0..=length), 0..4);
    (cuts, again)
        .prop_map(move |(mut cuts, again)| {
            cuts.extend([0, length]);
            cuts.sort_unstable();
            let pieces = cuts.windows(2).map(|pair| pair[0]..pair[1]);
            let again = again.iter().map(|(a, b)| *a.min(b)..*a.max(b));
            pieces.chain(again).collect()
        })
        .prop_shuffle()
}

fn opening_and_segments() -> impl Strategy<Value = (Vec<u8>, Vec<std::ops::Range<usize>>)> {
    proptest::sample::select(client_messages()).prop_flat_map(|message: Vec<u8>| {
        let length = message.len();
        (Just(message), segments(length))
    })
}

proptest! {
    #[test]
    fn segments_make_no_difference((message, segments) in opening_and_segments()) {
        let mut stream = Reassembly::default();
        for segment in segments {
            if stream.contiguous().len() < message.len() {
                let reading = read_client_message(stream.contiguous(), false);
                prop_assert_eq!(reading, Reading::NeedsMore);
            }
            stream.add(segment.start as u64, &message[segment]);
        }
        prop_assert_eq!(stream.contiguous(), &message[..]);
        let expected = read_client_message(&message, false);
        prop_assert_eq!(read_client_message(stream.contiguous(), false), expected);
    }

    #[test]
    fn of_two_segments_the_first_holds(
        segments in proptest::collection::vec(
            (0usize..60, proptest::collection::vec(any::<u8>(), 0..20)),
            0..20,
        )
    ) {
        let mut stream = Reassembly::default();
        let mut expected = [None; 80];
        for (offset, bytes) in segments {
            stream.add(offset as u64, &bytes);
            for (place, byte) in expected[offset..].iter_mut().zip(bytes) {
                place.get_or_insert(byte);
            }
            let known: Vec<u8> = expected.iter().map_while(|byte| *byte).collect();
            prop_assert_eq!(stream.contiguous(), known);
        }
    }

    #[test]
    fn no_bytes_make_it_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        is_all: bool,
    ) {
        let reading = read_client_message(&bytes, is_all);
        prop_assert!(!(is_all && reading == Reading::NeedsMore));
        const HELLO: &[u8] = b"\x16\x03\x01\x00\x80\x01\x00\x00\x7c\x03\x03";
        for beginning in [HELLO, b"GET / HTTP/1.1\r\n", b"GET http://"] {
            let _ = read_client_message(&[beginning, &bytes].concat(), is_all);
        }
    }

    #[test]
    fn no_damage_makes_it_panic(
        message in proptest::sample::select(client_messages()),
        damage in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6),
        is_all: bool,
    ) {
        let mut damaged = message;
        for (place, byte) in damage {
            let place = place.index(damaged.len());
            damaged[place] = byte;
        }
        // Any name that it then has is a host, and is in the bytes, in upper or lower case.
        if let Reading::Is(ClientMessage::Hello(hello)) = read_client_message(&damaged, is_all)
            && let Some(host) = hello.server_name.host()
        {
            let lower = damaged.to_ascii_lowercase();
            let whole = memchr::memmem::find(&lower, host.as_bytes()).is_some();
            prop_assert!(whole, "{host}");
            prop_assert!(host.bytes().all(|byte| byte.is_ascii_graphic()));
        }
    }

    #[test]
    fn what_was_malformed_stays_so(
        message in proptest::sample::select(client_messages()),
        place: proptest::sample::Index,
        byte: u8,
        end: proptest::sample::Index,
    ) {
        let mut damaged = message;
        let place = place.index(damaged.len());
        damaged[place] = byte;
        let early = read_client_message(&damaged[..end.index(damaged.len())], false);
        if early != Reading::NeedsMore {
            prop_assert_eq!(early, read_client_message(&damaged, false));
        }
    }
}
