//! Describes a process: its name, its user, the reason for its tree.

use crate::model::{Activation, Because, Cause, Model, Origin, Process, Request, Writer};

use super::{
    Context, escape,
    field::{Field, Object},
    json::Nested,
    shape::{Kind, Shape, declared},
    value::Value,
};

/// Returns the name of a user, or the number if the name is unknown.
pub fn user(model: &Model, id: u32) -> String {
    match model.user_name(id) {
        Some(name) => escape::text(name),
        None => id.to_string(),
    }
}

/// Returns the user of a process on the machine, with a remark if the process is in a user
/// namespace, where it may be root.
pub fn user_of(model: &Model, process: &Process) -> String {
    let name = user(model, process.user);
    match process.inner_root() {
        None => name,
        Some(true) => format!("{name} (root in userns)"),
        Some(false) => format!("{name} (in userns)"),
    }
}

/// Describes the reason for the tree of a process, with the part that systemd or cron has in it.
pub fn because(model: &Model, process: &Process) -> String {
    let mut words = String::with_capacity(128);
    push_reason(&mut words, model, process);
    if let Some(activation) = model.activation(process) {
        begin_clause(&mut words);
        push_activation(&mut words, activation);
    }
    if let Some(container) = enters_container(model, process) {
        begin_clause(&mut words);
        words.push_str(&container);
    }
    words
}

fn begin_clause(words: &mut String) {
    if !words.is_empty() {
        words.push_str("; ");
    }
}

/// Names the container of its first process: `in container web (nginx:1.25)`.
fn enters_container(model: &Model, process: &Process) -> Option<String> {
    let id = process.container()?;
    let parent = process.parent.map(|parent| model.process(parent));
    if parent.is_some_and(|parent| parent.container() == Some(id)) {
        return None;
    }
    let (name, image) = match model.container(process) {
        Some(container) => (&*container.name, &*container.image),
        None => (id, &b""[..]),
    };
    let name = escape::text(if name.is_empty() { id } else { name });
    Some(match image {
        b"" => format!("in container {name}"),
        image => format!("in container {name} ({})", escape::text(image)),
    })
}

/// Describes the start of a process by systemd or cron.
pub(super) fn started_for(model: &Model, process: &Process) -> Option<String> {
    let activation = model.activation(process)?;
    let mut words = String::new();
    push_activation(&mut words, activation);
    Some(words)
}

/// Describes the reason for the tree of a process; empty if only systemd or cron explains it.
pub(super) fn reason(model: &Model, process: &Process) -> String {
    let mut words = String::new();
    push_reason(&mut words, model, process);
    words
}

/// Appends that reason. A line of jsonl has one: nothing is made of parts of its own.
fn push_reason(words: &mut String, model: &Model, process: &Process) {
    match &process.because {
        Because::Rule(rule) => {
            escape::push_text(words, rule.as_bytes());
            words.push_str(&doubts(model, process));
        }
        Because::ChildOf(name, pid) => {
            words.push_str("child of ");
            push_called(words, name, *pid);
        }
        Because::Command => words.push_str("the recorded command"),
        Because::Attached => words.push_str("followed on request"),
        Because::RanBefore => words.push_str("ran before the recording"),
        Because::Asked(asker) => {
            words.push_str("its parent was asked by ");
            push_called(words, &asker.name, asker.pid);
            words.push_str(" over ");
            escape::push_text(words, &asker.path);
            words.push_str(" (inferred)");
        }
        Because::ParentSeenLater(name, pid) => {
            words.push_str("child of ");
            push_called(words, name, *pid);
            words.push_str(", its fork was not seen");
        }
        Because::FormerRule(rule) => {
            words.push_str("was ");
            escape::push_text(words, rule.as_bytes());
        }
        Because::ForkUnseen => words.push_str("its fork was not seen"),
        Because::Unit | Because::Job => {}
    }
}

/// Describes doubts about the match of a rule: another root directory, or a file of another user.
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

/// Appends an activation. The cgroup and the fork by cron are facts; the cause is inferred.
fn push_activation(words: &mut String, activation: &Activation) {
    if let Some(unit) = &activation.unit {
        words.push_str("unit ");
        escape::push_text(words, unit);
        words.push_str(", ");
    }
    push_cause(words, &activation.cause);
}

pub(super) fn cause(cause: &Cause) -> String {
    let mut words = String::new();
    push_cause(&mut words, cause);
    words
}

fn push_cause(words: &mut String, cause: &Cause) {
    match cause {
        Cause::Unknown => words.push_str("started by systemd"),
        Cause::Request(request) => {
            words.push_str("started by ");
            words.push_str(&requested(request));
        }
        Cause::Trigger(trigger, writer) => {
            words.push_str("started by ");
            escape::push_text(words, trigger);
            match writer {
                Some(writer) => {
                    words.push_str(", ");
                    push_writer(words, writer);
                }
                None => words.push_str(" (inferred)"),
            }
        }
        Cause::Again(before) => {
            words.push_str("started again by systemd, before that ");
            push_cause(words, before);
        }
        Cause::Written(writer) => {
            words.push_str("started by systemd, ");
            push_writer(words, writer);
        }
        Cause::Job(writer) => {
            words.push_str("cron job of ");
            escape::push_text(words, &writer.path);
            words.push_str(", ");
            push_writer(words, writer);
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
    })
    .shape(Shape::Integer),
    Field::<Request>::new("argv", "command line", |_, request| {
        Value::Words(&request.words)
    })
    .shape(Shape::Texts),
    Field::<Request>::new("inferred", "always true", |_, _| Value::Flag(true)).shape(Shape::Flag),
];

/// A request as a kind of objects.
pub(super) const A_REQUEST: Kind = Kind {
    name: "request",
    fields: || declared(&REQUEST),
};

/// Returns a request to systemd, where it is known.
pub(super) fn requester<'a>(context: Context<'a>, request: Option<&'a Request>) -> Value<'a> {
    request.map_or(Value::Nothing, |request| {
        Value::Nested(Nested::Request(Object::new(context, &REQUEST, request)))
    })
}

fn push_writer(words: &mut String, writer: &Writer) {
    words.push_str("written by ");
    escape::push_text(words, &writer.name);
    words.push_str(" [pid ");
    words.push_str(itoa::Buffer::new().format(writer.pid));
    words.push_str("] (inferred)");
}

/// Returns the comm, or a placeholder if it is unknown.
pub(super) fn name(process: &Process) -> String {
    escape::text(comm(process))
}

/// Returns the comm likewise; not escaped.
pub(super) fn comm(process: &Process) -> &[u8] {
    match &*process.comm {
        b"" => b"?",
        comm => comm,
    }
}

/// Appends a name and an id: `curl [4711]`.
pub(super) fn push_called(line: &mut String, name: &[u8], pid: u32) {
    escape::push_text(line, name);
    line.push_str(" [");
    line.push_str(itoa::Buffer::new().format(pid));
    line.push(']');
}

/// Writes name and id: `curl [4711]`.
pub(super) fn called(process: &Process) -> String {
    format!("{} [{}]", name(process), process.id.pid)
}

/// Returns the command line, unless it is the parent's because the process never called exec.
pub(super) fn program(process: &Process) -> String {
    if process.execs == 0 && process.origin != Origin::Snapshot {
        "(no exec)".to_owned()
    } else if process.argv.is_empty() {
        escape::text(&process.exe)
    } else {
        escape::arguments(&process.argv)
    }
}

/// Returns the command line; of a process that never called exec its parent's, marked.
pub(super) fn command_line(process: &Process) -> String {
    let is_forked = process.execs == 0 && process.origin != Origin::Snapshot;
    match is_forked && !process.argv.is_empty() {
        true => format!("{} (forked)", escape::arguments(&process.argv)),
        false => program(process),
    }
}

/// Describes the end of a process: exit code, signal, or none.
pub(super) fn end(process: &Process) -> String {
    match process.ended() {
        None => "running".to_owned(),
        Some((_, exit)) => match exit.signal() {
            Some(signal) => super::signal_name(signal).into_owned(),
            None => exit.code().to_string(),
        },
    }
}
