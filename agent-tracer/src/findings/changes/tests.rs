//! Tests how files are summed up.

use super::{Facts, files::collect};
use crate::{
    event::{Event, EventKind, FileDifference, FileState, FilesCompared, ProcessId},
    model::Model,
    rules::RuleSet,
};

#[test]
fn a_tree_that_is_gone_is_one_row_of_many_files() {
    let directory = Some(FileState {
        mode: 0o040_755,
        ..FileState::default()
    });
    let file = Some(FileState {
        mode: 0o100_644,
        size: 1,
        ..FileState::default()
    });
    let gone = |path: String, before: &Option<FileState>| FileDifference {
        path: path.into_bytes(),
        before: before.clone(),
        after: None,
    };
    let mut differences = vec![gone("/opt/tree".to_owned(), &directory)];
    for at in 0..20 {
        differences.push(gone(format!("/opt/tree/{at}"), &directory));
        differences.push(gone(format!("/opt/tree/{at}/it"), &file));
    }
    let mut model = Model::new(RuleSet::empty());
    model.apply(&Event {
        boot_ns: 1,
        process: ProcessId::default(),
        user: 0,
        kind: EventKind::FilesCompared(FilesCompared {
            differences,
            ..FilesCompared::default()
        }),
    });
    let changes = collect(&model, false);
    let [row] = changes.as_slice() else {
        panic!("one row, not {changes:?}");
    };
    assert_eq!((row.what.as_slice(), row.count), (&b"/opt/tree/"[..], 41));
    assert!(matches!(row.facts, Facts::Files(Some(20))));
    assert_eq!(row.author, None);
    assert_eq!(collect(&model, true).len(), 41);
}
