//! Shows the next bytes of a stream before they are consumed, so that files and pipes are searched
//! alike. It does not interpret them.

use std::io::{self, Read};

/// Bytes to read at a time. The buffer grows with the bytes that arrive, never with a stated
/// length.
const CHUNK: usize = 128 << 10;

/// Largest buffer to keep, bytes. A larger one held a large snapshot, and is freed after it.
const KEEP: usize = 2 << 20;

/// A stream, with the window of bytes that were read and not yet consumed.
pub(super) struct Lookahead<R> {
    stream: R,
    /// Consumed bytes, bytes of the window, and room for more.
    buffer: Vec<u8>,
    /// Begin of the window in the buffer.
    taken: usize,
    /// End of the window in the buffer.
    filled: usize,
    /// Begin of the window in the stream.
    offset: u64,
}

impl<R: Read> Lookahead<R> {
    pub(super) fn new(stream: R) -> Lookahead<R> {
        Lookahead {
            stream,
            buffer: Vec::new(),
            taken: 0,
            filled: 0,
            offset: 0,
        }
    }

    /// Counts the bytes consumed so far.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Reads until the window has at least `wanted` bytes, or the stream ends.
    pub(super) fn fill(&mut self, wanted: usize) -> io::Result<()> {
        while self.window().len() < wanted {
            if self.filled == self.buffer.len() {
                self.make_room(wanted);
            }
            match self
                .stream
                .read(self.buffer.get_mut(self.filled..).unwrap_or_default())
            {
                Ok(0) => break,
                Ok(count) => self.filled = self.buffer.len().min(self.filled + count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Moves the window to the front, and makes room behind it. The buffer grows by half, so it is
    /// at most twice as large as its content.
    fn make_room(&mut self, wanted: usize) {
        self.buffer.drain(..self.taken);
        self.taken = 0;
        self.filled = self.buffer.len();
        if self.buffer.capacity() > KEEP && wanted < CHUNK && self.filled < CHUNK {
            self.buffer.shrink_to(CHUNK);
        }
        self.buffer
            .resize(self.filled + CHUNK.max(self.filled / 2), 0);
    }

    /// Returns the window.
    pub(super) fn window(&self) -> &[u8] {
        self.buffer.get(self.taken..self.filled).unwrap_or_default()
    }

    /// Consumes bytes, at most the window.
    pub(super) fn take(&mut self, count: usize) {
        let count = count.min(self.window().len());
        self.taken += count;
        self.offset += count as u64;
    }

    /// Consumes bytes until the window begins with `pattern`, or the stream ends. At its end the
    /// beginning of the pattern stays: the rest may be written later.
    pub(super) fn take_until(&mut self, pattern: &[u8]) -> io::Result<()> {
        loop {
            self.fill(pattern.len())?;
            let window = self.window();
            if window.len() < pattern.len() {
                let begins = |at: &usize| pattern.starts_with(window.get(*at..).unwrap_or(&[]));
                let place = (0..window.len()).find(begins);
                self.take(place.unwrap_or(window.len()));
                return Ok(());
            }
            match window
                .windows(pattern.len())
                .position(|bytes| bytes == pattern)
            {
                Some(position) => {
                    self.take(position);
                    return Ok(());
                }
                // The pattern may have begun.
                None => self.take(window.len() - (pattern.len() - 1)),
            }
        }
    }
}
