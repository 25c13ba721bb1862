//! Converts the reasons for trees between the model and events.

use crate::{
    event::{CarriedProcess, CarriedReason},
    model::{Asker, Because},
};

/// Notes the reason for the tree of a process.
pub(in crate::model) fn describe(because: &Because, process: &mut CarriedProcess) {
    let mut set = |reason: CarriedReason, text: &[u8], pid: u32| {
        process.set_reason(reason);
        process.reason_text = text.to_vec();
        process.reason_pid = pid;
    };
    match because {
        Because::Rule(rule) => set(CarriedReason::Rule, rule.as_bytes(), 0),
        Because::FormerRule(rule) => set(CarriedReason::FormerRule, rule.as_bytes(), 0),
        Because::ChildOf(name, pid) => set(CarriedReason::ChildOf, name, *pid),
        Because::Command => set(CarriedReason::Command, b"", 0),
        Because::Attached => set(CarriedReason::Attached, b"", 0),
        Because::RanBefore => set(CarriedReason::RanBefore, b"", 0),
        Because::Unit => set(CarriedReason::Unit, b"", 0),
        Because::Job => set(CarriedReason::Job, b"", 0),
        Because::Asked(asker) => {
            set(CarriedReason::Asked, &asker.name, asker.pid);
            process.reason_path = asker.path.to_vec();
        }
        Because::ForkUnseen => set(CarriedReason::ForkUnseen, b"", 0),
        Because::ParentSeenLater(name, pid) => set(CarriedReason::ParentSeenLater, name, *pid),
    }
}

/// Reads that reason; `None` for one that this version does not know.
pub(in crate::model) fn read(process: &CarriedProcess) -> Option<Because> {
    let text = || process.reason_text.as_slice().into();
    let words = || String::from_utf8_lossy(&process.reason_text).into();
    Some(match process.reason() {
        CarriedReason::Unknown => return None,
        CarriedReason::Rule => Because::Rule(words()),
        CarriedReason::FormerRule => Because::FormerRule(words()),
        CarriedReason::ChildOf => Because::ChildOf(text(), process.reason_pid),
        CarriedReason::Command => Because::Command,
        CarriedReason::Attached => Because::Attached,
        CarriedReason::RanBefore => Because::RanBefore,
        CarriedReason::Unit => Because::Unit,
        CarriedReason::Job => Because::Job,
        CarriedReason::Asked => Because::Asked(Box::new(Asker {
            name: text(),
            pid: process.reason_pid,
            path: process.reason_path.as_slice().into(),
        })),
        CarriedReason::ForkUnseen => Because::ForkUnseen,
        CarriedReason::ParentSeenLater => Because::ParentSeenLater(text(), process.reason_pid),
    })
}

/// True if a rule matches the process.
pub(super) fn is_rule(process: &CarriedProcess) -> bool {
    process.reason() == CarriedReason::Rule
}
