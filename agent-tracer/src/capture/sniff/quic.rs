//! Decrypts the first packets of a QUIC client for its ClientHello. Their keys follow from the
//! client's own first packet (RFC 9001 section 5.2), so any observer has them. Later packets stay
//! closed.

use aes_gcm::{
    Aes128Gcm,
    aead::AeadInPlace,
    aes::{
        Aes128,
        cipher::{BlockEncrypt, KeyInit},
    },
};
use hkdf::Hkdf;
use sha2::Sha256;

use super::{
    ClientMessage, Reading, Reassembly,
    client_message::{Progress, conclude},
    tls,
};

/// Limit of packets in one datagram. Clients put two or three into it.
const PACKET_LIMIT: usize = 8;

/// RFC 9000 section 17.2.
const ID_LIMIT: usize = 20;

const KEY: usize = 16;
const NONCE: usize = 12;
const TAG: usize = 16;
const SAMPLE: usize = 16;
/// Longest packet number.
const NUMBER: usize = 4;

/// The versions with known keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    /// RFC 9000.
    One,
    /// RFC 9369.
    Two,
}

impl Version {
    fn of(number: [u8; 4]) -> Option<Version> {
        match u32::from_be_bytes(number) {
            1 => Some(Version::One),
            0x6b33_43cf => Some(Version::Two),
            _ => None,
        }
    }

    fn salt(self) -> [u8; 20] {
        match self {
            Version::One => [
                0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8,
                0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a,
            ],
            Version::Two => [
                0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93, 0x81, 0xbe, 0x6e, 0x26,
                0x9d, 0xcb, 0xf9, 0xbd, 0x2e, 0xd9,
            ],
        }
    }

    /// Labels of key, nonce and header key, as HKDF-Expand-Label takes them.
    fn labels(self) -> [&'static [u8]; 3] {
        match self {
            Version::One => [b"tls13 quic key", b"tls13 quic iv", b"tls13 quic hp"],
            Version::Two => [b"tls13 quicv2 key", b"tls13 quicv2 iv", b"tls13 quicv2 hp"],
        }
    }

    fn form(self, first: u8) -> Form {
        match (self, first >> 4 & 3) {
            (Version::One, 0) | (Version::Two, 1) => Form::Initial,
            (Version::One, 3) | (Version::Two, 0) => Form::Retry,
            (Version::One | Version::Two, _) => Form::Later,
        }
    }
}

/// Forms of packets with a long header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Initial,
    /// 0-RTT or Handshake.
    Later,
    Retry,
}

/// The opening of one client so far.
#[derive(Default)]
pub struct Opening {
    keys: Option<Keys>,
    stream: Reassembly,
}

impl Opening {
    /// Adds a datagram of the client, or several that segmentation offload joined.
    pub fn add(&mut self, datagram: &[u8]) {
        let mut rest = datagram;
        for _ in 0..PACKET_LIMIT {
            let Some((packet, after)) = Packet::split(rest) else {
                return;
            };
            rest = after;
            if packet.form == Form::Initial
                && let Some(frames) = self.open(&packet)
            {
                self.take_frames(&frames);
            }
        }
    }

    /// Adds frames as if they were decrypted: chance never finds a valid tag.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn add_frames(&mut self, frames: &[u8]) {
        self.keys = Keys::of(Version::One, &[]);
        self.take_frames(frames);
    }

    /// Reads the hello; `is_all` says that no more will follow.
    pub fn read(&self, is_all: bool) -> Reading {
        let progress = match self.keys {
            Some(_) => tls::read_handshake(self.stream.contiguous()),
            // Nothing was authentic so far.
            None => Progress::Perhaps,
        };
        let is_all = is_all || self.stream.is_full();
        conclude("TLS hello", progress, ClientMessage::Hello, is_all)
    }

    /// Decrypts a packet; `None` if its tag does not fit.
    fn open(&mut self, packet: &Packet<'_>) -> Option<Vec<u8>> {
        let known = self
            .keys
            .as_ref()
            .filter(|keys| keys.version == packet.version);
        if let Some(frames) = known.and_then(|keys| keys.open(packet)) {
            return Some(frames);
        }
        if known.is_some_and(|keys| keys.id == packet.id) {
            return None;
        }
        // The first packet, or the first after a Retry, behind which the client starts again.
        let keys = Keys::of(packet.version, packet.id)?;
        let frames = keys.open(packet)?;
        self.keys = Some(keys);
        self.stream = Reassembly::default();
        Some(frames)
    }

    /// Adds what the frames have of the handshake. Stops at a frame that no first packet may have.
    fn take_frames(&mut self, mut rest: &[u8]) {
        while let Some((kind, after)) = rest.split_first() {
            let after = match kind {
                // PADDING, PING.
                0 | 1 => Some(after),
                2 | 3 => without_ack(after, *kind == 3),
                6 => self.take_crypto(after),
                _ => None,
            };
            match after {
                Some(after) => rest = after,
                None => return,
            }
        }
    }

    fn take_crypto<'a>(&mut self, frame: &'a [u8]) -> Option<&'a [u8]> {
        let (offset, rest) = number(frame)?;
        let (bytes, rest) = counted(rest)?;
        self.stream.add(offset, bytes);
        Some(rest)
    }
}

/// Skips an ACK frame behind its kind.
fn without_ack(frame: &[u8], has_counts: bool) -> Option<&[u8]> {
    let (_largest, rest) = number(frame)?;
    let (_delay, rest) = number(rest)?;
    let (ranges, rest) = number(rest)?;
    // The first range has one number, the others have two.
    let numbers = ranges
        .checked_mul(2)?
        .checked_add(if has_counts { 4 } else { 1 })?;
    let mut rest = rest;
    // Each number takes a byte at least, so a count without its numbers ends at once.
    for _ in 0..numbers {
        (_, rest) = number(rest)?;
    }
    Some(rest)
}

/// Splits a number of variable length off (RFC 9000 section 16).
fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let length = 1_usize << (bytes.first()? >> 6);
    let (own, rest) = bytes.split_at_checked(length)?;
    let all = own
        .iter()
        .fold(0_u64, |all, byte| all << 8 | u64::from(*byte));
    // Without the two bits of the length.
    Some((all & (u64::MAX >> 2 >> (64 - 8 * length)), rest))
}

/// Splits a number off, and as many bytes as it says.
fn counted(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = number(bytes)?;
    rest.split_at_checked(usize::try_from(length).ok()?)
}

/// Splits a connection id with its length off.
fn connection_id(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first()?;
    let length = usize::from(*length);
    (length <= ID_LIMIT).then(|| rest.split_at_checked(length))?
}

/// A packet with a long header.
struct Packet<'a> {
    version: Version,
    form: Form,
    /// The connection id of its destination.
    id: &'a [u8],
    /// The header up to the packet number.
    header: &'a [u8],
    /// The packet number and the encrypted frames.
    sealed: &'a [u8],
}

impl Packet<'_> {
    /// Splits the first packet off.
    fn split(bytes: &[u8]) -> Option<(Packet<'_>, &[u8])> {
        let (first, rest) = bytes.split_first()?;
        if first & 0xc0 != 0xc0 {
            return None;
        }
        let (version, rest) = rest.split_first_chunk()?;
        let version = Version::of(*version)?;
        let form = version.form(*first);
        let (id, rest) = connection_id(rest)?;
        let (_source, rest) = connection_id(rest)?;
        let rest = match form {
            Form::Initial => counted(rest)?.1,
            Form::Later => rest,
            // Of servers alone.
            Form::Retry => return None,
        };
        let (length, rest) = number(rest)?;
        let header = bytes.get(..bytes.len().checked_sub(rest.len())?)?;
        let (sealed, after) = rest.split_at_checked(usize::try_from(length).ok()?)?;
        let packet = Packet {
            version,
            form,
            id,
            header,
            sealed,
        };
        Some((packet, after))
    }
}

/// The client's keys for its first packets.
struct Keys {
    version: Version,
    /// The connection id that they follow from.
    id: Vec<u8>,
    packet: Aes128Gcm,
    nonce: [u8; NONCE],
    header: Aes128,
}

impl Keys {
    fn of(version: Version, id: &[u8]) -> Option<Keys> {
        let initial = Hkdf::<Sha256>::new(Some(&version.salt()), id);
        let secret: [u8; 32] = expand(&initial, b"tls13 client in")?;
        let secret = Hkdf::<Sha256>::from_prk(&secret).ok()?;
        let [key, nonce, header] = version.labels();
        let key: [u8; KEY] = expand(&secret, key)?;
        let header: [u8; KEY] = expand(&secret, header)?;
        Some(Keys {
            version,
            id: id.to_vec(),
            packet: Aes128Gcm::new(&key.into()),
            nonce: expand(&secret, nonce)?,
            header: Aes128::new(&header.into()),
        })
    }

    /// Decrypts a packet; `None` if its tag does not fit.
    fn open(&self, packet: &Packet<'_>) -> Option<Vec<u8>> {
        let sample = packet.sealed.get(NUMBER..NUMBER + SAMPLE)?;
        let mut mask = *aes_gcm::aes::Block::from_slice(sample);
        self.header.encrypt_block(&mut mask);
        let (of_first, of_number) = mask.split_first()?;
        let mut header = packet.header.to_vec();
        let first = header.first_mut()?;
        *first ^= of_first & 0x0f;
        let length = usize::from(*first & 3) + 1;
        let (number, body) = packet.sealed.split_at_checked(length)?;
        header.extend(number.iter().zip(of_number).map(|(byte, mask)| byte ^ mask));
        let mut nonce = self.nonce;
        // The first numbers are short, and sent as they are.
        for (byte, number) in nonce.iter_mut().rev().zip(header.iter().rev().take(length)) {
            *byte ^= number;
        }
        let (body, tag) = body.split_at_checked(body.len().checked_sub(TAG)?)?;
        let mut frames = body.to_vec();
        let tag = aes_gcm::Tag::from_slice(tag);
        let opened =
            self.packet
                .decrypt_in_place_detached(&nonce.into(), &header, &mut frames, tag);
        opened.ok().map(|()| frames)
    }
}

/// HKDF-Expand-Label without a context (RFC 8446 section 7.1).
fn expand<const N: usize>(secret: &Hkdf<Sha256>, label: &[u8]) -> Option<[u8; N]> {
    let length = u16::try_from(N).ok()?.to_be_bytes();
    let label_length = u8::try_from(label.len()).ok()?;
    let mut key = [0; N];
    let info = [&length[..], &[label_length], label, &[0]];
    secret.expand_multi_info(&info, &mut key).ok()?;
    Some(key)
}

#[cfg(test)]
mod tests;
