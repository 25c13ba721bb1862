//! Packs and unpacks payloads, with one zstd stream for each group of blocks. It bounds its output,
//! and does not read it.

use std::io;

use zstd::stream::raw::{CParameter, DParameter, Decoder, Encoder, InBuffer, Operation, OutBuffer};

use super::block::Codec;

/// Level of compression. Recording competes with the recorded programs, so time counts for more
/// than size.
///
/// Measured on a million synthetic events of package installs, encoding included, for each event:
///
/// | level | 30 events a block | full blocks |
/// |---|---|---|
/// | 1 | 19.9 bytes, 0.38 µs | 15.9 bytes, 0.19 µs |
/// | 2 | 19.4 bytes, 0.39 µs | |
/// | 3 | 19.0 bytes, 0.45 µs | 15.1 bytes, 0.26 µs |
const LEVEL: i32 = 1;

/// Logarithm of the window: 256 KiB, a whole group. Recording 10 million events raised the peak
/// memory of a process by 0.7 MiB, all of the writer included.
const WINDOW_LOG: u32 = 18;

/// Limit of a reader's window, 8 MiB. It is more than any writer uses, and less than a forged
/// stream could ask for (2 GiB).
const WINDOW_LOG_LIMIT: u32 = 23;

/// Bytes by which the output grows. The length that a block states is never reserved ahead.
const STEP: usize = 256 << 10;

/// Packs the blocks of one group after the other.
pub(super) struct Packer {
    encoder: Encoder<'static>,
}

impl Packer {
    /// Makes a packer, at the beginning of a group.
    pub(super) fn new() -> io::Result<Packer> {
        let mut encoder = Encoder::new(LEVEL)?;
        encoder.set_parameter(CParameter::WindowLog(WINDOW_LOG))?;
        Ok(Packer { encoder })
    }

    /// Begins a group: later output does not refer to earlier input.
    pub(super) fn begin_group(&mut self) -> io::Result<()> {
        self.encoder.reinit()
    }

    /// Packs `raw` and appends it to `packed`, such that it can be unpacked without later bytes.
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
    /// Makes an unpacker, at the beginning of a group.
    pub(super) fn new() -> io::Result<Unpacker> {
        let mut decoder = Decoder::new()?;
        decoder.set_parameter(DParameter::WindowLogMax(WINDOW_LOG_LIMIT))?;
        Ok(Unpacker { decoder })
    }

    /// Begins a group; also the way back from an error.
    pub(super) fn begin_group(&mut self) -> io::Result<()> {
        self.decoder.reinit()
    }

    /// Replaces `raw` by the unpacked `payload`, of exactly `length` bytes.
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

    /// Returns `None` for a payload that is not zstd, or does not unpack to `length` bytes.
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
            // Without progress, the output is complete for this input.
            if input.pos() == consumed && raw.len() == produced {
                return (raw.len() == length && consumed == packed.len()).then_some(());
            }
        }
    }
}
