//! Tests that tables are files of Parquet, and that errors of the output are errors.

use std::io::{self, Write};

use parquet::file::reader::{FileReader, SerializedFileReader};

use super::Export;
use crate::{
    model::Model,
    rules::RuleSet,
    trace::Header,
    view::{Clock, export::Table},
};

fn exported<T>(with: impl FnOnce(&Export<'_>) -> T) -> T {
    let model = Model::new(RuleSet::empty());
    with(&Export {
        header: &Header::default(),
        model: &model,
        clock: Clock::default(),
        events: 0,
    })
}

#[test]
fn tables_without_rows_are_files() {
    for table in Table::ALL {
        let mut file = Vec::new();
        let count = exported(|export| export.parquet(table, &mut file)).expect("a file");
        let mut kept = tempfile::tempfile().expect("a file");
        kept.write_all(&file).expect("the bytes");
        let reader = SerializedFileReader::new(kept).expect("Parquet");
        let rows = reader.metadata().file_metadata().num_rows();
        assert_eq!(u64::try_from(rows), Ok(count), "{}", table.name());
    }
}

#[test]
fn a_full_disk_is_an_error() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    exported(|export| export.parquet(Table::Recordings, Full)).expect_err("a full disk");
}
