//! Reads values of TOML, with errors at their place.

use std::ops::Range;

use toml::{
    Spanned,
    de::{DeArray, DeTable, DeValue},
};

use crate::{
    glob::{Glob, Scope},
    rules::{RuleError, RuleFile},
};

/// A value with its place.
pub(super) type Value<'a> = Spanned<DeValue<'a>>;

/// Reads the values of one file.
#[derive(Clone, Copy)]
pub(super) struct Values<'a> {
    pub(super) file: RuleFile<'a>,
    /// Positions of the ends of its lines: a long policy has thousands of rules.
    pub(super) line_ends: &'a [usize],
}

impl Values<'_> {
    /// Returns the line of a span.
    pub(super) fn line(self, span: &Range<usize>) -> usize {
        self.line_ends.partition_point(|end| *end < span.start) + 1
    }

    pub(super) fn error(self, value: &Value<'_>, message: impl Into<String>) -> RuleError {
        self.file.error(&value.span(), message)
    }

    fn wrong(self, value: &Value<'_>, expected: &str) -> RuleError {
        let found = value.get_ref().type_str();
        self.error(value, format!("expected {expected}, found {found}"))
    }

    pub(super) fn string<'v>(self, value: &'v Value<'_>) -> Result<&'v str, RuleError> {
        let text = value.get_ref().as_str();
        text.ok_or_else(|| self.wrong(value, "a string"))
    }

    /// Reads one line of plain text.
    pub(super) fn line_of_text(self, value: &Value<'_>) -> Result<String, RuleError> {
        let text = self.string(value)?;
        if text.chars().any(char::is_control) {
            let message = "a control character: write one line of plain text";
            return Err(self.error(value, message));
        }
        Ok(text.to_owned())
    }

    pub(super) fn flag(self, value: &Value<'_>) -> Result<bool, RuleError> {
        let flag = value.get_ref().as_bool();
        flag.ok_or_else(|| self.wrong(value, "true or false"))
    }

    pub(super) fn number(self, value: &Value<'_>) -> Result<u64, RuleError> {
        let number = value.get_ref().as_integer();
        let number =
            number.and_then(|number| u64::from_str_radix(number.as_str(), number.radix()).ok());
        number.ok_or_else(|| self.wrong(value, "a number"))
    }

    /// Lists the values of an array, or the value itself.
    pub(super) fn list<'v>(self, value: &'v Value<'v>) -> Result<Vec<&'v Value<'v>>, RuleError> {
        let Some(array) = value.get_ref().as_array() else {
            return Ok(vec![value]);
        };
        if array.is_empty() {
            let message = "an empty list matches nothing: leave the field out";
            return Err(self.error(value, message));
        }
        Ok(array.iter().collect())
    }

    /// Lists the strings of an array.
    pub(super) fn strings<'v>(
        self,
        value: &'v Value<'v>,
    ) -> Result<Vec<(&'v str, &'v Value<'v>)>, RuleError> {
        let Some(array) = value.get_ref().as_array() else {
            return Err(self.wrong(value, "an array of strings"));
        };
        let texts = array.iter();
        texts
            .map(|value| Ok((self.string(value)?, value)))
            .collect()
    }

    pub(super) fn glob(self, value: &Value<'_>, scope: Scope) -> Result<Glob, RuleError> {
        Glob::new(self.string(value)?, scope).map_err(|message| self.error(value, message))
    }

    pub(super) fn globs(self, value: &Value<'_>, scope: Scope) -> Result<Vec<Glob>, RuleError> {
        let values = self.list(value)?;
        values
            .into_iter()
            .map(|value| self.glob(value, scope))
            .collect()
    }

    pub(super) fn array<'v>(
        self,
        value: &'v Value<'v>,
        name: &str,
    ) -> Result<&'v DeArray<'v>, RuleError> {
        let array = value.get_ref().as_array();
        array.ok_or_else(|| self.wrong(value, &format!("an array of tables, as of [[{name}]]")))
    }

    pub(super) fn table<'v>(
        self,
        value: &'v Value<'v>,
        name: &str,
    ) -> Result<&'v DeTable<'v>, RuleError> {
        let table = value.get_ref().as_table();
        table.ok_or_else(|| self.wrong(value, &format!("a table, as of {name}")))
    }
}
