//! What is summed up, and what of it is left at any width.

use super::{Page, changes, files::collect, row};
use crate::{
    event::{Event, EventKind, FileDifference, FileState, FilesCompared, ProcessId},
    model::Model,
    rules::RuleSet,
    view::{Clock, TimeStyle},
};

fn page(width: usize) -> Page {
    Page {
        width: Some(width),
        styled: false,
        time: TimeStyle::Relative,
        clock: Clock::default(),
    }
}

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
    assert_eq!(
        changes(&page(60), &model, &collect(&model, false)),
        [
            "files and directories: 41",
            "  gone    /opt/tree/  41 files and directories, 20 B",
            "          by somebody who was not seen",
        ]
    );
    assert_eq!(collect(&model, true).len(), 41);
}

#[test]
fn an_author_is_whole_at_any_width() {
    let path =
        "  new     /opt/microsoft/omsagent/plugin/filter_of_something.rb  file 0644 root 3 B";
    let author = "by installer [4711] in omsagent";
    for width in [60, 80] {
        let lines = row(&page(width), path, author);
        assert!(lines.iter().any(|line| line.ends_with(author)), "{lines:?}");
        assert!(lines.iter().all(|line| line.len() <= width), "{lines:?}");
    }
    assert_eq!(row(&page(120), path, author).len(), 1);
    assert_eq!(
        row(&page(40), path, author),
        [
            "  new     /opt/microsoft/omsagent/plugin",
            "          /filter_of_something.rb  file",
            "          0644 root 3 B",
            "          by installer [4711] in omsage…",
        ]
    );
}
