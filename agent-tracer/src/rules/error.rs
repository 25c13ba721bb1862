//! Describes errors in a rules file with their place, in the form that editors jump to. Quotations
//! are short: a hostile file could fill the terminal with its own text.

use std::ops::Range;

/// A rules file that cannot be used: `my-rules.toml:7:3: unknown field …`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {message}")]
pub struct RuleError {
    /// The name of the source, as given to [`super::RuleSet::add`].
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// The column in characters, counted from 1.
    pub column: usize,
    /// The error, and a remedy.
    pub message: String,
}

/// A rules file with its name, to locate errors in it.
#[derive(Clone, Copy)]
pub(crate) struct RuleFile<'a> {
    pub(crate) name: &'a str,
    pub(crate) text: &'a str,
}

impl RuleFile<'_> {
    /// Makes an error at the start of `span`, a range of bytes.
    pub(crate) fn error(self, span: &Range<usize>, message: impl Into<String>) -> RuleError {
        let bytes = self.text.as_bytes();
        let before = bytes.get(..span.start).unwrap_or(bytes);
        let line_start = before
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |newline| newline + 1);
        let in_line = before.get(line_start..).unwrap_or_default();
        RuleError {
            file: self.name.to_owned(),
            line: before.iter().filter(|byte| **byte == b'\n').count() + 1,
            // A byte 10xxxxxx continues a character.
            column: in_line.iter().filter(|byte| **byte & 0xc0 != 0x80).count() + 1,
            message: message.into(),
        }
    }
}

/// Quotes a text from the file: short, and without control characters.
pub(crate) fn quoted(text: &str) -> String {
    const SHOWN: usize = 40;
    let mut shown: String = text
        .chars()
        .take(SHOWN)
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}

/// Formats `expected one of …`, with the nearest one if `written` looks like a slip.
pub(crate) fn expected(written: &str, fields: &[&str]) -> String {
    let list: Vec<String> = fields.iter().map(|field| format!("`{field}`")).collect();
    let nearest = fields
        .iter()
        .map(|field| (strsim::levenshtein(written, field), field))
        .min()
        .filter(|(distance, field)| *distance <= 2 && *distance < field.len());
    let hint = nearest.map_or_else(String::new, |(_, field)| {
        format!(" (did you mean `{field}`?)")
    });
    format!("expected one of {}{hint}", list.join(", "))
}
