//! Packs and unpacks payloads, one zstd stream a group of blocks. It bounds what it makes of
//! its input, and knows nothing of what that means.

use std::io;

use zstd::stream::raw::{CParameter, DParameter, Decoder, Encoder, InBuffer, Operation, OutBuffer};

use super::block::Codec;

/// Measured on a million synthetic events of package installs, 30 events a block: level 1 takes
/// 19.9 bytes and 0.38 µs an event, encoding included, level 2 19.4 bytes and 0.39 µs, level 3
/// 19.0 bytes and 0.45 µs; with full blocks 15.9 and 0.19 against 15.1 and 0.26. Recording
/// competes with what it records, so time counts for more.
const LEVEL: i32 = 1;

/// Logarithm of the window: 256 KiB, a whole group. Recording 10 million events raised the peak
/// memory of a process by 0.7 MiB, all of the writer included.
const WINDOW_LOG: u32 = 18;

/// The largest window that a reader makes room for, 8 MiB: more than any writer may ask for,
/// and less than a forged stream could ask for (2 GiB).
const WINDOW_LOG_LIMIT: u32 = 23;

/// How much the output grows at a time: what a block claims to unpack to is never reserved
/// ahead.
const STEP: usize = 256 << 10;

/// Packs the blocks of one group after the other.
pub(super) struct Packer {
    encoder: Encoder<'static>,
}

impl Packer {
    /// A packer at the beginning of a group.
    pub(super) fn new() -> io::Result<Packer> {
        let mut encoder = Encoder::new(LEVEL)?;
        encoder.set_parameter(CParameter::WindowLog(WINDOW_LOG))?;
        Ok(Packer { encoder })
    }

    /// Begins a group: what is packed from here on does not refer to anything before.
    pub(super) fn begin_group(&mut self) -> io::Result<()> {
        self.encoder.reinit()
    }

    /// Appends `raw`, packed, to `packed`, so that it can be unpacked without what follows.
    pub(super) fn pack(&mut self, raw: &[u8], packed: &mut Vec<u8>) -> io::Result<()> {
        let mut input = InBuffer::around(raw);
        let mut flushed = false;
        while !flushed {
            packed.reserve(STEP.min(raw.len()) + 512);
            let length = packed.len();
            let mut output = OutBuffer::around_pos(packed, length);
            if input.pos() < raw.len() {
                self.encoder.run(&mut input, &mut output)?;
            } else {
                flushed = self.encoder.flush(&mut output)? == 0;
            }
        }
        Ok(())
    }
}

/// Unpacks the blocks of one group after the other.
pub(super) struct Unpacker {
    decoder: Decoder<'static>,
}

impl Unpacker {
    /// An unpacker at the beginning of a group.
    pub(super) fn new() -> io::Result<Unpacker> {
        let mut decoder = Decoder::new()?;
        decoder.set_parameter(DParameter::WindowLogMax(WINDOW_LOG_LIMIT))?;
        Ok(Unpacker { decoder })
    }

    /// Begins a group; also the way back from an error.
    pub(super) fn begin_group(&mut self) -> io::Result<()> {
        self.decoder.reinit()
    }

    /// Replaces `raw` with what `payload` unpacks to, which should be `length` bytes; or says
    /// what is wrong with the block.
    pub(super) fn unpack(
        &mut self,
        codec: Codec,
        payload: &[u8],
        length: usize,
        raw: &mut Vec<u8>,
    ) -> Result<(), &'static str> {
        match codec {
            Codec::Zstd => self
                .inflate(payload, length, raw)
                .ok_or("a block cannot be unpacked"),
            Codec::Raw if payload.len() == length => {
                raw.clear();
                raw.extend_from_slice(payload);
                Ok(())
            }
            Codec::Raw => Err("a block has two lengths"),
            Codec::Unknown(_) => Err("a block is packed in a way that only a newer tracer knows"),
        }
    }

    /// `None` is a payload that is no zstd, or does not unpack to `length` bytes.
    fn inflate(&mut self, packed: &[u8], length: usize, raw: &mut Vec<u8>) -> Option<()> {
        raw.clear();
        // The block before may have been a snapshot of 40 MiB.
        raw.shrink_to(length.max(4 * STEP));
        let mut input = InBuffer::around(packed);
        loop {
            let (consumed, produced) = (input.pos(), raw.len());
            raw.reserve(STEP.min(length.saturating_sub(produced)).max(1));
            self.decoder
                .run(&mut input, &mut OutBuffer::around_pos(raw, produced))
                .ok()?;
            if raw.len() > length {
                return None;
            }
            // No step forward: all that can be had without more input is there.
            if input.pos() == consumed && raw.len() == produced {
                return (raw.len() == length && consumed == packed.len()).then_some(());
            }
        }
    }
}
