//! Finds the secrets that follow options: `-s KEY`, `--password VALUE`, also inside the text of `sh -c`. Refuses the
//! options that mean something else to the program at hand.

use std::ops::Range;

use super::name::{self, Name};
use super::pattern;
use super::program::{self, Command};
use super::script::{self, Word};
use super::{Find, Keep, key, url};

/// Scripts within scripts; each level quotes the one below.
const DEPTH: usize = 4;

/// Programs whose `-pVALUE`, without a space, is a password.
const GLUED_PASSWORD: [&[u8]; 5] = [
    b"mariadb",
    b"mysql",
    b"mysqladmin",
    b"mysqldump",
    b"sshpass",
];

/// The short options of curl that take a value.
const CURL: &[u8] = b"AbcCdDeEFhHKmoPQrtTuUwxXyYz";

/// What the options of a command line gave away.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Secrets and the elements they stand in, by element.
    pub(super) finds: Vec<(usize, Find)>,
    /// Elements that are scripts, in order.
    pub(super) scripts: Vec<usize>,
}

/// What the options in `argv` give away.
pub(super) fn find(argv: &[Vec<u8>]) -> Found {
    let mut found = Found::default();
    // Most command lines of an install have no dash at all.
    if argv.iter().any(|element| element.starts_with(b"-")) {
        let words: Vec<Word<'_>> = argv
            .iter()
            .enumerate()
            .map(|(at, element)| Word::whole(at, element))
            .collect();
        command(&words, 0, argv, &mut found);
        found.finds.sort_by_key(|(element, _)| *element);
        found.scripts.sort_unstable();
    }
    found
}

fn command(words: &[Word<'_>], depth: usize, argv: &[Vec<u8>], found: &mut Found) {
    let line = program::resolve(words);
    if let Some(text) = line.script.and_then(|at| words.get(at)) {
        script(text, depth, argv, found);
    }
    let mut rest = words.get(line.options..).unwrap_or_default();
    let mut announced = false;
    while let Some((word, after)) = rest.split_first() {
        rest = after;
        // `-passin pass:X` of openssl; `env:` and `file:` name a place.
        if (announced || line.name == b"openssl") && word.value.starts_with(b"pass:") {
            found
                .finds
                .extend(explicit((word, 5)).map(|(word, find)| (word.element, find)));
        }
        announced = word.value.starts_with(b"-pass");
        if !word.value.starts_with(b"-") {
            if matches!(line.name, b"eval" | b"ssh" | b"watch") && word.value.contains(&b' ') {
                script(word, depth, argv, found);
            }
            continue;
        }
        let next = after.first();
        if let Some(text) = next.filter(|_| matches!(&*word.value, b"-c" | b"--command")) {
            // `su -c`, `script -c`; what is one word is no script (`gcc -c file`).
            if text.value.contains(&b' ') {
                script(text, depth, argv, found);
            }
        }
        if let Some((word, find)) = option(word, next, &line) {
            found.finds.push((word.element, find));
        }
    }
}

fn script(text: &Word<'_>, depth: usize, argv: &[Vec<u8>], found: &mut Found) {
    // Read from the element: places in an unquoted copy would be off.
    let raw = argv
        .get(text.element)
        .and_then(|element| element.get(text.at.clone()))
        .unwrap_or_default();
    if depth >= DEPTH {
        return;
    }
    if depth == 0 {
        found.scripts.push(text.element);
    }
    if memchr::memchr(b'-', raw).is_some() {
        for words in script::commands(raw, text.element, text.at.start) {
            command(&words, depth + 1, argv, found);
        }
    }
}

/// The secret that `word`, an option, holds or announces, and the word it stands in.
fn option<'w, 'a>(
    word: &'w Word<'a>,
    next: Option<&'w Word<'a>>,
    line: &Command<'_>,
) -> Option<(&'w Word<'a>, Find)> {
    let text = &*word.value;
    // The value: the rest of this word, or the next.
    let glued = |from: usize| Some((word, from));
    let next = next.map(|next| (next, 0));
    match text {
        b"-s" => next.filter(|_| !line.is_innocent()).and_then(guess),
        b"-p" => next.filter(|_| !line.is_innocent_with_p()).and_then(guess),
        [b'-', b's' | b'p', b'=', _, ..] => glued(3).and_then(guess),
        [b'-', b'p', value @ ..] if GLUED_PASSWORD.contains(&line.name) && !value.is_empty() => {
            glued(2).and_then(explicit)
        }
        [b'-', b's' | b'p', value @ ..] if key::has_form(value) => glued(2).and_then(explicit),
        [b'-', letter @ (b's' | b'p'), value @ ..] if key::is_mixed(value) => {
            let innocent = match letter {
                b's' => line.is_innocent(),
                _ => line.is_innocent_with_p(),
            };
            glued(2).filter(|_| !innocent).and_then(explicit)
        }
        [b'-', letters @ ..] if line.name == b"curl" && !letters.starts_with(b"-") => {
            let at = letters.iter().position(|letter| CURL.contains(letter))?;
            let value = if at + 1 < letters.len() {
                glued(1 + at + 1)
            } else {
                next
            };
            match letters.get(at)? {
                b'u' | b'U' => user(value?),
                b'x' => proxy(value?),
                _ => None,
            }
        }
        b"-x" => next.and_then(proxy),
        [b'-', b'-', name @ ..] => {
            let equals = memchr::memchr(b'=', name);
            let value = equals.map_or(next, |at| glued(2 + at + 1));
            let name = name.get(..equals.unwrap_or(name.len()))?;
            if equals.is_none() && name::is_flag(name) {
                return None;
            }
            long(name, value?, line)
        }
        // `-password X` of what is written in Java or Go. With a `=` it is an assignment, found in any text.
        [b'-', name @ ..] if name.len() > 3 && !line.is_innocent() => long(name, next?, line),
        _ => None,
    }
}

type Value<'w, 'a> = (&'w Word<'a>, usize);

fn long<'w, 'a>(
    name: &[u8],
    value: Value<'w, 'a>,
    line: &Command<'_>,
) -> Option<(&'w Word<'a>, Find)> {
    match (name, name::secret_name(name)) {
        (b"proxy", _) => proxy(value),
        (b"user" | b"proxy-user", _) if line.name == b"curl" => user(value),
        (b"shared" | b"key", _) if line.is_innocent() => None,
        (b"shared", _) | (_, Some(Name::Secret)) => explicit(value),
        (b"key", _) | (_, Some(Name::Key)) => key_not_file(value),
        (_, Some(kind)) => {
            let text = secret_text(value)?;
            (!pattern::is_other(text, kind))
                .then(|| explicit(value))
                .flatten()
        }
        (_, None) => None,
    }
}

/// What may be a value of an option that always has one: also what begins with a dash, unless that is an option.
fn secret_text<'w>(value: Value<'w, '_>) -> Option<&'w [u8]> {
    let (word, from) = value;
    let text = word.value.get(from..).filter(|text| !text.is_empty())?;
    let option = from == 0 && text.starts_with(b"-") && key::is_option(text);
    let reference = word.expands && key::is_reference(text);
    (!option && !reference).then_some(text)
}

fn text<'w>(value: Value<'w, '_>) -> Option<&'w [u8]> {
    let (word, from) = value;
    let text = word
        .value
        .get(from..)
        .filter(|text| !text.is_empty() && !text.starts_with(b"-"))?;
    (!word.expands || !key::is_reference(text)).then_some(text)
}

fn masked<'w, 'a>(
    value: Value<'w, 'a>,
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

/// An option that always holds a secret.
fn explicit<'w, 'a>(value: Value<'w, 'a>) -> Option<(&'w Word<'a>, Find)> {
    let text = secret_text(value)?;
    masked(value, 0..text.len(), pattern::keep(text))
}

/// `--key`, which is as often a file.
fn key_not_file<'w, 'a>(value: Value<'w, 'a>) -> Option<(&'w Word<'a>, Find)> {
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

/// `-s` and `-p` of a program that is not known: a secret unless it is evidently something else.
fn guess<'w, 'a>(value: Value<'w, 'a>) -> Option<(&'w Word<'a>, Find)> {
    let text = text(value)?;
    if memchr::memmem::find(text, b"://").is_some()
        || key::is_number(text)
        || key::is_path_like(text)
        || is_host(text)
    {
        return None;
    }
    proxy(value).or_else(|| explicit(value))
}

/// `host:port`, and nothing else.
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

/// `user:password@host` without a scheme; with one it is found as a URL.
fn proxy<'w, 'a>(value: Value<'w, 'a>) -> Option<(&'w Word<'a>, Find)> {
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

/// `user:password`, or a token without one.
fn user<'w, 'a>(value: Value<'w, 'a>) -> Option<(&'w Word<'a>, Find)> {
    let text = text(value)?;
    let start = memchr::memchr(b':', text)? + 1;
    let user = text.get(..start - 1)?;
    if start == text.len() && url::is_token(user) {
        return masked(value, 0..user.len(), pattern::keep(user));
    }
    let password = text.get(start..).filter(|password| !password.is_empty())?;
    masked(value, start..text.len(), pattern::keep(password))
}
