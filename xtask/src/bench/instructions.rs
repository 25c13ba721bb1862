//! Counts the instructions of views of a small composed trace, under callgrind. A count depends on
//! the code and not on the load of the machine, so CI compares it with the one in the repository.
//! It also depends on the compiler, and on the C library, which chooses code by processor.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt, fs,
    os::unix::fs::symlink,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::{
    compose, policies,
    recorders::find,
    row::{Goal, Row, Unit},
};
use crate::demo;

/// The counts of the repository.
const FILE: &str = "xtask/src/bench/instructions.toml";

const HEAD: &str = "# Instructions of views of 20,000 composed events, made and run by these.\n\
                    # `cargo xtask bench --instructions --bless` writes this file.\n";

/// Name in the directory of the trace.
const TRACER: &str = "./tracer";

/// Growth that a check allows. Seeds of hash tables make 0.2 % of difference.
const ALLOWED: f64 = 1.02;

/// Processes of the trace, which makes 20,000 events.
const PROCESSES: u32 = 6_000;

/// Names of the views, and their words with names of files in the directory of the trace.
const VIEWS: [(&str, &[&str]); 6] = [
    ("jsonl", &["replay", "--format", "jsonl", "busy.trace"]),
    ("text", &["replay", "--format", "text", "busy.trace"]),
    ("tree", &["tree", "busy.trace"]),
    ("report", &["report", "--format", "text", "busy.trace"]),
    ("html", &["report", "--format", "html", "busy.trace"]),
    ("check", &["check", "busy.trace", "--policy", "policy.toml"]),
];

/// The purpose of a run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    Show,
    Check,
    Bless,
}

/// The counts of one build.
#[derive(Default, Serialize, Deserialize)]
struct Counts {
    made_by: MadeBy,
    instructions: BTreeMap<String, u64>,
}

/// Compiler, C library, valgrind and processor: other ones count otherwise.
#[derive(Default, PartialEq, Eq, Serialize, Deserialize)]
struct MadeBy {
    compiler: String,
    library: String,
    valgrind: String,
    processor: String,
}

/// Counts, and returns a row a view. The second value is the reason for a failed check.
pub fn measure(
    tracer: &Path,
    example: &Path,
    purpose: Purpose,
) -> Result<(Vec<Row>, Option<String>)> {
    if find("valgrind").is_none() {
        bail!("counting needs valgrind: install it (apt-get install valgrind)");
    }
    let workspace = demo::workspace()?;
    let file = workspace.join(FILE);
    let counts = Counts {
        made_by: MadeBy::here(&workspace)?,
        instructions: count(tracer, example)?,
    };
    if purpose == Purpose::Bless {
        counts.write(&file)?;
    }
    let before = match purpose {
        Purpose::Show => Counts::read(&file).unwrap_or_default(),
        Purpose::Check | Purpose::Bless => Counts::read(&file)?,
    };
    let rows = counts.rows(&before);
    let failure = match purpose {
        Purpose::Check => counts.compare(&before),
        Purpose::Show | Purpose::Bless => None,
    };
    Ok((rows, failure))
}

impl Counts {
    fn read(file: &Path) -> Result<Self> {
        let text = fs::read_to_string(file);
        let text = text.with_context(|| format!("cannot read {}", file.display()))?;
        toml::from_str(&text).with_context(|| format!("{} has no counts", file.display()))
    }

    fn write(&self, file: &Path) -> Result<()> {
        let text = toml::to_string(self).context("cannot write counts")?;
        fs::write(file, format!("{HEAD}{text}"))
            .with_context(|| format!("cannot write {}", file.display()))
    }

    fn rows(&self, before: &Self) -> Vec<Row> {
        let row = |(name, count): (&String, &u64)| {
            let what = "instructions, 20,000 events";
            let row = Row::of_tracer("instructions", what, Unit::Millions);
            let row = row.with(name, vec![*count as f64 / 1e6]);
            match before.instructions.get(name) {
                Some(before) => row.goal(Goal::AtMost(*before as f64 * ALLOWED / 1e6)),
                None => row,
            }
        };
        self.instructions.iter().map(row).collect()
    }

    /// Returns the views that grew too much, in words. Counts of two machines have nothing to say.
    fn compare(&self, before: &Self) -> Option<String> {
        if self.made_by != before.made_by {
            eprintln!(
                "bench: the counts are NOT compared: {FILE} is of {}, and this is {}",
                before.made_by, self.made_by
            );
            return None;
        }
        let grown = self.instructions.iter().filter_map(|(name, count)| {
            let Some(before) = before.instructions.get(name) else {
                return Some(format!("{name} has no count in {FILE}"));
            };
            let ratio = *count as f64 / *before as f64;
            (ratio > ALLOWED).then(|| {
                format!(
                    "{name} grew by {:.1} %: {before} to {count}",
                    (ratio - 1.0) * 1e2
                )
            })
        });
        let grown: Vec<_> = grown.collect();
        (!grown.is_empty()).then(|| {
            format!(
                "{}\nhint: `cargo xtask bench --instructions --bless` accepts it",
                grown.join(", ")
            )
        })
    }
}

/// Counts all views in a directory of their own: names of files are a part of the work.
fn count(tracer: &Path, example: &Path) -> Result<BTreeMap<String, u64>> {
    let directory = tempfile::tempdir().context("cannot make a temporary directory")?;
    let trace = directory.path().join("busy.trace");
    compose::busy(example, &trace, PROCESSES, 0)?;
    let policy = directory.path().join("policy.toml");
    fs::write(policy, policies::text(200)).context("cannot write a policy")?;
    // Short names, the same on every machine: arguments are on the stack, too.
    symlink(tracer, directory.path().join(TRACER)).context("cannot link tracer")?;
    let mut counts = BTreeMap::new();
    for (name, words) in VIEWS {
        eprintln!("bench: instructions of {name}");
        let count = of_view(directory.path(), words);
        counts.insert(
            name.to_owned(),
            count.with_context(|| format!("cannot count {name}"))?,
        );
    }
    Ok(counts)
}

/// Runs one view under callgrind, which prints the count.
fn of_view(directory: &Path, words: &[&str]) -> Result<u64> {
    let valgrind = find("valgrind").context("valgrind is not installed")?;
    let output = Command::new(valgrind)
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(TRACER)
        .args(words)
        .current_dir(directory)
        // The environment is on the stack, whose place seeds hash tables.
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .output()
        .context("cannot run valgrind")?;
    let said = String::from_utf8_lossy(&output.stderr);
    // A check ends with 4 or 5 here.
    if !output
        .status
        .code()
        .is_some_and(|code| [0, 4, 5].contains(&code))
    {
        bail!("{}: {said}", output.status);
    }
    let line = said
        .lines()
        .find_map(|line| line.split_once("Collected : "));
    let (_, count) = line.context("callgrind printed no count")?;
    count
        .trim()
        .parse()
        .context("callgrind's count is no number")
}

fn rustc() -> OsString {
    std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())
}

impl MadeBy {
    fn here(workspace: &Path) -> Result<Self> {
        let processors =
            fs::read_to_string("/proc/cpuinfo").context("cannot read /proc/cpuinfo")?;
        let model = processors
            .lines()
            .find(|line| line.starts_with("model name"));
        let model = model.and_then(|line| line.split_once(':'));
        Ok(Self {
            compiler: first_line(
                Command::new(rustc())
                    .arg("--version")
                    .current_dir(workspace),
            )?,
            library: first_line(Command::new("getconf").arg("GNU_LIBC_VERSION"))?,
            valgrind: first_line(Command::new("valgrind").arg("--version"))?,
            processor: model
                .map_or("unknown", |(_, model)| model.trim())
                .to_owned(),
        })
    }
}

impl fmt::Display for MadeBy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            compiler,
            library,
            valgrind,
            processor,
        } = self;
        write!(formatter, "{compiler}, {library}, {valgrind}, {processor}")
    }
}

/// Returns the first line that a program prints.
fn first_line(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output();
    let program = command.get_program().to_string_lossy().into_owned();
    let output = output.with_context(|| format!("cannot run {program}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    Ok(said.lines().next().unwrap_or_default().trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::{Counts, MadeBy};

    fn counts(compiler: &str, jsonl: u64) -> Counts {
        let made_by = MadeBy {
            compiler: compiler.to_owned(),
            ..MadeBy::default()
        };
        Counts {
            made_by,
            instructions: [("jsonl".to_owned(), jsonl)].into(),
        }
    }

    #[test]
    fn growth_beyond_two_percent_fails() {
        let before = counts("rustc 1", 1000);
        assert!(counts("rustc 1", 1020).compare(&before).is_none());
        assert!(counts("rustc 1", 1021).compare(&before).is_some());
        assert!(counts("rustc 2", 2000).compare(&before).is_none());
    }
}
