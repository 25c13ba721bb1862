//! Writes one value of a field: into a JSON object, and as a cell of CSV.

use std::{borrow::Cow, net::SocketAddr};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use super::{
    Context, escape,
    field::Object,
    json::{Nested, STATE, to_line},
    page::push_address,
    process::called,
    processes::PROCESS,
};
use crate::{
    event::FileState,
    model::{Process, ProcessIndex},
};

/// Bytes of a time with nanoseconds.
pub(super) const TIME_BYTES: usize = "2026-11-29T04:05:06.123456789Z".len();

/// The value of a field in a row.
pub(super) enum Value<'a> {
    /// Nothing: the key is left out, the cell is empty.
    Nothing,
    /// Unknown: the key has the value null, the cell is empty.
    Null,
    /// True or false.
    Flag(bool),
    /// A number of something.
    Number(u64),
    /// A number with a fraction.
    Real(f64),
    /// Text of the tool's own, or text that is valid UTF-8.
    Text(Cow<'a, str>),
    /// A time of a day as RFC 3339 has it, with nanoseconds.
    Time([u8; TIME_BYTES]),
    /// Bytes of a traced program.
    Bytes(Cow<'a, [u8]>),
    /// A command line.
    Words(&'a [Vec<u8>]),
    /// Several names as bytes.
    Names(Vec<&'a [u8]>),
    /// Several texts.
    Texts(Vec<String>),
    /// A process.
    Process(Object<'a, Process>),
    /// Several processes.
    Processes(Vec<Object<'a, Process>>),
    /// An object or a list of objects.
    Nested(Nested<'a>),
}

impl<'a> Value<'a> {
    /// Returns processes, where there are any.
    pub(super) fn processes(
        context: Context<'a>,
        indices: impl Iterator<Item = ProcessIndex>,
    ) -> Value<'a> {
        let all: Vec<Object<'a, Process>> = indices
            .map(|index| Object::new(context, &PROCESS, context.model.process(index)))
            .collect();
        match all.is_empty() {
            true => Value::Nothing,
            false => Value::Processes(all),
        }
    }

    /// Returns a text, also an empty one.
    pub(super) fn text(text: impl Into<Cow<'a, str>>) -> Value<'a> {
        Value::Text(text.into())
    }

    /// Returns the text of a value such as an address, where it is known.
    pub(super) fn written(value: Option<impl ToString>) -> Value<'a> {
        value.map_or(Value::Nothing, |value| Value::text(value.to_string()))
    }

    /// Returns an address with its port, where it is known.
    pub(super) fn address(address: Option<SocketAddr>) -> Value<'a> {
        address.map_or(Value::Nothing, |address| {
            let mut text = String::with_capacity(24);
            push_address(&mut text, address);
            Value::text(text)
        })
    }

    /// Returns a number, where it is known.
    pub(super) fn number(value: Option<u64>) -> Value<'a> {
        value.map_or(Value::Nothing, Value::Number)
    }

    /// Returns a flag, where the condition holds.
    pub(super) fn flag_if(condition: bool, value: bool) -> Value<'a> {
        match condition {
            true => Value::Flag(value),
            false => Value::Nothing,
        }
    }

    /// Returns a text, where it is not empty.
    pub(super) fn text_if_any(text: impl Into<Cow<'a, str>>) -> Value<'a> {
        let text = text.into();
        match text.is_empty() {
            true => Value::Nothing,
            false => Value::Text(text),
        }
    }

    /// Returns bytes, also empty ones.
    pub(super) fn bytes(bytes: &'a [u8]) -> Value<'a> {
        Value::Bytes(bytes.into())
    }

    /// Returns bytes, where they are known.
    pub(super) fn known_bytes(bytes: Option<&'a [u8]>) -> Value<'a> {
        bytes.map_or(Value::Nothing, Value::bytes)
    }

    /// Returns bytes, where there are any.
    pub(super) fn bytes_if_any(bytes: &'a [u8]) -> Value<'a> {
        match bytes.is_empty() {
            true => Value::Nothing,
            false => Value::bytes(bytes),
        }
    }

    /// Returns a list of words, where there are any.
    pub(super) fn words_if_any(words: &'a [Vec<u8>]) -> Value<'a> {
        match words.is_empty() {
            true => Value::Nothing,
            false => Value::Words(words),
        }
    }

    /// Returns a process, where it is known.
    pub(super) fn process(context: Context<'a>, index: Option<ProcessIndex>) -> Value<'a> {
        index.map_or(Value::Nothing, |index| {
            Value::Process(process_object(context, index))
        })
    }

    /// Returns the state of a file, where it is known.
    pub(super) fn state(context: Context<'a>, state: Option<&'a FileState>) -> Value<'a> {
        state.map_or(Value::Nothing, |state| {
            Value::Nested(Nested::State(Object::new(context, &STATE, state)))
        })
    }

    /// Adds the value to an object. Bytes that are not UTF-8 become U+FFFD, with a `_base64` twin.
    pub(super) fn entry<M: SerializeMap>(&self, map: &mut M, name: &str) -> Result<(), M::Error> {
        match self {
            Value::Nothing => Ok(()),
            Value::Null => map.serialize_entry(name, &None::<()>),
            Value::Flag(flag) => map.serialize_entry(name, flag),
            Value::Number(number) => map.serialize_entry(name, number),
            Value::Real(number) => map.serialize_entry(name, number),
            Value::Text(text) => map.serialize_entry(name, &**text),
            Value::Time(time) => map.serialize_entry(name, &String::from_utf8_lossy(time)),
            Value::Bytes(bytes) => {
                map.serialize_entry(name, &String::from_utf8_lossy(bytes))?;
                match std::str::from_utf8(bytes) {
                    Ok(_) => Ok(()),
                    Err(_) => map.serialize_entry(&twin(name), &BASE64_STANDARD.encode(bytes)),
                }
            }
            Value::Words(words) => list(map, name, || words.iter().map(Vec::as_slice)),
            Value::Names(names) => list(map, name, || names.iter().copied()),
            Value::Texts(texts) => map.serialize_entry(name, texts),
            Value::Process(process) => map.serialize_entry(name, process),
            Value::Processes(processes) => map.serialize_entry(name, processes),
            Value::Nested(nested) => map.serialize_entry(name, nested),
        }
    }

    /// Writes the value as a cell of CSV, escaped for a terminal and a spreadsheet.
    pub(super) fn cell(&self) -> String {
        match self {
            Value::Nothing | Value::Null => String::new(),
            Value::Flag(flag) => flag.to_string(),
            Value::Number(number) => number.to_string(),
            Value::Real(number) => number.to_string(),
            Value::Text(text) => harmless(escape::text(text.as_bytes())),
            Value::Time(time) => harmless(escape::text(time)),
            Value::Bytes(bytes) => harmless(escape::text(bytes)),
            Value::Words(words) => harmless(escape::arguments(words)),
            Value::Names(names) => harmless(joined(names.iter().copied())),
            Value::Texts(texts) => harmless(joined(texts.iter().map(String::as_bytes))),
            Value::Process(process) => harmless(called(process.row())),
            Value::Processes(processes) => {
                let processes = processes.iter();
                let names: Vec<String> = processes.map(|one| called(one.row())).collect();
                harmless(names.join("; "))
            }
            Value::Nested(nested) => harmless(to_line(nested)),
        }
    }
}

/// Puts an apostrophe before a text that a spreadsheet would take for a formula.
pub(super) fn harmless(mut text: String) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        text.insert(0, '\'');
    }
    text
}

/// Returns a process as an object.
pub(super) fn process_object<'a>(context: Context<'a>, index: ProcessIndex) -> Object<'a, Process> {
    Object::new(context, &PROCESS, context.model.process(index))
}

fn joined<'a>(all: impl Iterator<Item = &'a [u8]>) -> String {
    let texts: Vec<String> = all.map(escape::text).collect();
    texts.join("; ")
}

fn twin(name: &str) -> String {
    format!("{name}_base64")
}

fn list<'a, M: SerializeMap, I: Iterator<Item = &'a [u8]>>(
    map: &mut M,
    name: &str,
    all: impl Fn() -> I,
) -> Result<(), M::Error> {
    map.serialize_entry(name, &Seq(|| all().map(String::from_utf8_lossy)))?;
    match all().all(|bytes| std::str::from_utf8(bytes).is_ok()) {
        true => Ok(()),
        false => {
            let encoded = Seq(|| all().map(|bytes| BASE64_STANDARD.encode(bytes)));
            map.serialize_entry(&twin(name), &encoded)
        }
    }
}

/// A list whose items are made as they are written.
struct Seq<F>(F);

impl<F: Fn() -> I, I: Iterator<Item: Serialize>> Serialize for Seq<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(None)?;
        for one in (self.0)() {
            seq.serialize_element(&one)?;
        }
        seq.end()
    }
}

#[cfg(test)]
mod tests {
    use super::Value;

    #[test]
    fn spreadsheets_take_no_cell_for_a_formula() {
        for (text, cell) in [
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-rf", "'-rf"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("a=b", "a=b"),
            ("", ""),
            ("\t=1", "\\t=1"),
        ] {
            assert_eq!(Value::text(text).cell(), cell);
        }
        let words = [b"-rf".to_vec(), b"a b".to_vec()];
        assert_eq!(Value::Words(&words).cell(), "'-rf 'a b'");
    }
}
