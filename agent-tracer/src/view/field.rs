//! Declares the fields of a row once: keys of jsonl, columns of text and HTML, cells of CSV and the
//! reference come from the same list.

use std::io;

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{
    json::{Key, Row},
    kept::Kept,
    page::Page,
    processes::{A_PROCESS, PROCESS},
    shape::Shape,
    table::{Align, Head, Layout, table},
    value::{Value, harmless},
};
use crate::model::{Model, Provenance};

/// The form of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A table with aligned columns.
    Text,
    /// One JSON object a line.
    Jsonl,
    /// Comma-separated values as of RFC 4180, with a line of names first.
    Csv,
}

/// The surroundings of a row: page and model.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) page: &'a Page,
    pub(super) model: &'a Model,
    /// Renderings from earlier lines, where events are written one after the other.
    pub(super) kept: Option<&'a Kept>,
}

impl<'a> Context<'a> {
    pub(super) fn new(page: &'a Page, model: &'a Model) -> Context<'a> {
        Context {
            page,
            model,
            kept: None,
        }
    }

    /// Returns a time, RFC 3339, UTC, with nanoseconds.
    pub(super) fn time<'v>(&self, boot_ns: u64) -> Value<'v> {
        let kept = self
            .kept
            .and_then(|kept| kept.time(&self.page.clock, boot_ns));
        match kept {
            Some(time) => Value::Time(time),
            None => Value::text(self.page.clock.rfc3339(boot_ns)),
        }
    }
}

/// The unit of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    None,
    Bytes,
    Milliseconds,
    Nanoseconds,
    Time,
}

impl Unit {
    /// Returns the name in the reference.
    pub(super) fn name(self) -> &'static str {
        match self {
            Unit::None => "",
            Unit::Bytes => "bytes",
            Unit::Milliseconds => "ms",
            Unit::Nanoseconds => "ns",
            Unit::Time => "RFC 3339, UTC",
        }
    }
}

/// A field of a row.
pub(super) struct Field<R> {
    /// Its key in jsonl, and its name in CSV.
    pub(super) name: &'static str,
    /// That key as jsonl has it.
    pub(super) key: Key,
    /// Its meaning, for the reference.
    pub(super) meaning: &'static str,
    pub(super) unit: Unit,
    pub(super) shape: Shape,
    /// None for a column without a value of its own.
    value: Option<for<'a> fn(Context<'a>, &'a R) -> Value<'a>>,
    /// True if its value is a process, which takes several columns of CSV.
    is_process: bool,
    /// Its column in tables of text.
    pub(super) text: Option<Column<R>>,
    /// Its column in tables of an HTML page.
    pub(super) html: Option<Column<R>>,
}

/// A column of a table.
pub(super) struct Column<R> {
    /// Its place from the left.
    place: u8,
    pub(super) head: Head,
    cell: fn(Context<'_>, &R) -> String,
}

impl<R> Column<R> {
    const fn new(
        place: u8,
        heading: &'static str,
        cell: fn(Context<'_>, &R) -> String,
    ) -> Column<R> {
        Column {
            place,
            head: Head::new(heading),
            cell,
        }
    }
}

impl<R> Field<R> {
    pub(super) const fn new(
        name: &'static str,
        meaning: &'static str,
        value: for<'a> fn(Context<'a>, &'a R) -> Value<'a>,
    ) -> Field<R> {
        Field {
            name,
            key: Key::of(name),
            meaning,
            unit: Unit::None,
            shape: Shape::Text,
            value: Some(value),
            is_process: false,
            text: None,
            html: None,
        }
    }

    /// Declares a field without a value of its own, which other fields have.
    pub(super) const fn shown_only(name: &'static str, meaning: &'static str) -> Field<R> {
        Field {
            name,
            key: Key::of(name),
            meaning,
            unit: Unit::None,
            shape: Shape::Text,
            value: None,
            is_process: false,
            text: None,
            html: None,
        }
    }

    /// Declares a column of a table that neither jsonl nor CSV has.
    pub(super) const fn cell(
        place: u8,
        heading: &'static str,
        cell: fn(Context<'_>, &R) -> String,
    ) -> Field<R> {
        Field::shown_only("", "").column(place, heading, cell)
    }

    pub(super) const fn unit(mut self, unit: Unit) -> Field<R> {
        self.unit = unit;
        self.shape = match unit {
            Unit::None => self.shape,
            Unit::Bytes | Unit::Nanoseconds => Shape::Integer,
            Unit::Milliseconds => Shape::Real,
            Unit::Time => Shape::Time,
        };
        self
    }

    /// Declares the shape of its values, where it is not text and no unit gives it.
    pub(super) const fn shape(mut self, shape: Shape) -> Field<R> {
        self.shape = shape;
        self
    }

    pub(super) const fn process(mut self) -> Field<R> {
        self.is_process = true;
        self.shape = Shape::Object(A_PROCESS);
        self
    }

    /// Shows it in tables of text and of an HTML page.
    pub(super) const fn column(
        self,
        place: u8,
        heading: &'static str,
        cell: fn(Context<'_>, &R) -> String,
    ) -> Field<R> {
        self.text_column(place, heading, cell)
            .html_column(place, heading, cell)
    }

    /// Shows it in tables of text.
    pub(super) const fn text_column(
        mut self,
        place: u8,
        heading: &'static str,
        cell: fn(Context<'_>, &R) -> String,
    ) -> Field<R> {
        self.text = Some(Column::new(place, heading, cell));
        self
    }

    /// Shows it in tables of an HTML page.
    pub(super) const fn html_column(
        mut self,
        place: u8,
        heading: &'static str,
        cell: fn(Context<'_>, &R) -> String,
    ) -> Field<R> {
        self.html = Some(Column::new(place, heading, cell));
        self
    }

    pub(super) const fn leave_out(mut self, order: u8) -> Field<R> {
        if let Some(column) = &mut self.text {
            column.head.leave_out = order;
        }
        self
    }

    pub(super) const fn empty_first(mut self) -> Field<R> {
        if let Some(column) = &mut self.text {
            column.head.empty_first = true;
        }
        self
    }

    /// Shows its column of text only where a row has it.
    pub(super) const fn only_if_any(mut self) -> Field<R> {
        if let Some(column) = &mut self.text {
            column.head.only_if_any = true;
        }
        self
    }

    /// Aligns its cells of text at the right.
    pub(super) const fn right(mut self) -> Field<R> {
        if let Some(column) = &mut self.text {
            column.head.align = Align::Right;
        }
        self
    }

    pub(super) const fn layout(mut self, layout: Layout) -> Field<R> {
        if let Some(column) = &mut self.html {
            column.head.layout = layout;
        }
        self
    }

    pub(super) const fn subject(mut self) -> Field<R> {
        if let Some(column) = &mut self.html {
            column.head.is_subject = true;
        }
        self
    }

    /// Returns true for the field that the name of the recording's machine would repeat.
    pub(super) fn is_host(&self) -> bool {
        self.name == "host"
    }

    /// Returns true if jsonl and CSV have it.
    pub(super) fn has_value(&self) -> bool {
        self.value.is_some()
    }

    pub(super) fn value<'a>(&self, context: Context<'a>, row: &'a R) -> Value<'a> {
        self.value
            .map_or(Value::Nothing, |value| value(context, row))
    }
}

/// A field in the reference: name, unit, meaning, heading in text.
pub(super) type Documented = (&'static str, &'static str, &'static str, &'static str);

/// Describes fields for the reference, without those that only text has.
pub(super) fn documented<R>(fields: &[&Field<R>]) -> Vec<Documented> {
    let fields = fields.iter().filter(|field| field.has_value());
    fields
        .map(|field| {
            let heading = field.text.as_ref().map_or("", |column| column.head.heading);
            (field.name, field.unit.name(), field.meaning, heading)
        })
        .collect()
}

/// Returns references to the fields.
pub(super) fn refs<R>(fields: &[Field<R>]) -> Vec<&Field<R>> {
    fields.iter().collect()
}

/// Sorts columns from the left.
fn ordered<'f, R: 'f>(columns: impl Iterator<Item = &'f Column<R>>) -> Vec<&'f Column<R>> {
    let mut columns: Vec<&Column<R>> = columns.collect();
    columns.sort_by_key(|column| column.place);
    columns
}

/// Returns the columns of a table of an HTML page, from the left.
pub(super) fn html_columns<R>(fields: &[Field<R>]) -> Vec<&Column<R>> {
    ordered(fields.iter().filter_map(|field| field.html.as_ref()))
}

/// Returns the cells of a row, from the left.
pub(super) fn cells<R>(context: Context<'_>, columns: &[&Column<R>], row: &R) -> Vec<String> {
    let cells = columns.iter();
    cells.map(|column| (column.cell)(context, row)).collect()
}

/// A field that names the recording of a row.
pub(super) struct Origin {
    pub(super) name: &'static str,
    /// Its name in rows that have a field of that name.
    pub(super) other_name: &'static str,
    pub(super) meaning: &'static str,
    pub(super) get: fn(&Provenance) -> &str,
}

/// The last fields of every row.
pub(super) static ORIGIN: [Origin; 2] = [
    Origin {
        name: "recording",
        other_name: "recording",
        meaning: "id of the recording: a UUID made of boot id and start time",
        get: |from| &from.id,
    },
    Origin {
        name: "host",
        other_name: "recording_host",
        meaning: "name of the machine; `recording_host` where the row has a `host` of its own",
        get: |from| &from.host,
    },
];

impl Origin {
    /// Returns the name in rows with or without a `host` of their own.
    pub(super) fn name(&self, has_host: bool) -> &'static str {
        if has_host { self.other_name } else { self.name }
    }
}

/// Returns true if rows with these fields have a `host` of their own.
fn have_host<R>(fields: &[&Field<R>]) -> bool {
    fields.iter().any(|field| field.is_host())
}

/// The cell of a missing value.
pub(super) const EMPTY: &str = "-";

/// Returns the lines of a table of text, headings first, or none without a row.
pub(super) fn lines<'r, R: 'r>(
    context: Context<'_>,
    fields: &[&Field<R>],
    rows: impl Iterator<Item = &'r R>,
) -> Vec<String> {
    let columns = ordered(fields.iter().filter_map(|field| field.text.as_ref()));
    let heads: Vec<Head> = columns.iter().map(|column| column.head).collect();
    let rows = rows.map(|row| cells(context, &columns, row)).collect();
    table(context.page, &heads, rows)
}

/// Returns the lines of a table of text whose rows have marks.
pub(super) fn marked_lines<'r, R: 'r>(
    context: Context<'_>,
    fields: &[&Field<R>],
    rows: impl Iterator<Item = (&'r R, Option<&'static str>)>,
) -> Vec<String> {
    let columns = ordered(fields.iter().filter_map(|field| field.text.as_ref()));
    let mark = Head {
        only_if_any: true,
        ..Head::new("MARK")
    };
    let heads = columns.iter().map(|column| column.head);
    let heads: Vec<Head> = std::iter::once(mark).chain(heads).collect();
    let rows = rows.map(|(row, mark)| {
        let mut cells = cells(context, &columns, row);
        cells.insert(0, mark.unwrap_or(EMPTY).to_owned());
        cells
    });
    table(context.page, &heads, rows.collect())
}

/// A row as a JSON object, whose values are made as they are written.
pub(super) struct Object<'a, R> {
    context: Context<'a>,
    fields: &'a [Field<R>],
    row: &'a R,
}

impl<'a, R> Object<'a, R> {
    pub(super) fn new(context: Context<'a>, fields: &'a [Field<R>], row: &'a R) -> Object<'a, R> {
        Object {
            context,
            fields,
            row,
        }
    }

    /// Returns the row.
    pub(super) fn row(&self) -> &'a R {
        self.row
    }

    /// Returns the surroundings of the row.
    pub(super) fn context(&self) -> Context<'a> {
        self.context
    }

    /// Appends the row to a line of JSON.
    pub(super) fn append(&self, line: &mut Vec<u8>) {
        let mut row = Row::begin(line);
        row.add(self.context, self.fields, self.row);
        row.end();
    }

    /// Returns the values as cells of CSV.
    fn cells(&self) -> impl Iterator<Item = String> {
        let fields = self.fields.iter();
        fields.map(|field| field.value(self.context, self.row).cell())
    }
}

impl<R> Serialize for Object<'_, R> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for field in self.fields {
            let value = field.value(self.context, self.row);
            value.entry(&mut map, field.name)?;
        }
        map.end()
    }
}

/// Writes a list in any form, a line at a time. Returns true if there was a row.
///
/// # Errors
///
/// The error of `sink`.
pub(super) fn write<'r, R: 'r>(
    form: Form,
    context: Context<'_>,
    fields: &[&Field<R>],
    rows: impl Iterator<Item = &'r R>,
    sink: &mut dyn FnMut(&str) -> io::Result<()>,
) -> io::Result<bool> {
    let mut has_rows = false;
    match form {
        Form::Text => {
            for line in lines(context, fields, rows) {
                has_rows = true;
                sink(&line)?;
            }
        }
        Form::Jsonl => {
            let mut line = Vec::new();
            for row in rows {
                has_rows = true;
                line.clear();
                let mut object = Row::begin(&mut line);
                for field in fields {
                    object.add_one(context, field, row);
                }
                object.end_with_origin(context);
                sink(std::str::from_utf8(&line).map_err(io::Error::other)?)?;
            }
        }
        Form::Csv => {
            let origin = origin_cells(context.model);
            sink(&record(names(fields))?)?;
            for row in rows {
                has_rows = true;
                let mut cells = csv_cells(context, fields, row);
                cells.extend_from_slice(&origin);
                sink(&record(cells)?)?;
            }
        }
    }
    Ok(has_rows)
}

/// Returns the names of all columns of CSV.
fn names<R>(fields: &[&Field<R>]) -> Vec<String> {
    let mut names = Vec::new();
    for field in fields.iter().filter(|field| field.has_value()) {
        match field.is_process {
            true => names.extend(
                PROCESS
                    .iter()
                    .map(|part| format!("{}.{}", field.name, part.name)),
            ),
            false => names.push(field.name.to_owned()),
        }
    }
    let has_host = have_host(fields);
    names.extend(ORIGIN.iter().map(|origin| origin.name(has_host).to_owned()));
    names
}

fn origin_cells(model: &Model) -> Vec<String> {
    let cell = |origin: &Origin| {
        let provenance = model.provenance()?;
        Some(Value::text((origin.get)(provenance)).cell())
    };
    let cells = ORIGIN.iter().map(cell);
    cells.map(Option::unwrap_or_default).collect()
}

/// Returns the cells of a row under these names.
fn csv_cells<R>(context: Context<'_>, fields: &[&Field<R>], row: &R) -> Vec<String> {
    let mut cells = Vec::new();
    for field in fields.iter().filter(|field| field.has_value()) {
        match (field.is_process, field.value(context, row), &field.text) {
            (true, Value::Process(process), _) => cells.extend(process.cells()),
            (true, _, _) => cells.extend(PROCESS.iter().map(|_| String::new())),
            // A sentence is easier to read than an object.
            (false, Value::Nested(_), Some(column)) => {
                cells.push(match (column.cell)(context, row) {
                    cell if cell == EMPTY => String::new(),
                    cell => harmless(cell),
                });
            }
            (false, value, _) => cells.push(value.cell()),
        }
    }
    cells
}

/// Writes a record as of RFC 4180, without the line feed that ends every line.
fn record(cells: Vec<String>) -> io::Result<String> {
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::Any(b'\r'))
        .buffer_capacity(1 << 10)
        .from_writer(Vec::new());
    writer.write_record(&cells).map_err(io::Error::other)?;
    let line = writer.into_inner().map_err(|error| error.into_error())?;
    String::from_utf8(line).map_err(io::Error::other)
}
