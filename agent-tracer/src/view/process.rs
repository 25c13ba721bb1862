//! A process in words: its name, its user, why it is in its tree.

use crate::model::{Activation, Because, Cause, Model, Origin, Process, Request, Writer};

use super::{
    Context, escape,
    field::{Field, Object},
    json::Nested,
    value::Value,
};

/// The user by name, by number where the name is not known.
pub fn user(model: &Model, id: u32) -> String {
    match model.user_name(id) {
        Some(name) => escape::text(name),
        None => id.to_string(),
    }
}

/// The user of a process as the machine has it, with a word where it is in a user namespace: it may
/// be root there.
pub fn user_of(model: &Model, process: &Process) -> String {
    let name = user(model, process.user);
    match process.inner_root() {
        None => name,
        Some(true) => format!("{name} (root in userns)"),
        Some(false) => format!("{name} (in userns)"),
    }
}

/// Why a process is in its tree, and what systemd or cron has to do with it.
pub fn because(model: &Model, process: &Process) -> String {
    match (reason(model, process), started_for(model, process)) {
        (reason, None) => reason,
        (reason, Some(activation)) if reason.is_empty() => activation,
        (reason, Some(activation)) => format!("{reason}; {activation}"),
    }
}

/// What systemd or cron started it for, or what it descends from.
pub(super) fn started_for(model: &Model, process: &Process) -> Option<String> {
    model.activation(process).map(activation)
}

/// Why a process is in its tree; nothing where only systemd or cron explains it.
pub(super) fn reason(model: &Model, process: &Process) -> String {
    match &process.because {
        Because::Rule(rule) => format!(
            "{}{}",
            escape::text(rule.as_bytes()),
            doubts(model, process)
        ),
        Because::ChildOf(name, pid) => format!("child of {} [{pid}]", escape::text(name)),
        Because::Command => "the recorded command".to_owned(),
        Because::Attached => "followed on request".to_owned(),
        Because::RanBefore => "ran before the recording".to_owned(),
        Because::ForkUnseen => "its fork was not seen".to_owned(),
        Because::Unit | Because::Job => String::new(),
    }
}

/// What the match of a rule does not show: that its path is another's, or anybody's file.
fn doubts(model: &Model, process: &Process) -> String {
    let doubt = &process.doubt;
    let mut words = Vec::new();
    if doubt.another_root {
        words.push("in another root".to_owned());
    } else if doubt.other_script {
        words.push("script in another mount namespace".to_owned());
    }
    if let Some(owner) = doubt.owner {
        words.push(format!("executable of {}", user(model, owner)));
    }
    if doubt.is_writable {
        words.push("executable that others may write".to_owned());
    }
    words.iter().map(|words| format!("; {words}")).collect()
}

/// Only that a process was put into the cgroup of the unit, or forked by cron, is certain; what for is concluded.
fn activation(activation: &Activation) -> String {
    let cause = cause(&activation.cause);
    match &activation.unit {
        Some(unit) => format!("unit {}, {cause}", escape::text(unit)),
        None => cause,
    }
}

pub(super) fn cause(cause: &Cause) -> String {
    match cause {
        Cause::Unknown => "started by systemd".to_owned(),
        Cause::Request(request) => format!("started by {}", requested(request)),
        Cause::Trigger(trigger, writer) => {
            let trigger = escape::text(trigger);
            match writer {
                Some(writer) => format!("started by {trigger}, {}", written(writer)),
                None => format!("started by {trigger} (inferred)"),
            }
        }
        Cause::Again(before) => format!(
            "started again by systemd, before that {}",
            self::cause(before)
        ),
        Cause::Written(writer) => format!("started by systemd, {}", written(writer)),
        Cause::Job(writer) => {
            format!(
                "cron job of {}, {}",
                escape::text(&writer.path),
                written(writer)
            )
        }
    }
}

/// `systemctl start omid [pid 4711] (inferred)`
pub(super) fn requested(request: &Request) -> String {
    let words = escape::arguments(&request.words);
    format!("{words} [pid {}] (inferred)", request.pid)
}

/// A request to systemd.
static REQUEST: [Field<Request>; 3] = [
    Field::<Request>::new("pid", "process id", |_, request| {
        Value::Number(request.pid.into())
    }),
    Field::<Request>::new("argv", "command line", |_, request| {
        Value::Words(&request.words)
    }),
    Field::<Request>::new("inferred", "always true", |_, _| Value::Flag(true)),
];

/// Returns a request to systemd, where it is known.
pub(super) fn requester<'a>(context: Context<'a>, request: Option<&'a Request>) -> Value<'a> {
    request.map_or(Value::Nothing, |request| {
        Value::Nested(Nested::Request(Object::new(context, &REQUEST, request)))
    })
}

fn written(writer: &Writer) -> String {
    format!(
        "written by {} [pid {}] (inferred)",
        escape::text(&writer.name),
        writer.pid
    )
}

/// Its comm, with a placeholder where that is not known.
pub(super) fn name(process: &Process) -> String {
    if process.comm.is_empty() {
        "?".to_owned()
    } else {
        escape::text(&process.comm)
    }
}

/// Its name and id: `curl [4711]`.
pub(super) fn called(process: &Process) -> String {
    format!("{} [{}]", name(process), process.id.pid)
}

/// Its command line; of a process that never called exec, that is its parent's.
pub(super) fn program(process: &Process) -> String {
    if process.execs == 0 && process.origin != Origin::Snapshot {
        "(no exec)".to_owned()
    } else if process.argv.is_empty() {
        escape::text(&process.exe)
    } else {
        escape::arguments(&process.argv)
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
