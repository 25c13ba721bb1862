//! Tests the list of files that were not compared.

use super::collect;
use crate::{
    event::{Event, EventKind, FileAction, FileEvent, FilesCompared, Fork, ProcessId},
    findings::{Action, Facts, Reason},
    model::Model,
    rules::RuleSet,
};

#[test]
fn files_that_were_not_compared_are_touched() {
    let mut model = Model::new(RuleSet::empty());
    let apply = |model: &mut Model, kind| {
        model.apply(&Event {
            boot_ns: 1,
            process: ProcessId {
                pid: 7,
                start_ns: 1,
            },
            user: 0,
            kind,
        });
    };
    apply(&mut model, EventKind::Fork(Fork::default()));
    let paths = [
        "/etc/a",
        "/etc/sudoers.d/x",
        "/opt/1",
        "/opt/2",
        "/opt/3",
        "/opt/4",
        "/opt/5",
    ];
    for path in paths {
        let mut file = FileEvent {
            path: path.into(),
            ..FileEvent::default()
        };
        file.set_action(FileAction::Written);
        apply(&mut model, EventKind::File(file));
    }
    let changes = collect(&model, false);
    let listed: Vec<_> = changes
        .iter()
        .map(|change| (change.what.as_slice(), change.attention.clone()))
        .collect();
    let sudoers = Some(Reason::Rule("who may become root".into()));
    assert_eq!(
        listed,
        [
            (&b"/etc/a"[..], None),
            (b"/etc/sudoers.d/x", sudoers),
            (b"/opt/", None)
        ]
    );
    for change in &changes {
        assert_eq!(change.action, Action::Touched);
        assert!(change.author.is_some());
        assert!(matches!(change.facts, Facts::Touched | Facts::Files(None)));
    }
    assert_eq!(collect(&model, true).len(), paths.len());
    let compared = FilesCompared::default();
    apply(&mut model, EventKind::FilesCompared(compared));
    assert_eq!(collect(&model, false).len(), 0);
}
