//! Packs a part of a page: JSON, compressed, as base64 in a script element of its own.

use std::io::{self, Write};

use base64::{Engine, prelude::BASE64_STANDARD};
use flate2::{Compression, write::GzEncoder};
use serde::Serialize;

/// Packs a value. No text of it can be markup: base64 has letters, digits, `+`, `/` and `=`.
///
/// # Errors
///
/// The value has no form as JSON.
pub(super) fn packed(part: &impl Serialize) -> io::Result<String> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    // Small pieces, as a serializer writes them, cost more than the bytes.
    encoder.write_all(&serde_json::to_vec(part)?)?;
    Ok(BASE64_STANDARD.encode(encoder.finish()?))
}
