//! Parses a glob of a rule, matches bytes against it, and counts its literal characters.
//!
//! It refuses alternatives (`{a,b}`): two matchers do the same, and then the reason for a match
//! names the half that matched.
//!
//! Not the globset crate: it compiles each glob to a regular expression. With globset 0.4.21 that
//! is 9 KiB a glob, 14 KiB after its first use, and one set of 10,000 fails ("error building NFA").
//! Here a glob costs about as much as its text, and bytes need no detour over a platform's path
//! type.

/// Far past any path worth naming; keeps the worst comparison (length of glob × length of text)
/// harmless.
const LENGTH_LIMIT: usize = 1024;

/// Subjects of a glob, which decide on the reach of `*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// A path: `*`, `?` and classes stop at `/`; `**` does not.
    Path,
    /// Any other text: everything crosses everything.
    Text,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Literal(Box<[u8]>),
    /// `?`
    One,
    /// `[a-z]`, `[!a-z]`
    Class {
        negated: bool,
        ranges: Box<[(u8, u8)]>,
    },
    /// `*` in a path.
    Star,
    /// `**`, and `*` in other text.
    Any,
    /// `**/` at the start of a component: any number of whole components, or none.
    Components,
}

/// A glob as written, and ready to compare.
#[derive(Clone, Debug)]
pub struct Glob {
    written: Box<str>,
    scope: Scope,
    tokens: Box<[Token]>,
}

impl Glob {
    /// Parses a glob. The error is a message for its author.
    pub fn new(written: &str, scope: Scope) -> Result<Self, String> {
        if written.is_empty() {
            return Err("an empty glob matches nothing: leave the field out".into());
        }
        if written.len() > LENGTH_LIMIT {
            return Err(format!(
                "a glob of {} bytes: at most {LENGTH_LIMIT} are allowed",
                written.len()
            ));
        }
        if written.chars().any(char::is_control) {
            // It would reach the terminal with every reason for a match.
            return Err("a control character in a glob: write `?` for it".into());
        }
        Ok(Self {
            written: written.into(),
            scope,
            tokens: tokens(written, scope)?.into(),
        })
    }

    /// Returns the glob as its author wrote it.
    pub fn written(&self) -> &str {
        &self.written
    }

    /// Returns the only text that matches, if there is just one.
    pub fn exact(&self) -> Option<&[u8]> {
        match &*self.tokens {
            [Token::Literal(only)] => Some(only),
            _ => None,
        }
    }

    /// Returns the text that every match begins with; may be empty.
    pub fn beginning(&self) -> &[u8] {
        match self.tokens.first() {
            Some(Token::Literal(text)) => text,
            Some(_) | None => &[],
        }
    }

    /// Counts the characters that stand for themselves.
    pub fn literals(&self) -> usize {
        self.tokens
            .iter()
            .map(|token| match token {
                Token::Literal(bytes) => String::from_utf8_lossy(bytes).chars().count(),
                Token::One | Token::Class { .. } | Token::Star | Token::Any | Token::Components => {
                    0
                }
            })
            .sum()
    }

    /// Checks whether the whole of `text` matches.
    ///
    /// It does not recurse. On a mismatch only the last `*` or, when that has reached a `/`, the
    /// last `**` takes one more. An earlier one need never move again: any text that it could take,
    /// the later one can take too.
    pub fn matches(&self, text: &[u8]) -> bool {
        // Decides nearly every comparison with `*/name`, at any length.
        if let Some(Token::Literal(end)) = self.tokens.last()
            && !text.ends_with(end)
        {
            return false;
        }
        let (mut token, mut at) = (0, 0);
        let mut star = None;
        let mut deep = None;
        loop {
            let rest = text.get(at..).unwrap_or_default();
            let step = match self.tokens.get(token) {
                None if rest.is_empty() => return true,
                None => None,
                Some(Token::Literal(bytes)) => rest.starts_with(bytes).then_some(bytes.len()),
                Some(Token::One) => rest.first().filter(|byte| self.crosses(**byte)).map(|_| 1),
                Some(Token::Class { negated, ranges }) => rest
                    .first()
                    .filter(|byte| self.crosses(**byte))
                    .filter(|byte| {
                        ranges.iter().any(|(low, high)| (low..=high).contains(byte)) != *negated
                    })
                    .map(|_| 1),
                Some(Token::Star) => {
                    star = Some((token + 1, at));
                    Some(0)
                }
                Some(kind @ (Token::Any | Token::Components)) => {
                    if token + 1 == self.tokens.len() && *kind == Token::Any {
                        return true;
                    }
                    star = None;
                    deep = Some((token + 1, at, *kind == Token::Components));
                    Some(0)
                }
            };
            if let Some(length) = step {
                token += 1;
                at += length;
                continue;
            }
            if let Some((after, from)) = star
                && text.get(from).is_some_and(|byte| *byte != b'/')
            {
                star = Some((after, from + 1));
                (token, at) = (after, from + 1);
                continue;
            }
            star = None;
            let Some((after, from, components)) = deep else {
                return false;
            };
            let rest = text.get(from..).unwrap_or_default();
            let more = if components {
                rest.iter().position(|byte| *byte == b'/')
            } else {
                (!rest.is_empty()).then_some(0)
            };
            let Some(more) = more else { return false };
            deep = Some((after, from + more + 1, components));
            (token, at) = (after, from + more + 1);
        }
    }

    fn crosses(&self, byte: u8) -> bool {
        byte != b'/' || self.scope == Scope::Text
    }
}

fn tokens(written: &str, scope: Scope) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut literal = String::new();
    let mut characters = written.chars().peekable();
    let mut component_starts = true;
    while let Some(character) = characters.next() {
        let starts = std::mem::replace(&mut component_starts, character == '/');
        let token = match character {
            '*' => {
                let mut stars = 1;
                while characters.next_if_eq(&'*').is_some() {
                    stars += 1;
                }
                match scope {
                    Scope::Text => Token::Any,
                    Scope::Path if stars == 1 => Token::Star,
                    Scope::Path if starts && characters.next_if_eq(&'/').is_some() => {
                        component_starts = true;
                        Token::Components
                    }
                    Scope::Path => Token::Any,
                }
            }
            '?' => Token::One,
            '[' => class(&mut characters)?,
            '{' | '}' => {
                return Err(format!(
                    "`{character}` in a glob: alternatives are not supported; write one \
                     [[tree.match]] for each, \
                     or `\\{character}` for the character itself"
                ));
            }
            '\\' => {
                let Some(escaped) = characters.next() else {
                    return Err("a glob ends in `\\`: write `\\\\` for the character itself".into());
                };
                component_starts = escaped == '/';
                literal.push(escaped);
                continue;
            }
            other => {
                literal.push(other);
                continue;
            }
        };
        flush(&mut literal, &mut tokens);
        tokens.push(token);
    }
    flush(&mut literal, &mut tokens);
    Ok(tokens)
}

fn flush(literal: &mut String, tokens: &mut Vec<Token>) {
    if !literal.is_empty() {
        tokens.push(Token::Literal(std::mem::take(literal).into_bytes().into()));
    }
}

fn class(characters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<Token, String> {
    let unclosed = || {
        "`[` without `]` in a glob: close it, or write `\\[` for the character itself".to_owned()
    };
    let member = |character: char| {
        u8::try_from(character)
            .ok()
            .filter(u8::is_ascii)
            .ok_or_else(|| {
                format!(
                    "`{character}` between `[` and `]` in a glob: only ASCII is supported there"
                )
            })
    };
    let negated = characters
        .next_if(|next| matches!(next, '!' | '^'))
        .is_some();
    let mut ranges = Vec::new();
    loop {
        let character = characters.next().ok_or_else(unclosed)?;
        // As everywhere, a `]` that comes first stands for itself.
        if character == ']' && !ranges.is_empty() {
            return Ok(Token::Class {
                negated,
                ranges: ranges.into(),
            });
        }
        let low = member(character)?;
        let mut ahead = characters.clone();
        let high = match (ahead.next(), ahead.next()) {
            (Some('-'), Some(high)) if high != ']' => {
                *characters = ahead;
                member(high)?
            }
            _ => low,
        };
        if high < low {
            return Err(format!(
                "the range `{}-{}` in a glob is backwards",
                char::from(low),
                char::from(high)
            ));
        }
        ranges.push((low, high));
    }
}
