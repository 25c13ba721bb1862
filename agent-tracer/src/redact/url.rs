//! Finds the password in a URL, or in the value of a proxy option. User, host and port are evidence
//! and stay, and so do other texts with an `@`: addresses of mail, of git, of IPv6.

use std::ops::Range;

use super::{Find, Keep, key, pattern};

/// Limit of the search for a password with a raw slash.
const AUTHORITY: usize = 512;

/// Finds the password in the URL with its `://` at `at`.
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
    // `http://user:pa/ss@host`: the text after the colon is not a port, so the slash does not end
    // the host.
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

/// Finds the password in `user:password@host`. The last `@` counts: passwords may contain others.
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

/// Returns the length of the token in `token@host` or `token:@host`.
fn token_in(authority: &[u8]) -> Option<usize> {
    let user = authority.get(..memchr::memrchr(b'@', authority)?)?;
    let token = user.strip_suffix(b":").unwrap_or(user);
    is_token(token).then_some(token.len())
}

/// Returns true for a long mixture of letters and digits in place of a user. `build-agent-01` and
/// `some-organisation` are users.
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

/// Makes a find of a password in a URL, also without percent escapes.
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
