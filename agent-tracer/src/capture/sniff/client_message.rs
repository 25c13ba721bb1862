//! Recognizes the first message of a client, in any segments: a TLS hello, the head of an HTTP/1
//! request, a request to a SOCKS proxy, or another protocol. It never guesses: a doubtful message
//! is another protocol, and a partial one names nothing.

use std::ops::Range;

use super::{http, socks, tls};

/// Limit of bytes kept of a stream. A hello with a post-quantum key share has less than 2 KiB, with
/// a session ticket full of certificates 6. Servers commonly accept heads of 8.
pub const STREAM_LIMIT: usize = 8 << 10;

/// Limit of pieces with a gap before them. A sender has no more segments under way so early: a
/// first window of 10 segments of 1,460 bytes, and 8 KiB are 6.
const PIECE_LIMIT: usize = 64;

/// The first message of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientMessage {
    /// A ClientHello of TLS.
    Hello(tls::Hello),
    /// The head of an HTTP/1 request.
    Request(http::Request),
    /// A request to a SOCKS proxy. Another first message follows it.
    Socks(socks::SocksRequest),
}

/// The state of a message in the bytes so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// The bytes so far do not decide.
    NeedsMore,
    /// A complete message.
    Is(ClientMessage),
    /// It begins as a `TLS hello`, an `HTTP request` or a `SOCKS request`, but breaks the rules or
    /// ends too early.
    Malformed(&'static str),
    /// Another protocol, such as HTTP/2 without TLS, or any protocol where the server speaks first.
    SomethingElse,
}

/// The progress of one of the two parsers.
pub(super) enum Progress<T> {
    /// Another protocol.
    Other,
    /// Still possible.
    Perhaps,
    /// Begun, and valid so far.
    Begun,
    /// Begun, but invalid by now.
    Broken,
    /// Complete.
    Whole(T),
}

/// Reads all bytes so far of a client's stream; `is_all` says that no more will follow.
#[must_use]
pub fn read_client_message(bytes: &[u8], is_all: bool) -> Reading {
    // No token of HTTP begins with a control character, so never two of them.
    if matches!(bytes, [4 | 5, ..]) {
        let request = socks::read(bytes);
        return conclude("SOCKS request", request, ClientMessage::Socks, is_all);
    }
    match tls::read(bytes) {
        Progress::Other => conclude(
            "HTTP request",
            http::read(bytes),
            ClientMessage::Request,
            is_all,
        ),
        hello @ (Progress::Perhaps | Progress::Begun | Progress::Broken | Progress::Whole(_)) => {
            conclude("TLS hello", hello, ClientMessage::Hello, is_all)
        }
    }
}

pub(super) fn conclude<T>(
    what: &'static str,
    progress: Progress<T>,
    message: impl FnOnce(T) -> ClientMessage,
    is_all: bool,
) -> Reading {
    match (progress, is_all) {
        (Progress::Whole(whole), _) => Reading::Is(message(whole)),
        (Progress::Broken, _) | (Progress::Begun, true) => Reading::Malformed(what),
        (Progress::Perhaps | Progress::Begun, false) => Reading::NeedsMore,
        (Progress::Other, _) | (Progress::Perhaps, true) => Reading::SomethingElse,
    }
}

/// Reassembles segments of a stream, up to `STREAM_LIMIT` bytes. They may be repeated,
/// overlapping or out of order. The first version of a byte holds: a sender repeats its bytes.
#[derive(Clone, Debug, Default)]
pub struct Reassembly {
    /// Up to the end of the farthest segment; unknown bytes are zero.
    bytes: Vec<u8>,
    /// The known ranges, in order, with gaps between.
    known: Vec<Range<usize>>,
}

impl Reassembly {
    /// Adds a segment at its offset in the stream. Bytes past the limit are dropped, and so is a
    /// segment behind one gap too many.
    pub fn add(&mut self, offset: u64, bytes: &[u8]) {
        let Some(start) = usize::try_from(offset)
            .ok()
            .filter(|start| *start < STREAM_LIMIT)
        else {
            return;
        };
        let bytes = bytes.get(..STREAM_LIMIT - start).unwrap_or(bytes);
        let end = start + bytes.len();
        // Adjacent and overlapping pieces merge with it.
        let first = self.known.partition_point(|piece| piece.end < start);
        let after = self.known.partition_point(|piece| piece.start <= end);
        let is_apart = first == after;
        if bytes.is_empty() || is_apart && self.known.len() == PIECE_LIMIT {
            return;
        }
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        let touched: Vec<Range<usize>> = self.known.drain(first..after).collect();
        let mut joined = start..end;
        let mut at = start;
        for piece in touched {
            self.fill(at..piece.start, start, bytes);
            at = at.max(piece.end);
            joined = joined.start.min(piece.start)..joined.end.max(piece.end);
        }
        self.fill(at..end, start, bytes);
        self.known.insert(first, joined);
    }

    /// Copies a segment's part that fills one gap; a gap that ends before it starts is empty.
    fn fill(&mut self, hole: Range<usize>, start: usize, segment: &[u8]) {
        let Some(part) = hole
            .start
            .checked_sub(start)
            .and_then(|from| segment.get(from..hole.end.checked_sub(start)?))
        else {
            return;
        };
        if let Some(place) = self.bytes.get_mut(hole) {
            place.copy_from_slice(part);
        }
    }

    /// Returns the bytes up to the first gap.
    #[must_use]
    pub fn contiguous(&self) -> &[u8] {
        match self.known.first() {
            Some(piece) if piece.start == 0 => self.bytes.get(..piece.end).unwrap_or_default(),
            Some(_) | None => &[],
        }
    }

    /// Checks whether the limit is reached.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.contiguous().len() == STREAM_LIMIT
    }
}

#[cfg(test)]
mod tests;
