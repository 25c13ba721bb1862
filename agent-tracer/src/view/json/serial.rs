//! Writes values as lines of JSON that are safe on a terminal.

use std::io;

use serde::Serialize;

use crate::view::escape;

/// Writes a value as a line.
pub(in crate::view) fn to_line(value: &impl Serialize) -> String {
    let mut line = Vec::with_capacity(512);
    append(&mut line, value);
    String::from_utf8(line).unwrap_or_default()
}

/// Appends a value to a line.
pub(super) fn append(line: &mut Vec<u8>, value: &impl Serialize) {
    let mut serializer = serde_json::Serializer::with_formatter(line, Visible);
    // Only a map with keys other than strings could fail.
    let _ = value.serialize(&mut serializer);
}

/// Appends a string in quotes.
pub(super) fn append_text(line: &mut Vec<u8>, text: &str) {
    if !append_plain(line, text.as_bytes()) {
        append(line, &text);
    }
}

/// Appends bytes in quotes, if they are a text without anything to escape. Returns `false`, and
/// appends nothing, for others.
pub(super) fn append_plain(line: &mut Vec<u8>, bytes: &[u8]) -> bool {
    let is_plain = escape::is_visible_without(bytes, *b"\"\\");
    if is_plain {
        line.reserve(bytes.len() + 2);
        line.push(b'"');
        line.extend_from_slice(bytes);
        line.push(b'"');
    }
    is_plain
}

/// Escapes all characters that are invisible, reorder text or control a terminal. JSON itself
/// demands that only below U+0020.
struct Visible;

impl serde_json::ser::Formatter for Visible {
    fn write_string_fragment<W>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()>
    where
        W: ?Sized + io::Write,
    {
        if escape::is_visible_ascii(fragment.as_bytes()) {
            return writer.write_all(fragment.as_bytes());
        }
        let mut rest = fragment;
        while let Some(at) = rest.find(escape::is_hidden) {
            let (plain, from) = rest.split_at(at);
            writer.write_all(plain.as_bytes())?;
            let hidden = from.chars().next().map_or(0, char::len_utf8);
            let (hidden, after) = from.split_at(hidden);
            for unit in hidden.encode_utf16() {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = after;
        }
        writer.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn hidden_characters_are_escaped() {
        let text = "a\u{9b}31m\u{202e}\u{7f}\u{e0041}\u{200b}é\n";
        let line = super::to_line(&text);
        assert_eq!(line, r#""a\u009b31m\u202e\u007f\udb40\udc41\u200bé\n""#);
        assert_eq!(serde_json::from_str::<String>(&line).expect("JSON"), text);
    }
}
