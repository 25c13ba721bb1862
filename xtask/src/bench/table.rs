//! Prints rows as a Markdown table or as JSON, and replaces the table of a document.

use std::{fs, path::Path};

use anyhow::{Context, Result, bail};
use nix::sys::utsname::uname;
use serde_json::json;

use super::row::Row;

/// Lines of a document that the table stands between.
const MARKERS: [&str; 2] = [
    "<!-- begin: cargo xtask bench --write -->",
    "<!-- end: cargo xtask bench --write -->",
];

/// Writes the machine and the rows.
pub fn markdown(rows: &[Row], rounds: u32, machine: &str) -> String {
    let mut text = format!("{machine};\n{rounds} paired rounds, medians, lowest … highest.\n\n");
    text.push_str("| what | measured | goal |\n|---|---|---|\n");
    text.extend(rows.iter().map(Row::markdown));
    text
}

/// Writes the rows as JSON to a file, or to stdout for `-`.
pub fn write_json(rows: &[Row], rounds: u32, machine: &str, file: &Path) -> Result<()> {
    let rows: Vec<_> = rows.iter().map(Row::json).collect();
    let all = json!({ "machine": machine, "rounds": rounds, "rows": rows });
    let text = format!("{all:#}\n");
    if file == Path::new("-") {
        print!("{text}");
        return Ok(());
    }
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}

/// Replaces the table of a document.
pub fn replace(table: &str, file: &Path) -> Result<()> {
    let text = fs::read_to_string(file);
    let text = text.with_context(|| format!("cannot read {}", file.display()))?;
    let text = with_table(&text, table)
        .with_context(|| format!("{} has no line `{}`", file.display(), MARKERS.join("`, `")))?;
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}

/// Fails at once for a document that `replace` would refuse after minutes.
pub fn can_replace(file: &Path) -> Result<()> {
    let text = fs::read_to_string(file);
    let text = text.with_context(|| format!("cannot read {}", file.display()))?;
    if with_table(&text, "").is_none() {
        bail!("{} has no line `{}`", file.display(), MARKERS.join("`, `"));
    }
    Ok(())
}

fn with_table(text: &str, table: &str) -> Option<String> {
    let [begin, end] = MARKERS;
    let (before, rest) = text.split_once(begin)?;
    let (_, after) = rest.split_once(end)?;
    Some(format!("{before}{begin}\n{table}{end}{after}"))
}

/// Describes the machine in words, with the work that it has before the bench begins.
pub fn machine() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let release = uname().map_or_else(
        |_| "an unknown release".to_owned(),
        |names| names.release().to_string_lossy().into_owned(),
    );
    format!("{cores} cores, Linux {release}, load average {load} before it began")
}

#[cfg(test)]
mod tests {
    use super::{MARKERS, with_table};

    #[test]
    fn only_the_table_is_replaced() {
        let [begin, end] = MARKERS;
        let document = format!("above\n{begin}\nold\n{end}\nbelow\n");
        let expected = format!("above\n{begin}\nnew\n{end}\nbelow\n");
        assert_eq!(with_table(&document, "new\n"), Some(expected));
        assert_eq!(with_table("above\n", "new\n"), None);
    }
}
