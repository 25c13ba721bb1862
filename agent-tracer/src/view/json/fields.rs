//! What all the objects are made of: fields of bytes, lists and numbers, and the line that they end up
//! in. It knows nothing of events.

use std::io;

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::ser::{Serialize, SerializeMap};

use crate::{
    event::Exit,
    view::{errno_name, escape, signal_name},
};

/// A value as a line.
pub(in crate::view) fn to_line(value: &impl Serialize) -> String {
    let mut line = Vec::with_capacity(512);
    let mut serializer = serde_json::Serializer::with_formatter(&mut line, Visible);
    // Only a map with keys that are no strings could fail.
    let _ = value.serialize(&mut serializer);
    String::from_utf8(line).unwrap_or_default()
}

/// JSON must escape control characters below U+0020 only. Whoever looks at it on a terminal wants no
/// others either, and nothing that is invisible or changes the order of text.
struct Visible;

impl serde_json::ser::Formatter for Visible {
    fn write_string_fragment<W>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()>
    where
        W: ?Sized + io::Write,
    {
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

pub(in crate::view) fn entry<M: SerializeMap>(
    map: &mut M,
    key: &'static str,
    value: Option<impl Serialize>,
) -> Result<(), M::Error> {
    match value {
        Some(value) => map.serialize_entry(key, &value),
        None => Ok(()),
    }
}

pub(super) fn status<M: SerializeMap>(map: &mut M, exit: Exit) -> Result<(), M::Error> {
    match exit.signal() {
        Some(signal) => map.serialize_entry("signal", &signal_name(signal)),
        None => map.serialize_entry("code", &exit.code()),
    }
}

pub(super) fn error<M: SerializeMap>(map: &mut M, error: u32) -> Result<(), M::Error> {
    match error {
        0 => Ok(()),
        error => map.serialize_entry("error", &errno_name(error)),
    }
}

pub(in crate::view) fn bytes<M: SerializeMap>(
    map: &mut M,
    key: &'static str,
    twin: &'static str,
    value: &[u8],
) -> Result<(), M::Error> {
    let text = String::from_utf8_lossy(value);
    map.serialize_entry(key, &text)?;
    if std::str::from_utf8(value).is_err() {
        map.serialize_entry(twin, &BASE64_STANDARD.encode(value))?;
    }
    Ok(())
}

pub(in crate::view) fn list<M: SerializeMap, T: AsRef<[u8]>>(
    map: &mut M,
    key: &'static str,
    twin: &'static str,
    values: &[T],
) -> Result<(), M::Error> {
    let texts: Vec<_> = values
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_ref()))
        .collect();
    map.serialize_entry(key, &texts)?;
    if values
        .iter()
        .any(|value| std::str::from_utf8(value.as_ref()).is_err())
    {
        let encoded: Vec<_> = values
            .iter()
            .map(|value| BASE64_STANDARD.encode(value.as_ref()))
            .collect();
        map.serialize_entry(twin, &encoded)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_is_hidden_is_escaped() {
        let text = "a\u{9b}31m\u{202e}\u{7f}\u{e0041}\u{200b}é\n";
        let line = super::to_line(&text);
        assert_eq!(line, r#""a\u009b31m\u202e\u007f\udb40\udc41\u200bé\n""#);
        assert_eq!(serde_json::from_str::<String>(&line).expect("JSON"), text);
    }
}
