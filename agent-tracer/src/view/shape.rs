//! Declares the shape of a field's values, from which tables for other tools have their columns.

use super::field::{Field, Unit};

/// The shape of the values of a field.
#[derive(Clone, Copy)]
pub(super) enum Shape {
    Text,
    Flag,
    Integer,
    Real,
    /// A time as text, RFC 3339.
    Time,
    /// A host or an address, with its port.
    End,
    Texts,
    Object(Kind),
    Objects(Kind),
    /// A text in some rows, an object in others.
    TextOrObject(Kind),
    /// Any other object.
    Json,
}

/// A kind of objects.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    /// Its name in the reference.
    pub(super) name: &'static str,
    /// Lists the fields.
    pub(super) fields: fn() -> Vec<Declared>,
}

/// A field without its row type.
pub(super) struct Declared {
    pub(super) name: &'static str,
    pub(super) meaning: &'static str,
    pub(super) unit: Unit,
    pub(super) shape: Shape,
}

/// Lists the fields that have a value.
pub(super) fn declared<'f, R: 'f>(fields: impl IntoIterator<Item = &'f Field<R>>) -> Vec<Declared> {
    let fields = fields.into_iter().filter(|field| field.has_value());
    fields
        .map(|field| Declared {
            name: field.name,
            meaning: field.meaning,
            unit: field.unit,
            shape: field.shape,
        })
        .collect()
}
