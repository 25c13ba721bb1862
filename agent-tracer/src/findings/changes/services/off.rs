//! Finds services that ran, or would have been started, and that a recorded tree turned off: a
//! firewall, a log or an audit that is gone deserves a look, and no list of names would know them.
//! Two states are compared, so a restart is nothing; what systemd ends by itself has no author.

use super::{Action, Reason, Unit, is_masked};
use crate::{
    event::Difference,
    model::{Model, ProcessIndex},
};

/// Kinds of units that are a service, or have one started.
const TYPES: [&[u8]; 3] = [b".service", b".socket", b".timer"];

/// How a service came to be off.
pub(super) struct Off {
    pub(super) was_stopped: bool,
    was_disabled: bool,
    pub(super) author: ProcessIndex,
    /// Whether the author was concluded, not seen.
    pub(super) is_inferred: bool,
}

impl Off {
    /// Why it deserves attention.
    pub(super) fn reason(&self) -> Reason {
        match (self.was_stopped, self.was_disabled) {
            (true, true) => Reason::ServiceOff,
            (true, false) => Reason::StoppedService,
            (false, _) => Reason::DisabledService,
        }
    }
}

/// Whether a unit is one of them.
pub(super) fn of(model: &Model, name: &[u8], unit: &Unit<'_>) -> Option<Off> {
    if !TYPES.iter().any(|end| name.ends_with(end)) {
        return None;
    }
    let was_stopped = unit.active.is_some_and(is_stopped);
    let was_disabled = unit.state.is_some_and(is_disabled);
    if !was_stopped && !was_disabled {
        return None;
    }
    let file = unit.file.as_ref();
    let file = file.filter(|file| file.action == Action::Gone || unit.is_masked());
    let file = file.and_then(|file| file.author);
    let unlinked = unit.enabled.filter(|(enabled, _)| !enabled);
    let unlinked = unlinked.and_then(|(_, by)| by);
    let request = unit.request.filter(|_| was_stopped);
    let request = request.map(|request| request.by);
    let seen = [
        (file.filter(|_| was_disabled), false),
        (unlinked.filter(|_| was_disabled), false),
        (request, true),
    ];
    // To find out who asked takes a look at every process.
    let asked = std::iter::once_with(|| (model.asked_to_turn_off(name), true));
    // The manager does to files what it is asked to.
    let (author, is_inferred) = seen
        .into_iter()
        .chain(asked)
        .filter_map(|(author, is_inferred)| Some((author?, is_inferred)))
        .find(|(author, _)| !model.is_background(&model.process(*author).tree))?;
    Some(Off {
        was_stopped,
        was_disabled,
        author,
        is_inferred,
    })
}

/// Whether a unit ran, also as one that does its work and stays, and does not; what is about to start again is not off.
fn is_stopped(active: &Difference) -> bool {
    let state = |value: &Option<Vec<u8>>, word: &[u8]| {
        let mut words = value
            .iter()
            .flat_map(|value| value.split(|byte| *byte == b' '));
        words.next() == Some(word)
    };
    // What is inactive is on no list.
    state(&active.before, b"active") && (active.after.is_none() || state(&active.after, b"failed"))
}

/// Whether a unit would have been started by itself or by others, and will not be.
fn is_disabled(file: &Difference) -> bool {
    let Some(before) = &file.before else {
        return false;
    };
    match file.after.as_deref() {
        None | Some(b"disabled") => before.starts_with(b"enabled"),
        Some(_) => is_masked(&file.after) && !is_masked(&file.before) && before != b"disabled",
    }
}

#[cfg(test)]
mod tests {
    use super::{Difference, is_disabled, is_stopped};

    fn difference([before, after]: [&str; 2]) -> Difference {
        let value = |text: &str| (text != "-").then(|| text.as_bytes().to_vec());
        Difference {
            name: Vec::new(),
            before: value(before),
            after: value(after),
        }
    }

    #[test]
    fn what_ran_and_does_not() {
        for (states, is_off) in [
            (["active running", "-"], true),
            (["active exited", "failed failed"], true),
            (["active", "-"], true),
            (["active running", "activating auto-restart"], false),
            (["active running", "active exited"], false),
            // It does its work and is done.
            (["activating start", "-"], false),
            (["failed failed", "-"], false),
            (["-", "failed failed"], false),
        ] {
            assert_eq!(is_stopped(&difference(states)), is_off, "{states:?}");
        }
    }

    #[test]
    fn what_would_be_started_and_is_not() {
        for (states, is_off) in [
            (["enabled", "disabled"], true),
            (["enabled-runtime", "disabled"], true),
            (["enabled", "-"], true),
            (["enabled", "masked"], true),
            (["static", "masked-runtime"], true),
            (["disabled", "masked"], false),
            (["masked", "masked-runtime"], false),
            (["disabled", "-"], false),
            (["enabled", "static"], false),
            (["-", "disabled"], false),
        ] {
            assert_eq!(is_disabled(&difference(states)), is_off, "{states:?}");
        }
    }
}
