//! Takes rows apart into columns of plain values with their levels, as Parquet stores them.

use jiff::Timestamp;
use serde_json::Value as Json;

use super::{
    column::{Column, Content, Scalar},
    row::Row,
};

/// The plain values of a column, without the missing ones.
pub(super) enum Values {
    Texts(Vec<String>),
    Flags(Vec<bool>),
    Integers(Vec<i64>),
    Reals(Vec<f64>),
}

/// A column of plain values.
pub(super) struct Leaf {
    pub(super) values: Values,
    /// Depths of the path to each value that are there.
    pub(super) definitions: Vec<i16>,
    /// Which list goes on; 0 for a new row.
    pub(super) repetitions: Vec<i16>,
}

impl Leaf {
    fn new(scalar: Scalar) -> Leaf {
        let values = match scalar {
            Scalar::Text | Scalar::Host | Scalar::Json => Values::Texts(Vec::new()),
            Scalar::Flag => Values::Flags(Vec::new()),
            Scalar::Integer | Scalar::Microseconds | Scalar::SinceBoot | Scalar::Port => {
                Values::Integers(Vec::new())
            }
            Scalar::Real => Values::Reals(Vec::new()),
        };
        Leaf {
            values,
            definitions: Vec::new(),
            repetitions: Vec::new(),
        }
    }

    fn clear(&mut self) {
        match &mut self.values {
            Values::Texts(values) => values.clear(),
            Values::Flags(values) => values.clear(),
            Values::Integers(values) => values.clear(),
            Values::Reals(values) => values.clear(),
        }
        self.definitions.clear();
        self.repetitions.clear();
    }
}

/// The place of a value: a list that goes on, and the depth that is there.
#[derive(Clone, Copy)]
struct Place {
    repetition: i16,
    /// Lists around it.
    lists: i16,
    definition: i16,
}

impl Place {
    const ROW: Place = Place {
        repetition: 0,
        lists: 0,
        definition: 0,
    };

    fn deeper(self) -> Place {
        Place {
            definition: self.definition + 1,
            ..self
        }
    }
}

/// Rows that were taken apart.
pub(super) struct Shredder {
    /// Nanoseconds from the time since boot to that since 1970.
    offset_ns: i64,
    pub(super) leaves: Vec<Leaf>,
    pub(super) rows: usize,
    /// Bytes of all texts.
    pub(super) bytes: usize,
    /// The leaf that comes next.
    next: usize,
}

impl Shredder {
    pub(super) fn new(columns: &[Column], offset_ns: i64) -> Shredder {
        let mut leaves = Vec::new();
        add_leaves(columns, &mut leaves);
        Shredder {
            offset_ns,
            leaves,
            rows: 0,
            bytes: 0,
            next: 0,
        }
    }

    /// Forgets all rows.
    pub(super) fn clear(&mut self) {
        self.leaves.iter_mut().for_each(Leaf::clear);
        self.rows = 0;
        self.bytes = 0;
    }

    /// Adds a row.
    pub(super) fn add(&mut self, columns: &[Column], row: &Row) {
        self.next = 0;
        self.object(columns, Some(row), Place::ROW);
        self.rows += 1;
    }

    fn object(&mut self, columns: &[Column], values: Option<&Row>, place: Place) {
        for column in columns {
            let value = values.and_then(|values| values.get(column.key));
            self.column(column, value.filter(|value| !value.is_null()), place);
        }
    }

    fn column(&mut self, column: &Column, value: Option<&Json>, place: Place) {
        match &column.content {
            Content::One(scalar) => {
                let value = value.and_then(|value| self.plain(*scalar, value));
                self.put(value, place);
                self.next += 1;
            }
            Content::Object(_, columns) => match value {
                Some(Json::Object(values)) => self.object(columns, Some(values), place.deeper()),
                Some(_) | None => self.object(columns, None, place),
            },
            Content::List(scalar) => {
                let first = self.next;
                self.list(value, place, |this, item, place| {
                    this.next = first;
                    let value = item.and_then(|item| this.plain(*scalar, item));
                    this.put(value, place);
                    this.next = first + 1;
                });
            }
            Content::Objects(_, columns) => {
                let first = self.next;
                self.list(value, place, |this, item, place| {
                    this.next = first;
                    this.object(columns, item.and_then(Json::as_object), place);
                });
            }
        }
    }

    /// Calls `put` for each item of a list, and once without one for an empty or missing list.
    fn list(
        &mut self,
        list: Option<&Json>,
        place: Place,
        mut put: impl FnMut(&mut Shredder, Option<&Json>, Place),
    ) {
        let Some(Json::Array(items)) = list else {
            return put(self, None, place);
        };
        if items.is_empty() {
            return put(self, None, place.deeper());
        }
        let lists = place.lists + 1;
        for (position, item) in items.iter().enumerate() {
            let repetition = if position == 0 {
                place.repetition
            } else {
                lists
            };
            let inside = Place {
                repetition,
                lists,
                definition: place.definition + 2,
            };
            put(self, Some(item), inside);
        }
    }

    /// Puts a value, or the lack of one, into the next leaf.
    fn put(&mut self, value: Option<Plain>, place: Place) {
        let Some(leaf) = self.leaves.get_mut(self.next) else {
            return;
        };
        let is_there = match (&mut leaf.values, value) {
            (Values::Texts(values), Some(Plain::Text(text))) => {
                self.bytes += text.len();
                values.push(text);
                true
            }
            (Values::Flags(values), Some(Plain::Flag(flag))) => {
                values.push(flag);
                true
            }
            (Values::Integers(values), Some(Plain::Integer(number))) => {
                values.push(number);
                true
            }
            (Values::Reals(values), Some(Plain::Real(number))) => {
                values.push(number);
                true
            }
            (
                Values::Texts(_) | Values::Flags(_) | Values::Integers(_) | Values::Reals(_),
                Some(_) | None,
            ) => false,
        };
        leaf.definitions
            .push(place.definition + i16::from(is_there));
        leaf.repetitions.push(place.repetition);
    }

    /// Reads a plain value out of a value of jsonl.
    fn plain(&self, scalar: Scalar, value: &Json) -> Option<Plain> {
        match scalar {
            Scalar::Text => value.as_str().map(|text| Plain::Text(text.to_owned())),
            Scalar::Flag => value.as_bool().map(Plain::Flag),
            // No honest number is larger.
            Scalar::Integer => value
                .as_u64()
                .map(|number| Plain::Integer(i64::try_from(number).unwrap_or(i64::MAX))),
            Scalar::Real => value.as_f64().map(Plain::Real),
            Scalar::Microseconds => Some(Plain::Integer(time(value)?.as_microsecond())),
            Scalar::SinceBoot => {
                let since_boot = time(value)?.as_nanosecond() - i128::from(self.offset_ns);
                i64::try_from(since_boot).ok().map(Plain::Integer)
            }
            Scalar::Host => {
                let (host, _) = host_and_port(value.as_str()?);
                Some(Plain::Text(host.to_owned()))
            }
            Scalar::Port => {
                let (_, port) = host_and_port(value.as_str()?);
                port.map(|port| Plain::Integer(port.into()))
            }
            Scalar::Json => serde_json::to_string(value).ok().map(Plain::Text),
        }
    }
}

/// A plain value.
enum Plain {
    Text(String),
    Flag(bool),
    Integer(i64),
    Real(f64),
}

fn add_leaves(columns: &[Column], leaves: &mut Vec<Leaf>) {
    for column in columns {
        match &column.content {
            Content::One(scalar) | Content::List(scalar) => leaves.push(Leaf::new(*scalar)),
            Content::Object(_, columns) | Content::Objects(_, columns) => {
                add_leaves(columns, leaves);
            }
        }
    }
}

fn time(value: &Json) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

/// Splits `host:port`, also with the brackets of IPv6.
fn host_and_port(text: &str) -> (&str, Option<u16>) {
    let split = text
        .rsplit_once(':')
        .and_then(|(host, port)| Some((host, port.parse().ok()?)));
    let Some((host, port)) = split else {
        return (text, None);
    };
    let inner = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    (inner.unwrap_or(host), Some(port))
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::{Shredder, Values, host_and_port};
    use crate::view::export::Table;

    /// Shreds rows of connections, and returns the levels and the integers of a leaf.
    fn shredded(rows: &[serde_json::Value]) -> (Vec<Shredded>, usize) {
        let columns = Table::Connections.columns();
        let mut shredder = Shredder::new(&columns, i64::MIN);
        for row in rows {
            shredder.add(&columns, row.as_object().unwrap_or(&Map::new()));
        }
        let leaves = shredder.leaves.into_iter().map(|leaf| Shredded {
            levels: leaf.repetitions.into_iter().zip(leaf.definitions).collect(),
            values: match leaf.values {
                Values::Texts(values) => values,
                Values::Flags(values) => values.iter().map(ToString::to_string).collect(),
                Values::Integers(values) => values.iter().map(ToString::to_string).collect(),
                Values::Reals(values) => values.iter().map(ToString::to_string).collect(),
            },
        });
        (leaves.collect(), shredder.rows)
    }

    struct Shredded {
        levels: Vec<(i16, i16)>,
        values: Vec<String>,
    }

    #[test]
    fn levels_are_those_of_parquet() {
        let names = |all: &[&str]| -> serde_json::Value {
            all.iter().map(|name| json!({ "name": name })).collect()
        };
        let rows = [
            json!({ "names": names(&["a", "b"]), "process": { "pid": 1 } }),
            json!({ "names": names(&[]), "process": {} }),
            json!({ "names": null }),
            json!({ "names": names(&["c"]), "process": { "pid": u64::MAX } }),
        ];
        let (leaves, count) = shredded(&rows);
        assert_eq!(count, rows.len());
        let named = |values: &[&str]| leaves.iter().find(move |leaf| leaf.values == values);
        let names = named(&["a", "b", "c"]).expect("the names");
        assert_eq!(names.levels, [(0, 3), (1, 3), (0, 1), (0, 0), (0, 3)]);
        let pids = named(&["1", "9223372036854775807"]).expect("the process ids");
        assert_eq!(pids.levels, [(0, 2), (0, 1), (0, 0), (0, 2)]);
    }

    #[test]
    fn every_leaf_has_every_row_whatever_the_values_are() {
        let odd = [
            json!(null),
            json!(-1),
            json!("x"),
            json!([]),
            json!([[], {}, null, 1]),
            json!({ "pid": [] }),
        ];
        let columns = Table::Connections.columns();
        let rows: Vec<serde_json::Value> = odd
            .iter()
            .map(|odd| columns.iter().map(|one| (one.key, odd.clone())).collect())
            .map(|row: std::collections::BTreeMap<&str, _>| json!(row))
            .collect();
        let (leaves, _) = shredded(&rows);
        for leaf in leaves {
            let starts = leaf
                .levels
                .iter()
                .filter(|(repetition, _)| *repetition == 0);
            assert_eq!(starts.count(), rows.len());
        }
    }

    #[test]
    fn hosts_and_ports_are_split() {
        for (text, host, port) in [
            ("192.0.2.1:443", "192.0.2.1", Some(443)),
            ("[2001:db8::1]:53", "2001:db8::1", Some(53)),
            ("api.example:80", "api.example", Some(80)),
            ("api.example", "api.example", None),
            ("api.example:99999", "api.example:99999", None),
            (":1", "", Some(1)),
            ("", "", None),
        ] {
            assert_eq!(host_and_port(text), (host, port));
        }
    }
}
