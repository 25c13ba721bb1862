//! Parses a use of a program: `login -p SECRET`. A use without a place for a value is an error.

use std::ops::Range;

/// One way to give a program a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Use {
    /// Words and options that the command line must have, too; matching checks it.
    pub(in super::super) context: Vec<Vec<u8>>,
    pub(in super::super) place: Place,
    pub(in super::super) template: Template,
}

/// The place of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum Place {
    /// In the word behind this option, or behind its `=`.
    Behind(Vec<u8>),
    /// In the same word, right behind this.
    Glued(Vec<u8>),
    /// In the operand that follows these; none means any operand.
    Operand {
        before: Vec<Option<Vec<u8>>>,
        first: bool,
    },
    /// In the standard input of the program.
    Input,
}

/// The secret part of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Template {
    /// Texts before the value, in this order; the first is at the beginning.
    open: Vec<Vec<u8>>,
    close: Vec<u8>,
    pub(in super::super) value: Value,
}

/// The kind of the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Value {
    /// A secret.
    Secret,
    /// A key, or the file of one.
    Key,
    /// A secret, or evidently something else.
    Guess,
    /// `user:password`, or a token alone.
    Login,
    /// `user:password@host`, or another address of a proxy.
    Proxy,
    /// Not a secret, despite its appearance.
    Plain,
}

const VALUES: [(&str, Value); 6] = [
    ("SECRET", Value::Secret),
    ("KEY", Value::Key),
    ("GUESS", Value::Guess),
    ("LOGIN", Value::Login),
    ("PROXY", Value::Proxy),
    ("PLAIN", Value::Plain),
];

impl Template {
    /// Returns the part of `text` that the template leaves for the value.
    pub(in super::super) fn part(&self, text: &[u8]) -> Option<Range<usize>> {
        let (first, others) = self.open.split_first()?;
        if !text.get(..first.len())?.eq_ignore_ascii_case(first) {
            return None;
        }
        let mut start = first.len();
        for piece in others {
            start += memchr::memmem::find(text.get(start..)?, piece)? + piece.len();
        }
        let rest = text.get(start..)?;
        let end = if self.close.is_empty() {
            text.len()
        } else {
            start + memchr::memmem::rfind(rest, &self.close)?
        };
        (start < end).then_some(start..end)
    }
}

/// Parses a use as a table has it.
pub(super) fn parse(written: &str) -> Result<Use, String> {
    let mut words: Vec<&str> = written.split_ascii_whitespace().collect();
    let (Some(last), true) = (words.pop(), written.is_ascii()) else {
        return Err("a use without a value: write, for example, `-p SECRET`".to_owned());
    };
    let bytes = |word: &&str| word.as_bytes().to_vec();
    if last.starts_with('-')
        && let Some((option, template)) = split(last)
    {
        let place = Place::Glued(option.as_bytes().to_vec());
        let context = words.iter().map(bytes).collect();
        return Ok(Use {
            context,
            place,
            template: template_of("", template)?,
        });
    }
    let Some((before, value)) = split(last) else {
        return Err(format!(
            "`{last}` is no value: end with SECRET, KEY, GUESS, LOGIN, PROXY or PLAIN"
        ));
    };
    let template = template_of(before, value)?;
    if words.last() == Some(&"<") {
        words.pop();
        return Ok(Use {
            context: words.iter().map(bytes).collect(),
            place: Place::Input,
            template,
        });
    }
    if let Some(option) = words.last().filter(|word| word.starts_with('-')) {
        let place = Place::Behind(option.as_bytes().to_vec());
        words.pop();
        let context = words.iter().map(bytes).collect();
        return Ok(Use {
            context,
            place,
            template,
        });
    }
    let options = words.iter().rposition(|word| word.starts_with('-'));
    let operands = words.split_off(options.map_or(0, |at| at + 1));
    let first = operands.first() == Some(&"^");
    let before = operands.iter().skip(usize::from(first)).map(|word| {
        let named = *word != "*";
        named.then(|| word.as_bytes().to_vec())
    });
    Ok(Use {
        context: words.iter().map(bytes).collect(),
        place: Place::Operand {
            before: before.collect(),
            first,
        },
        template,
    })
}

/// Splits a text at the name of the value.
fn split(word: &str) -> Option<(&str, &str)> {
    let at = VALUES
        .iter()
        .filter_map(|(name, _)| word.find(name))
        .min()?;
    word.split_at_checked(at)
}

fn template_of(before: &str, value: &str) -> Result<Template, String> {
    let found = VALUES
        .iter()
        .find_map(|(name, kind)| Some((value.strip_prefix(name)?, *kind)));
    let Some((close, value)) = found else {
        return Err(format!("`{value}` is no value"));
    };
    let open: Vec<Vec<u8>> = before
        .split('*')
        .map(|piece| piece.as_bytes().to_vec())
        .collect();
    if open.iter().skip(1).any(Vec::is_empty) {
        return Err("a `*` needs a sign behind it: `*:SECRET`".to_owned());
    }
    Ok(Template {
        open,
        close: close.trim_end_matches('*').as_bytes().to_vec(),
        value,
    })
}
