//! Finds the secrets that are known by their own characters: bare keys, and the tokens of well-known issuers. Refuses
//! hexadecimal digits, which are the digest of a package more often than a key.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::{Find, Keep, key};

/// A key that is glued to a name is looked for behind this much of it.
const GLUE: usize = 32;

/// The lines that `base64` and `openssl` wrap a key of 64 bytes into; shorter lines are words that happen to add up.
const LINE: usize = 60;

/// How tokens begin; the order is that of [`end_of_token`].
const BEGINNINGS: [&str; 15] = [
    "ghp_",
    "gho_",
    "ghs_",
    "ghu_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "xoxa-",
    "xoxs-",
    "AKIA",
    "ASIA",
    "eyJ",
    "sk-",
];

static SEARCH: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| AhoCorasick::new(BEGINNINGS).ok());

/// Adds the tokens in `text`.
pub(super) fn find(text: &[u8], finds: &mut Vec<Find>) {
    let Some(search) = &*SEARCH else { return };
    let mut covered = 0;
    for found in search.find_iter(text) {
        let at = found.start();
        if at < covered {
            continue;
        }
        let beginning = BEGINNINGS.get(found.pattern().as_usize());
        let before = at.checked_sub(1).and_then(|at| text.get(at));
        if let Some(end) =
            beginning.and_then(|known| end_of_token(text, found.range(), known, before))
        {
            finds.push(Find::new(at..end, Keep::Everywhere));
            covered = end;
        }
    }
}

/// Where the token ends, if it is one. What it is made of must not stand `before` it: then no two of them read the same
/// characters, and hostile text stays linear.
fn end_of_token(
    text: &[u8],
    at: Range<usize>,
    beginning: &str,
    before: Option<&u8>,
) -> Option<usize> {
    let rest = text.get(at.end..)?;
    let plain: fn(&u8) -> bool = u8::is_ascii_alphanumeric;
    let made_of = match beginning {
        "ghp_" | "gho_" | "ghs_" | "ghu_" | "ghr_" | "AKIA" | "ASIA" => plain,
        _ => is_dashed,
    };
    if before.is_some_and(|byte| plain(byte) || made_of(byte)) {
        return None;
    }
    let length = count(rest, made_of);
    let body = rest.get(..length)?;
    let has_digit = body.iter().any(u8::is_ascii_digit);
    let whole = match beginning {
        "AKIA" | "ASIA" => length == 16 && !body.iter().any(u8::is_ascii_lowercase),
        "eyJ" => return end_of_web_token(text, at.end + length).filter(|_| length >= 8),
        "sk-" => {
            // `sk-some-long-name` is words; a token has a long run of neither dash nor underscore.
            let mut runs = body.split(|byte| !plain(byte)).map(<[u8]>::len);
            has_digit && length >= 20 && runs.any(|run| run >= 16)
        }
        "xoxb-" | "xoxp-" | "xoxa-" | "xoxs-" => has_digit && length >= 10,
        _ => length >= 20,
    };
    whole.then_some(at.end + length)
}

/// The end of a JSON web token whose header ends at `at`: two more parts, of which the claims begin as JSON does.
fn end_of_web_token(text: &[u8], at: usize) -> Option<usize> {
    let claims = text.get(at..)?.strip_prefix(b".")?;
    let length = count(claims, is_dashed);
    let signature = claims.get(length..)?.strip_prefix(b".")?;
    let rest = count(signature, is_dashed);
    (claims.starts_with(b"eyJ") && rest > 0).then_some(at + 1 + length + 1 + rest)
}

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

/// The characters of url-safe base64.
fn is_dashed(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

fn count(text: &[u8], is_part: impl Fn(&u8) -> bool) -> usize {
    text.iter().take_while(|byte| is_part(byte)).count()
}
