//! Splits the text of `sh -c` into commands and words, with the position of each word. It expands
//! nothing, and ignores functions: a superfluous word costs nothing. Here-documents and comments
//! are split line by line, so that an apostrophe hides nothing behind it.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::ops::Range;

use super::mark_at;

/// One word of a command line or of a script's text.
#[derive(Clone, Debug)]
pub(super) struct Word<'a> {
    /// The word as the command receives it: without quotes and escapes.
    pub(super) value: Cow<'a, [u8]>,
    /// Its element of argv.
    pub(super) element: usize,
    /// Its range there, inside the quotes if it is quoted as a whole.
    pub(super) at: Range<usize>,
    /// Length of the part that is spelled as it is received.
    verbatim: usize,
    /// True if a shell still expands `$` in it.
    pub(super) expands: bool,
}

impl<'a> Word<'a> {
    /// Makes a word of an element of argv.
    pub(super) fn whole(element: usize, value: &'a [u8]) -> Self {
        Self {
            value: Cow::Borrowed(value),
            element,
            at: 0..value.len(),
            verbatim: value.len(),
            expands: false,
        }
    }

    /// Makes a word of a line of a here-document.
    fn line(value: &'a [u8], element: usize, at: Range<usize>) -> Self {
        Self {
            value: Cow::Borrowed(value),
            element,
            at,
            verbatim: value.len(),
            expands: true,
        }
    }

    /// Returns the range of a part of the value in the element; a larger one if quotes or escapes
    /// shift positions.
    pub(super) fn place(&self, part: Range<usize>) -> Range<usize> {
        let start = if part.start <= self.verbatim {
            part.start
        } else {
            0
        };
        let end = if part.end <= self.verbatim {
            self.at.start + part.end
        } else {
            self.at.end
        };
        self.at.start + start..end
    }
}

/// One command of a script, with its input.
#[derive(Clone, Debug, Default)]
pub(super) struct Line<'a> {
    pub(super) words: Vec<Word<'a>>,
    /// The lines of its here-documents, and its here-strings.
    pub(super) input: Vec<Word<'a>>,
    /// True if the next command reads its output.
    pub(super) piped: bool,
    /// Number of the parentheses around it.
    pub(super) depth: usize,
}

/// Splits `text`, at `offset` of `element`, into commands.
pub(super) fn commands(text: &[u8], element: usize, offset: usize) -> Vec<Line<'_>> {
    let mut commands = Vec::new();
    split(text, element, offset, false, &mut commands);
    commands
}

/// Adds the commands of a text, or of one line `alone`, in which no other text begins. That bounds
/// the recursion.
fn split<'a>(
    text: &'a [u8],
    element: usize,
    offset: usize,
    alone: bool,
    commands: &mut Vec<Line<'a>>,
) {
    let mut command = Line::default();
    let mut documents = VecDeque::new();
    let mut at = 0;
    let mut depth = 0_usize;
    let mut is_input = false;
    while let Some(byte) = text.get(at) {
        match byte {
            b'<' if !alone => {
                let (end, delimiter) = here(text, at);
                is_input = text.get(at..end) == Some(b"<<<");
                documents.extend(delimiter);
                at = end;
            }
            b' ' | b'\t' | b'\r' | b'<' | b'>' => at += 1,
            b'#' if !alone => {
                let end = end_of_line(text, at);
                let comment = text.get(at + 1..end).unwrap_or_default();
                split(comment, element, offset + at + 1, true, commands);
                at = end;
            }
            b'\n' | b';' | b'&' | b'|' | b'(' | b')' | b'`' => {
                at += 1;
                let before = at.checked_sub(2).and_then(|at| text.get(at));
                let pipe = *byte == b'|' && text.get(at) != Some(&b'|') && before != Some(&b'|');
                if !command.words.is_empty() {
                    command.piped = pipe;
                    command.depth = depth;
                    commands.push(std::mem::take(&mut command));
                } else if let Some(last) = commands.last_mut().filter(|_| pipe) {
                    last.piped = true;
                }
                match byte {
                    b'(' => depth += 1,
                    b')' => depth = depth.saturating_sub(1),
                    _ => {}
                }
                let mut reader = commands.len().checked_sub(1);
                while *byte == b'\n' && at < text.len() {
                    let Some(delimiter) = documents.pop_front() else {
                        break;
                    };
                    let mut lines = Vec::new();
                    at = document(text, at, &delimiter, |line, start| {
                        let end = offset + start + line.len();
                        lines.push(Word::line(line, element, offset + start..end));
                        split(line, element, offset + start, true, commands);
                    });
                    if let Some(reader) = reader.take().and_then(|at| commands.get_mut(at)) {
                        reader.input = lines;
                    }
                }
            }
            _ => {
                let (word, end) = word(text, at, element, offset, alone);
                let receiver = match std::mem::take(&mut is_input) {
                    true => &mut command.input,
                    false => &mut command.words,
                };
                receiver.push(word);
                at = end;
            }
        }
    }
    if !command.words.is_empty() {
        command.depth = depth;
        commands.push(command);
    }
}

/// Returns the delimiter of the here-document announced at `at`, with the end of the announcement.
fn here(text: &[u8], at: usize) -> (usize, Option<Vec<u8>>) {
    let rest = text.get(at..).unwrap_or_default();
    let signs = rest
        .iter()
        .take(4)
        .take_while(|byte| **byte == b'<')
        .count();
    if signs != 2 {
        return (at + signs.max(1), None);
    }
    let after = rest.get(signs..).unwrap_or_default();
    let blanks = after
        .iter()
        .take_while(|byte| matches!(byte, b'-' | b' ' | b'\t'))
        .count();
    let start = at + signs + blanks;
    let named = text.get(start).is_some_and(|byte| {
        byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'\'' | b'"' | b'\\')
    });
    if !named {
        return (start, None);
    }
    let end = end_of_word(text, start, false);
    (end, text.get(start..end).map(unquote))
}

/// Passes on each line of the here-document at `at`, joined with continuation lines. Returns the
/// end of the document.
fn document<'a>(
    text: &'a [u8],
    mut at: usize,
    delimiter: &[u8],
    mut each: impl FnMut(&'a [u8], usize),
) -> usize {
    while at < text.len() {
        let mut end = end_of_line(text, at);
        let line = text.get(at..end).unwrap_or_default();
        if line.trim_ascii() == delimiter {
            return end;
        }
        while end < text.len() && text.get(at..end).is_some_and(|line| line.ends_with(b"\\")) {
            end = end_of_line(text, end + 1);
        }
        each(text.get(at..end).unwrap_or_default(), at);
        at = end + 1;
    }
    text.len()
}

fn end_of_line(text: &[u8], at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    memchr::memchr(b'\n', rest).map_or(text.len(), |length| at + length)
}

fn word(
    text: &[u8],
    start: usize,
    element: usize,
    offset: usize,
    alone: bool,
) -> (Word<'_>, usize) {
    let end = end_of_word(text, start, alone);
    let raw = text.get(start..end).unwrap_or_default();
    let at = offset + start..offset + end;
    if !raw.iter().any(|byte| matches!(byte, b'\'' | b'"' | b'\\')) {
        return (
            Word {
                value: Cow::Borrowed(raw),
                element,
                at,
                verbatim: raw.len(),
                expands: true,
            },
            end,
        );
    }
    if let [quote @ (b'\'' | b'"'), inner @ ..] = raw {
        let inner = inner.strip_suffix(&[*quote]).unwrap_or(inner);
        if !inner
            .iter()
            .any(|byte| byte == quote || *byte == b'\\' && *quote == b'"')
        {
            let at = at.start + 1..at.start + 1 + inner.len();
            let expands = *quote == b'"';
            return (
                Word {
                    value: Cow::Borrowed(inner),
                    element,
                    at,
                    verbatim: inner.len(),
                    expands,
                },
                end,
            );
        }
    }
    let value = unquote(raw);
    let verbatim = raw
        .iter()
        .zip(&value)
        .take_while(|(raw, value)| raw == value)
        .count();
    (
        Word {
            value: Cow::Owned(value),
            element,
            at,
            verbatim,
            expands: true,
        },
        end,
    )
}

/// Returns the end of the word at `start`. In a line `alone`, an unclosed apostrophe behind a
/// letter is a letter, and the word ends at the next blank.
fn end_of_word(text: &[u8], start: usize, alone: bool) -> usize {
    let mut at = start;
    let mut quote = None;
    let mut opened = start;
    while let Some(byte) = text.get(at) {
        // A mask contains a space and is one word.
        if let Some(end) = mark_at(text, at).filter(|_| quote.is_none()) {
            at = end;
            continue;
        }
        match (quote, byte) {
            (
                None,
                b' ' | b'\t' | b'\r' | b'\n' | b';' | b'&' | b'|' | b'(' | b')' | b'<' | b'>'
                | b'`',
            ) => return at,
            (None, b'\'' | b'"') => {
                quote = Some(*byte);
                opened = at;
            }
            (Some(open), close) if open == *close => quote = None,
            (None | Some(b'"'), b'\\') => at += 1,
            (None | Some(_), _) => {}
        }
        at += 1;
    }
    let letter = opened > start && text.get(opened - 1).is_some_and(u8::is_ascii_alphabetic);
    if alone && letter && quote == Some(b'\'') {
        let rest = text.get(opened + 1..).unwrap_or_default();
        let word = rest.iter().take_while(|byte| !byte.is_ascii_whitespace());
        return opened + 1 + word.count();
    }
    text.len()
}

fn unquote(raw: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(raw.len());
    let mut quote = None;
    let mut bytes = raw.iter();
    while let Some(byte) = bytes.next() {
        match (quote, byte) {
            (None, b'\'' | b'"') => quote = Some(*byte),
            (Some(open), close) if open == *close => quote = None,
            (None, b'\\') => value.extend(bytes.next()),
            (Some(b'"'), b'\\') => match bytes.next() {
                Some(escaped @ (b'"' | b'\\' | b'$' | b'`')) => value.push(*escaped),
                Some(other) => value.extend([b'\\', *other]),
                None => value.push(b'\\'),
            },
            (None | Some(_), _) => value.push(*byte),
        }
    }
    value
}
