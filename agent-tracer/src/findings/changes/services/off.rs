//! Finds services that a recorded tree turned off, such as a firewall or an audit. States before
//! and after are compared, so a restart does not count. Services that systemd ends by itself have
//! no author.

use super::{Action, Reason, Unit, is_masked};
use crate::{
    event::Difference,
    model::{Model, ProcessIndex},
};

/// Types of units that are a service or start one.
const TYPES: [&[u8]; 3] = [b".service", b".socket", b".timer"];

/// The facts of a service that was turned off.
pub(super) struct Off {
    pub(super) was_stopped: bool,
    was_disabled: bool,
    pub(super) author: ProcessIndex,
    /// True if the author was inferred.
    pub(super) is_inferred: bool,
}

impl Off {
    /// Returns the reason for attention.
    pub(super) fn reason(&self) -> Reason {
        match (self.was_stopped, self.was_disabled) {
            (true, true) => Reason::ServiceOff,
            (true, false) => Reason::StoppedService,
            (false, _) => Reason::DisabledService,
        }
    }
}

/// Checks whether a unit is such a service.
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
    let unlinked = unit.enabled.filter(|link| !link.enables);
    let unlinked = unlinked.and_then(|link| link.author);
    let request = unit.request.filter(|_| was_stopped);
    let seen = [
        file.filter(|_| was_disabled),
        unlinked.filter(|_| was_disabled),
        request.map(|request| (request.by, true)),
    ];
    // The requester is found among all processes, which takes time.
    let asked = std::iter::once_with(|| Some((model.asked_to_turn_off(name)?, true)));
    // A service manager is not the author: it acts on requests.
    let (author, is_inferred) = seen
        .into_iter()
        .chain(asked)
        .flatten()
        .find(|(author, _)| !model.is_background(&model.process(*author).tree))?;
    Some(Off {
        was_stopped,
        was_disabled,
        author,
        is_inferred,
    })
}

/// Returns true if a unit was active and is not, unless it is about to restart.
fn is_stopped(active: &Difference) -> bool {
    let state = |value: &Option<Vec<u8>>, word: &[u8]| {
        let mut words = value
            .iter()
            .flat_map(|value| value.split(|byte| *byte == b' '));
        words.next() == Some(word)
    };
    // An inactive unit is not in the list.
    state(&active.before, b"active") && (active.after.is_none() || state(&active.after, b"failed"))
}

/// Returns true if a unit was to be started, by itself or by others, and no longer is.
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
            origin: None,
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
