//! Reads the beginning of a trace: recognizes the magic, the format version and the first block. It
//! reads no events.

use std::io::{self, Read};

use prost::Message;

use super::block::{BlockHeader, BlockKind, HEADER_BYTES};
use super::compress::Unpacker;
use super::lookahead::Lookahead;
use super::{FORMAT_VERSION, Header, MAGIC};

/// Bytes before the first block: magic and version.
const PREFIX_BYTES: usize = MAGIC.len() + 4;

/// Errors that prevent reading a trace at all.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file cannot be opened or read.
    #[error("cannot read {name}: {source}\nhint: check the name and its permissions")]
    Io {
        /// The file.
        name: String,
        /// The system's error.
        source: io::Error,
    },
    /// The file is empty.
    #[error("cannot read {0}: it is empty\nhint: its recording was stopped before it began")]
    Empty(String),
    /// The file has another magic.
    #[error("cannot read {name}: it is not a trace: it {found}")]
    NotATrace {
        /// The file.
        name: String,
        /// Its likely kind, and a remedy.
        found: &'static str,
    },
    /// The format is newer than this version.
    #[error(
        "cannot read {name}: a newer tracer wrote it in format {format}, and this one reads up to \
         format {FORMAT_VERSION}\nhint: update this one"
    )]
    Newer {
        /// The file.
        name: String,
        /// Its format.
        format: u32,
    },
    /// The first block is damaged. Without it, no other block can be recognized as part of the
    /// trace.
    #[error(
        "cannot read {name}: its first block, with the circumstances of the recording, {found}\n\
         hint: copy it again from the machine of the recording"
    )]
    HeaderDamaged {
        /// The file.
        name: String,
        /// The kind of damage.
        found: &'static str,
    },
}

impl OpenError {
    /// True if the file has only a beginning of its first block: its recorder may be about to write
    /// it.
    pub fn is_cut_off(&self) -> bool {
        match self {
            OpenError::Empty(_) => true,
            OpenError::HeaderDamaged { found, .. } => *found == CUT_OFF,
            OpenError::Io { .. } | OpenError::NotATrace { .. } | OpenError::Newer { .. } => false,
        }
    }
}

/// The damage of a first block that ends too early.
const CUT_OFF: &str = "is cut off";

/// Facts about a trace from before its events.
pub(super) struct Opened {
    pub header: Header,
    pub format: u32,
    /// The mark that all its blocks share.
    pub trace: u32,
    pub unpacker: Unpacker,
}

/// Problems of a stream, without its name.
pub(super) enum OpenProblem {
    Empty,
    NotATrace(&'static str),
    Newer(u32),
    HeaderDamaged(&'static str),
}

impl OpenProblem {
    pub(super) fn with_name(self, name: String) -> OpenError {
        match self {
            OpenProblem::Empty => OpenError::Empty(name),
            OpenProblem::NotATrace(found) => OpenError::NotATrace { name, found },
            OpenProblem::Newer(format) => OpenError::Newer { name, format },
            OpenProblem::HeaderDamaged(found) => OpenError::HeaderDamaged { name, found },
        }
    }
}

/// Reads magic, version and first block, and consumes them.
pub(super) fn open<R: Read>(input: &mut Lookahead<R>) -> io::Result<Result<Opened, OpenProblem>> {
    input.fill(PREFIX_BYTES)?;
    let format = match prefix(input.window()) {
        Ok(format) => format,
        Err(problem) => return Ok(Err(problem)),
    };
    input.take(PREFIX_BYTES);
    input.fill(HEADER_BYTES)?;
    let Some(block) = BlockHeader::parse(input.window()) else {
        let torn = input.window().len() < HEADER_BYTES;
        return Ok(Err(OpenProblem::HeaderDamaged(if torn {
            CUT_OFF
        } else {
            "is damaged"
        })));
    };
    let size = HEADER_BYTES + block.stored_length as usize;
    input.fill(size)?;
    let Some(payload) = input.window().get(HEADER_BYTES..size) else {
        return Ok(Err(OpenProblem::HeaderDamaged(CUT_OFF)));
    };
    let mut unpacker = Unpacker::new()?;
    let mut raw = Vec::new();
    let intact = block.kind == BlockKind::Header
        && crc32fast::hash(payload) == block.payload_crc
        && unpacker
            .unpack(block.codec, payload, block.raw_length as usize, &mut raw)
            .is_ok();
    match Header::decode(raw.as_slice()) {
        Ok(header) if intact => {
            input.take(size);
            Ok(Ok(Opened {
                header,
                format,
                trace: block.trace,
                unpacker,
            }))
        }
        Ok(_) | Err(_) => Ok(Err(OpenProblem::HeaderDamaged("is damaged"))),
    }
}

/// Reads the version behind the magic.
fn prefix(bytes: &[u8]) -> Result<u32, OpenProblem> {
    const OTHER: &str = "was not made by `tracer record`\nhint: check the name";
    let Some((magic, rest)) = bytes.split_first_chunk::<8>() else {
        return Err(match bytes {
            [] => OpenProblem::Empty,
            _ if MAGIC.starts_with(bytes) => OpenProblem::HeaderDamaged(CUT_OFF),
            _ => OpenProblem::NotATrace(OTHER),
        });
    };
    if *magic != MAGIC {
        return Err(OpenProblem::NotATrace(match magic {
            [0x1f, 0x8b, ..] => "is compressed\nhint: unpack it with gunzip first",
            [0x28, 0xb5, 0x2f, 0xfd, ..] => "is compressed\nhint: unpack it with unzstd first",
            [0xfd, b'7', b'z', b'X', b'Z', ..] => "is compressed\nhint: unpack it with unxz first",
            [_, b'T', b'R', b'C', b'R', ..] => {
                "was changed by a program that takes it for text\nhint: copy it again, in binary \
                 mode"
            }
            _ => OTHER,
        }));
    }
    match rest
        .first_chunk::<4>()
        .map(|bytes| u32::from_le_bytes(*bytes))
    {
        None => Err(OpenProblem::HeaderDamaged(CUT_OFF)),
        Some(0) => Err(OpenProblem::HeaderDamaged("has no format version")),
        Some(format) if format > FORMAT_VERSION => Err(OpenProblem::Newer(format)),
        Some(format) => Ok(format),
    }
}
