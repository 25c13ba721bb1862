//! Makes the redactor from the options about secrets. Messages never quote a value.

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

/// Limit of the bytes of a table or of a list of values.
const LIMIT: u64 = 1 << 20;

/// Limit of the given values, which leaves room for recognised ones.
const VALUES: usize = 1024;

/// Options of `record` for masking.
#[derive(clap::Args)]
pub(super) struct Options {
    /// Mask these values wherever they occur: the value of an environment variable (TOKEN), or each
    /// line of a file (./values.txt) that only its owner can read; may be repeated
    #[arg(long, value_name = "FILE|ENV", conflicts_with = "no_redact")]
    pub(super) redact_value_from: Vec<PathBuf>,
    /// Further rules for secrets, in TOML like the built-in ones: forms of tokens, options of
    /// programs; may be repeated
    #[arg(long, value_name = "FILE", conflicts_with = "no_redact")]
    pub(super) secrets: Vec<PathBuf>,
    /// Mask nothing: the trace then has every password of every command line
    #[arg(long)]
    pub(super) no_redact: bool,
}

/// Returns the redactor of a recording.
pub(super) fn redactor(options: &Options) -> anyhow::Result<Redactor> {
    if options.no_redact {
        complain(
            "secrets are NOT masked (--no-redact): every reader of the trace can read them\n\
             hint: keep the file private; record again without --no-redact to share a trace",
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
            "cannot mask {} values: the limit is {VALUES}\n\
             hint: list only values that tracer does not recognise by itself",
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

/// Returns true for the name of a variable. A file of such a name is written `./NAME`.
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
    // Opening a FIFO would block.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(source)
        .with_context(cannot)?;
    let facts = file.metadata().with_context(cannot)?;
    if !facts.is_file() {
        bail!(
            "cannot read values from {what}: it is not a regular file\n\
             hint: write one value per line to a file, and chmod 600 the file"
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
             hint: check the name of the file"
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
        bail!("cannot read values from {what}: it is empty\nhint: write one value per line");
    }
    Ok(values)
}

fn check(value: &[u8], what: &str) -> anyhow::Result<()> {
    if value.len() < SHORTEST_VALUE {
        bail!(
            "cannot mask {what}: a value of {} bytes also occurs in harmless text\n\
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
