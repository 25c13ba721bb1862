//! Reports an error in a table of secrets with its position. Quotations are short.

use std::ops::Range;

/// An error in a table of secrets: `my-secrets.toml:7:3: unknown field …`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "cannot read the secrets in {file}:{line}:{column}: {message}\n\
     hint: a table has [[form]] with name, begins and pattern, and [[program]] with names and uses"
)]
pub struct SecretsError {
    /// The name of the source.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// The column in characters, counted from 1.
    pub column: usize,
    /// The reason.
    pub message: String,
}

impl SecretsError {
    /// Makes an error at the start of a range of bytes.
    pub(super) fn at(file: &str, text: &str, span: &Range<usize>, message: &str) -> Self {
        let before = text.get(..span.start).unwrap_or(text);
        let in_line = before.rsplit('\n').next().unwrap_or_default();
        const SHOWN: usize = 200;
        Self {
            file: file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: in_line.chars().count() + 1,
            message: message
                .trim_end()
                .chars()
                .take(SHOWN)
                .flat_map(char::escape_debug)
                .collect(),
        }
    }
}
