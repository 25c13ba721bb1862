//! Reads the rows of a table of an SQLite database (sqlite.org/fileformat2.html), without queries,
//! indexes and writes. A file may be hostile, so it limits pages and rows.

use std::{fs::File, io, os::unix::fs::FileExt};

/// Limit of a database in bytes. With all packages of a distribution, it has some hundred MiB.
const LIMIT: u64 = 2 << 30;

/// Limit of a row in bytes. A header of rpm has a few MiB.
const ROW: usize = 32 << 20;

/// An open database.
pub(super) struct Database {
    file: File,
    page_size: usize,
    /// Usable bytes of a page.
    usable: usize,
    pages: u64,
    /// Bytes that may still be read.
    left: u64,
}

/// One page: its bytes, and the start of its b-tree header.
struct Page {
    bytes: Vec<u8>,
    header: usize,
}

const LEAF: u8 = 0x0d;
const INTERIOR: u8 = 0x05;

impl Database {
    /// Opens a database.
    ///
    /// # Errors
    ///
    /// The file is not a database of SQLite, is too large, or cannot be read.
    pub(super) fn open(file: File) -> io::Result<Database> {
        let length = file.metadata()?.len();
        if length > LIMIT {
            return Err(io::Error::other(format!("it has more than {LIMIT} bytes")));
        }
        let mut header = [0; 100];
        let none = || io::Error::other("it is not an SQLite database");
        file.read_exact_at(&mut header, 0).map_err(|_| none())?;
        let page_size = match u16::from_be_bytes([header[16], header[17]]) {
            1 => 1 << 16,
            size => usize::from(size),
        };
        let usable = page_size.saturating_sub(usize::from(header[20]));
        let is_size = page_size.is_power_of_two() && page_size >= 512 && usable >= 480;
        if !header.starts_with(b"SQLite format 3\0") || !is_size {
            return Err(none());
        }
        Ok(Database {
            file,
            page_size,
            usable,
            pages: length / page_size as u64,
            left: length,
        })
    }

    /// Hands the columns of each row of a table to `take`, as bytes.
    ///
    /// # Errors
    ///
    /// There is no such table, or the file is damaged or cannot be read.
    pub(super) fn rows(&mut self, table: &str, take: impl FnMut(&[&[u8]])) -> io::Result<()> {
        const KIND: usize = 0;
        const NAME: usize = 1;
        const ROOT: usize = 3;
        const SCHEMA: u32 = 1;
        let mut root = None;
        self.walk(SCHEMA, |columns| {
            let is = |index: usize, text: &str| columns.get(index) == Some(&text.as_bytes());
            if is(KIND, "table") && is(NAME, table) {
                root = columns.get(ROOT).and_then(|it| number(it));
            }
        })?;
        let root = root.ok_or_else(|| io::Error::other(format!("it has no table {table}")))?;
        self.walk(root, take)
    }

    fn walk(&mut self, root: u32, mut take: impl FnMut(&[&[u8]])) -> io::Result<()> {
        let mut waiting = vec![root];
        let mut seen = 0;
        while let Some(number) = waiting.pop() {
            seen += 1;
            if seen > self.pages {
                return Err(damaged());
            }
            let page = self.page(number)?;
            match page.byte(0)? {
                LEAF => {
                    for cell in page.cells(8)? {
                        let row = self.row(&page, cell)?;
                        take(&columns(&row).ok_or_else(damaged)?);
                    }
                }
                INTERIOR => {
                    waiting.push(page.u32(page.header + 8)?);
                    for cell in page.cells(12)?.into_iter().rev() {
                        waiting.push(page.u32(cell)?);
                    }
                }
                _ => return Err(damaged()),
            }
        }
        Ok(())
    }

    fn page(&self, number: u32) -> io::Result<Page> {
        let number = u64::from(number);
        if number == 0 || number > self.pages {
            return Err(damaged());
        }
        let mut bytes = vec![0; self.page_size];
        self.file
            .read_exact_at(&mut bytes, (number - 1) * self.page_size as u64)?;
        // The first page begins with the header of the file.
        let header = if number == 1 { 100 } else { 0 };
        Ok(Page { bytes, header })
    }

    /// Reads a row, with its overflow pages.
    fn row(&mut self, page: &Page, cell: usize) -> io::Result<Vec<u8>> {
        let rest = page.bytes.get(cell..).ok_or_else(damaged)?;
        let (length, rest) = varint(rest).ok_or_else(damaged)?;
        let (_row_id, rest) = varint(rest).ok_or_else(damaged)?;
        self.left = self.left.checked_sub(length).ok_or_else(damaged)?;
        let length = usize::try_from(length).ok().filter(|it| *it <= ROW);
        let length = length.ok_or_else(|| io::Error::other("one of its rows is too long"))?;
        let local = self.local(length);
        let mut row = rest.get(..local).ok_or_else(damaged)?.to_vec();
        if local == length {
            return Ok(row);
        }
        let next = rest
            .get(local..)
            .and_then(|it| it.first_chunk())
            .ok_or_else(damaged)?;
        let mut next = u32::from_be_bytes(*next);
        while row.len() < length {
            let page = self.page(next)?;
            let room = page.bytes.get(4..self.usable).ok_or_else(damaged)?;
            let part = room.len().min(length - row.len());
            row.extend(room.iter().take(part));
            next = page.u32(0)?;
        }
        Ok(row)
    }

    /// Computes the length of the part of a row in its page.
    fn local(&self, length: usize) -> usize {
        let most = self.usable - 35;
        if length <= most {
            return length;
        }
        let least = (self.usable - 12) * 32 / 255 - 23;
        let fits = least + (length - least) % (self.usable - 4);
        if fits <= most { fits } else { least }
    }
}

impl Page {
    fn byte(&self, at: usize) -> io::Result<u8> {
        self.bytes
            .get(self.header + at)
            .copied()
            .ok_or_else(damaged)
    }

    fn u32(&self, at: usize) -> io::Result<u32> {
        let bytes = self.bytes.get(at..).and_then(|it| it.first_chunk());
        Ok(u32::from_be_bytes(*bytes.ok_or_else(damaged)?))
    }

    /// Lists the starts of cells. Their pointers follow the page's header, of the given size.
    fn cells(&self, header: usize) -> io::Result<Vec<usize>> {
        let count = usize::from(u16::from_be_bytes([self.byte(3)?, self.byte(4)?]));
        let first = self.header + header;
        let pointers = self
            .bytes
            .get(first..first + count * 2)
            .ok_or_else(damaged)?;
        let all = pointers.chunks_exact(2);
        Ok(all
            .map(|it| usize::from(u16::from_be_bytes([it[0], it[1]])))
            .collect())
    }
}

fn damaged() -> io::Error {
    io::Error::other("it is damaged")
}

/// Splits a row into its columns: their kinds come first.
fn columns(row: &[u8]) -> Option<Vec<&[u8]>> {
    let (header, kinds) = varint(row)?;
    let header = usize::try_from(header).ok()?;
    let start = row.len() - kinds.len();
    let mut kinds = row.get(start..header)?;
    let mut values = row.get(header..)?;
    let mut columns = Vec::new();
    while !kinds.is_empty() {
        let (kind, rest) = varint(kinds)?;
        kinds = rest;
        let length = match kind {
            // NULL, and the numbers 0 and 1, have no bytes.
            0 | 8 | 9 => 0,
            1..=4 => kind,
            5 => 6,
            6 | 7 => 8,
            10 | 11 => return None,
            _ => (kind - 12) / 2,
        };
        let (value, rest) = values.split_at_checked(usize::try_from(length).ok()?)?;
        values = rest;
        columns.push(value);
    }
    Some(columns)
}

fn number(bytes: &[u8]) -> Option<u32> {
    if bytes.len() > 8 {
        return None;
    }
    let number = bytes
        .iter()
        .fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
    u32::try_from(number).ok()
}

/// Reads a number of up to nine bytes. Returns it with the rest.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0_u64;
    for (index, byte) in bytes.iter().take(9).enumerate() {
        let rest = bytes.get(index + 1..)?;
        if index == 8 {
            return Some(((number << 8) | u64::from(*byte), rest));
        }
        number = (number << 7) | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((number, rest));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{columns, varint};

    #[test]
    fn numbers_and_columns() {
        assert_eq!(varint(&[0x81, 0x00, 7]), Some((128, [7].as_slice())));
        assert_eq!(varint(&[0xff; 9]), Some((u64::MAX, [].as_slice())));
        assert_eq!(varint(&[0x80]), None);
        let row = [4, 0, 1, 19, 9, b'a', b'b', b'c'];
        let all = columns(&row).expect("a row");
        assert_eq!(all, [[].as_slice(), &[9], b"abc"]);
        assert_eq!(columns(&row[..7]), None);
    }

    proptest! {
        #[test]
        fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            columns(&bytes);
            varint(&bytes);
        }
    }
}
