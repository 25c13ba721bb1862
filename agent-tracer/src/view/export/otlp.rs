//! Writes a recording as lines of OTLP/JSON: the recording is a trace, a process a span, and a
//! connection an event of its owner's span.

use std::{
    collections::HashMap,
    io::{self, Write},
};

use serde_json::{Map, Value as Json, json};

use super::{
    Export,
    row::{Row, values},
};
use crate::{
    event::Protocol,
    model::{Connection, Process, ProcessIndex},
    view::{Context, connections::CONNECTION, field::refs, page::Page, processes::life},
};

/// SPAN_KIND_INTERNAL
const INTERNAL: u8 = 1;

impl Export<'_> {
    /// Writes a line of OTLP/JSON for each process. Returns the number of lines.
    ///
    /// # Errors
    ///
    /// The error of `output`.
    pub fn otlp(&self, output: &mut dyn Write) -> io::Result<u64> {
        let page = Page::unlimited(self.clock);
        let context = Context::new(&page, self.model);
        let resource = self.resource();
        let mut of_owner: HashMap<ProcessIndex, Vec<&Connection>> = HashMap::new();
        for connection in self.model.connections() {
            of_owner
                .entry(connection.owner)
                .or_default()
                .push(connection);
        }
        let mut count = 0;
        for (index, process) in self.model.processes() {
            let connections = of_owner.get(&index).map_or(&[][..], Vec::as_slice);
            let span = self.span(context, index, process, connections)?;
            let scope = json!({ "name": "tracer", "version": env!("CARGO_PKG_VERSION") });
            let line = json!({ "resourceSpans": [{
                "resource": { "attributes": resource },
                "scopeSpans": [{ "scope": scope, "spans": [span] }],
            }] });
            serde_json::to_writer(&mut *output, &line)?;
            output.write_all(b"\n")?;
            count += 1;
        }
        Ok(count)
    }

    fn resource(&self) -> Vec<Json> {
        let header = self.header;
        [
            ("service.name", "tracer"),
            ("host.name", &header.hostname),
            ("host.arch", architecture(&header.arch)),
            ("os.type", "linux"),
            ("os.version", &header.kernel_release),
            ("tracer.recording", &header.recording_id()),
            ("tracer.boot_id", &header.boot_id),
            ("tracer.version", &header.tool_version),
        ]
        .into_iter()
        .map(|(key, value)| attribute(key, &json!(value)))
        .collect()
    }

    fn span(
        &self,
        context: Context<'_>,
        index: ProcessIndex,
        process: &Process,
        connections: &[&Connection],
    ) -> io::Result<Json> {
        let [started_ns, ended_ns] = self.life_of(process);
        let fields: Vec<_> = life().collect();
        let row = values(context, &fields, process).map_err(io::Error::other)?;
        let events: io::Result<Vec<Json>> = connections
            .iter()
            .map(|connection| self.event(context, connection))
            .collect();
        let mut span = Map::new();
        span.insert(
            "traceId".into(),
            self.header.recording_id().replace('-', "").into(),
        );
        span.insert("spanId".into(), span_id(index).into());
        if let Some(parent) = process.parent {
            span.insert("parentSpanId".into(), span_id(parent).into());
        }
        span.insert("name".into(), String::from_utf8_lossy(&process.comm).into());
        span.insert("kind".into(), INTERNAL.into());
        span.insert(
            "startTimeUnixNano".into(),
            self.nanoseconds(started_ns).into(),
        );
        span.insert("endTimeUnixNano".into(), self.nanoseconds(ended_ns).into());
        span.insert("attributes".into(), attributes(&row, &PROCESS_NAMES).into());
        span.insert("events".into(), events?.into());
        Ok(Json::Object(span))
    }

    fn event(&self, context: Context<'_>, connection: &Connection) -> io::Result<Json> {
        let row = values(context, &refs(&CONNECTION), connection).map_err(io::Error::other)?;
        let mut attributes = attributes(&row, &CONNECTION_NAMES);
        if let Some(remote) = connection.remote {
            let address = remote.ip().to_string();
            attributes.push(attribute("network.peer.address", &json!(address)));
            attributes.push(attribute("network.peer.port", &json!(remote.port())));
        }
        let transport = match connection.protocol {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
        };
        attributes.push(attribute("network.transport", &json!(transport)));
        let name = if connection.is_inbound {
            "accept"
        } else {
            "connect"
        };
        // The start of a pre-existing connection is unknown.
        let at = match connection.is_pre_existing {
            true => self.clock.start_ns,
            false => connection.started_ns,
        };
        Ok(json!({
            "timeUnixNano": self.nanoseconds(at),
            "name": name,
            "attributes": attributes,
        }))
    }

    /// Writes a time as OTLP has it: nanoseconds since 1970, in a string.
    fn nanoseconds(&self, boot_ns: u64) -> String {
        let since_1970 = i128::from(boot_ns) + i128::from(self.clock.offset_ns);
        u64::try_from(since_1970).unwrap_or(0).to_string()
    }
}

fn span_id(index: ProcessIndex) -> String {
    // 0 is no id.
    format!("{:016x}", index.position().saturating_add(1))
}

/// Returns the name of an architecture in OpenTelemetry's conventions.
fn architecture(machine: &str) -> &str {
    match machine {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        machine => machine,
    }
}

/// Fields of processes that OpenTelemetry's conventions name. All others begin with `tracer.`.
const PROCESS_NAMES: [(&str, &str); 8] = [
    ("pid", "process.pid"),
    ("ppid", "process.parent_pid"),
    ("exe", "process.executable.path"),
    ("argv", "process.command_args"),
    ("user", "process.owner"),
    ("real_uid", "process.real_user.id"),
    ("cwd", "process.working_directory"),
    ("code", "process.exit.code"),
];

/// The same of connections.
const CONNECTION_NAMES: [(&str, &str); 1] = [("http_status", "http.response.status_code")];

/// Turns the values of a row, as jsonl has them, into attributes.
fn attributes(row: &Row, names: &[(&str, &str)]) -> Vec<Json> {
    let values = row
        .iter()
        .filter(|(key, value)| !value.is_null() && *key != "process");
    values
        .map(
            |(key, value)| match names.iter().find(|(field, _)| field == key) {
                Some((_, name)) => attribute(name, value),
                None => attribute(&format!("tracer.{key}"), value),
            },
        )
        .collect()
}

fn attribute(key: &str, value: &Json) -> Json {
    json!({ "key": key, "value": any(value) })
}

/// Wraps a value in OTLP's AnyValue.
fn any(value: &Json) -> Json {
    match value {
        Json::Null => json!({}),
        Json::Bool(flag) => json!({ "boolValue": flag }),
        Json::String(text) => json!({ "stringValue": text }),
        Json::Number(number) => match (number.as_u64(), number.as_f64()) {
            // The type of OTLP is signed.
            (Some(number), _) => {
                json!({ "intValue": i64::try_from(number).unwrap_or(i64::MAX).to_string() })
            }
            (None, number) => json!({ "doubleValue": number }),
        },
        Json::Array(items) => {
            let items: Vec<Json> = items.iter().map(any).collect();
            json!({ "arrayValue": { "values": items } })
        }
        Json::Object(values) => {
            let values: Vec<Json> = values
                .iter()
                .map(|(key, value)| attribute(key, value))
                .collect();
            json!({ "kvlistValue": { "values": values } })
        }
    }
}
