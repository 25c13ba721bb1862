//! Makes the columns of a table from the shapes of its fields.

use crate::view::{
    field::Unit,
    shape::{Declared, Kind, Shape},
};

/// A column.
pub(super) struct Column {
    /// The key of its value in a row.
    pub(super) key: &'static str,
    /// The end of its name, where a key has several columns.
    suffix: &'static str,
    pub(super) meaning: &'static str,
    pub(super) unit: Unit,
    pub(super) content: Content,
}

/// The values of a column.
pub(super) enum Content {
    One(Scalar),
    List(Scalar),
    Object(&'static str, Vec<Column>),
    Objects(&'static str, Vec<Column>),
}

/// A plain value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scalar {
    Text,
    Flag,
    Integer,
    Real,
    /// A time, microseconds since 1970.
    Microseconds,
    /// A time, nanoseconds since boot.
    SinceBoot,
    /// The host of a text with a port.
    Host,
    /// The port of a text with a host.
    Port,
    /// The text of any value.
    Json,
}

/// A field that a folder's name would hide, and the name of its column.
const HIDDEN: (&str, &str) = ("host", "destination_host");

impl Column {
    fn new(field: &Declared, suffix: &'static str, content: Content) -> Column {
        Column {
            key: field.name,
            suffix,
            meaning: field.meaning,
            unit: field.unit,
            content,
        }
    }

    /// Returns the name.
    pub(super) fn name(&self) -> String {
        let key = if self.key == HIDDEN.0 {
            HIDDEN.1
        } else {
            self.key
        };
        format!("{key}{}", self.suffix)
    }
}

/// Makes the columns of some fields.
pub(super) fn columns(fields: Vec<Declared>) -> Vec<Column> {
    fields.iter().flat_map(columns_of).collect()
}

fn columns_of(field: &Declared) -> Vec<Column> {
    let one = |scalar| vec![Column::new(field, "", Content::One(scalar))];
    let part = |suffix, scalar| Column::new(field, suffix, Content::One(scalar));
    let object = |suffix, kind: Kind| {
        let content = Content::Object(kind.name, columns((kind.fields)()));
        Column::new(field, suffix, content)
    };
    match field.shape {
        Shape::Text => one(Scalar::Text),
        Shape::Flag => one(Scalar::Flag),
        Shape::Integer => one(Scalar::Integer),
        Shape::Real => one(Scalar::Real),
        Shape::Time => vec![
            part("", Scalar::Microseconds),
            part("_ns", Scalar::SinceBoot),
        ],
        Shape::End => vec![part("_host", Scalar::Host), part("_port", Scalar::Port)],
        Shape::Texts => vec![Column::new(field, "", Content::List(Scalar::Text))],
        Shape::Object(kind) => vec![object("", kind)],
        Shape::Objects(kind) => {
            let content = Content::Objects(kind.name, columns((kind.fields)()));
            vec![Column::new(field, "", content)]
        }
        Shape::TextOrObject(kind) => vec![part("", Scalar::Text), object("_state", kind)],
        Shape::Json => one(Scalar::Json),
    }
}
