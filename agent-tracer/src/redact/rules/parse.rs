//! Parses a table of secrets from TOML. Unknown fields and spellings are errors: a rule that is
//! silently ignored leaves a secret in the trace.

use std::{ops::Range, sync::OnceLock};

use serde::Deserialize;
use toml::Spanned;

use super::{Form, Program, SecretsError, compile, usage};

/// Limit of the bytes of a table.
const TEXT_LIMIT: usize = 1 << 20;

/// Least length of a literal; a shorter one would start its pattern everywhere.
const SHORTEST: usize = 2;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TableText {
    #[serde(default)]
    form: Vec<FormText>,
    #[serde(default)]
    program: Vec<ProgramText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FormText {
    name: Spanned<String>,
    begins: Vec<Spanned<String>>,
    pattern: Spanned<String>,
    #[serde(default = "yes")]
    alone: bool,
    #[serde(default)]
    digit: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProgramText {
    names: Spanned<String>,
    #[serde(default)]
    valued: String,
    #[serde(default)]
    uses: Vec<Spanned<String>>,
}

fn yes() -> bool {
    true
}

#[derive(Default)]
pub(super) struct Table {
    pub(super) forms: Vec<Form>,
    pub(super) programs: Vec<(Vec<u8>, Program)>,
}

/// Parses a file. Reports the first error only.
pub(super) fn table(file: &str, text: &str) -> Result<Table, SecretsError> {
    let error = |span: Range<usize>, message: &str| SecretsError::at(file, text, &span, message);
    if text.len() > TEXT_LIMIT {
        return Err(error(
            0..0,
            "over 1 MiB: check that it is the file you meant",
        ));
    }
    let read: TableText = toml::from_str(text)
        .map_err(|found| error(found.span().unwrap_or(0..0), found.message()))?;
    let mut table = Table::default();
    for form in read.form {
        if form.name.get_ref().is_empty() {
            return Err(error(form.name.span(), "a form without a name"));
        }
        if form.begins.is_empty() {
            let message = "a form needs `begins`: the literals that its pattern starts with";
            return Err(error(form.name.span(), message));
        }
        for begin in &form.begins {
            if begin.get_ref().len() < SHORTEST {
                let message = "a literal of one byte begins everywhere: write more of it";
                return Err(error(begin.span(), message));
            }
        }
        // Built-in patterns are compiled when they are first needed; a test compiles them all.
        if !super::BUILT_IN.iter().any(|(name, _)| *name == file) {
            compile(form.pattern.get_ref())
                .map_err(|found| error(form.pattern.span(), &found.to_string()))?;
        }
        table.forms.push(Form {
            #[cfg(test)]
            name: form.name.into_inner(),
            begins: form.begins.into_iter().map(Spanned::into_inner).collect(),
            pattern: form.pattern.into_inner(),
            compiled: OnceLock::new(),
            alone: form.alone,
            digit: form.digit,
        });
    }
    for program in read.program {
        let mut uses = Vec::new();
        for written in &program.uses {
            let read = usage::parse(written.get_ref());
            uses.push(read.map_err(|message| error(written.span(), &message))?);
        }
        if program.names.get_ref().trim().is_empty() {
            return Err(error(program.names.span(), "a program without a name"));
        }
        for name in program.names.get_ref().split_ascii_whitespace() {
            let known = Program {
                uses: uses.clone(),
                valued: program.valued.clone().into_bytes(),
            };
            table.programs.push((name.as_bytes().to_vec(), known));
        }
    }
    Ok(table)
}
