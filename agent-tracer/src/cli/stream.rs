//! Writes many lines to stdout on a second thread, while the next ones are made.

use std::{
    io::{self, Write},
    mem,
    sync::mpsc::{self, Receiver, SyncSender},
    thread::{self, JoinHandle},
};

/// Bytes that are written at once.
const CHUNK: usize = 256 << 10;

/// Chunks that wait for the writer at most.
const WAITING: usize = 2;

/// Lines for stdout. Few lines are written without a thread.
pub(super) struct Stream {
    /// Whole lines, and the one in the making.
    buffer: Vec<u8>,
    writer: Option<Writer>,
}

struct Writer {
    chunks: SyncSender<Vec<u8>>,
    /// Buffers that were written.
    emptied: Receiver<Vec<u8>>,
    thread: JoinHandle<io::Result<()>>,
}

impl Stream {
    pub(super) fn new() -> Stream {
        Stream {
            buffer: Vec::with_capacity(CHUNK + CHUNK / 4),
            writer: None,
        }
    }

    /// Returns the line in the making, behind earlier ones.
    pub(super) fn line(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Ends the line.
    ///
    /// # Errors
    ///
    /// An earlier chunk could not be written.
    pub(super) fn end_line(&mut self) -> io::Result<()> {
        self.buffer.push(b'\n');
        match self.buffer.len() < CHUNK {
            true => Ok(()),
            false => self.pass_on(),
        }
    }

    /// Gives the lines so far to the thread.
    fn pass_on(&mut self) -> io::Result<()> {
        let writer = match self.writer.take() {
            Some(writer) => writer,
            None => Writer::start()?,
        };
        let empty = writer.emptied.try_recv();
        let empty = empty.unwrap_or_else(|_| Vec::with_capacity(CHUNK + CHUNK / 4));
        let chunk = mem::replace(&mut self.buffer, empty);
        match writer.chunks.send(chunk) {
            Ok(()) => self.writer = Some(writer),
            // It has ended with an error.
            Err(_) => writer.end()?,
        }
        Ok(())
    }

    /// Writes the last lines. Without this call an error would be hidden.
    ///
    /// # Errors
    ///
    /// A chunk could not be written.
    pub(super) fn finish(mut self) -> io::Result<()> {
        if let Some(writer) = self.writer.take() {
            writer.end()?;
        }
        let mut stdout = io::stdout().lock();
        stdout.write_all(&self.buffer)?;
        stdout.flush()
    }
}

impl Writer {
    fn start() -> io::Result<Writer> {
        let (chunks, received) = mpsc::sync_channel::<Vec<u8>>(WAITING);
        let (written, emptied) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("output".to_owned())
            .spawn(move || {
                let mut stdout = io::stdout().lock();
                for mut chunk in received {
                    stdout.write_all(&chunk)?;
                    chunk.clear();
                    // A reader that has ended wants no buffers.
                    let _ = written.send(chunk);
                }
                stdout.flush()
            })?;
        Ok(Writer {
            chunks,
            emptied,
            thread,
        })
    }

    /// Waits until everything is written.
    fn end(self) -> io::Result<()> {
        drop(self.chunks);
        match self.thread.join() {
            Ok(result) => result,
            Err(_) => Err(io::Error::other("the writer has panicked")),
        }
    }
}
