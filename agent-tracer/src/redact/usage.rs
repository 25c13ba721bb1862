//! Matches a command line with the uses of its program in the tables, without guessing.

use super::option::Found;
use super::rules::{Place, Program, Template, Use, Value};
use super::script::Word;
use super::value::{self, At};
use super::{Find, key, pattern};

/// Limit of the words and finds that one use is compared with: the cost is quadratic.
const CONTEXT: usize = 256;

/// The table of a program, and the one of all programs.
pub(super) struct Uses<'r> {
    pub(super) program: Option<&'r Program>,
    pub(super) any: &'r [Use],
}

/// The facts about an option in the tables.
pub(super) struct Hit<'w, 'a> {
    pub(super) found: Option<(&'w Word<'a>, Find)>,
    /// True if the next word is its value.
    pub(super) takes_next: bool,
    /// True if the tables leave nothing to guess.
    pub(super) is_final: bool,
    /// A plain value, despite its name.
    pub(super) plain: Option<At<'w, 'a>>,
}

impl Uses<'_> {
    fn all(&self) -> impl Iterator<Item = &Use> {
        let own = self.program.into_iter().flat_map(|program| &program.uses);
        own.chain(self.any)
    }

    /// Looks up the option `word`.
    pub(super) fn option<'w, 'a>(
        &self,
        word: &'w Word<'a>,
        next: Option<&'w Word<'a>>,
        words: &[Word<'_>],
        operands: &[&Word<'_>],
    ) -> Option<Hit<'w, 'a>> {
        let bundled = self.bundled(&word.value);
        let mut known = None;
        for one in self.all() {
            let at = match &one.place {
                Place::Behind(option) => behind(option, word, next, bundled),
                Place::Glued(option) => glued(option, word),
                Place::Operand { .. } | Place::Input => None,
            };
            let Some(at) = at.filter(|_| has_context(one, words, operands)) else {
                continue;
            };
            let takes_next = !std::ptr::eq(at.0, word);
            let found = judge(&one.template, at);
            let is_plain = one.template.value == Value::Plain;
            let is_found = found.is_some();
            let hit = Hit {
                found,
                takes_next,
                is_final: is_found || is_plain,
                plain: is_plain.then_some(at),
            };
            if is_found {
                return Some(hit);
            }
            // A use with more words before the option may differ.
            known = known
                .filter(|known: &Hit<'_, '_>| known.is_final)
                .or(Some(hit));
        }
        let takes_next = bundled.is_some_and(|at| at + 1 == word.value.len());
        known.or(takes_next.then_some(Hit {
            found: None,
            takes_next,
            is_final: false,
            plain: None,
        }))
    }

    /// Returns the position in `-abcX` of the letter with a value.
    fn bundled(&self, word: &[u8]) -> Option<usize> {
        let valued = &self.program?.valued;
        let letters = word.strip_prefix(b"-")?;
        if letters.starts_with(b"-") {
            return None;
        }
        let at = letters.iter().position(|letter| valued.contains(letter))?;
        Some(at + 1)
    }

    /// Adds operands that are secrets.
    pub(super) fn operands(&self, words: &[Word<'_>], operands: &[&Word<'_>], found: &mut Found) {
        for one in self.all() {
            let Place::Operand { before, first } = &one.place else {
                continue;
            };
            if operands.len() <= before.len() || !has_context(one, words, &[]) {
                continue;
            }
            for window in operands.windows(before.len() + 1) {
                let (Some(last), true) = (window.last(), follows(before, window)) else {
                    if *first {
                        break;
                    }
                    continue;
                };
                if let Some((word, find)) = judge(&one.template, (last, 0)) {
                    // The first use that matches an operand counts.
                    let known = found
                        .finds
                        .iter()
                        .rev()
                        .take(CONTEXT)
                        .any(|(element, known)| {
                            *element == word.element
                                && known.at.start < find.at.end
                                && find.at.start < known.at.end
                        });
                    if !known {
                        found.finds.push((word.element, find));
                    }
                }
                if *first {
                    break;
                }
            }
        }
    }
}

fn follows(before: &[Option<Vec<u8>>], window: &[&Word<'_>]) -> bool {
    before
        .iter()
        .zip(window)
        .all(|(wanted, word)| match wanted {
            Some(wanted) => match wanted.strip_suffix(b"*") {
                Some(begin) => word.value.starts_with(begin),
                None => word.value.eq_ignore_ascii_case(wanted),
            },
            None => true,
        })
}

/// Returns true if the command line has all words and options of a use.
pub(super) fn has_context(one: &Use, words: &[Word<'_>], operands: &[&Word<'_>]) -> bool {
    one.context.iter().all(|wanted| match wanted.as_slice() {
        [b'-', letter] => words.iter().take(CONTEXT).any(|word| {
            word.value.strip_prefix(b"-").is_some_and(|letters| {
                letters.iter().all(u8::is_ascii_alphabetic) && letters.contains(letter)
            })
        }),
        [b'-', ..] => words
            .iter()
            .take(CONTEXT)
            .any(|word| *word.value == **wanted),
        _ if operands.is_empty() => words
            .iter()
            .take(CONTEXT)
            .any(|word| *word.value == **wanted),
        _ => operands
            .iter()
            .take(CONTEXT)
            .any(|word| *word.value == **wanted),
    })
}

/// Finds the value of `option` in or behind `word`.
fn behind<'w, 'a>(
    option: &[u8],
    word: &'w Word<'a>,
    next: Option<&'w Word<'a>>,
    bundled: Option<usize>,
) -> Option<At<'w, 'a>> {
    let text = &*word.value;
    if text == option {
        return next.map(|next| (next, 0));
    }
    if let ([b'-', letter], Some(at)) = (option, bundled)
        && text.get(at) == Some(letter)
    {
        return match text.len() == at + 1 {
            true => next.map(|next| (next, 0)),
            false => Some((word, at + 1)),
        };
    }
    let rest = text.strip_prefix(option)?;
    rest.starts_with(b"=").then_some((word, option.len() + 1))
}

fn glued<'w, 'a>(option: &[u8], word: &'w Word<'a>) -> Option<At<'w, 'a>> {
    let text = &*word.value;
    (text.len() > option.len() && text.starts_with(option)).then_some((word, option.len()))
}

/// Finds the secret in a value that a table describes.
fn judge<'w, 'a>(template: &Template, at: At<'w, 'a>) -> Option<(&'w Word<'a>, Find)> {
    let (word, from) = at;
    let text = match template.value {
        Value::Plain => return None,
        Value::Proxy => return value::proxy(at),
        Value::Login => return value::user(at),
        Value::Secret | Value::Key | Value::Guess => value::secret_text(at)?,
    };
    let part = template.part(text)?;
    let value = text.get(part.clone())?;
    if word.expands && key::is_reference(value) {
        return None;
    }
    let whole = part == (0..text.len());
    match template.value {
        Value::Plain | Value::Proxy | Value::Login => None,
        Value::Key if whole => value::key_not_file(at),
        Value::Guess if whole => value::guess(at),
        Value::Guess if key::is_word(value) || key::is_path(value) || key::is_number(value) => None,
        Value::Key if key::is_path(value) => None,
        Value::Secret | Value::Key | Value::Guess => {
            value::masked((word, from), part, pattern::keep(value))
        }
    }
}

/// Adds the secrets in lines of a program's input.
pub(super) fn lines(template: &Template, word: &Word<'_>, found: &mut Found) {
    let text = &*word.value;
    let mut start = 0;
    while start < text.len() {
        let rest = text.get(start..).unwrap_or_default();
        let end = rest.iter().enumerate().position(|(at, byte)| {
            *byte == b'\n' || *byte == b'\\' && rest.get(at + 1) == Some(&b'n')
        });
        let length = end.unwrap_or(rest.len());
        let line = rest.get(..length).unwrap_or_default();
        let is_text = !line.starts_with(b"%") && !line.starts_with(b"-");
        if let Some(part) = template.part(line).filter(|_| is_text) {
            let value = line.get(part.clone()).unwrap_or_default();
            if !value.is_empty() && !key::is_reference(value) && !matches!(value, b"y" | b"yes") {
                let part = start + part.start..start + part.end;
                found.add(value::masked((word, 0), part, pattern::keep(value)));
            }
        }
        let gap = match rest.get(length) {
            Some(b'\\') => 2,
            Some(_) | None => 1,
        };
        start += length + gap;
    }
}
