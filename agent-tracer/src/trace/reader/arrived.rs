//! Reads a trace that is still being written: a block that has not arrived whole is no damage, but
//! a reason to wait.

use std::io::{self, Read};

use super::{Item, ReadError, Reader, Step};
use crate::trace::block::{BlockHeader, HEADER_BYTES};

impl<R: Read> Reader<R> {
    /// Returns the next item of a file that grows, or `None` until more of it has arrived. Unlike
    /// the iterator, it yields no gap for a missing end.
    ///
    /// # Errors
    ///
    /// The file cannot be read on.
    pub fn next_arrived(&mut self) -> Result<Option<Item>, ReadError> {
        self.arrived().map_err(|source| ReadError {
            name: self.name.clone(),
            offset: self.input.offset(),
            source,
        })
    }

    fn arrived(&mut self) -> io::Result<Option<Item>> {
        loop {
            if self.remaining > 0 {
                match self.next_event() {
                    Some(item) => return Ok(Some(item)),
                    None => continue,
                }
            }
            if !self.can_step()? {
                return Ok(None);
            }
            match self.next_block()? {
                Step::On => {}
                Step::Gap(gap) => return Ok(Some(Item::Gap(gap))),
                Step::EndOfStream => return Ok(None),
            }
        }
    }

    /// True if the next block is there as a whole, or if damage is in its place.
    fn can_step(&mut self) -> io::Result<bool> {
        self.input.fill(HEADER_BYTES)?;
        let arrived = self.input.window().len();
        if self.finished {
            return Ok(arrived > 0 || self.damage.is_some());
        }
        if arrived < HEADER_BYTES {
            return Ok(false);
        }
        let header = BlockHeader::parse(self.input.window());
        let Some(header) = header.filter(|header| header.trace == self.trace) else {
            return Ok(true);
        };
        let size = HEADER_BYTES + header.stored_length as usize;
        self.input.fill(size)?;
        Ok(self.input.window().len() >= size)
    }
}
