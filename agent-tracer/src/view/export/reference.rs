//! Writes the reference of the tables from the declarations of the fields.

use std::{collections::BTreeMap, fmt::Write};

use super::{
    SCHEMA, Table,
    column::{Column, Content, Scalar},
};

const INTRODUCTION: &str = "\
# Tables

`cargo xtask reference` writes this page from the declarations of the fields.

`tracer export TRACE… -o DIR` writes `TABLE/date=YYYY-MM-DD/host=HOST/RECORDING.parquet`. A query
over such a folder also has the columns `date` and `host` of its folders: the day, UTC, on which the
recording began, and the name of the machine as far as it is safe in a path.

- The values are those of [jsonl and CSV](jsonl.md). A value that jsonl leaves out is null.
- A time has two columns: a timestamp, cut to microseconds, UTC, and `_ns`, nanoseconds since boot.
- An address and its port are two columns, `_host` and `_port`.
- An object is a STRUCT, such as `process.pid`. Several are a list of them.
- Bytes that are not UTF-8 become U+FFFD. The column `not_utf8` has them in base64.
- A number over 9,223,372,036,854,775,807 becomes that number.
";

/// Writes the page `docs/reference/tables.md`.
pub fn table_reference() -> String {
    let mut page = INTRODUCTION.to_owned();
    // Writing to a string cannot fail.
    let _ = writeln!(
        page,
        "\n\
         The version of the columns is {SCHEMA}: `recordings.schema`, and `tracer.schema` in the\n\
         file's metadata. It grows when a column is renamed, removed or gets another type."
    );
    let tables = Table::ALL.map(|table| (table, table.columns()));
    let mut kinds = BTreeMap::new();
    for (table, columns) in &tables {
        let _ = write!(
            page,
            "\n## `{}`\n\nThe rows of `tracer {}`.\n",
            table.name(),
            table.command()
        );
        section(&mut page, columns);
        collect(columns, &mut kinds);
    }
    for (kind, columns) in kinds {
        let _ = write!(page, "\n## STRUCT `{kind}`\n");
        section(&mut page, columns);
    }
    page
}

/// Collects the kinds of objects, with those inside of them.
fn collect<'c>(columns: &'c [Column], kinds: &mut BTreeMap<&'static str, &'c [Column]>) {
    for column in columns {
        match &column.content {
            Content::Object(kind, columns) | Content::Objects(kind, columns) => {
                kinds.insert(kind, columns);
                collect(columns, kinds);
            }
            Content::One(_) | Content::List(_) => {}
        }
    }
}

fn section(page: &mut String, columns: &[Column]) {
    page.push_str("\n| column | type | unit | meaning |\n|---|---|---|---|\n");
    for column in columns {
        let (name, kind, meaning) = (column.name(), kind(&column.content), column.meaning);
        let unit = unit(column);
        let _ = writeln!(page, "| `{name}` | {kind} | {unit} | {meaning} |");
    }
}

fn kind(content: &Content) -> String {
    match content {
        Content::One(scalar) => sql(*scalar).to_owned(),
        Content::List(scalar) => format!("{}[]", sql(*scalar)),
        Content::Object(kind, _) => format!("STRUCT `{kind}`"),
        Content::Objects(kind, _) => format!("STRUCT[] `{kind}`"),
    }
}

/// Returns the type in SQL, as DuckDB names it.
fn sql(scalar: Scalar) -> &'static str {
    match scalar {
        Scalar::Text | Scalar::Host => "VARCHAR",
        Scalar::Flag => "BOOLEAN",
        Scalar::Integer | Scalar::SinceBoot | Scalar::Port => "BIGINT",
        Scalar::Real => "DOUBLE",
        Scalar::Microseconds => "TIMESTAMPTZ",
        Scalar::Json => "JSON",
    }
}

fn unit(column: &Column) -> &'static str {
    match column.content {
        Content::One(Scalar::Microseconds) => "UTC",
        Content::One(Scalar::SinceBoot) => "ns since boot",
        Content::One(
            Scalar::Text
            | Scalar::Flag
            | Scalar::Integer
            | Scalar::Real
            | Scalar::Host
            | Scalar::Port
            | Scalar::Json,
        )
        | Content::List(_)
        | Content::Object(..)
        | Content::Objects(..) => column.unit.name(),
    }
}
