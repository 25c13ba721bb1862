//! Places data, style sheet and script in an HTML page: JSON in which no `</script>` can occur, and
//! the content security policy.

use std::{
    fmt,
    io::{self, Write},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// A value as JSON for a `<script type="application/json">`. Characters with a meaning in HTML, and
/// ends of lines of scripts, are escaped.
pub(super) struct Inline<T>(pub(super) T);

impl<T: Serialize> fmt::Display for Inline<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut serializer = serde_json::Serializer::with_formatter(Adapter(formatter), NoMarkup);
        self.0.serialize(&mut serializer).map_err(|_| fmt::Error)
    }
}

/// Escapes characters that JSON has in strings only.
struct NoMarkup;

impl serde_json::ser::Formatter for NoMarkup {
    fn write_string_fragment<W>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()>
    where
        W: ?Sized + Write,
    {
        let is_markup = |character| matches!(character, '<' | '>' | '&' | '\u{2028}' | '\u{2029}');
        let mut rest = fragment;
        while let Some(at) = rest.find(is_markup) {
            let (plain, from) = rest.split_at(at);
            writer.write_all(plain.as_bytes())?;
            let mut characters = from.chars();
            if let Some(markup) = characters.next() {
                write!(writer, "\\u{:04x}", u32::from(markup))?;
            }
            rest = characters.as_str();
        }
        writer.write_all(rest.as_bytes())
    }
}

/// Writes bytes to a formatter. The serializer writes whole strings, so it splits no character.
struct Adapter<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl Write for Adapter<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = std::str::from_utf8(bytes).map_err(io::Error::other)?;
        self.0.write_str(text).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns the policy of a page that may use one style sheet and one script, each by its hash.
pub(super) fn policy(style: &str, script: &str) -> String {
    let hash = |text: &str| BASE64_STANDARD.encode(Sha256::digest(text));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; \
         form-action 'none'",
        hash(style),
        hash(script)
    )
}
