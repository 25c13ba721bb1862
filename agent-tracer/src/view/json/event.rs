//! Writes an event as a JSON object: the fields of all events, then those of its kind.

mod connection;
mod machine;
mod naming;
mod process;
mod recording;

use crate::{
    event::{Event, EventKind},
    model::Model,
    view::{
        Clock, Context,
        field::{Documented, Entries, Field, documented, refs},
        page::Page,
        privilege,
        value::Value,
    },
};

use super::to_row;

pub(in crate::view) use machine::STATE;

/// Writes an event as a line, right after the model has applied it.
pub fn event_json(clock: &Clock, model: &Model, sequence: u64, event: &Event) -> String {
    let page = Page::unlimited(*clock);
    let context = Context { page: &page, model };
    let row = Numbered { sequence, event };
    let head = head();
    let mut entries = Entries::default();
    entries.add(context, &head, &row);
    add_kind(&mut entries, context, &event.kind);
    to_row(model, &entries, entries.has_host)
}

/// An event with its number in the trace.
struct Numbered<'e> {
    sequence: u64,
    event: &'e Event,
}

/// Declares the fields of every event.
fn head<'e>() -> [Field<Numbered<'e>>; 8] {
    [
        Field::<Numbered<'e>>::new("seq", "number of the event in the trace", |_, row| {
            Value::Number(row.sequence)
        }),
        Field::<Numbered<'e>>::new("time", "time, RFC 3339, UTC", |context, row| {
            Value::text(context.page.clock.rfc3339(row.event.boot_ns))
        }),
        Field::<Numbered<'e>>::new("boot_ns", "time since boot", |_, row| {
            Value::Number(row.event.boot_ns)
        }),
        Field::<Numbered<'e>>::new("event", "kind of the event", |_, row| {
            Value::text(row.event.kind.name())
        }),
        Field::<Numbered<'e>>::new(
            "process",
            "process that it is about; of a fork, the parent",
            |context, row| {
                let subject = context.model.find(row.event.process);
                let index = match &row.event.kind {
                    EventKind::Fork(_) => {
                        subject.and_then(|child| context.model.process(child).parent)
                    }
                    _ => subject,
                };
                Value::process(context, index)
            },
        ),
        Field::<Numbered<'e>>::new("child", "fork: the new process", |context, row| {
            let subject = context.model.find(row.event.process);
            let is_fork = matches!(row.event.kind, EventKind::Fork(_));
            Value::process(context, subject.filter(|_| is_fork))
        }),
        Field::<Numbered<'e>>::new(
            "privilege",
            "exec: privilege that the file gave",
            |context, row| {
                let subject = context.model.find(row.event.process);
                let is_exec = matches!(row.event.kind, EventKind::Exec(_));
                let process = subject.filter(|_| is_exec);
                let process = process.map(|index| context.model.process(index));
                match process.and_then(|process| process.gain.as_ref()) {
                    Some(gain) => privilege::value(context, gain),
                    None => Value::Nothing,
                }
            },
        ),
        Field::<Numbered<'e>>::new(
            "tid",
            "rename: id of the thread, if not the main thread",
            |_, row| match &row.event.kind {
                EventKind::Rename(rename) if rename.tid != row.event.process.pid => {
                    Value::Number(rename.tid.into())
                }
                _ => Value::Nothing,
            },
        ),
    ]
}

/// Joins every kind with the declared fields of its message.
macro_rules! fields_of_kinds {
    ($($kind:ident: $($fields:path)?;)*) => {
        /// Adds the fields of the event's kind.
        fn add_kind<'a>(entries: &mut Entries<'a>, context: Context<'a>, kind: &'a EventKind) {
            match kind {
                $(EventKind::$kind(_message) => {
                    $(entries.add(context, &$fields, _message);)?
                })*
            }
        }

        /// Describes the fields of every kind that has any, by its name.
        fn kinds() -> Vec<(&'static str, Vec<Documented>)> {
            vec![$($((
                EventKind::$kind(Default::default()).name(),
                documented(&refs(&$fields)),
            ),)?)*]
        }
    };
}

fields_of_kinds! {
    Fork: ;
    Exec: process::EXEC;
    Exit: process::EXIT;
    Rename: process::RENAME;
    Cgroup: process::CGROUP;
    UserChanged: process::USER_CHANGED;
    ExecFailed: process::EXEC_FAILED;
    Connect: connection::CONNECT;
    Established: connection::ESTABLISHED;
    ConnectFailed: connection::CONNECT_FAILED;
    Shutdown: connection::SHUTDOWN;
    Close: connection::CLOSE;
    Listen: connection::LISTEN;
    Bind: connection::LISTEN;
    Counted: connection::COUNTED;
    Inbound: connection::INBOUND;
    SocketOpened: connection::SOCKET_OPENED;
    UnixConnect: connection::UNIX_CONNECT;
    Held: connection::HELD;
    Sockets: connection::SOCKETS;
    Dns: naming::DNS;
    TlsHello: naming::TLS_HELLO;
    HttpRequest: naming::HTTP_REQUEST;
    Hosts: naming::HOSTS;
    Unreadable: naming::UNREADABLE;
    AddressTagged: naming::ADDRESS_TAGGED;
    Unit: machine::UNIT;
    Units: machine::UNITS;
    File: machine::FILE;
    Compared: machine::COMPARED;
    FilesCompared: machine::FILES_COMPARED;
    Snapshot: process::SNAPSHOT;
    UserNamed: machine::USER_NAMED;
    CommandStarted: ;
    CommandEnded: recording::COMMAND_ENDED;
    UnitFollowed: recording::UNIT_FOLLOWED;
    Lost: recording::LOST;
    KernelLog: recording::KERNEL_LOG;
    End: recording::END;
}

/// Describes the fields of every event, then those of each kind by its name.
pub(in crate::view) fn event_reference() -> (Vec<Documented>, Vec<(&'static str, Vec<Documented>)>)
{
    (documented(&refs(&head())), kinds())
}
