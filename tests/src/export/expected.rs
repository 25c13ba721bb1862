//! Flattens rows of tables and lines of jsonl to the same names, to compare them.

use std::collections::BTreeMap;

use serde_json::Value;

/// Plain values by path, such as `process.pid`.
pub(super) type Flat = BTreeMap<String, Value>;

/// Fields of times.
const TIMES: [&str; 3] = ["started", "ended", "first"];

/// Fields of a host with a port.
const ENDS: [&str; 4] = ["local", "remote", "destination", "proxy"];

/// The start of a recording.
pub(super) struct Start {
    /// As `--header` has it.
    pub(super) time: String,
    /// As the table of recordings has it.
    pub(super) since_boot_ns: i64,
}

/// Flattens a row of a table. What is null is left out.
pub(super) fn flat_row(row: &Value) -> Flat {
    let mut flat = Flat::new();
    plain(row, "", &mut flat);
    flat
}

fn plain(value: &Value, path: &str, flat: &mut Flat) {
    match value {
        Value::Null => {}
        Value::Object(values) => {
            for (key, value) in values {
                plain(value, &join(path, key), flat);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (position, item) in items.iter().enumerate() {
                plain(item, &join(path, &position.to_string()), flat);
            }
        }
        Value::Number(number) => {
            // Without a fraction, DuckDB still prints one.
            flat.insert(path.to_owned(), number.as_f64().into());
        }
        Value::Bool(_) | Value::String(_) | Value::Array(_) => {
            flat.insert(path.to_owned(), value.clone());
        }
    }
}

fn join(path: &str, key: &str) -> String {
    match path {
        "" => key.to_owned(),
        path => format!("{path}.{key}"),
    }
}

/// Flattens a line of jsonl to the names and values that a row of a table must have.
pub(super) fn flat_line(line: &Value, start: &Start) -> Flat {
    let mut flat = Flat::new();
    let has_own_host = line.get("recording_host").is_some();
    for (path, value) in flat_row(line) {
        let (before, key) = match path.rsplit_once('.') {
            Some((before, key)) => (format!("{before}."), key),
            None => (String::new(), path.as_str()),
        };
        let twin = path.split('.').find(|part| part.ends_with("_base64"));
        match (key, &value) {
            _ if twin.is_some() => {
                let twin = path.replace("_base64", "");
                flat.insert(format!("not_utf8.{twin}"), value);
            }
            ("host", _) if before.is_empty() && has_own_host => {
                flat.insert("destination_host".to_owned(), value);
            }
            ("host" | "recording_host", _) if before.is_empty() => {
                flat.insert("hostname".to_owned(), value);
            }
            (key, Value::String(time)) if TIMES.contains(&key) => {
                flat.insert(path.clone(), timestamp(time).into());
                let since_boot = since_boot(time, start) as f64;
                flat.insert(format!("{path}_ns"), since_boot.into());
            }
            (key, Value::String(text)) if ENDS.contains(&key) => {
                let (host, port) = text.rsplit_once(':').expect("a port");
                let host = host.trim_start_matches('[').trim_end_matches(']');
                flat.insert(format!("{path}_host"), host.into());
                let port: f64 = port.parse().expect("a number");
                flat.insert(format!("{path}_port"), port.into());
            }
            _ => {
                flat.insert(in_state(&path), value);
            }
        }
    }
    flat
}

/// Renames what is in the state of a file.
fn in_state(path: &str) -> String {
    for side in ["before", "after"] {
        if let Some(rest) = path.strip_prefix(&format!("{side}.")) {
            return format!("{side}_state.{rest}");
        }
    }
    path.to_owned()
}

/// Writes a time of RFC 3339 as DuckDB does: cut to microseconds, without zeros at the end.
fn timestamp(time: &str) -> String {
    let (day, clock) = time.split_once('T').expect("RFC 3339");
    let (seconds, fraction) = clock.split_once('.').expect("a fraction");
    let fraction = fraction[..6].trim_end_matches('0');
    match fraction {
        "" => format!("{day} {seconds}+00"),
        fraction => format!("{day} {seconds}.{fraction}+00"),
    }
}

/// Returns the time since boot, which differs from that of the recording as the times do.
fn since_boot(time: &str, start: &Start) -> i64 {
    let difference = of_day(time) - of_day(&start.time);
    // The midnight between them.
    let difference = match difference {
        difference if difference > DAY_NS / 2 => difference - DAY_NS,
        difference if difference < -DAY_NS / 2 => difference + DAY_NS,
        difference => difference,
    };
    start.since_boot_ns + difference
}

const DAY_NS: i64 = 86_400_000_000_000;

/// Returns the nanoseconds since midnight.
fn of_day(time: &str) -> i64 {
    let (_, clock) = time.split_once('T').expect("RFC 3339");
    let digits: Vec<i64> = clock
        .trim_end_matches('Z')
        .split([':', '.'])
        .map(|part| part.parse().expect("a number"))
        .collect();
    let [hours, minutes, seconds, nanoseconds] = digits[..] else {
        panic!("{time} has no nanoseconds");
    };
    ((hours * 60 + minutes) * 60 + seconds) * 1_000_000_000 + nanoseconds
}
