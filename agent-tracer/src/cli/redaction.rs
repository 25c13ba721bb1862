//! What was typed about secrets → what masks them. It says why a list of values is refused, and
//! never quotes a value.

use std::{
    fs::{File, OpenOptions},
    io::Read,
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        fs::{MetadataExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
    sync::Arc,
};

use agent_tracer::redact::{Redactor, SHORTEST_VALUE, SecretRules};
use anyhow::{Context, bail};

use super::complain;

/// Bytes that a table or a list of values has at most.
const LIMIT: u64 = 1 << 20;

/// Values that are given at most; what is recognised needs room as well.
const VALUES: usize = 1024;

/// Options of `record` that say what is masked.
#[derive(clap::Args)]
pub(super) struct Options {
    /// Mask these values wherever they occur: an environment variable's (TOKEN), or each line of a
    /// file (./values.txt) that only its owner can read; may be given several times
    #[arg(long, value_name = "FILE|ENV", conflicts_with = "no_redact")]
    redact_value_from: Vec<PathBuf>,
    /// What else is a secret: forms of tokens and options of programs, in TOML as built in; may be
    /// given several times
    #[arg(long, value_name = "FILE", conflicts_with = "no_redact")]
    secrets: Vec<PathBuf>,
    /// Mask nothing: the trace then holds every password of every command line
    #[arg(long)]
    no_redact: bool,
}

/// What masks the secrets of a recording.
pub(super) fn redactor(options: &Options) -> anyhow::Result<Redactor> {
    if options.no_redact {
        complain(
            "secrets are NOT masked (--no-redact): whoever reads the trace reads them\n\
             hint: keep the file to yourself, and record again without it before you share one",
        );
        return Ok(Redactor::off());
    }
    let mut rules = SecretRules::built_in();
    for file in &options.secrets {
        let text = text_of(file)
            .with_context(|| format!("cannot read the secrets in {}", file.display()))?;
        Arc::make_mut(&mut rules).add(&file.display().to_string(), &text)?;
    }
    let mut values = Vec::new();
    for source in &options.redact_value_from {
        match is_variable(source) {
            true => values.push(variable(source)?),
            false => values.extend(lines(source)?),
        }
    }
    if values.len() > VALUES {
        bail!(
            "cannot mask {} values: {VALUES} are the most\n\
             hint: list only those that no option or form gives away",
            values.len()
        );
    }
    Ok(Redactor::with(rules, &values))
}

fn text_of(file: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    // The file may be endless.
    File::open(file)?
        .take(LIMIT + 1)
        .read_to_string(&mut text)?;
    Ok(text)
}

/// Whether the source can be the name of a variable; a file of such a name is written `./NAME`.
fn is_variable(source: &Path) -> bool {
    let name = source.as_os_str().as_bytes();
    let begins = name
        .first()
        .is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_');
    begins
        && name
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

fn variable(source: &Path) -> anyhow::Result<Vec<u8>> {
    let name = source.display();
    let Some(value) = std::env::var_os(source) else {
        bail!(
            "cannot mask the value of the environment variable {name}: it is not set\n\
             hint: export it (with sudo: sudo --preserve-env={name}); for a file of this name \
             write ./{name}"
        );
    };
    let value = value.into_vec();
    check(&value, &format!("the environment variable {name}"))?;
    Ok(value)
}

fn lines(source: &Path) -> anyhow::Result<Vec<Vec<u8>>> {
    let what = source.display();
    let cannot = || format!("cannot read values from {what}");
    // A FIFO would be waited for.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(source)
        .with_context(cannot)?;
    let facts = file.metadata().with_context(cannot)?;
    if !facts.is_file() {
        bail!(
            "cannot read values from {what}: it is no regular file\n\
             hint: write one value a line into a file, chmod 600"
        );
    }
    if facts.mode() & 0o077 != 0 {
        bail!(
            "cannot read values from {what}: others have access to it (mode {:04o})\n\
             hint: chmod 600 {what}",
            facts.mode() & 0o7777
        );
    }
    if facts.len() > LIMIT {
        bail!(
            "cannot read values from {what}: it is larger than 1 MiB\n\
             hint: check that it is the file you meant"
        );
    }
    let mut text = Vec::new();
    file.take(LIMIT)
        .read_to_end(&mut text)
        .with_context(cannot)?;
    let mut values = Vec::new();
    for (at, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if !line.is_empty() {
            check(line, &format!("line {} of {what}", at + 1))?;
            values.push(line.to_vec());
        }
    }
    if values.is_empty() {
        bail!("cannot read values from {what}: it has none\nhint: write one value a line");
    }
    Ok(values)
}

fn check(value: &[u8], what: &str) -> anyhow::Result<()> {
    if value.len() < SHORTEST_VALUE {
        bail!(
            "cannot mask {what}: a value of {} bytes occurs in innocent words\n\
             hint: give values of at least {SHORTEST_VALUE} bytes",
            value.len()
        );
    }
    if value.iter().all(|byte| value.first() == Some(byte)) {
        bail!(
            "cannot mask {what}: it is one character repeated\n\
             hint: leave it out"
        );
    }
    Ok(())
}
