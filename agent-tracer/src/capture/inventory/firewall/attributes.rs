//! Reads netlink attributes of a message by their numbers. The library that iterates checks
//! lengths.

use std::collections::BTreeMap;

use netlink_packet_core::{NLA_HEADER_SIZE, NlasIterator};
use sha2::{Digest, Sha256};

/// The attributes of a message or of a nest.
#[derive(Default)]
pub(super) struct Attributes<'a> {
    by_kind: BTreeMap<u16, &'a [u8]>,
}

/// Iterates over attributes in order, those before the first damaged one.
pub(super) fn each(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    NlasIterator::new(bytes).map_while(|attribute| {
        let attribute = attribute.ok()?;
        let (kind, length) = (attribute.kind(), usize::from(attribute.length()));
        let value = attribute.into_inner().get(NLA_HEADER_SIZE..length)?;
        Some((kind, value))
    })
}

/// Lists the elements of a nest (`NFTA_LIST_ELEM`).
pub(super) fn list(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    const ELEMENT: u16 = 1;
    each(bytes)
        .filter(|(kind, _)| *kind == ELEMENT)
        .map(|(_, value)| value)
}

impl<'a> Attributes<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Attributes<'a> {
        Attributes {
            by_kind: each(bytes).collect(),
        }
    }

    pub(super) fn get(&self, kind: u16) -> Option<&'a [u8]> {
        self.by_kind.get(&kind).copied()
    }

    /// Opens a nest; one that is absent is empty.
    pub(super) fn nest(&self, kind: u16) -> Attributes<'a> {
        self.get(kind).map(Attributes::of).unwrap_or_default()
    }

    pub(super) fn has(&self, kind: u16) -> bool {
        self.by_kind.contains_key(&kind)
    }

    /// Checks that no other attribute is there.
    pub(super) fn only(&self, known: &[u16]) -> bool {
        self.by_kind.keys().all(|kind| known.contains(kind))
    }

    /// Reads a number of 1 to 8 bytes in network byte order.
    pub(super) fn number(&self, kind: u16) -> Option<u64> {
        self.get(kind).and_then(big_endian)
    }

    /// Reads a number, 0 if it is absent.
    pub(super) fn number_or_0(&self, kind: u16) -> u64 {
        self.number(kind).unwrap_or(0)
    }

    /// Reads a text up to its NUL.
    pub(super) fn text(&self, kind: u16) -> Option<String> {
        self.get(kind).map(text)
    }
}

pub(super) fn big_endian(bytes: &[u8]) -> Option<u64> {
    if bytes.is_empty() || bytes.len() > 8 {
        return None;
    }
    Some(
        bytes
            .iter()
            .fold(0, |sum, byte| (sum << 8) | u64::from(*byte)),
    )
}

pub(super) fn text(bytes: &[u8]) -> String {
    let bytes = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(bytes).into_owned()
}

/// Renders unknown bytes as a digest, so that a difference in them shows.
pub(super) fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes)[..6])
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Attributes, each, list};

    #[test]
    fn numbers_texts_and_nests() {
        let bytes = [
            8, 0, 1, 0, 0, 0, 0, 7, 6, 0, 2, 0, b'l', 0, 0, 0, 12, 0, 3, 0x80, 8, 0, 1, 0, b'a',
            b'b', b'c', b'd', 9, 0, 4, 0,
        ];
        let all = Attributes::of(&bytes);
        assert_eq!(all.number(1), Some(7));
        assert_eq!(all.text(2).as_deref(), Some("l"));
        assert_eq!(all.nest(3).get(1), Some(b"abcd".as_slice()));
        // The last one is longer than the message.
        assert!(!all.has(4));
        assert!(all.only(&[1, 2, 3]) && !all.only(&[1, 2]));
    }

    proptest! {
        #[test]
        fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let all = Attributes::of(&bytes);
            for kind in 0..20 {
                let _ = (all.number(kind), all.text(kind), all.nest(kind).number(1));
            }
            prop_assert!(each(&bytes).count() <= bytes.len());
            prop_assert!(list(&bytes).count() <= bytes.len());
        }
    }
}
