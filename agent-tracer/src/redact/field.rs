//! Finds secrets that scripts and settings assign: `password = 'X'`, `"password" : "X"`, `password:
//! X`. Prose is left alone: there a colon may follow a password, and any word a token.

use std::ops::Range;

use super::name::{self, Name};
use super::pattern::{self, NAME};
use super::program::is_listed;
use super::{Find, key};

/// Limit of the blanks on either side of the `=` or the `:`.
const BLANKS: usize = 32;

/// Remarks about a password behind a colon.
const REMARKS: &str = "changed empty expired failed hidden incorrect invalid missing none ok \
    optional redacted required unknown unset updated wrong";

/// Finds the value behind the `=` or the `:` at `at`. Only its first 128 bytes are judged, so
/// hostile text costs linear time.
pub(super) fn find(text: &[u8], at: usize) -> Option<Find> {
    let equals = text.get(at) == Some(&b'=');
    let left = text.get(at.saturating_sub(BLANKS)..at)?;
    let gap = left.iter().rev().take_while(|byte| is_blank(byte)).count();
    let close = text.get(at.saturating_sub(gap + 4)..at - gap)?;
    let close = close
        .iter()
        .rev()
        .take_while(|byte| matches!(byte, b'"' | b'\'' | b'\\' | b']'))
        .count();
    let named = pattern::name_before(text, at - gap - close);
    let word = text.get(named.clone())?;
    let dashes = word.iter().take_while(|byte| **byte == b'-').count();
    let word = word.get(dashes..)?;
    let kind = if close > 0 {
        name::part_name(word)?
    } else {
        name::secret_name(word)?
    };
    // `==`, `=>`
    let sign = text.get(at + 1..)?.iter();
    let sign = sign
        .take(2)
        .take_while(|byte| equals && matches!(byte, b'=' | b'>'))
        .count();
    let after = text.get(at + 1 + sign..)?.iter();
    let start = at + 1 + sign + after.take(BLANKS).take_while(|byte| is_blank(byte)).count();
    let opener = named
        .start
        .checked_sub(1)
        .and_then(|at| text.get(at))
        .copied();
    match text.get(start..)? {
        [quote @ (b'"' | b'\''), ..] | [b'\\', quote @ (b'"' | b'\''), ..] => {
            // The quote before the name ends behind the sign: `"Password: "`.
            if close == 0 && opener == Some(*quote) {
                return None;
            }
            let place = pattern::value_after(text, start, None)?;
            let near = near(text, &place)?;
            let begins = near.first().is_some_and(|byte| {
                !byte.is_ascii_whitespace()
                    && !matches!(byte, b')' | b',' | b';' | b']' | b'}' | b'|' | b'&' | b'>')
            });
            // The message of a parser quotes an unexpected token.
            let ample = equals || close > 0 || is_password(word) || is_ample(near);
            (begins && ample)
                .then(|| pattern::judge(text, place, kind))
                .flatten()
        }
        _ => {
            let length = end_of_bare(text.get(start..)?);
            let place = start..start + length;
            let near = near(text, &place)?;
            let spaced = gap > 0 || start > at + 1 + sign;
            // `name=value` without blanks is an assignment, which was judged before.
            if kind == Name::Pass || equals && !spaced || !is_literal(near) {
                return None;
            }
            let alone = spaced && is_alone(text, &named, &place, close);
            let prose = is_prose(near);
            let secret = if is_listed(REMARKS, near) {
                false
            } else if is_password(word) {
                !prose || alone && !word.eq_ignore_ascii_case(b"passwd")
            } else {
                !prose && is_ample(near) && (!equals || alone)
            };
            secret.then(|| pattern::judge(text, place, kind)).flatten()
        }
    }
}

fn near<'t>(text: &'t [u8], place: &Range<usize>) -> Option<&'t [u8]> {
    text.get(place.start..place.end.min(place.start + NAME))
}

fn is_blank(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// Returns a value without quotes, up to the separator of the next field.
fn end_of_bare(rest: &[u8]) -> usize {
    let ends = |byte: &u8| {
        byte.is_ascii_whitespace()
            || matches!(byte, b'"' | b'\'' | b';' | b'|' | b'<' | b'>' | b'`' | b'&')
    };
    let length = rest.iter().position(ends).unwrap_or(rest.len());
    let value = rest.get(..length).unwrap_or_default();
    let after = value
        .iter()
        .rev()
        .take_while(|byte| matches!(byte, b',' | b'}'));
    length - after.count()
}

/// Returns true for the name of a password. Messages of parsers name tokens, too.
fn is_password(word: &[u8]) -> bool {
    [&b"password"[..], b"passphrase", b"passwd", b"pwd"]
        .iter()
        .any(|end| name::ends(word, end).is_some())
}

/// Returns true for a possible value: not an expression, a further name, or the scheme of a URL.
fn is_literal(value: &[u8]) -> bool {
    let expression = value
        .iter()
        .any(|byte| matches!(byte, b'(' | b')' | b'[' | b']' | b'{' | b'}'));
    let begins = value
        .first()
        .is_some_and(|byte| !matches!(byte, b':' | b'/' | b'=' | b',' | b'-' | b'.' | b'\\'));
    begins && !expression
}

/// Returns true for a possible word of a sentence.
fn is_prose(value: &[u8]) -> bool {
    value.iter().all(|byte| {
        byte.is_ascii_alphabetic()
            || matches!(
                byte,
                b'-' | b'_' | b'.' | b',' | b':' | b'!' | b'?' | b'/' | b'\\'
            )
    })
}

fn is_ample(value: &[u8]) -> bool {
    value.len() >= 6
        && value.iter().any(u8::is_ascii_digit)
        && value.iter().any(u8::is_ascii_alphabetic)
        && !key::is_number(value)
}

/// Returns true if the field has a line to itself, as in files of settings.
fn is_alone(text: &[u8], named: &Range<usize>, place: &Range<usize>, close: usize) -> bool {
    let before = text
        .get(named.start.saturating_sub(BLANKS)..named.start)
        .unwrap_or_default();
    let before = before
        .get(..before.len() - close.min(before.len()))
        .unwrap_or_default();
    let indent = before
        .iter()
        .rev()
        .take_while(|byte| is_blank(byte))
        .count();
    let begins = before
        .iter()
        .rev()
        .nth(indent)
        .map_or(named.start <= indent + close, |byte| {
            matches!(byte, b'\n' | b'\'' | b'"' | b'/' | b'|' | b'#')
        });
    let ends = text
        .get(place.end)
        .is_none_or(|byte| matches!(byte, b'\n' | b'\r' | b'"' | b'\''));
    begins && ends && place.len() <= NAME
}
