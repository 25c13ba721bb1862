//! Writes a JSON object into a line, field by field, with no allocation for a plain value.

use std::mem;

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{
    nested::Nested,
    serial::{append, append_plain, append_text},
};
use crate::{
    model::Provenance,
    view::{
        Context,
        field::{Field, ORIGIN, Object},
        value::Value,
    },
};

/// A key with what is around it in an object that has another key before.
#[derive(Clone, Copy)]
pub(in crate::view) struct Key {
    bytes: [u8; Key::ROOM],
    length: usize,
}

impl Key {
    /// Bytes of the longest key, with comma, quotes and colon.
    const ROOM: usize = 32;

    /// Makes it of a plain name of the tool's own.
    pub(in crate::view) const fn of(name: &str) -> Key {
        let name = name.as_bytes();
        let mut bytes = [0; Key::ROOM];
        bytes[0] = b',';
        bytes[1] = b'"';
        let mut place = 0;
        while place < name.len() {
            bytes[2 + place] = name[place];
            place += 1;
        }
        bytes[2 + place] = b'"';
        bytes[3 + place] = b':';
        Key {
            bytes,
            length: 4 + place,
        }
    }
}

/// An object in the making at the end of a line.
pub(in crate::view) struct Row<'l> {
    line: &'l mut Vec<u8>,
    is_empty: bool,
    /// True if one of the fields is a `host`.
    has_host: bool,
}

impl<'l> Row<'l> {
    /// Begins an object.
    pub(in crate::view) fn begin(line: &'l mut Vec<u8>) -> Row<'l> {
        Row {
            line,
            is_empty: true,
            has_host: false,
        }
    }

    /// Adds the values of a row.
    pub(in crate::view) fn add<'a, R: 'a>(
        &mut self,
        context: Context<'a>,
        fields: &[Field<R>],
        row: &'a R,
    ) {
        for field in fields {
            self.add_one(context, field, row);
        }
    }

    /// Adds one value of a row.
    pub(in crate::view) fn add_one<'a, R: 'a>(
        &mut self,
        context: Context<'a>,
        field: &Field<R>,
        row: &'a R,
    ) {
        self.has_host |= field.is_host();
        self.value(&field.key, field.name, field.value(context, row));
    }

    /// Adds the names of recording and machine, and ends the object.
    pub(in crate::view) fn end_with_origin(mut self, context: Context<'_>) {
        let has_host = self.has_host;
        match (context.model.provenance(), context.kept) {
            (Some(provenance), Some(kept)) if !self.is_empty => {
                let origin = kept.origin(has_host, || {
                    let mut line = Vec::new();
                    let mut row = Row::begin(&mut line);
                    row.is_empty = false;
                    row.origin(provenance, has_host);
                    line
                });
                self.line.extend_from_slice(origin);
            }
            (Some(provenance), _) => self.origin(provenance, has_host),
            (None, _) => {}
        }
        self.end();
    }

    fn origin(&mut self, provenance: &Provenance, has_host: bool) {
        for origin in &ORIGIN {
            self.key(&Key::of(origin.name(has_host)));
            append_text(self.line, (origin.get)(provenance));
        }
    }

    /// Ends the object.
    pub(in crate::view) fn end(self) {
        if self.is_empty {
            self.line.push(b'{');
        }
        self.line.push(b'}');
    }

    /// Writes a key. Its room is copied whole, which is one instruction or two.
    fn key(&mut self, key: &Key) {
        let start = self.line.len();
        self.line.extend_from_slice(&key.bytes);
        self.line.truncate(start + key.length);
        if self.is_empty
            && let Some(comma) = self.line.get_mut(start)
        {
            *comma = b'{';
            self.is_empty = false;
        }
    }

    /// Adds a value as [`Value::entry`] does; common ones without serde.
    ///
    /// Most fields have nothing, or a number: these values own nothing, and are forgotten in place
    /// of a call that looks for what to drop.
    fn value(&mut self, key: &Key, name: &str, value: Value<'_>) {
        match value {
            Value::Nothing => mem::forget(value),
            Value::Flag(flag) => {
                self.key(key);
                self.line
                    .extend_from_slice(if flag { b"true" } else { b"false" });
                mem::forget(value);
            }
            Value::Number(number) => {
                self.key(key);
                let mut digits = itoa::Buffer::new();
                self.line
                    .extend_from_slice(digits.format(number).as_bytes());
                mem::forget(value);
            }
            Value::Text(text) => {
                self.key(key);
                append_text(self.line, &text);
            }
            Value::Time(time) => {
                self.key(key);
                self.line.push(b'"');
                self.line.extend_from_slice(&time);
                self.line.push(b'"');
            }
            Value::Bytes(bytes) => {
                let before = self.begin_text(key);
                if !append_plain(self.line, &bytes) {
                    self.take_back(before);
                    match std::str::from_utf8(&bytes) {
                        Ok(text) => {
                            self.key(key);
                            append_text(self.line, text);
                        }
                        Err(_) => self.serialized(name, &Value::Bytes(bytes)),
                    }
                }
            }
            Value::Words(words) => {
                let before = self.begin_text(key);
                if !self.words(words) {
                    self.take_back(before);
                    self.serialized(name, &value);
                }
            }
            Value::Process(process) => {
                self.key(key);
                match process.context().kept {
                    Some(kept) => kept.process(self.line, &process),
                    None => process.append(self.line),
                }
            }
            Value::Nested(Nested::Names(names)) => {
                self.key(key);
                self.objects(&names);
            }
            Value::Nested(Nested::Connection(connection)) => {
                self.key(key);
                match connection.context().kept {
                    Some(kept) => kept.connection(self.line, &connection),
                    None => connection.append(self.line),
                }
            }
            Value::Nested(Nested::Listener(listener)) => {
                self.key(key);
                listener.append(self.line);
            }
            Value::Null
            | Value::Real(_)
            | Value::Names(_)
            | Value::Texts(_)
            | Value::Processes(_)
            | Value::Nested(_) => self.serialized(name, &value),
        }
    }

    /// Writes a key whose value may turn out to need more than text. Returns the way back.
    fn begin_text(&mut self, key: &Key) -> (usize, bool) {
        let before = (self.line.len(), self.is_empty);
        self.key(key);
        before
    }

    fn take_back(&mut self, (length, is_empty): (usize, bool)) {
        self.line.truncate(length);
        self.is_empty = is_empty;
    }

    fn objects<R>(&mut self, objects: &[Object<'_, R>]) {
        self.line.push(b'[');
        for (position, object) in objects.iter().enumerate() {
            if position > 0 {
                self.line.push(b',');
            }
            object.append(self.line);
        }
        self.line.push(b']');
    }

    /// Writes a list of texts. Returns `false` midway where one is no UTF-8.
    fn words(&mut self, words: &[Vec<u8>]) -> bool {
        self.line.push(b'[');
        for (position, word) in words.iter().enumerate() {
            if position > 0 {
                self.line.push(b',');
            }
            if append_plain(self.line, word) {
                continue;
            }
            match std::str::from_utf8(word) {
                Ok(text) => append_text(self.line, text),
                Err(_) => return false,
            }
        }
        self.line.push(b']');
        true
    }

    /// Adds a value, with its `_base64` twin if it has one, as an object of its own whose first
    /// brace is then replaced.
    fn serialized(&mut self, name: &str, value: &Value<'_>) {
        let start = self.line.len();
        append(self.line, &Entry { name, value });
        self.line.pop();
        if let Some(brace) = self.line.get_mut(start).filter(|_| !self.is_empty) {
            *brace = b',';
        }
        self.is_empty = false;
    }
}

/// An object with one value.
struct Entry<'v, 'a> {
    name: &'v str,
    value: &'v Value<'a>,
}

impl Serialize for Entry<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.value.entry(&mut map, self.name)?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::{Entry, Key, Row, append};
    use crate::view::value::Value;

    #[test]
    fn values_are_written_as_serde_writes_them() {
        let plain = [b"sh".to_vec(), b"-c".to_vec(), b"echo \"a\\b\"\n".to_vec()];
        let wild = [b"\xff".to_vec(), "\u{202e}".as_bytes().to_vec()];
        let time = *b"2026-11-29T04:05:06.123456789Z";
        let values = || {
            [
                Value::Null,
                Value::Flag(true),
                Value::Flag(false),
                Value::Number(0),
                Value::Number(u64::MAX),
                Value::Real(0.25),
                Value::text(""),
                Value::text("plain"),
                Value::text("\"\\\u{7f}\u{9b}\u{e0041}é\n"),
                Value::Time(time),
                Value::bytes(b"bytes"),
                Value::bytes("\"\u{202e}é".as_bytes()),
                Value::bytes(b"\xff\xfe"),
                Value::Words(&plain),
                Value::Words(&wild),
                Value::Words(&wild[1..]),
                Value::Words(&[]),
                Value::Names(vec![b"a", b"\xff"]),
                Value::Texts(vec!["a".to_owned(), "\u{7f}".to_owned()]),
            ]
        };
        for (place, value) in values().iter().enumerate() {
            let again = || values().into_iter().nth(place).expect("the same list");
            let mut expected = Vec::new();
            append(&mut expected, &Entry { name: "key", value });
            let mut line = Vec::new();
            let mut row = Row::begin(&mut line);
            row.value(&Key::of("key"), "key", again());
            row.value(&Key::of("nothing"), "nothing", Value::Nothing);
            row.end();
            assert_eq!(line, expected);
            let mut line = Vec::new();
            let mut row = Row::begin(&mut line);
            row.value(&Key::of("first"), "first", Value::Number(1));
            row.value(&Key::of("key"), "key", again());
            row.end();
            let second = [b"{\"first\":1,".as_slice(), &expected[1..]].concat();
            assert_eq!(line, second);
        }
        let mut empty = Vec::new();
        Row::begin(&mut empty).end();
        assert_eq!(empty, b"{}");
    }
}
