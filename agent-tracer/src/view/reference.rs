//! Writes the reference of jsonl and CSV from the declarations of the fields.

use std::fmt::Write;

use super::{
    changes,
    connections::{CONNECTION, CONNECTION_END},
    field::{Documented, ORIGIN, documented, refs},
    groups,
    json::{event_reference, header_reference},
    listeners::LISTENER,
    lookups::LOOKUP,
    processes::{PROCESS, life},
};
use crate::findings::By;

const INTRODUCTION: &str = "\
# jsonl and CSV

`cargo xtask reference` writes this page from the declarations of the fields.

- `--format jsonl` prints one JSON object a line. Keys have this order. A key without a value is
  left out.
- `--format csv` prints comma-separated values as of RFC 4180, with a line of names first. All
  columns are there. A process takes one column for each of its fields, such as `process.pid`.
- Bytes that are not UTF-8 become U+FFFD in jsonl, and the field gains a twin in base64, such as
  `name_base64`.
- CSV escapes control characters and invisible characters as text does. A list is joined with `; `.
- **Formulas:** a spreadsheet runs a cell that begins with `=`, `+`, `-` or `@`. Such a text gets
  an apostrophe in front in CSV, since the recorded command chose it. jsonl has it as it was.
- `--header` prints one line about the recording before the others, in jsonl only.

[Events](events.md) lists what `replay` prints; those lines end with `recording` and `host`, too.
";

/// Writes the page `docs/reference/jsonl.md`.
pub fn reference() -> String {
    let mut page = INTRODUCTION.to_owned();
    let by = |by| documented(&refs(groups::fields(by)));
    for (title, fields) in [
        ("`connections`", documented(&refs(&CONNECTION))),
        ("`connections --by destination`", by(By::Destination)),
        ("`connections --by process`", by(By::Process)),
        ("`connections --listening`", documented(&refs(&LISTENER))),
        ("`connections --lookups`", documented(&refs(&LOOKUP))),
        ("`tree`", documented(&life().collect::<Vec<_>>())),
        ("`changes`", documented(&refs(&changes::fields()))),
        ("A process in another object", documented(&refs(&PROCESS))),
        (
            "A connection in another object",
            documented(&refs(&CONNECTION_END)),
        ),
    ] {
        section(&mut page, title, &fields);
    }
    let origin: Vec<Documented> = ORIGIN
        .iter()
        .map(|origin| (origin.name, "", origin.meaning, ""))
        .collect();
    section(&mut page, "The end of every line", &origin);
    section(&mut page, "The line of `--header`", &header_reference());
    let (every, kinds) = event_reference();
    section(&mut page, "Events", &every);
    for (kind, fields) in kinds {
        section(&mut page, &format!("Event `{kind}`"), &fields);
    }
    page
}

fn section(page: &mut String, title: &str, fields: &[Documented]) {
    // Writing to a string cannot fail.
    let _ = write!(
        page,
        "\n## {title}\n\n| field | unit | meaning | column in text |\n|---|---|---|---|\n"
    );
    for (name, unit, meaning, heading) in fields {
        let _ = writeln!(page, "| `{name}` | {unit} | {meaning} | {heading} |");
    }
}
