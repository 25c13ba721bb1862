//! Encodes and decodes the header of a block: 40 bytes with a checksum of their own. It does not
//! read payloads.

/// Bytes of a block header.
pub(super) const HEADER_BYTES: usize = 40;

/// The first bytes of each block, which a reader searches for after damage. They differ from text
/// and from the start of a zstd frame.
pub(super) const BLOCK_MAGIC: [u8; 4] = [0xb7, b'T', b'B', 0xd1];

/// Limit of bytes in the payload of a block, compressed or not. One event may be that large: the
/// snapshot of 10,000 processes with 4 KiB of arguments each takes 40 MiB.
pub(super) const PAYLOAD_LIMIT: u32 = 64 << 20;

/// Kinds of blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BlockKind {
    /// The trace header.
    Header,
    /// Events.
    Events,
    /// The end of a complete recording. `first_sequence` is one more than the last. Its payload is
    /// the place of the index in the file, if there is one.
    End,
    /// The index of a complete recording, before its end. It has no events.
    Index,
    /// A kind of a newer `tracer`. Its events are counted, not read.
    Unknown(u8),
}

impl BlockKind {
    fn from_number(number: u8) -> BlockKind {
        match number {
            0 => BlockKind::Header,
            1 => BlockKind::Events,
            2 => BlockKind::End,
            3 => BlockKind::Index,
            other => BlockKind::Unknown(other),
        }
    }

    fn number(self) -> u8 {
        match self {
            BlockKind::Header => 0,
            BlockKind::Events => 1,
            BlockKind::End => 2,
            BlockKind::Index => 3,
            BlockKind::Unknown(other) => other,
        }
    }
}

/// Encodings of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    /// Uncompressed.
    Raw,
    /// A piece of a zstd stream. The stream begins with the group, and is flushed at the end of
    /// each block. The frame never ends.
    Zstd,
    /// A codec of a newer `tracer`.
    Unknown(u8),
}

impl Codec {
    fn from_number(number: u8) -> Codec {
        match number {
            0 => Codec::Raw,
            1 => Codec::Zstd,
            other => Codec::Unknown(other),
        }
    }

    fn number(self) -> u8 {
        match self {
            Codec::Raw => 0,
            Codec::Zstd => 1,
            Codec::Unknown(other) => other,
        }
    }
}

/// The fields before each payload, after the magic and in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BlockHeader {
    pub kind: BlockKind,
    pub codec: Codec,
    /// Position in the group; 0 begins one.
    pub part: u16,
    /// Bytes of payload in the file.
    pub stored_length: u32,
    /// Bytes of payload once unpacked.
    pub raw_length: u32,
    /// Number of the first event; events of a trace count from 1.
    pub first_sequence: u64,
    /// Events in the block.
    pub event_count: u32,
    /// CRC-32 of the header block's payload, the same in all blocks of a trace.
    ///
    /// A traced program could pass a forged block as an argument, for a reader that searches behind
    /// damage. Without the header, the program cannot know this mark.
    pub trace: u32,
    /// CRC-32 of the payload as stored.
    pub payload_crc: u32,
}

impl BlockHeader {
    /// Encodes the header, with its own CRC-32 last.
    pub(super) fn to_bytes(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        bytes.extend(BLOCK_MAGIC);
        bytes.extend([self.kind.number(), self.codec.number()]);
        bytes.extend(self.part.to_le_bytes());
        bytes.extend(self.stored_length.to_le_bytes());
        bytes.extend(self.raw_length.to_le_bytes());
        bytes.extend(self.first_sequence.to_le_bytes());
        bytes.extend(self.event_count.to_le_bytes());
        bytes.extend(self.trace.to_le_bytes());
        bytes.extend(self.payload_crc.to_le_bytes());
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        bytes
    }

    /// Decodes a header. Returns `None` unless it is intact and its lengths are within the limits.
    pub(super) fn parse(bytes: &[u8]) -> Option<BlockHeader> {
        let covered = bytes.get(..HEADER_BYTES - 4)?;
        let mut fields = Fields { rest: bytes };
        if fields.array()? != BLOCK_MAGIC {
            return None;
        }
        let [kind, codec] = fields.array()?;
        let header = BlockHeader {
            kind: BlockKind::from_number(kind),
            codec: Codec::from_number(codec),
            part: u16::from_le_bytes(fields.array()?),
            stored_length: fields.u32()?,
            raw_length: fields.u32()?,
            first_sequence: u64::from_le_bytes(fields.array()?),
            event_count: fields.u32()?,
            trace: fields.u32()?,
            payload_crc: fields.u32()?,
        };
        let intact = fields.u32()? == crc32fast::hash(covered);
        let bounded = header.stored_length <= PAYLOAD_LIMIT
            && header.raw_length <= PAYLOAD_LIMIT
            && header.next_sequence().is_some();
        (intact && bounded).then_some(header)
    }

    /// Returns the number of the first event after the block, unless it overflows.
    pub(super) fn next_sequence(&self) -> Option<u64> {
        self.first_sequence.checked_add(u64::from(self.event_count))
    }
}

/// Reads integers one after the other.
struct Fields<'a> {
    rest: &'a [u8],
}

impl Fields<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*taken)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }
}
