//! Finds secrets that are evident in any text: passwords in URLs, headers, assignments, bare keys.
//! Options are not among them: their meaning depends on the program.
//!
//! All but tokens have a `=` or a `:` at a known place, so one search for these two bytes decides
//! about most text. Each pattern looks back at most 128 bytes, and forward only over the bytes that
//! it masks. So hostile text costs linear time.

use std::ops::Range;

use super::name::{self, Name};
use super::program::is_listed;
use super::{Find, Keep, field, key, shape, url};

/// Limit of the bytes of a name, and of the bytes that judge a value.
pub(super) const NAME: usize = 128;

/// Words in place of a secret that only describe it.
const SETTINGS: &str = "true false yes no on off none null 0 1";

/// Authorization schemes, which stay visible.
const SCHEMES: &str = "apikey aws4-hmac-sha256 basic bearer digest negotiate ntlm oauth \
    sharedaccesssignature sharedkey sharedkeylite splunk token";

/// The extent of a value in a byte string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// An element of argv: the value of a leading `NAME=` is the rest, with its spaces.
    Argument,
    /// Log text or a script: values end at spaces and quotes.
    Text,
}

/// Adds the evident secrets in `text`.
pub(super) fn find(text: &[u8], extent: Extent, finds: &mut Vec<Find>) {
    let mut covered = 0;
    for at in memchr::memchr2_iter(b'=', b':', text) {
        if at < covered {
            continue;
        }
        // The beginning is judged first: to read refused values to their end would make
        // `TOKEN=$TOKEN=$…` cost the square of its length (1.7 s for 128 KiB).
        let near = text.get(..at + NAME).unwrap_or(text);
        let found = match text.get(at) {
            Some(b'=') => shape::bare_key(text, at).or_else(|| {
                assignment(near, at, extent).and_then(|_| assignment(text, at, extent))
            }),
            Some(_) | None => {
                url::find(text, at).or_else(|| header(near, at).and_then(|_| header(text, at)))
            }
        }
        .or_else(|| field::find(near, at).and_then(|_| field::find(text, at)));
        if let Some(find) = found {
            covered = find.at.end;
            finds.push(find);
        }
    }
}

/// Finds the value after the `=` at `at`.
fn assignment(text: &[u8], at: usize, extent: Extent) -> Option<Find> {
    let name = name_before(text, at);
    let word = text.get(name.clone())?;
    let dashes = word.iter().take_while(|byte| **byte == b'-').count();
    let word = word.get(dashes..)?;
    let before = name
        .start
        .checked_sub(1)
        .and_then(|at| text.get(at))
        .copied();
    let kind = if matches!(before, Some(b'?' | b'&')) {
        name::parameter(word)?
    } else {
        name::part_name(word)?
    };
    let place = if before.is_none() && extent == Extent::Argument {
        at + 1..text.len()
    } else {
        value_after(text, at + 1, before)?
    };
    judge(text, place, kind)
}

/// Refuses values that are references, settings or other harmless values of such names.
pub(super) fn judge(text: &[u8], place: Range<usize>, kind: Name) -> Option<Find> {
    let value = text.get(place.clone())?;
    let start = value.get(..NAME).unwrap_or(value);
    let setting = is_listed(SETTINGS, start);
    if start.is_empty() || key::is_reference(start) || setting || is_other(start, kind) {
        return None;
    }
    let mut find = Find::new(place, keep(value));
    // An argument may continue after the value (`echo "PASSWORD=x is it"`): only the first word
    // recurs.
    let first = value
        .split(u8::is_ascii_whitespace)
        .next()
        .unwrap_or_default();
    if first.len() < value.len() {
        find.also = Some(first.to_vec());
    } else if memchr::memchr(b'%', start).is_some() {
        find.also = Some(url::without_escapes(value));
    }
    Some(find)
}

/// Returns true if the beginning of a value is harmless for a name of this kind.
pub(super) fn is_other(start: &[u8], kind: Name) -> bool {
    match kind {
        Name::Secret | Name::Pair => false,
        Name::Code => !key::is_code(start),
        Name::Pass => start.len() <= 2 && key::is_number(start),
        Name::Place => key::is_path(start) || start.ends_with(b".pem"),
        Name::Key => key::is_path_like(start) || start.ends_with(b".pem"),
        Name::Parameter => {
            start.len() < 8 || key::is_word(start) || key::is_number(start) || key::is_path(start)
        }
    }
}

/// Masks words and paths only where a rule applies: elsewhere they are harmless.
pub(super) fn keep(value: &[u8]) -> Keep {
    let start = value.get(..NAME).unwrap_or(value);
    if key::is_word(start) || key::is_path(start) {
        Keep::Here
    } else {
        Keep::Everywhere
    }
}

/// Returns the name that ends before `at`, with leading dashes.
pub(super) fn name_before(text: &[u8], at: usize) -> Range<usize> {
    let before = text.get(at.saturating_sub(NAME)..at).unwrap_or_default();
    let in_name = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    at - before.iter().rev().take_while(in_name).count()..at
}

/// Finds the value that begins at `start`. `opener` is the byte before its name: a quote may
/// contain name and value.
pub(super) fn value_after(text: &[u8], start: usize, opener: Option<u8>) -> Option<Range<usize>> {
    let rest = text.get(start..)?;
    let (start, quote) = match rest {
        [quote @ (b'"' | b'\''), ..] => (start + 1, Some(*quote)),
        [b'\\', quote @ (b'"' | b'\''), ..] => (start + 2, Some(*quote)),
        _ => (start, opener.filter(|byte| matches!(byte, b'"' | b'\''))),
    };
    let rest = text.get(start..)?;
    let query = matches!(opener, Some(b'?' | b'&'));
    let ends = |byte: &u8| match quote {
        Some(quote) => *byte == quote || matches!(byte, b'\n' | b'\r'),
        None => {
            byte.is_ascii_whitespace()
                || matches!(
                    byte,
                    b'"' | b'\'' | b';' | b'|' | b'(' | b')' | b'<' | b'>' | b'`' | b'&'
                )
                || query && *byte == b'#'
        }
    };
    let length = rest.iter().position(ends).unwrap_or(rest.len());
    // The quote was escaped, and the backslash belongs to it.
    let escaped = rest.get(..length)?.ends_with(b"\\")
        && rest
            .get(length)
            .is_some_and(|end| matches!(end, b'"' | b'\''));
    Some(start..start + length - usize::from(escaped))
}

/// Finds the value of the header or JSON field with its colon at `at`.
fn header(text: &[u8], at: usize) -> Option<Find> {
    let closing = text.get(at.saturating_sub(2)..at)?.iter().rev();
    let closing = closing
        .take_while(|byte| matches!(byte, b'"' | b'\'' | b'\\'))
        .count();
    let name = name_before(text, at - closing);
    let word = text.get(name.clone())?;
    let authorizes = name::ends(word, b"authorization").is_some();
    let cookie = name::ends(word, b"cookie").is_some();
    let joined = word.iter().any(|byte| matches!(byte, b'-'));
    // "Password:" is a prompt, and "token:" may end a message, unless quoted or with a prefix.
    let kind = name::secret_name(word).filter(|_| joined || closing > 0);
    if !authorizes && !cookie && kind.is_none() {
        return None;
    }
    let gap = text
        .get(at + 1..)?
        .iter()
        .take_while(|byte| matches!(byte, b' ' | b'\t'))
        .count();
    let start = at + 1 + gap;
    let place = header_value(text, start, &name, closing > 0)?;
    let value = text.get(place.clone())?;
    let visible = if authorizes {
        visible_prefix(value.get(..NAME).unwrap_or(value))
    } else {
        0
    };
    let place = place.start + visible..place.end;
    let value = text.get(place.clone())?;
    let other = kind.filter(|kind| matches!(kind, Name::Pass | Name::Place));
    let start = value.get(..NAME).unwrap_or(value);
    if value.is_empty()
        || key::is_reference(value)
        || other.is_some_and(|kind| is_other(start, kind))
    {
        return None;
    }
    Some(Find::new(place, keep(value)))
}

/// Finds the end of a header: that of its line, or of the quote around it.
fn header_value(
    text: &[u8],
    start: usize,
    name: &Range<usize>,
    field: bool,
) -> Option<Range<usize>> {
    if field {
        return value_after(text, start, None);
    }
    let opener = name
        .start
        .checked_sub(1)
        .and_then(|at| text.get(at))
        .copied();
    let rest = text.get(start..)?;
    let ends = |byte: &u8| match (byte, opener) {
        (b'\n' | b'\r', _) => true,
        // At the beginning of an argument, or after `--header=`, quotes belong to the header.
        (b'"' | b'\'', None | Some(b'=')) => false,
        (b'"' | b'\'', Some(quote @ (b'"' | b'\''))) => *byte == quote,
        (b'"' | b'\'', Some(_)) => true,
        (_, _) => false,
    };
    let length = rest.iter().position(ends).unwrap_or(rest.len());
    let length = rest.get(..length)?.trim_ascii_end().len();
    let escaped = length < rest.len() && rest.get(..length)?.ends_with(b"\\");
    Some(start..start + length - usize::from(escaped))
}

/// Returns the length of the scheme or workspace of an authorization, which is not secret.
fn visible_prefix(value: &[u8]) -> usize {
    let word = value
        .iter()
        .take_while(|byte| !byte.is_ascii_whitespace())
        .count();
    let scheme = value.get(..word).unwrap_or_default();
    let spaces = |from: usize| {
        let rest = value.get(from..).unwrap_or_default();
        rest.iter()
            .take_while(|byte| matches!(byte, b' ' | b'\t'))
            .count()
    };
    let known = is_listed(SCHEMES, scheme);
    let start = if known { word + spaces(word) } else { 0 };
    let rest = value.get(start..).unwrap_or_default();
    let id = rest
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'-')
        .count();
    match rest.get(id) {
        Some(b';') if id > 0 => start + id + 1 + spaces(start + id + 1),
        // `SharedKey WORKSPACE:SIGNATURE`
        Some(b':') if id > 0 && known => start + id + 1,
        Some(_) | None => start,
    }
}
