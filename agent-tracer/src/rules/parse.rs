//! Parses a rules file: TOML to trees and their matchers. It refuses an unknown field: an ignored
//! field would make a rule match more than its author meant.

use std::{collections::HashSet, ops::Range, sync::Arc};

use toml::{
    Spanned,
    de::{DeArray, DeTable, DeValue},
};

use crate::glob::{Glob, Scope};

use super::{
    RuleError,
    error::{RuleFile, expected, quoted},
};

/// Limit of bytes in a file: 10,000 matchers of 100 bytes each just fit.
const TEXT_LIMIT: usize = 1 << 20;

/// Limit of bytes in a name. A longer one would not fit beside a command line on a terminal.
const NAME_LIMIT: usize = 64;

/// Trees that exist without rules: the system's and the command's.
const RESERVED: [&str; 2] = ["system", "command"];

const TREE_FIELDS: [&str; 3] = ["name", "description", "match"];
const ATTENTION_FIELDS: [&str; 2] = ["path", "reason"];
const HARMLESS_FIELDS: [&str; 1] = ["path"];
const ROOT_FIELDS: [&str; 3] = ["tree", "attention", "harmless"];
const MATCH_FIELDS: [&str; 5] = ["exe", "filename", "argv", "user", "unit"];

/// The content of a rules file.
#[derive(Clone, Debug, Default)]
pub(super) struct Parsed {
    pub(super) trees: Vec<Tree>,
    pub(super) attention: Vec<AttentionRule>,
    /// Paths that deserve none, whatever else matches.
    pub(super) harmless: Vec<Glob>,
}

/// Declares that files deserve attention.
#[derive(Clone, Debug)]
pub struct AttentionRule {
    /// Their paths.
    pub path: Glob,
    /// The reason, one line of plain text.
    pub reason: Arc<str>,
}

#[derive(Clone, Debug)]
pub(super) struct Tree {
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) matchers: Vec<Matcher>,
}

/// Globs, all of which must match.
#[derive(Clone, Debug, Default)]
pub(super) struct Matcher {
    pub(super) exe: Option<Glob>,
    pub(super) filename: Option<Glob>,
    /// Each must match some argument.
    pub(super) argv: Vec<Glob>,
    pub(super) user: Option<Glob>,
    pub(super) unit: Option<Glob>,
}

/// Parses a file, which may add at most `room` matchers. Reports the first error only.
pub(super) fn file(file: RuleFile<'_>, room: usize) -> Result<Parsed, RuleError> {
    if file.text.len() > TEXT_LIMIT {
        let message = format!(
            "a rules file of {} bytes: at most {TEXT_LIMIT} are read; \
             split it, or check that it is the file you meant",
            file.text.len()
        );
        return Err(file.error(&(0..0), message));
    }
    let root = DeTable::parse(file.text)
        .map_err(|error| file.error(&error.span().unwrap_or(0..0), error.message().trim_end()))?;
    Reader {
        file,
        room,
        seen: HashSet::new(),
    }
    .root(root.get_ref())
}

struct Reader<'a> {
    file: RuleFile<'a>,
    room: usize,
    seen: HashSet<String>,
}

/// A field of a table: the span of its key, the key, the value.
pub(crate) type Field<'a> = (Range<usize>, &'a str, &'a Spanned<DeValue<'a>>);

impl Reader<'_> {
    fn root(&mut self, root: &DeTable<'_>) -> Result<Parsed, RuleError> {
        let mut parsed = Parsed::default();
        for (at, key, value) in fields(root) {
            match key {
                "tree" => {
                    for tree in self.array(value, "tree")? {
                        let (span, table) = self.table(tree, "tree")?;
                        parsed.trees.push(self.tree(&span, table)?);
                    }
                }
                "attention" => {
                    for rule in self.array(value, "attention")? {
                        let (span, table) = self.table(rule, "attention")?;
                        parsed.attention.push(self.attention(&span, table)?);
                    }
                }
                "harmless" => {
                    for rule in self.array(value, "harmless")? {
                        let (span, table) = self.table(rule, "harmless")?;
                        parsed.harmless.push(self.harmless(&span, table)?);
                    }
                }
                _ => {
                    let known = expected(key, &ROOT_FIELDS);
                    let message = format!("unknown field {}, {known}", quoted(key));
                    return Err(self.file.error(&at, message));
                }
            }
        }
        Ok(parsed)
    }

    fn attention(
        &mut self,
        span: &Range<usize>,
        table: &DeTable<'_>,
    ) -> Result<AttentionRule, RuleError> {
        self.take_room(span)?;
        let (mut path, mut reason) = (None, None);
        for (at, key, value) in fields(table) {
            match key {
                "path" => path = Some(self.absolute("path", value)?),
                "reason" => reason = Some(self.description(value)?.into()),
                _ => {
                    let known = expected(key, &ATTENTION_FIELDS);
                    let message = format!("unknown field {}, {known}", quoted(key));
                    return Err(self.file.error(&at, message));
                }
            }
        }
        match (path, reason) {
            (Some(path), Some(reason)) => Ok(AttentionRule { path, reason }),
            (None, _) => Err(self.file.error(span, "a rule without `path`: add the glob")),
            (_, None) => {
                let message = "a rule without `reason`: add a few words for the reader";
                Err(self.file.error(span, message))
            }
        }
    }

    fn harmless(&mut self, span: &Range<usize>, table: &DeTable<'_>) -> Result<Glob, RuleError> {
        self.take_room(span)?;
        let mut path = None;
        for (at, key, value) in fields(table) {
            match key {
                "path" => path = Some(self.absolute("path", value)?),
                _ => {
                    let known = expected(key, &HARMLESS_FIELDS);
                    let message = format!("unknown field {}, {known}", quoted(key));
                    return Err(self.file.error(&at, message));
                }
            }
        }
        let message = "a rule without `path`: add the glob";
        path.ok_or_else(|| self.file.error(span, message))
    }

    fn take_room(&mut self, span: &Range<usize>) -> Result<(), RuleError> {
        let Some(room) = self.room.checked_sub(1) else {
            let message = format!(
                "more than {} matchers in all rules files",
                super::MATCHER_LIMIT
            );
            return Err(self.file.error(span, message));
        };
        self.room = room;
        Ok(())
    }

    fn tree(&mut self, span: &Range<usize>, table: &DeTable<'_>) -> Result<Tree, RuleError> {
        let mut name = None;
        let mut description = None;
        let mut matchers = Vec::new();
        for (at, key, value) in fields(table) {
            match key {
                "name" => name = Some(self.name(value)?),
                "description" => description = Some(self.description(value)?),
                "match" => {
                    for matcher in self.array(value, "tree.match")? {
                        let (span, table) = self.table(matcher, "tree.match")?;
                        matchers.push(self.matcher(&span, table)?);
                    }
                }
                _ => {
                    let message = format!(
                        "unknown field {}, {}",
                        quoted(key),
                        expected(key, &TREE_FIELDS)
                    );
                    return Err(self.file.error(&at, message));
                }
            }
        }
        let Some(name) = name else {
            return Err(self
                .file
                .error(span, "a tree without a name: add `name = \"…\"`"));
        };
        if matchers.is_empty() {
            let message = format!(
                "the tree {} has no matcher, so nothing can be in it: add [[tree.match]]",
                quoted(&name)
            );
            return Err(self.file.error(span, message));
        }
        Ok(Tree {
            name,
            description,
            matchers,
        })
    }

    fn name(&mut self, value: &Spanned<DeValue<'_>>) -> Result<String, RuleError> {
        let name = self.string(value)?;
        let complaint = if name.is_empty() {
            Some("an empty tree name: write a short word, such as the service's".to_owned())
        } else if name.len() > NAME_LIMIT {
            Some(format!(
                "the tree name {} is over {NAME_LIMIT} bytes",
                quoted(name)
            ))
        } else if name
            .chars()
            .any(|character| character.is_control() || character.is_whitespace())
        {
            Some(format!(
                "the tree name {} holds a space or a control character: join words with `-`",
                quoted(name)
            ))
        } else if RESERVED.contains(&name) {
            Some(format!(
                "the tree name {} is reserved for processes that no rule names: choose another",
                quoted(name)
            ))
        } else if !self.seen.insert(name.to_owned()) {
            Some(format!(
                "a second tree {} in one file: put its [[tree.match]] under the first",
                quoted(name)
            ))
        } else {
            None
        };
        match complaint {
            Some(message) => Err(self.file.error(&value.span(), message)),
            None => Ok(name.to_owned()),
        }
    }

    fn description(&self, value: &Spanned<DeValue<'_>>) -> Result<String, RuleError> {
        let text = self.string(value)?;
        if text.chars().any(char::is_control) {
            let message = "a control character in a description: write one line of plain text";
            return Err(self.file.error(&value.span(), message));
        }
        Ok(text.to_owned())
    }

    fn matcher(&mut self, span: &Range<usize>, table: &DeTable<'_>) -> Result<Matcher, RuleError> {
        self.take_room(span)?;
        let mut matcher = Matcher::default();
        for (at, key, value) in fields(table) {
            match key {
                "exe" => matcher.exe = Some(self.absolute("exe", value)?),
                "filename" => matcher.filename = Some(self.glob(value, Scope::Path)?),
                "argv" => matcher.argv = self.argv(value)?,
                "user" => matcher.user = Some(self.glob(value, Scope::Text)?),
                "unit" => matcher.unit = Some(self.glob(value, Scope::Text)?),
                _ => {
                    let message = format!(
                        "unknown field {}, {}",
                        quoted(key),
                        expected(key, &MATCH_FIELDS)
                    );
                    return Err(self.file.error(&at, message));
                }
            }
        }
        if table.is_empty() {
            let message = "a matcher without a field would match every process: \
                           give at least one of `exe`, `filename`, `argv`, `user`, `unit`";
            return Err(self.file.error(span, message));
        }
        Ok(matcher)
    }

    fn absolute(&self, field: &str, value: &Spanned<DeValue<'_>>) -> Result<Glob, RuleError> {
        let glob = self.glob(value, Scope::Path)?;
        // The path of an executable is absolute. A bare name, a likely slip, would match nothing.
        if glob.written().starts_with(['/', '*', '?', '[', '\\']) {
            return Ok(glob);
        }
        let message = format!(
            "{} can never match: `{field}` is held against a whole path; \
             write `**/…` for any directory",
            quoted(glob.written())
        );
        Err(self.file.error(&value.span(), message))
    }

    fn argv(&self, value: &Spanned<DeValue<'_>>) -> Result<Vec<Glob>, RuleError> {
        let Some(array) = value.get_ref().as_array() else {
            return Ok(vec![self.glob(value, Scope::Text)?]);
        };
        if array.is_empty() {
            let message = "an empty `argv` says nothing: leave it out, or name an argument";
            return Err(self.file.error(&value.span(), message));
        }
        array
            .iter()
            .map(|value| self.glob(value, Scope::Text))
            .collect()
    }

    fn glob(&self, value: &Spanned<DeValue<'_>>, scope: Scope) -> Result<Glob, RuleError> {
        Glob::new(self.string(value)?, scope)
            .map_err(|message| self.file.error(&value.span(), message))
    }

    fn string<'v>(&self, value: &'v Spanned<DeValue<'_>>) -> Result<&'v str, RuleError> {
        value.get_ref().as_str().ok_or_else(|| {
            let message = format!("expected a string, found {}", value.get_ref().type_str());
            self.file.error(&value.span(), message)
        })
    }

    fn array<'v>(
        &self,
        value: &'v Spanned<DeValue<'v>>,
        header: &str,
    ) -> Result<&'v DeArray<'v>, RuleError> {
        value.get_ref().as_array().ok_or_else(|| {
            let found = value.get_ref().type_str();
            let message = format!("expected an array of tables, found {found}: write [[{header}]]");
            self.file.error(&value.span(), message)
        })
    }

    fn table<'v>(
        &self,
        value: &'v Spanned<DeValue<'v>>,
        header: &str,
    ) -> Result<(Range<usize>, &'v DeTable<'v>), RuleError> {
        let table = value.get_ref().as_table().ok_or_else(|| {
            let found = value.get_ref().type_str();
            let message = format!("expected a table, found {found}: write [[{header}]]");
            self.file.error(&value.span(), message)
        })?;
        Ok((value.span(), table))
    }
}

/// Returns the fields in the order of the file, so that the first error is the topmost one.
pub(crate) fn fields<'v>(table: &'v DeTable<'v>) -> Vec<Field<'v>> {
    let mut fields: Vec<Field<'v>> = table
        .iter()
        .map(|(key, value)| (key.span(), key.get_ref().as_ref(), value))
        .collect();
    fields.sort_by_key(|(at, _, _)| at.start);
    fields
}
