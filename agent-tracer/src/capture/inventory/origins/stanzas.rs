//! Reads the stanzas of a list of packages, line by line, without holding long lines.

use std::{
    io::{self, BufRead},
    time::Instant,
};

/// Longest line that is kept. A description may be longer, and is not wanted.
const LINE: usize = 1024;

/// Lines between two looks at the clock.
const LINES: u64 = 65_536;

/// A stanza.
pub(super) struct Listed<'a> {
    pub(super) name: &'a [u8],
    pub(super) architecture: &'a [u8],
    pub(super) version: &'a [u8],
    /// The path of the package's file in the archive.
    pub(super) file: &'a [u8],
    /// The file's SHA-256, in hexadecimal.
    pub(super) sha256: &'a [u8],
}

const KEYS: [&[u8]; 5] = [
    b"Package:",
    b"Architecture:",
    b"Version:",
    b"Filename:",
    b"SHA256:",
];

/// Hands each stanza to a function, as long as it returns `true` and there is time. Returns `false`
/// if it stopped for lack of time.
///
/// # Errors
///
/// Those of read(2), and of a compression that is damaged.
pub(super) fn each(
    mut reader: impl BufRead,
    until: Instant,
    mut take: impl FnMut(&Listed<'_>) -> bool,
) -> io::Result<bool> {
    let mut fields: [Vec<u8>; 5] = Default::default();
    let mut line = Vec::new();
    let mut count: u64 = 0;
    loop {
        let is_end = !read_line(&mut reader, &mut line)?;
        if line.is_empty() {
            let [name, architecture, version, file, sha256] = fields.each_ref().map(Vec::as_slice);
            let listed = Listed {
                name,
                architecture,
                version,
                file,
                sha256,
            };
            if !name.is_empty() && !take(&listed) {
                return Ok(true);
            }
            fields.iter_mut().for_each(Vec::clear);
        }
        for (field, key) in fields.iter_mut().zip(KEYS) {
            if let Some(value) = line.strip_prefix(key) {
                field.clear();
                field.extend(value.trim_ascii());
            }
        }
        if is_end && line.is_empty() {
            return Ok(true);
        }
        count += 1;
        if count.is_multiple_of(LINES) && Instant::now() >= until {
            return Ok(false);
        }
    }
}

/// Reads the next line without its end, up to the limit. Returns `false` at the end.
fn read_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    loop {
        let bytes = reader.fill_buf()?;
        if bytes.is_empty() {
            return Ok(false);
        }
        let end = memchr::memchr(b'\n', bytes);
        let part = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
        let room = LINE.saturating_sub(line.len());
        line.extend(part.iter().take(room));
        let length = end.map_or(bytes.len(), |end| end + 1);
        reader.consume(length);
        if end.is_some() {
            return Ok(true);
        }
    }
}
