//! Decodes a trace on a second thread, some batches ahead of the model.

use std::{
    io::Read,
    panic,
    sync::mpsc::{self, Receiver, Sender, SyncSender},
    thread,
};

use crate::trace::{Item, ReadError, Reader};

/// Items of a batch. Their messages take some 100 KiB.
const ITEMS: usize = 512;

/// Bytes of the file after which a batch is full, too: one event may be a large snapshot.
const BYTES: u64 = 1 << 20;

/// Batches that wait for the model at most.
const WAITING: usize = 4;

/// Some items in a row.
#[derive(Default)]
struct Batch {
    items: Vec<Item>,
    /// Bytes read so far.
    offset: u64,
    /// The error behind the items.
    error: Option<ReadError>,
}

/// Gives every item to `take`, with the count of bytes read so far, until that returns `false`.
/// Returns the reader.
///
/// # Errors
///
/// The file cannot be read on, or `take` failed.
pub(super) fn read<R: Read + Send, E: From<ReadError>>(
    reader: Reader<R>,
    mut take: impl FnMut(u64, &Item) -> Result<bool, E>,
) -> Result<Reader<R>, E> {
    thread::scope(|scope| {
        let (filled, batches) = mpsc::sync_channel(WAITING);
        let (used, empties) = mpsc::channel();
        let decoder = scope.spawn(move || decode(reader, &filled, &empties));
        let taken = take_all(&batches, &used, &mut take);
        // The decoder ends when its next batch has no receiver.
        drop(batches);
        match decoder.join() {
            Ok(reader) => taken.map(|()| reader),
            Err(payload) => panic::resume_unwind(payload),
        }
    })
}

fn take_all<E: From<ReadError>>(
    batches: &Receiver<Batch>,
    used: &Sender<Batch>,
    take: &mut impl FnMut(u64, &Item) -> Result<bool, E>,
) -> Result<(), E> {
    for mut batch in batches {
        for item in &batch.items {
            if !take(batch.offset, item)? {
                return Ok(());
            }
        }
        if let Some(error) = batch.error.take() {
            return Err(error.into());
        }
        // The decoder frees what it has allocated. It may have ended.
        let _ = used.send(batch);
    }
    Ok(())
}

fn decode<R: Read>(
    mut reader: Reader<R>,
    filled: &SyncSender<Batch>,
    empties: &Receiver<Batch>,
) -> Reader<R> {
    loop {
        let mut batch = empties.try_recv().unwrap_or_default();
        batch.items.clear();
        let is_last = fill(&mut reader, &mut batch);
        if filled.send(batch).is_err() || is_last {
            return reader;
        }
    }
}

/// Fills a batch. Returns `true` at the end of the trace.
fn fill<R: Read>(reader: &mut Reader<R>, batch: &mut Batch) -> bool {
    let begin = reader.offset();
    let mut is_last = false;
    while batch.items.len() < ITEMS && reader.offset() - begin < BYTES {
        match reader.next() {
            Some(Ok(item)) => batch.items.push(item),
            Some(Err(error)) => {
                batch.error = Some(error);
                is_last = true;
                break;
            }
            None => {
                is_last = true;
                break;
            }
        }
    }
    batch.offset = reader.offset();
    is_last
}
