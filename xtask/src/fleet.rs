//! `cargo xtask fleet`: composes fleets of two sizes, exports them, and asks the questions of
//! `docs/fleet/queries.sql` in databases from PyPI. Prints a table for `docs/fleet.md`.

mod python;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use serde::Deserialize;

use crate::{
    bench::compose,
    demo::{self, build},
};

/// Measures what a fleet costs: export, bytes, and the questions of docs/fleet/queries.sql
#[derive(clap::Args)]
pub struct Arguments {
    /// Numbers of recordings; a fourth as many hosts
    #[arg(long, value_delimiter = ',', default_value = "200,2000")]
    recordings: Vec<u32>,
    /// Databases to ask; Spark needs Java, and a gigabyte of memory for each of two workers
    #[arg(long, value_enum, value_delimiter = ',', default_value = "duckdb,chdb")]
    engines: Vec<Engine>,
    /// Keep the traces and tables in target/fleet
    #[arg(long)]
    keep: bool,
}

/// A database.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Engine {
    /// DuckDB
    Duckdb,
    /// ClickHouse as a library
    Chdb,
    /// Spark with two workers
    Spark,
}

impl Engine {
    fn name(self) -> &'static str {
        match self {
            Engine::Duckdb => "duckdb",
            Engine::Chdb => "chdb",
            Engine::Spark => "spark",
        }
    }

    fn views(self) -> &'static str {
        match self {
            Engine::Duckdb => "views.duckdb.sql",
            Engine::Chdb => "views.clickhouse.sql",
            Engine::Spark => "views.spark.sql",
        }
    }
}

/// Programs and files of a measurement.
struct Bench {
    workspace: PathBuf,
    composer: PathBuf,
    tracer: PathBuf,
    pythons: Vec<(Engine, PathBuf)>,
}

/// Measures each size.
pub fn run(arguments: &Arguments) -> Result<()> {
    let workspace = demo::workspace()?;
    let pythons = arguments.engines.iter().map(|engine| {
        let python = python::with(&workspace, engine.name())?;
        Ok((*engine, python))
    });
    let bench = Bench {
        pythons: pythons.collect::<Result<_>>()?,
        composer: compose::example(true)?,
        tracer: build::released(&workspace)?,
        workspace,
    };
    let room = bench.workspace.join("target/fleet");
    println!("| recordings | what | measured |\n|---|---|---|");
    for count in &arguments.recordings {
        if room.exists() {
            fs::remove_dir_all(&room).context("cannot remove an old fleet")?;
        }
        fs::create_dir_all(&room)?;
        bench.measure(*count, &room)?;
    }
    if !arguments.keep {
        fs::remove_dir_all(&room).context("cannot remove the fleet")?;
    }
    Ok(())
}

/// An answer, as the tests' script prints it.
#[derive(Deserialize)]
struct Answer {
    number: u64,
    rows: Vec<serde_json::Value>,
    seconds: f64,
}

impl Bench {
    fn measure(&self, count: u32, room: &Path) -> Result<()> {
        let say = |what: &str, measured: &str| println!("| {count} | {what} | {measured} |");
        let traces = room.join("traces");
        let begun = Instant::now();
        let mut command = Command::new(&self.composer);
        command.arg("fleet").arg(&traces).args([
            "--hosts".to_owned(),
            (count / 4).max(1).to_string(),
            "--recordings".to_owned(),
            count.to_string(),
        ]);
        let events = output(&mut command)?;
        let events: f64 = events.split(' ').next().unwrap_or_default().parse()?;
        let seconds = begun.elapsed().as_secs_f64();
        let (_, bytes) = size(&traces)?;
        let composed = format!(
            "{seconds:.1} s, {:.1} million events, {:.0} MB, {:.1} bytes an event",
            events / 1e6,
            bytes / 1e6,
            bytes / events
        );
        say("composing", &composed);

        let fleet = room.join("fleet");
        let mut files: Vec<PathBuf> = (fs::read_dir(&traces)?)
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<_>>()?;
        files.sort();
        let begun = Instant::now();
        let mut command = Command::new(&self.tracer);
        command.arg("export").args(&files).arg("-o").arg(&fleet);
        // Some recordings are damaged, on purpose.
        let exported = command.stderr(Stdio::null()).output()?;
        if !matches!(exported.status.code(), Some(0 | 3)) {
            bail!("cannot export the fleet: {}", exported.status);
        }
        let seconds = begun.elapsed().as_secs_f64();
        let counts = counts(&String::from_utf8_lossy(&exported.stdout));
        let rows: f64 = counts.values().sum();
        let (files, bytes) = size(&fleet)?;
        let rate = rows / seconds / 1e3;
        say(
            "`tracer export`",
            &format!("{seconds:.1} s, {rate:.0} thousand rows a second"),
        );
        let megabytes = bytes / 1e6;
        say("files", &format!("{files}, {megabytes:.0} MB"));
        for (table, rows) in &counts {
            let (_, bytes) = size(&fleet.join(table))?;
            let each = bytes / rows;
            say(table, &format!("{rows:.0} rows, {each:.0} bytes a row"));
        }
        for (engine, python) in &self.pythons {
            let (total, slowest) = self.ask(*engine, python, room)?;
            let measured = format!(
                "{total:.1} s, the slowest is {}. with {:.2} s",
                slowest.number, slowest.seconds
            );
            say(&format!("14 questions, {}", engine.name()), &measured);
        }
        Ok(())
    }

    /// Asks all questions. Returns the seconds, and the slowest answer.
    fn ask(&self, engine: Engine, python: &Path, room: &Path) -> Result<(f64, Answer)> {
        let script = self.workspace.join("tests/src/export/fleet/engine.py");
        let folder = self.workspace.join("docs/fleet");
        let mut command = Command::new(python);
        command.arg(script).arg(engine.name());
        command.arg(folder.join(engine.views()));
        command.arg(folder.join("queries.sql"));
        // In the fourth week of the fleet.
        command.args(["2026-10-26", "%telemetry%"]);
        let answers = output(command.current_dir(room))?;
        let answers: Vec<Answer> = (answers.lines())
            .map(serde_json::from_str)
            .collect::<Result<_, _>>()?;
        for answer in answers.iter().filter(|answer| answer.rows.is_empty()) {
            println!("fleet: question {} has no rows", answer.number);
        }
        let total = answers.iter().map(|answer| answer.seconds).sum();
        let slowest = answers.into_iter();
        let slowest = slowest.max_by(|one, other| one.seconds.total_cmp(&other.seconds));
        Ok((total, slowest.context("there are no questions")?))
    }
}

/// Runs a command to its end, and returns what it printed.
fn output(command: &mut Command) -> Result<String> {
    let ended = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot run {}", command.get_program().display()))?;
    if !ended.status.success() {
        bail!(
            "{} failed: {}",
            command.get_program().display(),
            ended.status
        );
    }
    Ok(String::from_utf8(ended.stdout)?)
}

/// Adds the numbers of rows that `tracer export` prints, by table.
fn counts(printed: &str) -> BTreeMap<String, f64> {
    let mut counts = BTreeMap::new();
    for line in printed.lines() {
        let (_, parts) = line.split_once(": ").unwrap_or_default();
        for part in parts.split(", ") {
            if let Some((table, count)) = part.split_once(' ') {
                *counts.entry(table.to_owned()).or_default() += count.parse().unwrap_or(0.0);
            }
        }
    }
    counts
}

/// Returns number and bytes of the files below a folder.
fn size(folder: &Path) -> Result<(u64, f64)> {
    let (mut files, mut bytes) = (0, 0.0);
    let mut folders = vec![folder.to_path_buf()];
    while let Some(one) = folders.pop() {
        for entry in fs::read_dir(one)? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            if metadata.is_dir() {
                folders.push(entry.path());
            } else {
                files += 1;
                bytes += metadata.len() as f64;
            }
        }
    }
    Ok((files, bytes))
}

#[cfg(test)]
mod tests {
    use super::counts;

    #[test]
    fn rows_are_added_by_table() {
        let counts = counts("a: recordings 1, changes 20\nb: recordings 1, changes 3\n");
        assert_eq!(counts["recordings"], 2.0);
        assert_eq!(counts["changes"], 23.0);
    }
}
