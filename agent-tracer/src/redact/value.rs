//! Judges the value of an option, without regard to the program: a secret, the pair of a user and a
//! password, or evidently something else.

use std::ops::Range;

use super::script::Word;
use super::{Find, Keep, key, pattern, url};

/// A word with the position of its value.
pub(super) type At<'w, 'a> = (&'w Word<'a>, usize);

/// Returns true for a possible value of an option that always has one. A leading dash is possible,
/// but not an option.
pub(super) fn secret_text<'w>(value: At<'w, '_>) -> Option<&'w [u8]> {
    let (word, from) = value;
    let text = word.value.get(from..).filter(|text| !text.is_empty())?;
    let option = from == 0 && text.starts_with(b"-") && key::is_option(text);
    let reference = word.expands && key::is_reference(text);
    (!option && !reference && !is_locked(text)).then_some(text)
}

/// Words in place of a password.
fn is_locked(text: &[u8]) -> bool {
    text.len() <= 2 && text.iter().all(u8::is_ascii_punctuation)
}

fn text<'w>(value: At<'w, '_>) -> Option<&'w [u8]> {
    let (word, from) = value;
    let text = word
        .value
        .get(from..)
        .filter(|text| !text.is_empty() && !text.starts_with(b"-"))?;
    (!word.expands || !key::is_reference(text)).then_some(text)
}

pub(super) fn masked<'w, 'a>(
    value: At<'w, 'a>,
    part: Range<usize>,
    keep: Keep,
) -> Option<(&'w Word<'a>, Find)> {
    let (word, from) = value;
    let part = from + part.start..from + part.end;
    let received = word.value.get(part.clone())?;
    let at = word.place(part);
    let also = (at.len() != received.len()).then(|| received.to_vec());
    Some((word, Find { at, keep, also }))
}

/// Judges an option that always has a secret.
pub(super) fn explicit<'w, 'a>(value: At<'w, 'a>) -> Option<(&'w Word<'a>, Find)> {
    let text = secret_text(value)?;
    masked(value, 0..text.len(), pattern::keep(text))
}

/// Judges a mixture of letters and digits that names do not have.
pub(super) fn strong<'w, 'a>(value: At<'w, 'a>) -> Option<(&'w Word<'a>, Find)> {
    let text = text(value)?;
    key::is_strong(text).then(|| explicit(value)).flatten()
}

/// Judges `--key`, which often has the path of a file.
pub(super) fn key_not_file<'w, 'a>(value: At<'w, 'a>) -> Option<(&'w Word<'a>, Find)> {
    let text = secret_text(value)?;
    let file = [
        &b".pem"[..],
        b".key",
        b".crt",
        b".der",
        b".pub",
        b".asc",
        b".gpg",
    ]
    .iter()
    .any(|end| text.ends_with(end));
    let column = text.len() <= 8 && key::is_number(text);
    if file || column || key::is_path_like(text) {
        None
    } else {
        explicit(value)
    }
}

/// Judges `-s` and `-p` of an installer: a secret, unless it is evidently something else.
pub(super) fn guess<'w, 'a>(value: At<'w, 'a>) -> Option<(&'w Word<'a>, Find)> {
    let text = text(value)?;
    if memchr::memmem::find(text, b"://").is_some()
        || key::is_number(text)
        || key::is_path_like(text)
        || key::is_word(text)
        || is_host(text)
    {
        return None;
    }
    proxy(value).or_else(|| explicit(value))
}

/// Returns true for `host:port`.
fn is_host(text: &[u8]) -> bool {
    let Some(colon) = memchr::memrchr(b':', text) else {
        return false;
    };
    let (host, port) = text.split_at(colon);
    let named = |byte: &u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'[' | b']' | b':')
    };
    let port = port.get(1..).unwrap_or_default();
    host.iter().all(named) && (1..=5).contains(&port.len()) && port.iter().all(u8::is_ascii_digit)
}

/// Finds the password in `user:password@host` without a scheme; with one it is a URL.
pub(super) fn proxy<'w, 'a>(value: At<'w, 'a>) -> Option<(&'w Word<'a>, Find)> {
    let text = text(value)?;
    if memchr::memmem::find(text, b"://").is_some() {
        return None;
    }
    let end = text
        .iter()
        .position(|byte| matches!(byte, b'/' | b'?' | b'#'))
        .unwrap_or(text.len());
    let password = url::password_in(text.get(..end)?).or_else(|| url::password_in(text))?;
    let plain = url::with_plain_spelling(text, password.clone());
    let (word, mut find) = masked(value, password, plain.keep)?;
    find.also = find.also.or(plain.also);
    Some((word, find))
}

/// Judges the output of a command in place of a password: `echo X`.
pub(super) fn printed<'w, 'a>(value: At<'w, 'a>) -> Option<(&'w Word<'a>, Find)> {
    let text = text(value)?;
    let start = text.strip_prefix(b"echo ").map(|_| 5)?;
    let printed = text.get(start..)?;
    (!key::is_reference(printed))
        .then(|| masked(value, start..text.len(), pattern::keep(printed)))
        .flatten()
}

/// Finds the password in `user:password@host` without an option.
pub(super) fn login<'w, 'a>(value: At<'w, 'a>) -> Option<(&'w Word<'a>, Find)> {
    let text = text(value)?;
    let password = url::password_in(text)?;
    key::is_strong(text.get(password)?)
        .then(|| proxy(value))
        .flatten()
}

/// Judges `user:password` of an option that may also have a login method or a file.
pub(super) fn pair<'w, 'a>(value: At<'w, 'a>) -> Option<(&'w Word<'a>, Find)> {
    let text = text(value)?;
    if is_host(text) || key::is_path_like(text) || text.contains(&b'=') {
        return None;
    }
    match memchr::memchr(b':', text) {
        Some(colon) => user(value).filter(|_| colon > 0),
        None => strong(value),
    }
}

/// Finds the password in `user:password`, or a token alone.
pub(super) fn user<'w, 'a>(value: At<'w, 'a>) -> Option<(&'w Word<'a>, Find)> {
    let text = text(value)?;
    let start = memchr::memchr(b':', text)? + 1;
    let user = text.get(..start - 1)?;
    if start == text.len() && url::is_token(user) {
        return masked(value, 0..user.len(), pattern::keep(user));
    }
    let password = text.get(start..).filter(|password| !password.is_empty())?;
    let reference = word_expands(value) && key::is_reference(password);
    (!reference)
        .then(|| masked(value, start..text.len(), pattern::keep(password)))
        .flatten()
}

fn word_expands(value: At<'_, '_>) -> bool {
    value.0.expands
}
