//! The first bytes that a client sends, in whatever segments: a TLS hello, the head of an HTTP/1 request, or something else.
//! It guesses nothing: what is not certainly one of the two is something else, and what is not whole names nothing.

use std::ops::Range;

use super::{http, tls};

/// No more of a stream is kept: a hello with a key share against quantum computers has less than 2 KiB, with a session
/// ticket full of certificates 6; servers commonly take heads of 8.
pub const STREAM_LIMIT: usize = 8 << 10;

/// Pieces with a hole before them that are remembered. A sender has no more segments than that on the way so early: a
/// window of 10 at first, of 1,460 bytes each, where 8 KiB are 6.
const PIECE_LIMIT: usize = 64;

/// What a client says first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientMessage {
    /// A ClientHello of TLS.
    Hello(tls::Hello),
    /// The head of an HTTP/1 request.
    Request(http::Request),
}

/// What the bytes so far are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Not to be told yet.
    NeedsMore,
    /// This.
    Is(ClientMessage),
    /// It begins as one, but then is none, or ends before its end: a `TLS hello` or an `HTTP request`.
    Malformed(&'static str),
    /// Neither. HTTP/2 without TLS is among it, and whatever begins with the server's words.
    SomethingElse,
}

/// How far one of the two parsers has come.
pub(super) enum Progress<T> {
    /// It is another.
    Other,
    /// It can still become one.
    Perhaps,
    /// It is one, so far.
    Begun,
    /// It was one until now.
    Broken,
    /// It is one.
    Whole(T),
}

/// Reads all bytes so far of what a client sends; `is_all` when no more of them will ever be given.
#[must_use]
pub fn read_client_message(bytes: &[u8], is_all: bool) -> Reading {
    // No token of HTTP begins with a control character, so never both.
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

fn conclude<T>(
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

/// Segments of a stream, which may come repeated, overlapping or out of order, put into one row of at most
/// [`STREAM_LIMIT`] bytes. Where two say different things of a byte, the first holds: a sender repeats what it sent.
#[derive(Clone, Debug, Default)]
pub struct Reassembly {
    /// As long as the farthest segment reaches; zero where none has been.
    bytes: Vec<u8>,
    /// What of them is known: in order, with holes between.
    known: Vec<Range<usize>>,
}

impl Reassembly {
    /// Puts a segment in its place, counted from the first byte of the stream. What lies past the limit is left out, as
    /// is a segment behind one hole too many.
    pub fn add(&mut self, offset: u64, bytes: &[u8]) {
        let Some(start) = usize::try_from(offset)
            .ok()
            .filter(|start| *start < STREAM_LIMIT)
        else {
            return;
        };
        let bytes = bytes.get(..STREAM_LIMIT - start).unwrap_or(bytes);
        let end = start + bytes.len();
        // Those that it touches become one with it.
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

    /// Copies one hole's part of a segment; a hole that ends before it starts has none.
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

    /// The bytes up to the first hole.
    #[must_use]
    pub fn contiguous(&self) -> &[u8] {
        match self.known.first() {
            Some(piece) if piece.start == 0 => self.bytes.get(..piece.end).unwrap_or_default(),
            Some(_) | None => &[],
        }
    }

    /// Whether there will never be more of them.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.contiguous().len() == STREAM_LIMIT
    }
}

#[cfg(test)]
mod tests;
