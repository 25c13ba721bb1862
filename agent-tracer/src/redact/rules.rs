//! Holds the table of secrets: forms of tokens, and options of programs. Each pattern starts at a
//! literal and sees a window, which bounds the cost of hostile text.
//!
//! A table is TOML; the built-in ones are in `agent-tracer/secrets/`:
//!
//! ```toml
//! [[form]]
//! name = "example token"
//! begins = ["ex_live_"]
//! pattern = "ex_live_[A-Za-z0-9]{24,}"
//!
//! [[program]]
//! names = "example-cli"
//! uses = ["-p SECRET", "-pSECRET", "-u *:SECRET", "login * SECRET", "--pass-stdin < SECRET"]
//! ```
//!
//! A use is spelled as in a manual: words before, the option, its value.
//!
//! | value | masked |
//! |---|---|
//! | `SECRET` | always |
//! | `KEY` | unless it is a path |
//! | `GUESS` | unless it is evidently something else |
//! | `PROXY` | the password of a URL |
//! | `LOGIN` | the password of `user:password`, or a token |
//! | `PLAIN` | never |
//!
//! A text before the value (`*:` for any text up to a colon) stays visible. Without an option the
//! words are operands in this order (`*` is any, `^` the first of all). `<` is the input of the
//! program from `echo` or from a here-document.

mod error;
mod parse;
mod usage;

use std::{
    collections::HashMap,
    ops::Range,
    sync::{Arc, LazyLock, OnceLock},
};

use aho_corasick::{AhoCorasick, MatchKind};
use regex::bytes::{Regex, RegexBuilder};

pub use error::SecretsError;
pub(super) use usage::{Place, Template, Use, Value};

use super::{Find, Keep};

/// The built-in tables.
const BUILT_IN: [(&str, &str); 3] = [
    ("forms", include_str!("../../secrets/forms.toml")),
    ("programs", include_str!("../../secrets/programs.toml")),
    ("innocent", include_str!("../../secrets/innocent.toml")),
];

/// Bytes that a pattern sees first; a match that reaches their end sees more.
const WINDOW: usize = 1024;

/// The same, in a text with many false beginnings of secrets.
const SHORT_WINDOW: usize = 128;

/// Limit of the false beginnings in a text that are searched in full width.
const REFUSALS: usize = 256;

/// Limit of a compiled pattern: three times the largest built-in one.
const PATTERN_SIZE: usize = 1 << 19;

static SHARED: LazyLock<Arc<SecretRules>> = LazyLock::new(|| {
    let mut rules = SecretRules::default();
    for (name, text) in BUILT_IN {
        // Cannot fail: a test reads these very files.
        let _ = rules.read(name, text);
    }
    rules.index();
    Arc::new(rules)
});

/// The forms of secrets, and the options that hold them.
#[derive(Debug, Default, Clone)]
pub struct SecretRules {
    programs: HashMap<Vec<u8>, Program>,
    forms: Vec<Form>,
    search: Option<AhoCorasick>,
    /// The form of each literal that `search` looks for.
    owners: Vec<usize>,
}

/// The facts about a program; uses are tried in order.
#[derive(Debug, Default, Clone)]
pub(super) struct Program {
    pub(super) uses: Vec<Use>,
    /// Letters of short options with a value, if they may be bundled.
    pub(super) valued: Vec<u8>,
}

#[derive(Debug, Clone)]
struct Form {
    /// The name, for tests.
    #[cfg(test)]
    name: String,
    begins: Vec<String>,
    pattern: String,
    compiled: OnceLock<Option<Regex>>,
    /// True if a letter, a digit, `-` or `_` before it makes it another word.
    alone: bool,
    /// True if letters alone are harmless.
    digit: bool,
}

impl SecretRules {
    /// Returns the built-in rules.
    #[must_use]
    pub fn built_in() -> Arc<Self> {
        Arc::clone(&SHARED)
    }

    /// Adds the rules of a file, which precede those before.
    ///
    /// # Errors
    ///
    /// The first error in `text`, with its line and column.
    pub fn add(&mut self, name: &str, text: &str) -> Result<(), SecretsError> {
        self.read(name, text)?;
        self.index();
        Ok(())
    }

    fn read(&mut self, name: &str, text: &str) -> Result<(), SecretsError> {
        let table = parse::table(name, text)?;
        self.forms.extend(table.forms);
        for (program, added) in table.programs {
            let known = self.programs.entry(program).or_default();
            known.uses.splice(0..0, added.uses);
            known.valued.extend(added.valued);
        }
        Ok(())
    }

    fn index(&mut self) {
        let begins = |(at, form): (usize, &Form)| vec![at; form.begins.len()];
        self.owners = self.forms.iter().enumerate().flat_map(begins).collect();
        self.search = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .ascii_case_insensitive(true)
            .build(self.forms.iter().flat_map(|form| &form.begins))
            .ok();
    }

    /// Looks up a program by its base name, in any case.
    pub(super) fn program(&self, name: &[u8]) -> Option<&Program> {
        let name = name.strip_suffix(b".exe").unwrap_or(name);
        self.programs
            .get(name)
            .or_else(|| self.programs.get(&name.to_ascii_lowercase()))
    }

    /// Returns the uses of any program.
    pub(super) fn any(&self) -> &[Use] {
        self.programs
            .get(&b"*"[..])
            .map(|program| program.uses.as_slice())
            .unwrap_or_default()
    }

    /// Adds the texts that have the form of a secret.
    pub(super) fn find(&self, text: &[u8], finds: &mut Vec<Find>) {
        let Some(search) = &self.search else { return };
        let mut covered = 0;
        let mut refused = 0;
        let mut plain = (0, 0);
        for hit in search.find_overlapping_iter(text) {
            let Some(owner) = self.owners.get(hit.pattern().as_usize()) else {
                continue;
            };
            let is_plain = plain.0 == *owner && hit.start() + SHORT_WINDOW <= plain.1;
            let form = self.forms.get(*owner);
            let Some(form) = form.filter(|_| hit.start() >= covered && !is_plain) else {
                continue;
            };
            let window = if refused < REFUSALS {
                WINDOW
            } else {
                SHORT_WINDOW
            };
            match form.find_at(text, hit.start(), window) {
                Some((whole, secret)) if form.has_digit(text, &secret) => {
                    covered = whole;
                    finds.push(Find::new(secret, Keep::Everywhere));
                }
                // The same form further on in these letters would be refused again.
                Some((end, _)) => {
                    plain = (*owner, end);
                    refused += 1;
                }
                None => refused += 1,
            }
        }
    }
}

impl Form {
    /// Returns the end of the form that begins at `at`, with its secret.
    ///
    /// The cost is linear. A refusal costs one window. A match is at least an eighth of the bytes
    /// read for it: if a longer view refuses, the shorter one counts.
    fn find_at(&self, text: &[u8], at: usize, window: usize) -> Option<(usize, Range<usize>)> {
        let before = at.checked_sub(1).and_then(|at| text.get(at));
        let joined = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        if self.alone && before.is_some_and(joined) {
            return None;
        }
        let pattern = self.compiled.get_or_init(|| compile(&self.pattern).ok());
        let pattern = pattern.as_ref()?;
        let rest = text.get(at..)?;
        let mut window = window;
        let mut best = None;
        loop {
            let seen = rest.get(..window).unwrap_or(rest);
            let Some((end, secret)) = Self::part(pattern, seen) else {
                break;
            };
            best = Some((at + end, at + secret.start..at + secret.end));
            let plain = !self.has_digit(rest, &secret);
            if plain || end < seen.len() || seen.len() == rest.len() {
                break;
            }
            window *= 8;
        }
        best
    }

    /// Returns the end of the form that `seen` begins with, with its secret.
    fn part(pattern: &Regex, seen: &[u8]) -> Option<(usize, Range<usize>)> {
        let captures = pattern.captures(seen)?;
        let whole = captures.get(0)?;
        let secret = captures.name("secret").unwrap_or(whole);
        (!secret.is_empty()).then(|| (whole.end(), secret.range()))
    }

    /// Returns true if a secret has the digit that the form demands.
    fn has_digit(&self, text: &[u8], secret: &Range<usize>) -> bool {
        let secret = text.get(secret.clone()).unwrap_or_default();
        !self.digit || secret.iter().any(u8::is_ascii_digit)
    }
}

/// Compiles a pattern that matches at the beginning of a text.
fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(&format!("\\A(?:{pattern})"))
        .unicode(false)
        .size_limit(PATTERN_SIZE)
        .dfa_size_limit(PATTERN_SIZE)
        .build()
}

#[cfg(test)]
impl SecretRules {
    /// Compiles every built-in pattern, and fails on the first that cannot be.
    pub(super) fn compile_all() {
        let mut rules = Self::default();
        for (name, text) in BUILT_IN {
            rules.read(name, text).expect(name);
        }
        for form in &rules.forms {
            if let Err(error) = compile(&form.pattern) {
                panic!("{}: {error}", form.name);
            }
        }
    }

    /// Returns the built-in forms: names, and the literals at their beginning.
    pub(super) fn forms() -> Vec<(String, Vec<String>)> {
        let all = SHARED.forms.iter();
        all.map(|form| (form.name.clone(), form.begins.clone()))
            .collect()
    }
}
