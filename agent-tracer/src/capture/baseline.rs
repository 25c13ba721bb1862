//! Keeps messages until the end of a recording. They are compressed, because there may be a
//! million, and in memory, because they are confidential and a disk may be full.

use std::marker::PhantomData;

use prost::Message;
use zstd::bulk::{Compressor, decompress};

/// Bytes compressed at a time. Neighbouring paths are much alike.
const BLOCK: usize = 128 << 10;

/// The fastest of the usual levels; the next ones save a tenth.
const LEVEL: i32 = 1;

/// Messages in their order.
pub(in crate::capture) struct Baseline<M> {
    blocks: Vec<Block>,
    messages: PhantomData<fn() -> M>,
}

enum Block {
    Plain(Vec<u8>),
    /// With its uncompressed length.
    Compressed(Box<[u8]>, usize),
}

/// Adds messages.
pub(in crate::capture) struct BaselineBuilder<M> {
    baseline: Baseline<M>,
    pending: Vec<u8>,
    /// `None` where memory is short; then nothing is compressed.
    compressor: Option<Compressor<'static>>,
}

impl<M: Message + Default> BaselineBuilder<M> {
    pub(in crate::capture) fn new() -> BaselineBuilder<M> {
        BaselineBuilder {
            baseline: Baseline {
                blocks: Vec::new(),
                messages: PhantomData,
            },
            pending: Vec::new(),
            compressor: Compressor::new(LEVEL).ok(),
        }
    }

    pub(in crate::capture) fn push(&mut self, message: &M) {
        self.pending
            .extend(message.encode_length_delimited_to_vec());
        if self.pending.len() >= BLOCK {
            self.compress_block();
        }
    }

    pub(in crate::capture) fn finish(mut self) -> Baseline<M> {
        self.compress_block();
        self.baseline
    }

    fn compress_block(&mut self) {
        let compressor = self.compressor.as_mut();
        let block = match compressor.and_then(|it| it.compress(&self.pending).ok()) {
            Some(bytes) => Block::Compressed(bytes.into(), self.pending.len()),
            None => Block::Plain(self.pending.clone()),
        };
        self.baseline.blocks.push(block);
        self.pending.clear();
    }
}

impl<M: Message + Default> Baseline<M> {
    /// Iterates over all messages, one decoded block at a time, and ends after an error.
    pub(in crate::capture) fn iter(&self) -> impl Iterator<Item = Result<M, String>> {
        Reader {
            blocks: self.blocks.iter(),
            bytes: Vec::new(),
            at: 0,
            messages: PhantomData,
        }
    }
}

struct Reader<'a, M> {
    blocks: std::slice::Iter<'a, Block>,
    bytes: Vec<u8>,
    at: usize,
    messages: PhantomData<fn() -> M>,
}

impl<M: Message + Default> Reader<'_, M> {
    fn decompress_next(&mut self) -> Result<Option<M>, String> {
        while self.at >= self.bytes.len() {
            let Some(block) = self.blocks.next() else {
                return Ok(None);
            };
            self.at = 0;
            self.bytes = match block {
                Block::Plain(bytes) => bytes.clone(),
                Block::Compressed(bytes, length) => {
                    decompress(bytes, *length).map_err(|error| error.to_string())?
                }
            };
        }
        let mut rest = self.bytes.get(self.at..).unwrap_or_default();
        let message = M::decode_length_delimited(&mut rest).map_err(|error| error.to_string())?;
        self.at = self.bytes.len() - rest.len();
        Ok(Some(message))
    }
}

impl<M: Message + Default> Iterator for Reader<'_, M> {
    type Item = Result<M, String>;

    fn next(&mut self) -> Option<Result<M, String>> {
        let decoded = self.decompress_next();
        if decoded.is_err() {
            self.blocks = Default::default();
            self.bytes.clear();
        }
        decoded
            .map_err(|error| format!("cannot read the snapshot from the start: {error}"))
            .transpose()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{BLOCK, Baseline, BaselineBuilder, Block};
    use crate::event::Difference;

    fn baseline(messages: &[Difference]) -> Baseline<Difference> {
        let mut builder = BaselineBuilder::new();
        for message in messages {
            builder.push(message);
        }
        builder.finish()
    }

    fn named(name: Vec<u8>) -> Difference {
        Difference {
            name,
            ..Difference::default()
        }
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(
            names in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..9), 0..99),
        ) {
            let messages: Vec<Difference> = names.into_iter().map(named).collect();
            let decoded: Result<Vec<Difference>, String> = baseline(&messages).iter().collect();
            prop_assert_eq!(decoded, Ok(messages));
        }
    }

    #[test]
    fn many_blocks_are_small() {
        let path = |number: usize| format!("/opt/acme/share/doc/{:03}/{number}", number / 100);
        let messages: Vec<Difference> = (0..50_000)
            .map(|number| named(path(number).into_bytes()))
            .collect();
        let baseline = baseline(&messages);
        let size = |block: &Block| match block {
            Block::Plain(bytes) => bytes.len(),
            Block::Compressed(bytes, _) => bytes.len(),
        };
        let bytes: usize = baseline.blocks.iter().map(size).sum();
        assert!(baseline.blocks.len() > 10 && bytes < 50_000 * 8, "{bytes}");
        let decoded: Result<Vec<Difference>, String> = baseline.iter().collect();
        assert_eq!(decoded, Ok(messages));
    }

    #[test]
    fn what_is_damaged_ends_with_an_error() {
        let mut baseline = baseline(&vec![named(vec![b'x'; 100]); 3 * BLOCK / 100]);
        baseline.blocks[1] = Block::Compressed(vec![0; 9].into(), 100);
        let all: Vec<Result<Difference, String>> = baseline.iter().collect();
        let (last, good) = all.split_last().expect("some");
        assert!(last.is_err() && good.iter().all(Result::is_ok));
        // Those of the first block.
        assert!(good.len() > BLOCK / 200 && good.len() < 2 * BLOCK / 100);
    }

    #[test]
    fn without_a_compressor_it_is_kept_as_it_is() {
        let mut builder = BaselineBuilder::new();
        builder.compressor = None;
        builder.push(&named(b"x".to_vec()));
        let all: Vec<_> = builder.finish().iter().collect();
        assert_eq!(all, [Ok(named(b"x".to_vec()))]);
    }
}
