//! Explains why a list of tags is unusable: the file, its likely format, a remedy. Quotations are
//! short: a hostile file must not fill the terminal with its own text.

use std::io;

use super::{build::PREFIX_LIMIT, lists::published, read::SIZE_LIMIT};

/// A list that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TagError {
    /// The file cannot be read.
    #[error("cannot read the tag file {file}: {cause}")]
    Read {
        /// The file.
        file: String,
        /// The system's error.
        cause: io::Error,
    },
    /// It is longer than any list.
    #[error(
        "cannot read {file}: it has more than {} MiB, and published tag files have less than 10\n\
         hint: check that it is the file you meant",
        SIZE_LIMIT >> 20
    )]
    TooLarge {
        /// The file.
        file: String,
    },
    /// It has another format.
    #[error("cannot read {file}: it is not a tag file but {looks}\nhint: {remedy}")]
    Other {
        /// The file.
        file: String,
        /// The likely format.
        looks: &'static str,
        /// The remedy.
        remedy: String,
    },
    /// It is cut short.
    #[error(
        "cannot read {file}: it ends in the middle, after {bytes} bytes\nhint: {}",
        fetch("download it again")
    )]
    Truncated {
        /// The file.
        file: String,
        /// Its length.
        bytes: usize,
    },
    /// It has an unknown part.
    #[error(
        "{file}:{line}:{column}: {message}\nhint: {}",
        fetch("download it again, or correct it there")
    )]
    Content {
        /// The file.
        file: String,
        /// The line, counted from 1.
        line: usize,
        /// The column in bytes, counted from 1.
        column: usize,
        /// The parser's message.
        message: String,
    },
    /// It is JSON, but not a known list.
    #[error(
        "cannot read {file}: it is JSON but not a tag file: it has neither `values` nor \
         `prefixes`\nhint: {}",
        fetch("download one")
    )]
    NoList {
        /// The file.
        file: String,
    },
    /// It is empty.
    #[error(
        "cannot read {file}: it is a tag file without a prefix, so it names nothing\nhint: {}",
        fetch("download one")
    )]
    NoPrefix {
        /// The file.
        file: String,
    },
    /// It has more entries than any list.
    #[error(
        "cannot read {file}: it has more than {PREFIX_LIMIT} prefixes, with the files before it\n\
         hint: leave a file out, or check that it is the one you meant"
    )]
    TooMany {
        /// The file.
        file: String,
    },
}

/// Advises on a download of a list.
pub(super) fn fetch(what: &str) -> String {
    let files: Vec<&str> = published().iter().map(|list| list.file.as_str()).collect();
    format!("{what} ({})", files.join(", "))
}

/// Shortens a part of a message for display.
pub(super) fn shortened(text: &str) -> String {
    const SHOWN: usize = 120;
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}
