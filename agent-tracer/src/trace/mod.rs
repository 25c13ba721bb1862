//! Writes trace files, and reads them back, complete or damaged. It does not interpret events, and
//! does not choose the path of a file.
//!
//! ```text
//! file   = magic (8 bytes), format version (u32), block…
//! block  = block header (40 bytes), payload
//! ```
//!
//! All integers are little-endian. The first block holds the [`Header`]. The last block of a
//! complete recording marks the end. The blocks between hold events, each one a length-delimited
//! protobuf message; see `envelope` for the message and `block` for the header.
//!
//! Blocks come in groups. Within a group, compression and delta coding go on from one block to the
//! next. So a block every 20 ms costs little:
//!
//! | events a block | bytes an event | bytes an event, if each block stood alone |
//! |---|---|---|
//! | 30 | 20 | 34 |
//! | 10 | 23 | 50 |
//!
//! Damage to one block costs the rest of its group, at most 256 KiB of messages. Groups are
//! independent of each other.
//!
//! A recording that ended well has an index before its last block, which holds the place of the
//! index. A reader that looks for few events need not unpack what follows the last of them.
//!
//! Any trace ever written stays readable. So the meaning of a tag, of a block kind or of a codec
//! never changes. A new meaning gets a new number, which old readers skip and count. Only a change
//! that old readers would misread takes a new format version, which they refuse.

mod block;
mod compress;
mod create;
mod digest;
mod envelope;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod header;
mod index;
mod lookahead;
mod open;
mod reader;
mod writer;

#[cfg(test)]
mod tests;

pub use create::{CreateError, NewFile};
pub use digest::{Digest, NotADigest};
pub use header::{Header, Mode, PlanEntry, RuleSource, TagList};
pub use index::Wanted;
pub use open::OpenError;
pub use reader::{Gap, Item, NO_END, ReadError, Reader};
pub use writer::{FLUSH_AFTER, Finished, Output, WriteFailure, Writer, hint};

/// The first bytes of every trace. As in PNG, a byte above 127 distinguishes them from text. The
/// line ends and the Ctrl-Z reveal a copy by a program that rewrites text.
pub const MAGIC: [u8; 8] = [0x89, b'T', b'R', b'C', b'R', b'\r', b'\n', 0x1a];

/// The format that this library writes, and the newest one that it reads.
pub const FORMAT_VERSION: u32 = 1;
