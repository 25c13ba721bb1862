//! Reads a list: a file, then JSON in one pass, without a copy in memory.
//!
//! It knows three formats and skips unneeded keys. It refuses files longer than any list, and lists
//! with an unknown entry. A skipped address would get a wrong name from the next larger prefix.

mod json;

use std::{fs::File, io::Read, path::Path};

use serde::de::DeserializeSeed;
use serde_json::error::Category;

use super::{
    TagError,
    build::Builder,
    error::{fetch, shortened},
};
use json::Root;

/// Far above any list: the longest of 2025 has 4 MB.
pub(super) const SIZE_LIMIT: u64 = 64 << 20;

/// Reads a file up to a limit. It may be endless, or a pipe.
pub(super) fn file(path: &Path) -> Result<Vec<u8>, TagError> {
    let name = || path.display().to_string();
    let failed = |cause| TagError::Read {
        file: name(),
        cause,
    };
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if metadata.is_dir() {
        return Err(TagError::Other {
            file: name(),
            looks: "a directory",
            remedy: "name the file in it".to_owned(),
        });
    }
    if metadata.len() > SIZE_LIMIT {
        return Err(TagError::TooLarge { file: name() });
    }
    // Checked above; 0 for files without a length.
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0) + 1);
    file.take(SIZE_LIMIT + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > SIZE_LIMIT {
        return Err(TagError::TooLarge { file: name() });
    }
    Ok(bytes)
}

/// Adds the entries of a list; `file` names it in errors.
pub(super) fn list(file: &str, bytes: &[u8], builder: &mut Builder) -> Result<(), TagError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if let Some((looks, remedy)) = other(bytes) {
        return Err(TagError::Other {
            file: file.to_owned(),
            looks,
            remedy,
        });
    }
    let before = builder.prefixes();
    builder.begin(file);
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let is_list = Root { builder }
        .deserialize(&mut json)
        .and_then(|is_list| json.end().map(|()| is_list))
        .map_err(|error| explain(file, bytes.len(), &error))?;
    let file = file.to_owned();
    match builder.prefixes() {
        _ if builder.is_full() => Err(TagError::TooMany { file }),
        _ if !is_list => Err(TagError::NoList { file }),
        after if after == before => Err(TagError::NoPrefix { file }),
        _ => Ok(()),
    }
}

/// Recognizes a common wrong file, and returns its kind and a remedy.
fn other(bytes: &[u8]) -> Option<(&'static str, String)> {
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    let page = "that is the page with the link; save what the link leads to";
    Some(match (first, bytes) {
        (None, _) => ("empty", fetch("download one")),
        (Some(b'<'), _) => ("an HTML or XML page", fetch(page)),
        (_, [0x1f, 0x8b, ..]) => ("compressed", "unpack it first, with gunzip".to_owned()),
        (_, [b'P', b'K', 3, 4, ..]) => ("a zip archive", "unpack it first".to_owned()),
        (_, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]) => (
            "in UTF-16",
            "save it as it was downloaded, in UTF-8".to_owned(),
        ),
        (Some(b'{'), _) => return None,
        (Some(_), _) => ("something that is not a JSON object", fetch("download one")),
    })
}

fn explain(file: &str, bytes: usize, error: &serde_json::Error) -> TagError {
    let file = file.to_owned();
    match error.classify() {
        Category::Eof => TagError::Truncated { file, bytes },
        Category::Syntax | Category::Data | Category::Io => {
            let text = error.to_string();
            // The message gives the place in front.
            let message = text
                .rsplit_once(" at line ")
                .map_or(&*text, |(what, _)| what);
            TagError::Content {
                file,
                line: error.line(),
                column: error.column(),
                message: shortened(message),
            }
        }
    }
}
