//! Writes a JSON object into a line, field by field, with no allocation for a plain value.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{
    nested::Nested,
    serial::{append, append_text},
};
use crate::{
    model::Model,
    view::{
        Context,
        field::{Field, ORIGIN, Object},
        value::Value,
    },
};

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
        self.value(field.name, &field.value(context, row));
    }

    /// Adds the names of recording and machine, and ends the object.
    pub(in crate::view) fn end_with_origin(mut self, model: &Model) {
        if let Some(provenance) = model.provenance() {
            let has_host = self.has_host;
            for origin in &ORIGIN {
                self.key(origin.name(has_host));
                append_text(self.line, (origin.get)(provenance));
            }
        }
        self.end();
    }

    /// Ends the object.
    pub(in crate::view) fn end(self) {
        if self.is_empty {
            self.line.push(b'{');
        }
        self.line.push(b'}');
    }

    /// Writes a key. All keys are plain names of the tool's own.
    fn key(&mut self, name: &str) {
        self.line
            .extend_from_slice(if self.is_empty { b"{\"" } else { b",\"" });
        self.is_empty = false;
        self.line.extend_from_slice(name.as_bytes());
        self.line.extend_from_slice(b"\":");
    }

    fn text(&mut self, name: &str, text: &str) {
        self.key(name);
        append_text(self.line, text);
    }

    /// Adds a value as [`Value::entry`] does; common ones without serde.
    fn value(&mut self, name: &str, value: &Value<'_>) {
        match value {
            Value::Nothing => {}
            Value::Flag(flag) => {
                self.key(name);
                self.line
                    .extend_from_slice(if *flag { b"true" } else { b"false" });
            }
            Value::Number(number) => {
                self.key(name);
                let mut digits = itoa::Buffer::new();
                self.line
                    .extend_from_slice(digits.format(*number).as_bytes());
            }
            Value::Text(text) => self.text(name, text),
            Value::Bytes(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => self.text(name, text),
                Err(_) => self.serialized(name, value),
            },
            Value::Words(words) => {
                if words.iter().all(|word| std::str::from_utf8(word).is_ok()) {
                    self.key(name);
                    self.words(words);
                } else {
                    self.serialized(name, value);
                }
            }
            Value::Process(process) => {
                self.key(name);
                match process.context().kept {
                    Some(kept) => kept.process(self.line, process),
                    None => process.append(self.line),
                }
            }
            Value::Nested(Nested::Names(names)) => self.objects(name, names),
            Value::Nested(Nested::Connection(connection)) => self.object(name, connection),
            Value::Nested(Nested::Listener(listener)) => self.object(name, listener),
            Value::Null
            | Value::Real(_)
            | Value::Names(_)
            | Value::Texts(_)
            | Value::Processes(_)
            | Value::Nested(_) => self.serialized(name, value),
        }
    }

    fn object<R>(&mut self, name: &str, object: &Object<'_, R>) {
        self.key(name);
        object.append(self.line);
    }

    fn objects<R>(&mut self, name: &str, objects: &[Object<'_, R>]) {
        self.key(name);
        self.line.push(b'[');
        for (position, object) in objects.iter().enumerate() {
            if position > 0 {
                self.line.push(b',');
            }
            object.append(self.line);
        }
        self.line.push(b']');
    }

    fn words(&mut self, words: &[Vec<u8>]) {
        self.line.push(b'[');
        for (position, word) in words.iter().enumerate() {
            if position > 0 {
                self.line.push(b',');
            }
            append_text(self.line, std::str::from_utf8(word).unwrap_or_default());
        }
        self.line.push(b']');
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
    use super::{Entry, Row, append};
    use crate::view::value::Value;

    #[test]
    fn values_are_written_as_serde_writes_them() {
        let plain = [b"sh".to_vec(), b"-c".to_vec(), b"echo \"a\\b\"\n".to_vec()];
        let wild = [b"\xff".to_vec(), "\u{202e}".as_bytes().to_vec()];
        let values = [
            Value::Null,
            Value::Flag(true),
            Value::Flag(false),
            Value::Number(0),
            Value::Number(u64::MAX),
            Value::Real(0.25),
            Value::text(""),
            Value::text("plain"),
            Value::text("\"\\\u{7f}\u{9b}\u{e0041}é\n"),
            Value::bytes(b"bytes"),
            Value::bytes(b"\xff\xfe"),
            Value::Words(&plain),
            Value::Words(&wild),
            Value::Words(&[]),
            Value::Names(vec![b"a", b"\xff"]),
            Value::Texts(vec!["a".to_owned(), "\u{7f}".to_owned()]),
        ];
        for value in &values {
            let mut expected = Vec::new();
            append(&mut expected, &Entry { name: "key", value });
            let mut line = Vec::new();
            let mut row = Row::begin(&mut line);
            row.value("key", value);
            row.value("nothing", &Value::Nothing);
            row.end();
            assert_eq!(line, expected);
            let mut line = Vec::new();
            let mut row = Row::begin(&mut line);
            row.value("first", &Value::Number(1));
            row.value("key", value);
            row.end();
            let second = [b"{\"first\":1,".as_slice(), &expected[1..]].concat();
            assert_eq!(line, second);
        }
        let mut empty = Vec::new();
        Row::begin(&mut empty).end();
        assert_eq!(empty, b"{}");
    }
}
