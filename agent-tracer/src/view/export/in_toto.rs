//! Writes a recording as an unsigned Statement of in-toto with the predicate runtime-trace 0.2: a
//! row a process, a connection and a changed file.
//!
//! <https://github.com/in-toto/attestation/blob/main/spec/predicates/runtime-trace.md>

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use serde::Serialize;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::{
    Export, recording,
    row::{Row, values},
};
use crate::{
    event::Protocol,
    findings::{Change, Kind, all_changes},
    model::{Connection, Process},
    view::{
        Context,
        changes::{self, words::hex},
        connections::CONNECTION,
        field::refs,
        json::Recording,
        page::Page,
        processes::life,
    },
};

const STATEMENT: &str = "https://in-toto.io/Statement/v1";

const PREDICATE: &str = "https://in-toto.io/attestation/runtime-trace/v0.2";

/// Begins the URIs of this producer.
const PRODUCER: &str = env!("CARGO_PKG_REPOSITORY");

/// A file that a statement is about.
pub struct Subject {
    /// Its name, without directories.
    pub name: String,
    /// Its SHA-256 in hexadecimal.
    pub sha256: String,
}

/// The rows of a statement.
struct Rows<'e> {
    output: &'e mut dyn Write,
    count: u64,
    is_first: bool,
}

impl Export<'_> {
    /// Writes a statement about `subjects`, which were recorded on `host`. Returns the number of
    /// entries of its log.
    ///
    /// # Errors
    ///
    /// The error of `output`.
    pub fn in_toto(
        &self,
        subjects: &[Subject],
        host: &str,
        output: &mut dyn Write,
    ) -> io::Result<u64> {
        let page = Page::unlimited(self.clock);
        let context = Context::new(&page, self.model);
        let subjects: Vec<Json> = subjects
            .iter()
            .map(|one| json!({ "name": one.name, "digest": { "sha256": one.sha256 } }))
            .collect();
        // The log is written row by row: a recording may have millions.
        output.write_all(b"{\n")?;
        member(output, "_type", &STATEMENT)?;
        member(output, "subject", &subjects)?;
        member(output, "predicateType", &PREDICATE)?;
        output.write_all(b"\"predicate\": {\n")?;
        member(output, "monitor", &self.monitor())?;
        member(output, "monitoredProcess", &self.monitored(host))?;
        output.write_all(b"\"monitorLog\": {\n")?;
        let mut rows = Rows {
            output,
            count: 0,
            is_first: true,
        };
        rows.list("process")?;
        for (_, process) in self.model.processes() {
            rows.row(&process_entry(context, process)?)?;
        }
        rows.next_list("network")?;
        for connection in self.model.connections() {
            rows.row(&network_entry(context, connection)?)?;
        }
        rows.next_list("fileAccess")?;
        for change in all_changes(self.model).iter().filter(|one| is_file(one)) {
            rows.row(&file_entry(context, change)?)?;
        }
        rows.output.write_all(b"]},\n\"metadata\": ")?;
        serde_json::to_writer(&mut *rows.output, &self.metadata(context)?)?;
        rows.output.write_all(b"\n}}\n")?;
        Ok(rows.count)
    }

    /// Describes the recorder: its version, hooks, and rules.
    fn monitor(&self) -> Json {
        let header = self.header;
        let with_hook = header.plan.iter().filter(|entry| !entry.hook.is_empty());
        let facts: BTreeMap<_, _> = with_hook.map(|one| (&one.fact, &one.hook)).collect();
        let roots = self.model.watched_roots().iter();
        let roots: Vec<_> = roots.map(|root| String::from_utf8_lossy(root)).collect();
        let rules: Vec<Json> = header
            .rules
            .iter()
            .map(|rule| {
                let digest = hex(&Sha256::digest(rule.text.as_bytes()));
                json!({ "name": rule.name, "digest": { "sha256": digest } })
            })
            .collect();
        json!({
            "type": format!("{PRODUCER}/v{}", escaped(header.tool_version.as_bytes())),
            "tracePolicy": { "facts": facts, "roots": roots, "rules": rules },
        })
    }

    fn monitored(&self, host: &str) -> Json {
        let mode = self.header.mode().name();
        json!({
            "hostID": format!("{PRODUCER}/hosts/{}", escaped(host.as_bytes())),
            "type": format!("{PRODUCER}/recordings/{mode}"),
            "event": self.header.recording_id(),
        })
    }

    fn metadata(&self, context: Context<'_>) -> io::Result<Json> {
        let row = Recording {
            header: self.header,
            events: self.events,
        };
        let row = entry(values(context, &refs(&recording::fields()), &row))?;
        let (_, last_ns) = self.model.span();
        Ok(json!({
            "buildStartedOn": self.clock.rfc3339(self.header.start_boot_ns),
            "buildFinishedOn": self.clock.rfc3339(last_ns),
            "tracer_recording": row,
        }))
    }
}

impl Rows<'_> {
    fn list(&mut self, name: &str) -> io::Result<()> {
        self.is_first = true;
        write!(self.output, "\"{name}\": [")
    }

    fn next_list(&mut self, name: &str) -> io::Result<()> {
        self.output.write_all(b"],\n")?;
        self.list(name)
    }

    fn row(&mut self, row: &Json) -> io::Result<()> {
        let before: &[u8] = if self.is_first { b"\n" } else { b",\n" };
        self.output.write_all(before)?;
        self.is_first = false;
        self.count += 1;
        serde_json::to_writer(&mut *self.output, row)?;
        Ok(())
    }
}

/// Writes a member of an object, and a comma.
fn member(output: &mut dyn Write, name: &str, value: &impl Serialize) -> io::Result<()> {
    write!(output, "\"{name}\": ")?;
    serde_json::to_writer(&mut *output, value)?;
    output.write_all(b",\n")
}

fn entry(row: Result<Row, serde_json::Error>) -> io::Result<Row> {
    row.map_err(io::Error::other)
}

fn process_entry(context: Context<'_>, process: &Process) -> io::Result<Json> {
    let fields: Vec<_> = life().collect();
    Ok(Json::Object(entry(values(context, &fields, process))?))
}

/// Describes a connection: the fields of the predicate, then those of jsonl.
fn network_entry(context: Context<'_>, connection: &Connection) -> io::Result<Json> {
    let mut rest = entry(values(context, &refs(&CONNECTION), connection))?;
    let mut network = Row::new();
    if let Some(remote) = connection.remote {
        let address = remote.ip().to_canonical().to_string();
        network.insert("ip".into(), address.into());
        if remote.port() != 0 {
            network.insert("port".into(), remote.port().into());
        }
    }
    if let Some(name) = connection.names.first() {
        network.insert("hostname".into(), (*name.name).into());
    }
    let protocol = match connection.protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
    };
    network.insert("protocol".into(), protocol.into());
    if let Some(owner) = rest.remove("process") {
        network.insert("invokingProcess".into(), owner);
    }
    network.insert("tracer_connection".into(), Json::Object(rest));
    Ok(Json::Object(network))
}

fn is_file(change: &Change<'_>) -> bool {
    matches!(change.kind, Kind::File | Kind::Download)
}

/// Describes a changed file or a download as a ResourceDescriptor.
fn file_entry(context: Context<'_>, change: &Change<'_>) -> io::Result<Json> {
    let row = entry(values(context, &refs(&changes::fields()), change))?;
    let mut file = Row::new();
    let name = String::from_utf8_lossy(&change.what);
    file.insert("name".into(), name.into());
    file.insert(
        "uri".into(),
        format!("file://{}", escaped(&change.what)).into(),
    );
    let content = change.download().and_then(|it| it.content.as_ref());
    if let Some(content) = content {
        let digest = json!({ "sha256": hex(&content.sha256) });
        file.insert("digest".into(), digest);
    }
    file.insert("annotations".into(), Json::Object(row));
    Ok(Json::Object(file))
}

/// Escapes bytes for the path of a URI (RFC 3986).
fn escaped(text: &[u8]) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => {
                escaped.push(char::from(*byte));
            }
            other => escaped.push_str(&format!("%{other:02X}")),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn a_uri_has_no_other_bytes() {
        for (text, expected) in [
            (&b"/etc/hosts"[..], "/etc/hosts"),
            (b"/a b%\xff", "/a%20b%25%FF"),
            (b"web-7.example\n", "web-7.example%0A"),
        ] {
            assert_eq!(escaped(text), expected);
        }
    }
}
