//! Finds keys that are words of their own, by length, alphabet and padding. Hexadecimal digits are
//! left alone: they are more often a digest. Tokens of issuers are in the table (see `rules`).

use std::ops::Range;

use super::{Find, Keep, key};

/// Limit of a name that a key may be glued to.
const GLUE: usize = 32;

/// Lengths of the lines in which `base64` and `openssl` wrap a key of 64 bytes; shorter lines are
/// words.
const LINE: usize = 60;

/// Finds a key that ends with the padding at `at`.
pub(super) fn bare_key(text: &[u8], at: usize) -> Option<Find> {
    let body = run_before(text, at);
    match body {
        43 => closed(text, at - body..at + 1),
        86 => closed(text, at - body..at + 2),
        _ => wrapped(text, at, body).or_else(|| glued(text, at, body)),
    }
}

/// Counts the characters of base64 before `at`, up to the length of a key with its name.
fn run_before(text: &[u8], at: usize) -> usize {
    let before = text
        .get(at.saturating_sub(86 + GLUE + 2)..at)
        .unwrap_or_default();
    before
        .iter()
        .rev()
        .take_while(|byte| key::in_alphabet(**byte))
        .count()
}

/// Returns the key at `place`, unless more characters of its kind follow.
fn closed(text: &[u8], place: Range<usize>) -> Option<Find> {
    let key = key::is_key(text.get(place.clone())?);
    (key && ends_at(text, place.end)).then(|| Find::new(place, Keep::Everywhere))
}

fn ends_at(text: &[u8], end: usize) -> bool {
    text.get(end)
        .is_none_or(|next| *next != b'=' && !key::in_alphabet(*next))
}

/// Finds a key of 64 bytes on two lines. The last has `body` characters before the padding at `at`.
fn wrapped(text: &[u8], at: usize, body: usize) -> Option<Find> {
    let first = 86_usize.checked_sub(body).filter(|first| *first >= LINE)?;
    let second = text.get(at - body..at + 2)?;
    let before = text.get(..at - body)?.strip_suffix(b"\n")?;
    let before = before.strip_suffix(b"\r").unwrap_or(before);
    if run_before(before, before.len()) != first || !ends_at(text, at + 2) {
        return None;
    }
    let start = before.len() - first;
    let whole = [before.get(start..)?, second].concat();
    key::is_key(&whole).then(|| Find {
        at: start..at + 2,
        keep: Keep::Everywhere,
        also: Some(whole),
    })
}

/// Finds a key behind a name and a joining character that is not in the key's alphabet.
fn glued(text: &[u8], at: usize, body: usize) -> Option<Find> {
    [(86, 2), (43, 1)]
        .into_iter()
        .find_map(|(length, padding)| {
            let name = body.checked_sub(length + 1).filter(|name| *name <= GLUE)?;
            let start = at - length;
            let key = text.get(start..at)?;
            let joint = text.get(start - 1)?;
            let apart = match joint {
                b'-' | b'_' => !key.iter().any(|byte| matches!(byte, b'-' | b'_')),
                b'/' => key.iter().any(|byte| matches!(byte, b'-' | b'_')),
                _ => false,
            };
            // If the name looks like base64, it begins a longer text in base64.
            let named = text
                .get(start - 1 - name..start - 1)?
                .iter()
                .all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'-' | b'_' | b'/'));
            (apart && named)
                .then(|| closed(text, start..at + padding))
                .flatten()
        })
}
