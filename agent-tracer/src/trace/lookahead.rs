//! A window that moves forward over a stream: any number of bytes can be seen before they are
//! taken, so that files and pipes are searched alike. It does not know what the bytes mean.

use std::io::{self, Read};

/// How much is read at a time. The buffer grows by what arrived, never by what a length claims.
const CHUNK: usize = 128 << 10;

/// A buffer above this size is given back once it is no longer needed: it held a large snapshot.
const KEEP: usize = 2 << 20;

/// The part of a stream that was read and not yet taken.
pub(super) struct Lookahead<R> {
    stream: R,
    /// Taken bytes, bytes of the window, and room for more.
    buffer: Vec<u8>,
    /// Where in the buffer the window begins.
    taken: usize,
    /// Where in the buffer it ends.
    filled: usize,
    /// Where in the stream it begins.
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

    /// Bytes taken so far.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Reads until at least `wanted` bytes are there, or the stream ends.
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

    /// Moves the window to the front, and gives the buffer room behind it. It grows by half of
    /// what is there, so that it is twice what arrived at most.
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

    /// What is there.
    pub(super) fn window(&self) -> &[u8] {
        self.buffer.get(self.taken..self.filled).unwrap_or_default()
    }

    /// Takes bytes, as far as they are there.
    pub(super) fn take(&mut self, count: usize) {
        let count = count.min(self.window().len());
        self.taken += count;
        self.offset += count as u64;
    }

    /// Takes bytes until `pattern` is at the front, or the stream ends.
    pub(super) fn take_until(&mut self, pattern: &[u8]) -> io::Result<()> {
        loop {
            self.fill(pattern.len())?;
            let window = self.window();
            if window.len() < pattern.len() {
                self.take(window.len());
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
