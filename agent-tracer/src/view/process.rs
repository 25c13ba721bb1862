//! A process in words: its name, its user, why it is in its tree.

use crate::model::{Activation, Because, Model, Process};

use super::escape;

/// The user by name, by number where the name is not known.
pub fn user(model: &Model, id: u32) -> String {
    match model.user_name(id) {
        Some(name) => escape::text(name),
        None => id.to_string(),
    }
}

/// Why a process is in its tree, and what systemd has to do with it.
pub fn because(process: &Process) -> String {
    let reason = match &process.because {
        Because::Rule(rule) => escape::text(rule.as_bytes()),
        Because::ChildOf(name, pid) => format!("child of {} [{pid}]", escape::text(name)),
        Because::Command => "the recorded command".to_owned(),
        Because::Attached => "followed on request".to_owned(),
        Because::RanBefore => "ran before the recording".to_owned(),
        Because::ForkUnseen => "its fork was not seen".to_owned(),
        Because::Unit => String::new(),
    };
    match process.activation() {
        None => reason,
        Some(activation) if reason.is_empty() => unit(activation),
        Some(activation) => format!("{reason}; {}", unit(activation)),
    }
}

/// Only that a process was put into the cgroup of the unit is certain; that it was for this request is
/// concluded.
fn unit(activation: &Activation) -> String {
    let name = escape::text(&activation.unit);
    match &activation.request {
        Some(request) => format!(
            "unit {name}, started by {} [pid {}] (inferred)",
            escape::arguments(&request.words),
            request.pid
        ),
        None => format!("unit {name}, started by systemd"),
    }
}

/// Its comm, with a placeholder where that is not known.
pub(super) fn name(process: &Process) -> String {
    if process.comm.is_empty() {
        "?".to_owned()
    } else {
        escape::text(&process.comm)
    }
}

/// How it ended: an exit code, a signal, or not at all.
pub(super) fn end(process: &Process) -> String {
    match process.ended {
        None => "running".to_owned(),
        Some((_, exit)) => match exit.signal() {
            Some(signal) => super::signal_name(signal).into_owned(),
            None => exit.code().to_string(),
        },
    }
}
