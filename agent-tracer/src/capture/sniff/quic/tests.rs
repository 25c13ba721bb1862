//! Tests first packets: those of the RFCs, and others that this file seals itself.

use proptest::prelude::*;

use super::*;
use crate::capture::sniff::{
    fixtures::{HELLOS, bytes},
    tls::{Hello, ServerName},
};

const VERSION_1: &str = include_str!("../fixtures/quic-rfc9001.hex");
const VERSION_2: &str = include_str!("../fixtures/quic-rfc9369.hex");
const ID: &[u8] = &[0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08];

fn hello(opening: &Opening) -> Option<Hello> {
    match opening.read(false) {
        Reading::Is(ClientMessage::Hello(hello)) => Some(hello),
        Reading::Is(_) | Reading::Malformed(_) => panic!("no hello"),
        Reading::NeedsMore | Reading::SomethingElse => None,
    }
}

/// Writes a number in two bytes.
fn short(number: usize) -> [u8; 2] {
    (u16::try_from(number).expect("short") | 0x4000).to_be_bytes()
}

fn crypto(offset: usize, data: &[u8]) -> Vec<u8> {
    [&[6][..], &short(offset), &short(data.len()), data].concat()
}

/// Seals frames as a client does, with keys of one id, to another one.
fn seal(version: Version, keys_of: &[u8], id: &[u8], packet_number: u8, frames: &[u8]) -> Vec<u8> {
    let keys = Keys::of(version, keys_of).expect("keys");
    let (first, number): (u8, [u8; 4]) = match version {
        Version::One => (0xc0, [0, 0, 0, 1]),
        Version::Two => (0xd0, [0x6b, 0x33, 0x43, 0xcf]),
    };
    let mut header = vec![first];
    header.extend(number);
    header.push(u8::try_from(id.len()).expect("short"));
    header.extend(id);
    // No source, and a token of one byte.
    header.extend([0, 1, 7]);
    header.extend(short(1 + frames.len() + TAG));
    header.push(packet_number);
    let mut nonce = keys.nonce;
    nonce[NONCE - 1] ^= packet_number;
    let mut sealed = frames.to_vec();
    let tag = keys
        .packet
        .encrypt_in_place_detached(&nonce.into(), &header, &mut sealed)
        .expect("sealed");
    sealed.extend(tag);
    let mut mask = *aes_gcm::aes::Block::from_slice(&sealed[NUMBER - 1..NUMBER - 1 + SAMPLE]);
    keys.header.encrypt_block(&mut mask);
    header[0] ^= mask[0] & 0x0f;
    *header.last_mut().expect("a number") ^= mask[1];
    [header, sealed].concat()
}

/// A browser's hello, without the record around it.
fn long_hello() -> Vec<u8> {
    bytes(HELLOS[6])[5..].to_vec()
}

#[test]
fn vectors_of_the_standards() {
    let keys = Keys::of(Version::One, ID).expect("keys");
    assert_eq!(
        keys.nonce,
        [
            0xfa, 0x04, 0x4b, 0x2f, 0x42, 0xa3, 0xfd, 0x3b, 0x46, 0xfb, 0x25, 0x5c
        ]
    );
    for text in [VERSION_1, VERSION_2] {
        let mut opening = Opening::default();
        opening.add(&bytes(text));
        let hello = hello(&opening).expect("a hello");
        assert_eq!(hello.server_name, ServerName::Host("example.com".into()));
        assert_eq!(hello.alpn, ["alpn"]);
    }
}

#[test]
fn a_hello_over_several_packets_in_any_order() {
    let hello_bytes = long_hello();
    let parts: Vec<(usize, &[u8])> = hello_bytes
        .chunks(100)
        .enumerate()
        .map(|(number, part)| (number * 100, part))
        .collect();
    let (first, second) = parts.split_at(parts.len() / 2);
    let frames = |parts: &[(usize, &[u8])]| -> Vec<u8> {
        // As a browser does: in disorder, with PING and PADDING between.
        let mut frames = vec![1, 0, 0];
        // An ACK with one more range, too.
        frames.extend([2, 9, 0, 1, 1, 1, 1]);
        for (offset, part) in parts.iter().rev() {
            frames.extend(crypto(*offset, part));
            frames.extend([0, 1]);
        }
        frames
    };
    let one = seal(Version::One, ID, ID, 1, &frames(first));
    // Of the second packet, the id is the server's; its keys stay those of the first.
    let two = seal(Version::One, ID, b"server", 2, &frames(second));
    let mut opening = Opening::default();
    opening.add(&one);
    assert_eq!(opening.read(false), Reading::NeedsMore);
    assert_eq!(opening.read(true), Reading::Malformed("TLS hello"));
    opening.add(&two);
    assert_eq!(opening.read(false), {
        let mut joined = Opening::default();
        joined.add(&[one, two].concat());
        joined.read(false)
    });
    assert!(matches!(
        hello(&opening).expect("one").server_name,
        ServerName::Host(_)
    ));
}

#[test]
fn a_client_starts_again_after_a_retry() {
    let hello_bytes = long_hello();
    let half = hello_bytes.len() / 2;
    let mut opening = Opening::default();
    opening.add(&seal(Version::Two, ID, ID, 0, &crypto(0, &[1; 60])));
    opening.add(&seal(
        Version::Two,
        b"retried!",
        b"retried!",
        1,
        &crypto(0, &hello_bytes[..half]),
    ));
    opening.add(&seal(
        Version::Two,
        b"retried!",
        b"retried!",
        2,
        &crypto(half, &hello_bytes[half..]),
    ));
    assert!(hello(&opening).is_some());
}

#[test]
fn other_packets_and_damaged_ones_say_nothing() {
    let whole = bytes(VERSION_1);
    for (place, bit) in [(0, 1), (5, 1), (30, 1), (1199, 0x80)] {
        let mut damaged = whole.clone();
        damaged[place] ^= bit;
        let mut opening = Opening::default();
        opening.add(&damaged);
        assert_eq!(opening.read(true), Reading::SomethingElse, "byte {place}");
    }
    for end in 0..whole.len() {
        let mut opening = Opening::default();
        opening.add(&whole[..end]);
        assert_eq!(opening.read(true), Reading::SomethingElse, "{end} bytes");
    }
    // Lengths that lie, in packets and in frames.
    for frames in [
        &[6, 0, 0xff][..],
        &[2, 0, 0, 0xff, 0xff, 0xff, 0xff],
        &[0x1c, 0],
        &[6, 0xff],
    ] {
        let mut padded = frames.to_vec();
        padded.resize(64, 0xff);
        let mut opening = Opening::default();
        opening.add(&seal(Version::One, ID, ID, 0, &padded));
        assert_eq!(opening.read(true), Reading::SomethingElse, "{frames:?}");
    }
}

#[test]
fn numbers_of_all_lengths() {
    for (text, value) in [
        ("25", 37),
        ("7bbd", 15_293),
        ("9d7f3e7d", 494_878_333),
        ("c2197c5eff14e88c", 151_288_809_941_952_652),
    ] {
        assert_eq!(number(&bytes(text)), Some((value, &[][..])));
    }
    assert_eq!(number(&[0x7b]), None);
}

/// Frames with the numbers that parsers trip over, and any bytes between.
fn frames() -> impl Strategy<Value = Vec<u8>> {
    let frame = prop_oneof![
        Just(vec![0]),
        Just(vec![6, 0]),
        Just(vec![2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        Just(vec![6, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        (0..9000_usize, 0..300_usize).prop_map(|(at, length)| crypto(at, &vec![1; length])),
        proptest::collection::vec(any::<u8>(), 0..20),
    ];
    proptest::collection::vec(frame, 0..20).prop_map(|frames| frames.concat())
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..100),
        frames in frames(),
    ) {
        let mut opening = Opening::default();
        for version in [[0xc0, 0, 0, 0, 1], [0xd0, 0x6b, 0x33, 0x43, 0xcf]] {
            opening.add(&[&version[..], &bytes].concat());
        }
        prop_assert_eq!(opening.read(true), Reading::SomethingElse);
        opening.add(&seal(Version::One, ID, ID, 0, &[&frames[..], &[0; 4]].concat()));
        let _ = opening.read(true);
    }
}
