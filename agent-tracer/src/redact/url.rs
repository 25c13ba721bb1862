//! Finds the password in a URL, or in what a proxy option takes for one. Refuses to mask the user, the host and the
//! port, which are evidence, and what only has an `@` in it: addresses of mail, of git, of IPv6.

use std::ops::Range;

use super::{Find, Keep, key, pattern};

/// A password with a raw slash in it is looked for this far.
const AUTHORITY: usize = 512;

/// The password in the URL whose `://` is at `at`.
pub(super) fn find(text: &[u8], at: usize) -> Option<Find> {
    let rest = text.get(at..)?.strip_prefix(b"://")?;
    if !at
        .checked_sub(1)
        .and_then(|at| text.get(at))?
        .is_ascii_alphanumeric()
    {
        return None;
    }
    let outside =
        |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'<' | b'>' | b'`');
    let ends = |byte: &u8| outside(byte) || matches!(byte, b'/' | b'?' | b'#' | b'\\');
    let authority = rest.get(..rest.iter().position(ends).unwrap_or(rest.len()))?;
    let start = at + 3;
    if let Some(password) = password_in(authority) {
        return Some(with_plain_spelling(
            text,
            start + password.start..start + password.end,
        ));
    }
    let web = text
        .get(..at)
        .is_some_and(|scheme| scheme.ends_with(b"http") || scheme.ends_with(b"https"));
    if let Some(token) = token_in(authority).filter(|_| web) {
        return Some(Find::new(start..start + token, Keep::Everywhere));
    }
    // `http://user:pa/ss@host`: what follows the colon is no port, so it was not the host that ended at the slash.
    let colon = memchr::memchr(b':', authority)?;
    let after = authority.get(colon + 1..)?;
    let port = after.iter().all(u8::is_ascii_digit) || key::is_reference(after);
    if port || authority.starts_with(b"[") || memchr::memchr(b'@', authority).is_some() {
        return None;
    }
    let near = rest.get(..AUTHORITY).unwrap_or(rest);
    let near = near.get(..near.iter().position(outside).unwrap_or(near.len()))?;
    let password = password_in(near)?;
    Some(with_plain_spelling(
        text,
        start + password.start..start + password.end,
    ))
}

/// The password in `user:password@host`; the last `@` counts, for passwords contain it unescaped.
pub(super) fn password_in(authority: &[u8]) -> Option<Range<usize>> {
    let end = memchr::memrchr(b'@', authority)?;
    let user = authority.get(..end)?;
    let start = memchr::memchr(b':', user)? + 1;
    let password = user.get(start..)?;
    let stars = password.iter().all(|byte| *byte == b'*');
    let host = end + 1 < authority.len();
    (host && !stars && !user.starts_with(b"[") && !key::is_reference(password))
        .then_some(start..end)
}

/// The length of the token in `token@host`, or in `token:@host`.
fn token_in(authority: &[u8]) -> Option<usize> {
    let user = authority.get(..memchr::memrchr(b'@', authority)?)?;
    let token = user.strip_suffix(b":").unwrap_or(user);
    is_token(token).then_some(token.len())
}

/// Whether a user's name is none: long, and its letters and digits mixed. `build-agent-01` and `some-organisation` are.
pub(super) fn is_token(user: &[u8]) -> bool {
    let digits = |byte: &u8| byte.is_ascii_digit();
    let alphabet = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let numbers = user
        .chunk_by(|a, b| digits(a) == digits(b))
        .filter(|run| run.first().is_some_and(digits))
        .count();
    let capitals = user.iter().any(u8::is_ascii_uppercase);
    let letters = user.iter().any(u8::is_ascii_alphabetic);
    user.len() >= 16
        && user.iter().all(alphabet)
        && letters
        && (numbers >= 3 || numbers >= 1 && capitals)
}

/// A password from a URL, and what it is without percent escapes.
pub(super) fn with_plain_spelling(text: &[u8], at: Range<usize>) -> Find {
    let value = text.get(at.clone()).unwrap_or_default();
    let also = memchr::memchr(b'%', value).map(|_| without_escapes(value));
    Find {
        at,
        keep: pattern::keep(value),
        also,
    }
}

pub(super) fn without_escapes(value: &[u8]) -> Vec<u8> {
    let digit = |at: usize| {
        value
            .get(at)
            .and_then(|byte| char::from(*byte).to_digit(16))
    };
    let mut plain = Vec::with_capacity(value.len());
    let mut at = 0;
    while let Some(byte) = value.get(at) {
        let escape = (*byte == b'%')
            .then(|| Some(digit(at + 1)? * 16 + digit(at + 2)?))
            .flatten();
        match escape.and_then(|code| u8::try_from(code).ok()) {
            Some(code) => {
                plain.push(code);
                at += 3;
            }
            None => {
                plain.push(*byte);
                at += 1;
            }
        }
    }
    plain
}
