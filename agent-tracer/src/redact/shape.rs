//! Finds keys that stand alone, by their length, alphabet and padding. Refuses hexadecimal digits, which are the digest
//! of a package more often than a key; tokens of issuers are in the table (see `rules`).

use std::ops::Range;

use super::{Find, Keep, key};

/// A key that is glued to a name is looked for behind this much of it.
const GLUE: usize = 32;

/// The lines that `base64` and `openssl` wrap a key of 64 bytes into; shorter lines are words that happen to add up.
const LINE: usize = 60;

/// A key that ends in the padding at `at`.
pub(super) fn bare_key(text: &[u8], at: usize) -> Option<Find> {
    let body = run_before(text, at);
    match body {
        43 => closed(text, at - body..at + 1),
        86 => closed(text, at - body..at + 2),
        _ => wrapped(text, at, body).or_else(|| glued(text, at, body)),
    }
}

/// How many characters of base64 end before `at`, as far as a key with its name reaches.
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

/// The key at `place`, unless more of its kind follows.
fn closed(text: &[u8], place: Range<usize>) -> Option<Find> {
    let key = key::is_key(text.get(place.clone())?);
    (key && ends_at(text, place.end)).then(|| Find::new(place, Keep::Everywhere))
}

fn ends_at(text: &[u8], end: usize) -> bool {
    text.get(end)
        .is_none_or(|next| *next != b'=' && !key::in_alphabet(*next))
}

/// A key of 64 bytes on two lines, the last of which has `body` characters before the padding at `at`.
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

/// A key behind a name and a character that joins the two but is not of the key's own alphabet.
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
            // What looks like base64 itself is the beginning of a longer text in it.
            let named = text
                .get(start - 1 - name..start - 1)?
                .iter()
                .all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'-' | b'_' | b'/'));
            (apart && named)
                .then(|| closed(text, start..at + padding))
                .flatten()
        })
}
