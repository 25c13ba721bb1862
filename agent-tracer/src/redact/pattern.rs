//! Finds the secrets that give themselves away in any text: passwords in URLs, headers, assignments, bare keys. Refuses
//! to guess from options, whose meaning depends on the program.
//!
//! All four have a `=` or a `:` at a known place, so one search for these two bytes decides about most text. Each looks
//! back at most 128 bytes and forward only over what it then masks, which keeps hostile text linear.

use std::ops::Range;

use super::key;
use super::program::is_listed;
use super::url;
use super::{Find, Keep};

/// How far a name reaches back, and how much of a value is looked at to judge it.
const NAME: usize = 128;

/// Words in place of a secret that say only whether there is one.
const SETTINGS: &str = "true false yes no on off none null 0 1";

/// Names that end in these, whole or after `_`, `-` or `.`, hold secrets whatever the value.
const SECRETS: [&[u8]; 5] = [b"password", b"passwd", b"passphrase", b"token", b"secret"];

/// What stands before `key` in a name that is not in capitals; `public-key` and `sort-key` hold none.
const KEYS: &str = "access account api auth encryption functions license primary private secondary secret shared \
    subscription workspace";

/// Authorization schemes, which stay visible.
const SCHEMES: &str = "apikey aws4-hmac-sha256 basic bearer digest negotiate ntlm oauth sharedaccesssignature sharedkey \
    sharedkeylite splunk token";

/// Whether a byte string is one value or many words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// An element of argv: what follows `NAME=` at its beginning is the value, spaces and all.
    Argument,
    /// Log text or a script: values end at spaces and quotes.
    Text,
}

/// The name of something that holds a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    /// A password, token or secret.
    Secret,
    /// A key, which may also be the path or the address of one.
    Key,
}

/// Adds what gives itself away in `text`.
pub(super) fn find(text: &[u8], extent: Extent, finds: &mut Vec<Find>) {
    let mut covered = 0;
    for at in memchr::memchr2_iter(b'=', b':', text) {
        if at < covered {
            continue;
        }
        // Judged by its beginning first: a value that is refused must not be read to its end, or `TOKEN=$TOKEN=$…`
        // would cost the square of its length (1.7 s for 128 KiB).
        let near = text.get(..at + NAME).unwrap_or(text);
        let found = match text.get(at) {
            Some(b'=') => bare_key(text, at).or_else(|| {
                assignment(near, at, extent).and_then(|_| assignment(text, at, extent))
            }),
            Some(_) | None => {
                url::find(text, at).or_else(|| header(near, at).and_then(|_| header(text, at)))
            }
        };
        if let Some(find) = found {
            covered = find.at.end;
            finds.push(find);
        }
    }
}

/// A key that ends in the padding at `at`.
fn bare_key(text: &[u8], at: usize) -> Option<Find> {
    let before = text.get(at.saturating_sub(NAME)..at)?;
    let body = before
        .iter()
        .rev()
        .take_while(|byte| key::in_alphabet(**byte))
        .count();
    let padding = match body {
        43 => 1,
        86 => 2,
        _ => return None,
    };
    let place = at - body..at + padding;
    let open = text
        .get(place.end)
        .is_none_or(|next| *next != b'=' && !key::in_alphabet(*next));
    (open && key::is_key(text.get(place.clone())?)).then(|| Find::new(place, Keep::Everywhere))
}

/// The value after the `=` at `at`.
fn assignment(text: &[u8], at: usize, extent: Extent) -> Option<Find> {
    let name = name_before(text, at);
    let word = text.get(name.clone())?;
    let dashes = word.iter().take_while(|byte| **byte == b'-').count();
    let kind = secret_name(word.get(dashes..)?)?;
    let before = name
        .start
        .checked_sub(1)
        .and_then(|at| text.get(at))
        .copied();
    let place = if before.is_none() && extent == Extent::Argument {
        at + 1..text.len()
    } else {
        value_after(text, at + 1, before)?
    };
    judge(text, place, kind)
}

/// Refuses values that are references, settings or, for keys, places.
fn judge(text: &[u8], place: Range<usize>, kind: Name) -> Option<Find> {
    let value = text.get(place.clone())?;
    let start = value.get(..NAME).unwrap_or(value);
    let setting = is_listed(SETTINGS, start);
    let located = kind == Name::Key && (key::is_path_like(start) || start.ends_with(b".pem"));
    if start.is_empty() || key::is_reference(start) || setting || located {
        return None;
    }
    let mut find = Find::new(place, keep(value));
    // An argument may go on after the value (`echo "PASSWORD=x is it"`); only the first word then recurs.
    let first = value
        .split(u8::is_ascii_whitespace)
        .next()
        .unwrap_or_default();
    if first.len() < value.len() {
        find.also = Some(first.to_vec());
    }
    Some(find)
}

/// Words and paths are masked where a rule says so, but recur innocently.
pub(super) fn keep(value: &[u8]) -> Keep {
    let start = value.get(..NAME).unwrap_or(value);
    if key::is_word(start) || key::is_path(start) {
        Keep::Here
    } else {
        Keep::Everywhere
    }
}

/// The name that ends before `at`, with any dashes before it.
fn name_before(text: &[u8], at: usize) -> Range<usize> {
    let before = text.get(at.saturating_sub(NAME)..at).unwrap_or_default();
    let in_name = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    at - before.iter().rev().take_while(in_name).count()..at
}

/// The value that begins at `start`; `opener` is the byte before its name, whose quote may hold name and value.
fn value_after(text: &[u8], start: usize, opener: Option<u8>) -> Option<Range<usize>> {
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

/// What the name of an option, variable or field, without leading dashes, says about its value.
pub(super) fn secret_name(name: &[u8]) -> Option<Name> {
    for secret in SECRETS {
        if let Some(before) = strip_suffix_ignoring_case(name, secret) {
            return is_joined(before).then_some(Name::Secret);
        }
    }
    let before = strip_suffix_ignoring_case(name, b"key")?;
    let (kind, joint) = before.split_at(before.len().saturating_sub(1));
    let joined = joint.iter().any(|byte| is_joint(*byte));
    let in_capitals = joint == b"_" && !name.iter().any(u8::is_ascii_lowercase);
    let kind = if joined { kind } else { before };
    let word = kind
        .rsplit(|byte| is_joint(*byte))
        .next()
        .unwrap_or_default();
    let known = is_listed(KEYS, word);
    (in_capitals && !kind.is_empty() || known).then_some(Name::Key)
}

fn is_joined(before: &[u8]) -> bool {
    before.last().is_none_or(|joint| is_joint(*joint))
}

fn is_joint(byte: u8) -> bool {
    matches!(byte, b'_' | b'-' | b'.')
}

fn strip_suffix_ignoring_case<'a>(text: &'a [u8], suffix: &[u8]) -> Option<&'a [u8]> {
    let (before, end) = text.split_at_checked(text.len().checked_sub(suffix.len())?)?;
    end.eq_ignore_ascii_case(suffix).then_some(before)
}

/// The value of the header or of the JSON field whose colon is at `at`.
fn header(text: &[u8], at: usize) -> Option<Find> {
    let closing = text.get(at.saturating_sub(2)..at)?.iter().rev();
    let closing = closing
        .take_while(|byte| matches!(byte, b'"' | b'\'' | b'\\'))
        .count();
    let name = name_before(text, at - closing);
    let word = text.get(name.clone())?;
    let authorizes = strip_suffix_ignoring_case(word, b"authorization").is_some();
    let cookie = strip_suffix_ignoring_case(word, b"cookie").is_some();
    let joined = word.iter().any(|byte| matches!(byte, b'-'));
    let secret = match secret_name(word) {
        // "Password:" is a prompt and "token:" the end of a message, unless they are quoted or have a prefix.
        Some(Name::Secret | Name::Key) => joined || closing > 0,
        None => false,
    };
    if !authorizes && !cookie && !secret {
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
    if value.is_empty() || key::is_reference(value) {
        return None;
    }
    Some(Find::new(place, keep(value)))
}

/// A header ends with its line, or with the quote that it stands in.
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
        // At the beginning of an argument, or after `--header=`, quotes belong to the header, as in Digest authorization.
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

/// How much of an authorization names the scheme or the workspace and is not secret.
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
