//! Writes an event as a JSON object: the fields of all events, then those of its kind.

mod connection;
mod machine;
mod naming;
mod process;
mod recording;

use crate::{
    event::{Event, EventKind},
    model::{Model, ProcessIndex},
    view::{
        Clock, Context,
        field::{Documented, Field, documented, refs},
        kept::Kept,
        page::Page,
        privilege,
        value::Value,
    },
};

use super::Row;

pub(in crate::view) use machine::{A_STATE, STATE};

/// Writes an event as a line, right after the model has applied it.
pub fn event_json(clock: &Clock, model: &Model, sequence: u64, event: &Event) -> String {
    let page = Page::unlimited(*clock);
    let mut line = Vec::with_capacity(512);
    append(Context::new(&page, model), sequence, event, &mut line);
    String::from_utf8(line).unwrap_or_default()
}

/// Writes many events, each as [`event_json`] does.
pub struct JsonLines {
    page: Page,
    kept: Kept,
}

impl JsonLines {
    /// Begins the lines of a trace.
    pub fn new(clock: Clock) -> JsonLines {
        JsonLines {
            page: Page::unlimited(clock),
            kept: Kept::new(),
        }
    }

    /// Notes an event that the model has applied: every event, whether or not it is written.
    pub fn note(&mut self, event: &Event) {
        self.kept.note(event);
    }

    /// Appends the event that was noted last.
    pub fn append(&self, model: &Model, sequence: u64, event: &Event, line: &mut Vec<u8>) {
        let context = Context {
            page: &self.page,
            model,
            kept: Some(&self.kept),
        };
        append(context, sequence, event, line);
    }
}

fn append(context: Context<'_>, sequence: u64, event: &Event, line: &mut Vec<u8>) {
    let numbered = Numbered {
        sequence,
        event,
        subject: context.model.find(event.process),
    };
    let mut row = Row::begin(line);
    row.add(context, head(), &numbered);
    add_kind(&mut row, context, &event.kind);
    row.end_with_origin(context);
}

/// An event with its number in the trace.
struct Numbered<'e> {
    sequence: u64,
    event: &'e Event,
    subject: Option<ProcessIndex>,
}

/// Declares the fields of every event.
fn head<'h, 'e>() -> &'h [Field<Numbered<'e>>] {
    &Head::<'e>::ALL
}

struct Head<'e>(std::marker::PhantomData<&'e ()>);

impl<'e> Head<'e> {
    const ALL: [Field<Numbered<'e>>; 8] = [
        Field::<Numbered<'e>>::new("seq", "number of the event in the trace", |_, row| {
            Value::Number(row.sequence)
        }),
        Field::<Numbered<'e>>::new("time", "time, RFC 3339, UTC", |context, row| {
            context.time(row.event.boot_ns)
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
                let subject = row.subject;
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
            let is_fork = matches!(row.event.kind, EventKind::Fork(_));
            Value::process(context, row.subject.filter(|_| is_fork))
        }),
        Field::<Numbered<'e>>::new(
            "privilege",
            "exec: privilege that the file gave",
            |context, row| {
                let is_exec = matches!(row.event.kind, EventKind::Exec(_));
                let process = row.subject.filter(|_| is_exec);
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
    ];
}

/// Joins every kind with the declared fields of its message.
macro_rules! fields_of_kinds {
    ($($kind:ident: $($fields:path)?;)*) => {
        /// Adds the fields of the event's kind.
        fn add_kind<'a>(row: &mut Row<'_>, context: Context<'a>, kind: &'a EventKind) {
            match kind {
                $(EventKind::$kind(_message) => {
                    $(row.add(context, &$fields, _message);)?
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
    HttpAnswer: naming::HTTP_ANSWER;
    Hosts: naming::HOSTS;
    Unreadable: naming::UNREADABLE;
    AddressTagged: naming::ADDRESS_TAGGED;
    Unit: machine::UNIT;
    Units: machine::UNITS;
    File: machine::FILE;
    Compared: machine::COMPARED;
    FilesCompared: machine::FILES_COMPARED;
    FileHashed: machine::FILE_HASHED;
    FilesElsewhere: machine::FILES_ELSEWHERE;
    Snapshot: process::SNAPSHOT;
    UserNamed: machine::USER_NAMED;
    ContainerNamed: machine::CONTAINER_NAMED;
    CommandStarted: ;
    CommandEnded: recording::COMMAND_ENDED;
    UnitFollowed: recording::UNIT_FOLLOWED;
    Carried: recording::CARRIED;
    SegmentsDeleted: recording::SEGMENTS_DELETED;
    Lost: recording::LOST;
    KernelLog: recording::KERNEL_LOG;
    End: recording::END;
}

/// Describes the fields of every event, then those of each kind by its name.
pub(in crate::view) fn event_reference() -> (Vec<Documented>, Vec<(&'static str, Vec<Documented>)>)
{
    (documented(&refs(head())), kinds())
}
