//! Writes a table as a Parquet file.

#[cfg(test)]
mod tests;

use std::{
    io::{self, Write},
    sync::Arc,
};

use parquet::{
    basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical, ZstdLevel},
    data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type},
    errors::{ParquetError, Result},
    file::{
        metadata::KeyValue,
        properties::{EnabledStatistics, WriterProperties},
        writer::{SerializedColumnWriter, SerializedFileWriter},
    },
    schema::types::{Type, TypePtr},
};

use super::{
    Export, SCHEMA, Table,
    column::{Column, Content, Scalar},
    shred::{Leaf, Shredder, Values},
};

/// Rows of a group, after which it is written.
const ROWS: usize = 1 << 14;

/// Bytes of the texts of a group, after which it is written.
const BYTES: usize = 32 << 20;

impl Export<'_> {
    /// Writes a table as a Parquet file. Returns the number of its rows.
    ///
    /// # Errors
    ///
    /// The error of `output`.
    pub fn parquet(&self, table: Table, output: impl Write + Send) -> io::Result<u64> {
        let columns = table.columns();
        let schema = group(table.name(), Repetition::REQUIRED, None, &columns);
        let properties = Arc::new(properties().map_err(reason)?);
        let schema = schema.map_err(reason)?;
        let file = SerializedFileWriter::new(output, schema, properties);
        let mut file = file.map_err(reason)?;
        let mut shredder = Shredder::new(&columns, self.clock.offset_ns);
        let mut count = 0;
        self.rows(table, &mut |row| {
            shredder.add(&columns, row);
            count += 1;
            match shredder.rows >= ROWS || shredder.bytes >= BYTES {
                true => write_group(&mut file, &mut shredder).map_err(reason),
                false => Ok(()),
            }
        })?;
        if shredder.rows > 0 {
            write_group(&mut file, &mut shredder).map_err(reason)?;
        }
        let mut output = file.into_inner().map_err(reason)?;
        output.flush()?;
        Ok(count)
    }
}

/// Returns the system's error, where there is one behind an error of Parquet.
fn reason(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(cause) => match cause.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(cause) => io::Error::other(cause),
        },
        error => io::Error::other(error),
    }
}

fn properties() -> Result<WriterProperties> {
    let version = KeyValue::new("tracer.schema".to_owned(), SCHEMA.to_string());
    Ok(WriterProperties::builder()
        .set_created_by(format!("tracer {}", env!("CARGO_PKG_VERSION")))
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_key_value_metadata(Some(vec![version]))
        .build())
}

fn write_group<W: Write + Send>(
    file: &mut SerializedFileWriter<W>,
    shredder: &mut Shredder,
) -> Result<()> {
    let mut group = file.next_row_group()?;
    for leaf in &mut shredder.leaves {
        let Some(mut column) = group.next_column()? else {
            break;
        };
        write_column(&mut column, leaf)?;
        column.close()?;
    }
    group.close()?;
    shredder.clear();
    Ok(())
}

fn write_column(column: &mut SerializedColumnWriter<'_>, leaf: &mut Leaf) -> Result<()> {
    let definitions = Some(leaf.definitions.as_slice());
    let repetitions = Some(leaf.repetitions.as_slice());
    match &mut leaf.values {
        Values::Texts(values) => {
            let values: Vec<ByteArray> = values.drain(..).map(ByteArray::from_text).collect();
            let writer = column.typed::<ByteArrayType>();
            writer.write_batch(&values, definitions, repetitions)?
        }
        Values::Flags(values) => {
            let writer = column.typed::<BoolType>();
            writer.write_batch(values, definitions, repetitions)?
        }
        Values::Integers(values) => {
            let writer = column.typed::<Int64Type>();
            writer.write_batch(values, definitions, repetitions)?
        }
        Values::Reals(values) => {
            let writer = column.typed::<DoubleType>();
            writer.write_batch(values, definitions, repetitions)?
        }
    };
    Ok(())
}

/// A text as bytes of Parquet.
trait FromText {
    fn from_text(text: String) -> Self;
}

impl FromText for ByteArray {
    fn from_text(text: String) -> ByteArray {
        text.into_bytes().into()
    }
}

fn group(
    name: &str,
    repetition: Repetition,
    kind: Option<LogicalType>,
    columns: &[Column],
) -> Result<TypePtr> {
    let fields: Result<Vec<TypePtr>> = columns.iter().map(type_of).collect();
    group_of(name, repetition, kind, fields?)
}

fn group_of(
    name: &str,
    repetition: Repetition,
    kind: Option<LogicalType>,
    fields: Vec<TypePtr>,
) -> Result<TypePtr> {
    let group = Type::group_type_builder(name)
        .with_repetition(repetition)
        .with_logical_type(kind)
        .with_fields(fields);
    Ok(Arc::new(group.build()?))
}

fn type_of(column: &Column) -> Result<TypePtr> {
    let name = column.name();
    match &column.content {
        Content::One(scalar) => plain(&name, *scalar),
        Content::Object(_, columns) => group(&name, Repetition::OPTIONAL, None, columns),
        Content::List(scalar) => list(&name, plain("element", *scalar)?),
        Content::Objects(_, columns) => list(
            &name,
            group("element", Repetition::REQUIRED, None, columns)?,
        ),
    }
}

/// Nests a type in the three levels of a list.
fn list(name: &str, element: TypePtr) -> Result<TypePtr> {
    let repeated = group_of("list", Repetition::REPEATED, None, vec![element])?;
    let kind = Some(LogicalType::List);
    group_of(name, Repetition::OPTIONAL, kind, vec![repeated])
}

fn plain(name: &str, scalar: Scalar) -> Result<TypePtr> {
    let (physical, logical) = match scalar {
        Scalar::Text | Scalar::Host => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        Scalar::Json => (Physical::BYTE_ARRAY, Some(LogicalType::Json)),
        Scalar::Flag => (Physical::BOOLEAN, None),
        Scalar::Integer | Scalar::SinceBoot | Scalar::Port => (Physical::INT64, None),
        Scalar::Real => (Physical::DOUBLE, None),
        Scalar::Microseconds => {
            let utc = LogicalType::timestamp(true, TimeUnit::MICROS);
            (Physical::INT64, Some(utc))
        }
    };
    let plain = Type::primitive_type_builder(name, physical)
        .with_repetition(Repetition::OPTIONAL)
        .with_logical_type(logical);
    Ok(Arc::new(plain.build()?))
}
