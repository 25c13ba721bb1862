//! Decodes stored events without blocks and checksums, so that fuzzing reaches the decoder.

use bytes::Bytes;

use super::envelope::EventCoder;
use crate::event::Event;

/// Decodes events until the first that is not well-formed. Unknown kinds are skipped.
pub(crate) fn events(bytes: &[u8]) -> impl Iterator<Item = Event> {
    let mut bytes = Bytes::copy_from_slice(bytes);
    let mut coder = EventCoder::default();
    std::iter::from_fn(move || coder.decode(&mut bytes)).flatten()
}

/// Encodes events the way [`events`] decodes them: this makes the seeds.
#[cfg(test)]
pub(crate) fn bytes(events: impl Iterator<Item = Event>) -> Vec<u8> {
    let mut coder = EventCoder::default();
    let mut bytes = Vec::new();
    for event in events {
        coder.encode(&event, 1 << 20, &mut bytes);
    }
    bytes
}
