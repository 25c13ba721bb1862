//! The trace file: what is in it, how it is written, how it is read back whole or damaged. It
//! neither interprets events nor decides where a file goes.
//!
//! ```text
//! file   = magic (8 bytes), format version (u32), block…
//! block  = block header (40 bytes), payload
//! ```
//!
//! All integers are little-endian. The first block holds the [`Header`], the last one, of a
//! recording that ended well, says that it is the last. The blocks between hold events, each
//! one a length-delimited protobuf message; see `envelope` for the message and `block` for the
//! header. Blocks come in groups: within a group, compression and delta coding go on from one
//! block to the next. That is what lets a block be written every 20 ms without paying for it
//! in size (30 events a block: 20 bytes an event, 34 if each block stood alone; 10 events: 23,
//! and 50); the price is that damage to one block costs the rest of its group, 256 KiB of
//! messages at most. Groups stand alone.
//!
//! Any trace ever written stays readable. So the meaning of a tag, of a block kind or of a
//! codec never changes; what is new gets a new number, which old readers skip and count. A
//! change that old readers would misread, and nothing less, takes a new format version, which
//! they refuse.

mod block;
mod compress;
mod create;
mod digest;
mod envelope;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod header;
mod lookahead;
mod open;
mod reader;
mod writer;

#[cfg(test)]
mod tests;

pub use create::{CreateError, NewFile};
pub use digest::{Digest, NotADigest};
pub use header::{Header, Mode, PlanEntry, RuleSource, TagList};
pub use open::OpenError;
pub use reader::{Gap, Item, ReadError, Reader};
pub use writer::{FLUSH_AFTER, Finished, Output, WriteFailure, Writer, hint};

/// The first bytes of every trace. As in PNG, a byte above 127 tells it from text, and the line
/// ends and the Ctrl-Z show that a copy went through something that rewrites text.
pub const MAGIC: [u8; 8] = [0x89, b'T', b'R', b'C', b'R', b'\r', b'\n', 0x1a];

/// The format that this library writes, and the newest that it reads.
pub const FORMAT_VERSION: u32 = 1;
