//! Writes a recording as events of OCSF 1.3, a line each: launches and ends of processes (1007),
//! connections (4001), answers to lookups (4003) and changed files (1001).
//!
//! <https://schema.ocsf.io/1.3.0>. Times are milliseconds since 1970. `unmapped` has the fields of
//! jsonl.

mod device;

use std::{
    io::{self, Write},
    net::SocketAddr,
};

use serde_json::{Value as Json, json};

use super::{
    Export,
    row::{Row, values},
};
use crate::{
    event::{FileDifference, Protocol},
    findings::{Action, Change, Facts, Kind, all_changes, has_failed},
    model::{Connection, NameLookup, Process, ProcessIndex, State},
    view::{
        Context, changes, connections::CONNECTION, field::refs, lookups::LOOKUP, page::Page,
        processes::life,
    },
};

/// A class of events, with its category.
struct Class {
    number: u32,
    name: &'static str,
    category: u32,
}

const FILE_ACTIVITY: Class = Class {
    number: 1001,
    name: "File System Activity",
    category: 1,
};

const PROCESS_ACTIVITY: Class = Class {
    number: 1007,
    name: "Process Activity",
    category: 1,
};

const NETWORK_ACTIVITY: Class = Class {
    number: 4001,
    name: "Network Activity",
    category: 4,
};

const DNS_ACTIVITY: Class = Class {
    number: 4003,
    name: "DNS Activity",
    category: 4,
};

/// An activity of a class, with its number there.
type Activity = (u32, &'static str);

const LAUNCH: Activity = (1, "Launch");
const TERMINATE: Activity = (2, "Terminate");
const OPEN: Activity = (1, "Open");
const FAIL: Activity = (4, "Fail");
const REFUSE: Activity = (5, "Refuse");
const RESPONSE: Activity = (2, "Response");
const CREATE: Activity = (1, "Create");
const UPDATE: Activity = (3, "Update");
const DELETE: Activity = (4, "Delete");

/// status_id
const SUCCESS: u32 = 1;
const FAILURE: u32 = 2;

/// Characters of the longest text that the schema allows.
const LONGEST: usize = 65_535;

/// The lines of an export.
struct Lines<'e> {
    export: &'e Export<'e>,
    context: Context<'e>,
    output: &'e mut dyn Write,
    count: u64,
}

impl Export<'_> {
    /// Writes the events of OCSF. Returns their number.
    ///
    /// # Errors
    ///
    /// The error of `output`.
    pub fn ocsf(&self, output: &mut dyn Write) -> io::Result<u64> {
        let page = Page::unlimited(self.clock);
        let mut lines = Lines {
            export: self,
            context: Context::new(&page, self.model),
            output,
            count: 0,
        };
        for (index, process) in self.model.processes() {
            lines.process(index, process)?;
        }
        for connection in self.model.connections() {
            lines.connection(connection)?;
        }
        for lookup in self.model.lookups() {
            lines.lookup(lookup)?;
        }
        let all = all_changes(self.model);
        for change in all.iter().filter(|change| change.kind == Kind::File) {
            lines.file(change)?;
        }
        Ok(lines.count)
    }
}

impl Lines<'_> {
    fn process(&mut self, index: ProcessIndex, process: &Process) -> io::Result<()> {
        let fields: Vec<_> = life().collect();
        let row = values(self.context, &fields, process).map_err(io::Error::other)?;
        let actor = match process.parent {
            Some(parent) => json!({ "process": self.short(parent) }),
            None => json!({ "process": { "pid": process.parent_pid } }),
        };
        // An earlier process was launched at an unknown time.
        if let Some(forked_ns) = process.forked_ns {
            let mut event = self.event(&PROCESS_ACTIVITY, LAUNCH, forked_ns);
            event.insert("status_id".into(), SUCCESS.into());
            event.insert("actor".into(), actor.clone());
            event.insert("process".into(), self.whole(index, process));
            event.insert("unmapped".into(), Json::Object(row.clone()));
            self.write(event)?;
        }
        if let Some((ended_ns, exit)) = process.ended() {
            let mut event = self.event(&PROCESS_ACTIVITY, TERMINATE, ended_ns);
            event.insert("status_id".into(), SUCCESS.into());
            if exit.signal().is_none() {
                event.insert("exit_code".into(), exit.code().into());
            }
            event.insert("actor".into(), actor);
            event.insert("process".into(), self.whole(index, process));
            event.insert("unmapped".into(), Json::Object(row));
            self.write(event)?;
        }
        Ok(())
    }

    fn connection(&mut self, connection: &Connection) -> io::Result<()> {
        let row = values(self.context, &refs(&CONNECTION), connection);
        let row = row.map_err(io::Error::other)?;
        let activity = match connection.state {
            State::Connecting | State::Open | State::Closing | State::Closed => OPEN,
            State::Refused => REFUSE,
            State::TimedOut
            | State::Unreachable
            | State::Blocked
            | State::Aborted
            | State::Failed => FAIL,
        };
        let mut event = self.event(&NETWORK_ACTIVITY, activity, connection.started_ns);
        let status = if has_failed(connection) {
            FAILURE
        } else {
            SUCCESS
        };
        event.insert("status_id".into(), status.into());
        event.insert("status".into(), connection.state.name().into());
        if let Some(ended_ns) = connection.ended_ns() {
            event.insert("end_time".into(), self.milliseconds(ended_ns).into());
        }
        let name = connection.names.first().map(|name| &*name.name);
        let local = endpoint(connection.local(), None);
        let remote = endpoint(connection.remote, name.filter(|_| !connection.is_inbound));
        let (source, destination) = match connection.is_inbound {
            true => (remote, local),
            false => (local, remote),
        };
        event.insert("src_endpoint".into(), source);
        event.insert("dst_endpoint".into(), destination);
        let (number, protocol) = match connection.protocol {
            Protocol::Tcp => (6, "tcp"),
            Protocol::Udp => (17, "udp"),
        };
        let direction = if connection.is_inbound { 1 } else { 2 };
        let info = json!({
            "direction_id": direction,
            "protocol_num": number,
            "protocol_name": protocol,
            "uid": connection.id.to_string(),
        });
        event.insert("connection_info".into(), info);
        if let Some((sent, received)) = connection.bytes() {
            let traffic = json!({
                "bytes": sent.saturating_add(received),
                "bytes_out": sent,
                "bytes_in": received,
            });
            event.insert("traffic".into(), traffic);
        }
        let actor = json!({ "process": self.short(connection.owner) });
        event.insert("actor".into(), actor);
        event.insert("unmapped".into(), Json::Object(row));
        self.write(event)
    }

    fn lookup(&mut self, lookup: &NameLookup) -> io::Result<()> {
        let row = values(self.context, &refs(&LOOKUP), lookup).map_err(io::Error::other)?;
        let mut event = self.event(&DNS_ACTIVITY, RESPONSE, lookup.first_ns);
        let status = if lookup.has_failed() {
            FAILURE
        } else {
            SUCCESS
        };
        event.insert("status_id".into(), status.into());
        event.insert("count".into(), lookup.count.into());
        let (number, rcode) = rcode(&lookup.rcode);
        event.insert("rcode_id".into(), number.into());
        event.insert("rcode".into(), rcode.into());
        let query = json!({ "hostname": &*lookup.question, "type": &*lookup.kind });
        event.insert("query".into(), query);
        let answers = lookup.addresses.iter().map(|address| {
            let kind = if address.is_ipv4() { "A" } else { "AAAA" };
            json!({ "type": kind, "rdata": address.to_string() })
        });
        event.insert("answers".into(), answers.collect());
        // The client is the recorded machine.
        let host = &self.export.header.hostname;
        event.insert("src_endpoint".into(), named_endpoint(host));
        if let Some(party) = lookup.party() {
            event.insert("actor".into(), json!({ "process": self.short(party) }));
        }
        event.insert("unmapped".into(), Json::Object(row));
        self.write(event)
    }

    fn file(&mut self, change: &Change<'_>) -> io::Result<()> {
        let row = values(self.context, &refs(&changes::fields()), change);
        let row = row.map_err(io::Error::other)?;
        let activity = match change.action {
            Action::New => CREATE,
            Action::Changed | Action::Touched => UPDATE,
            Action::Gone => DELETE,
        };
        // The time of a change is not kept: it is known at the end.
        let (_, last_ns) = self.export.model.span();
        let mut event = self.event(&FILE_ACTIVITY, activity, last_ns);
        event.insert("status_id".into(), SUCCESS.into());
        event.insert("file".into(), file(change));
        let actor = match change.author {
            Some(author) => json!({ "process": self.short(author) }),
            // The class wants an actor.
            None => json!({ "app_name": "unknown" }),
        };
        event.insert("actor".into(), actor);
        event.insert("unmapped".into(), Json::Object(row));
        self.write(event)
    }

    /// Makes the part that all events have.
    fn event(&self, class: &Class, activity: Activity, boot_ns: u64) -> Row {
        let Json::Object(event) = json!({
            "category_uid": class.category,
            "class_uid": class.number,
            "class_name": class.name,
            "activity_id": activity.0,
            "activity_name": activity.1,
            "type_uid": class.number * 100 + activity.0,
            "severity_id": 1,
            "time": self.milliseconds(boot_ns),
            "metadata": device::metadata(self.export.header),
            "device": device::device(self.export.header),
        }) else {
            return Row::new();
        };
        event
    }

    /// Describes a process with its program and user.
    fn whole(&self, index: ProcessIndex, process: &Process) -> Json {
        let mut described = self.short(index);
        let command = process.argv.iter();
        let command: Vec<_> = command.map(|word| String::from_utf8_lossy(word)).collect();
        // `unmapped` has it whole.
        let command: String = command.join(" ").chars().take(LONGEST).collect();
        let name = self.export.model.user_name(process.user);
        let parts = [
            ("cmd_line", json!(command)),
            ("file", named(&process.exe, 1)),
            (
                "user",
                json!({
                    "name": name.map(String::from_utf8_lossy),
                    "uid": process.user.to_string(),
                }),
            ),
        ];
        if let Json::Object(described) = &mut described {
            described.extend(parts.map(|(key, value)| (key.to_owned(), value)));
            if let Some(forked_ns) = process.forked_ns {
                let created = self.milliseconds(forked_ns);
                described.insert("created_time".into(), created.into());
            }
            if let Some((ended_ns, _)) = process.ended() {
                let terminated = self.milliseconds(ended_ns);
                described.insert("terminated_time".into(), terminated.into());
            }
            if let Some(parent) = process.parent {
                described.insert("parent_process".into(), self.short(parent));
            }
        }
        described
    }

    /// Names a process. Its `uid` is that of no other process of any recording.
    fn short(&self, index: ProcessIndex) -> Json {
        let process = self.export.model.process(index);
        let boot = &self.export.header.boot_id;
        json!({
            "pid": process.id.pid,
            "name": String::from_utf8_lossy(&process.comm),
            "uid": format!("{boot}-{}-{}", process.id.pid, process.id.start_ns),
        })
    }

    fn milliseconds(&self, boot_ns: u64) -> i64 {
        const MILLISECOND: i128 = 1_000_000;
        let since_1970 = i128::from(boot_ns) + i128::from(self.export.clock.offset_ns);
        i64::try_from(since_1970.div_euclid(MILLISECOND)).unwrap_or(0)
    }

    fn write(&mut self, event: Row) -> io::Result<()> {
        serde_json::to_writer(&mut *self.output, &event)?;
        self.output.write_all(b"\n")?;
        self.count += 1;
        Ok(())
    }
}

fn endpoint(end: Option<SocketAddr>, name: Option<&str>) -> Json {
    let mut endpoint = Row::new();
    if let Some(end) = end {
        endpoint.insert("ip".into(), end.ip().to_canonical().to_string().into());
        endpoint.insert("port".into(), end.port().into());
    }
    if let Some(name) = name {
        endpoint.insert(key_of(name).into(), name.into());
    }
    Json::Object(endpoint)
}

fn named_endpoint(name: &str) -> Json {
    json!({ key_of(name): name })
}

/// Returns the key of a name: `hostname` has a pattern, which hostile names do not match.
fn key_of(name: &str) -> &'static str {
    let is_label = |label: &str| {
        let is_in = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !label.is_empty()
            && label.bytes().all(is_in)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    match name.split('.').all(is_label) {
        true => "hostname",
        false => "name",
    }
}

fn file(change: &Change<'_>) -> Json {
    let state = match &change.facts {
        Facts::File(FileDifference { before, after, .. }) => after.as_ref().or(before.as_ref()),
        Facts::Process
        | Facts::Listener(_)
        | Facts::Destination(_)
        | Facts::Download(_)
        | Facts::Unit(_)
        | Facts::Entry { .. }
        | Facts::Files(_)
        | Facts::Touched => None,
    };
    let state = state.map(|state| (state.kind(), state.size));
    let kind = match state.map(|(kind, _)| kind) {
        Some("file") => 1,
        Some("directory") => 2,
        Some("socket") => 5,
        Some("fifo") => 6,
        Some("link") => 7,
        Some("device") => 99,
        Some(_) | None => 0,
    };
    let mut file = named(&change.what, kind);
    if let (Json::Object(file), Some((_, size))) = (&mut file, state) {
        file.insert("size".into(), size.into());
    }
    file
}

/// Describes a file by its path and the number of its kind.
fn named(path: &[u8], kind: u32) -> Json {
    let base = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    json!({
        "name": String::from_utf8_lossy(base),
        "path": String::from_utf8_lossy(path),
        "type_id": kind,
    })
}

/// Returns number and name of a response code (RFC 6895).
fn rcode(code: &str) -> (u32, &str) {
    match code {
        "NOERROR" => (0, "NoError"),
        "FORMERR" => (1, "FormError"),
        "SERVFAIL" => (2, "ServError"),
        "NXDOMAIN" => (3, "NXDomain"),
        "NOTIMP" => (4, "NotImp"),
        "REFUSED" => (5, "Refused"),
        other => (99, other),
    }
}
