//! Declares the columns that every table ends with.

use crate::view::{
    field::Unit,
    shape::{Declared, Shape},
};

/// A column that every row ends with.
pub(super) struct Origin {
    name: &'static str,
    meaning: &'static str,
    shape: Shape,
}

/// The ends of all rows.
pub(super) static ORIGIN: [Origin; 3] = [
    Origin {
        name: RECORDING,
        meaning: "id of the recording: a UUID made of boot id and start time",
        shape: Shape::Text,
    },
    Origin {
        name: HOSTNAME,
        meaning: "name of the machine, by the trace; the folder's `host` may be another",
        shape: Shape::Text,
    },
    Origin {
        name: NOT_UTF8,
        meaning: "texts that are not UTF-8, in base64, by their path; null if there are none",
        shape: Shape::Json,
    },
];

/// The keys of their values.
pub(super) const RECORDING: &str = "recording";
pub(super) const HOSTNAME: &str = "hostname";
pub(super) const NOT_UTF8: &str = "not_utf8";

impl From<&Origin> for Declared {
    fn from(origin: &Origin) -> Declared {
        Declared {
            name: origin.name,
            meaning: origin.meaning,
            unit: Unit::None,
            shape: origin.shape,
        }
    }
}
