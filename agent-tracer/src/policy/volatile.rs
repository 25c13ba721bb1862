//! Writes names as globs in which everything that differs from run to run stands as `?` or `*`.

use std::collections::HashSet;

use icu_properties::{CodePointSetData, props::DefaultIgnorableCodePoint};

/// Longest glob, with room for what follows it.
const LENGTH_LIMIT: usize = 960;

/// Directories whose names are random more often than not.
const TEMPORARY: [&[u8]; 3] = [b"/tmp/", b"/var/tmp/", b"/dev/shm/"];

/// Digits from which on a hexadecimal word is an id.
const HEX: usize = 16;

const UUID: usize = 36;

/// Writes a path: ids, versions, process ids and the suffixes of temporary names become globs.
pub(super) fn path(path: &[u8], pids: &HashSet<u32>) -> String {
    let mut out = Pieces::default();
    let is_temporary = TEMPORARY
        .iter()
        .any(|directory| path.starts_with(directory));
    let mut components = path.split(|byte| *byte == b'/').enumerate().peekable();
    while let Some((number, component)) = components.next() {
        let is_directory = components.peek().is_some();
        if number > 0 {
            out.push("/");
        }
        let mut at = 0;
        while let Some(rest) = component.get(at..).filter(|rest| !rest.is_empty()) {
            at += id(component, at, &mut out)
                .or_else(|| temporary(component, at, is_temporary, is_directory, &mut out))
                .or_else(|| version(component, at, pids, &mut out))
                .unwrap_or_else(|| literal(rest, &mut out));
        }
    }
    let mut text = out.finish("**");
    // A glob of a path has to begin like one.
    if !text.starts_with(['/', '*', '?', '[', '\\']) {
        text.insert(0, '\\');
    }
    text
}

/// Writes another text: only ids become globs.
pub(super) fn text(text: &[u8]) -> String {
    let mut out = Pieces::default();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        at += id(text, at, &mut out).unwrap_or_else(|| literal(rest, &mut out));
    }
    out.finish("*")
}

/// Writes a text as it is.
pub(super) fn exact(text: &[u8]) -> String {
    let mut out = Pieces::default();
    let mut rest = text;
    while !rest.is_empty() {
        let length = literal(rest, &mut out);
        rest = rest.get(length..).unwrap_or_default();
    }
    out.finish("*")
}

/// A glob in the making.
#[derive(Default)]
struct Pieces {
    text: String,
    is_cut: bool,
    ends_in_star: bool,
}

impl Pieces {
    fn push(&mut self, piece: &str) {
        self.is_cut |= self.text.len() + piece.len() > LENGTH_LIMIT;
        if !self.is_cut {
            self.text.push_str(piece);
            self.ends_in_star = false;
        }
    }

    fn star(&mut self) {
        if !self.ends_in_star {
            self.push("*");
            self.ends_in_star = true;
        }
    }

    fn finish(mut self, rest: &str) -> String {
        if self.is_cut {
            self.text.push_str(rest);
        }
        match self.text.is_empty() {
            true => "\\?".to_owned(),
            false => self.text,
        }
    }
}

/// Writes the next character, escaped. Returns its length.
fn literal(rest: &[u8], out: &mut Pieces) -> usize {
    let chunk = rest.utf8_chunks().next();
    let character = chunk.and_then(|chunk| chunk.valid().chars().next());
    let Some(character) = character else {
        out.push("?");
        return 1;
    };
    let length = character.len_utf8();
    let is_plain =
        character.is_ascii() || character.is_alphanumeric() || matches!(character, '‹' | '›');
    let is_hidden = CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(character);
    if character.is_control() || !is_plain || is_hidden {
        // A reviewer would not see it.
        out.push(&"?".repeat(length));
    } else if matches!(character, '*' | '?' | '[' | '{' | '}' | '\\') {
        out.push(&format!("\\{character}"));
    } else {
        out.push(character.encode_utf8(&mut [0; 4]));
    }
    length
}

/// Writes a UUID, or a long hexadecimal word, at a place. Returns its length.
fn id(text: &[u8], at: usize, out: &mut Pieces) -> Option<usize> {
    if !begins_word(text, at) {
        return None;
    }
    let rest = text.get(at..)?;
    let is_uuid = |word: &[u8]| {
        word.iter().enumerate().all(|(place, byte)| match place {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
    };
    if rest.get(..UUID).is_some_and(is_uuid) && ends_word(rest, UUID) {
        out.push("????????-????-????-????-????????????");
        return Some(UUID);
    }
    let length = run(rest, |byte| byte.is_ascii_hexdigit());
    let has_digit = rest.iter().take(length).any(u8::is_ascii_digit);
    if length >= HEX && has_digit && ends_word(rest, length) {
        out.star();
        return Some(length);
    }
    None
}

/// Writes the random part of a temporary name. Returns its length.
fn temporary(
    component: &[u8],
    at: usize,
    is_temporary: bool,
    is_directory: bool,
    out: &mut Pieces,
) -> Option<usize> {
    let rest = component.get(at..)?;
    // mktemp(1): tmp.XXXXXXXXXX
    if at == 0 && rest.starts_with(b"tmp.") {
        let random = rest.get(4..)?;
        let length = run(random, |byte| byte.is_ascii_alphanumeric());
        if (6..=12).contains(&length) && ends_word(random, length) {
            out.push("tmp.");
            out.push(&"?".repeat(length));
            return Some(4 + length);
        }
    }
    if !is_temporary {
        return None;
    }
    let is_random = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    // Python: tmpXXXXXXXX
    if at == 0 && rest.starts_with(b"tmp") && rest.len() == 11 && rest.iter().all(is_random) {
        out.push("tmp????????");
        return Some(11);
    }
    let is_behind = at.checked_sub(1).and_then(|before| component.get(before));
    if !is_behind.is_some_and(|before| matches!(before, b'-' | b'.')) {
        return None;
    }
    let length = run(rest, |byte| is_random(&byte));
    let word = rest.get(..length)?;
    let has = |is: fn(&u8) -> bool| word.iter().any(is);
    let is_mixed = has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase)
        || has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic);
    // mktemp(1) has six or ten, Python eight, and each may have letters alone.
    let is_usual = length == 8 || is_directory && matches!(length, 6 | 10);
    let is_it = length == rest.len() && (length >= 6 && is_mixed || is_usual);
    is_it.then(|| {
        out.push(&"?".repeat(length));
        length
    })
}

/// Writes a version, such as 1.2.3-4, or the number of a process. Returns its length.
fn version(component: &[u8], at: usize, pids: &HashSet<u32>, out: &mut Pieces) -> Option<usize> {
    let rest = component.get(at..)?;
    let before = at.checked_sub(1).and_then(|before| component.get(before));
    let first = run(rest, |byte| byte.is_ascii_digit());
    if first == 0 || before.is_some_and(u8::is_ascii_digit) {
        return None;
    }
    let mut length = first;
    let number = |from: usize, mark: u8| {
        let rest = rest.get(from..)?.strip_prefix(&[mark])?;
        let digits = run(rest, |byte| byte.is_ascii_digit());
        (digits > 0).then_some(1 + digits)
    };
    while let Some(more) = number(length, b'.') {
        length += more;
    }
    if length > first {
        while let Some(more) = number(length, b'-').filter(|more| ends_word(rest, length + more)) {
            length += more;
        }
        out.star();
        return Some(length);
    }
    let digits = std::str::from_utf8(rest.get(..first)?).ok()?;
    let is_pid = first > 1 && digits.parse().is_ok_and(|pid| pids.contains(&pid));
    (is_pid && begins_word(component, at) && ends_word(rest, first)).then(|| {
        out.star();
        first
    })
}

fn run(text: &[u8], is: impl Fn(u8) -> bool) -> usize {
    text.iter().take_while(|byte| is(**byte)).count()
}

fn begins_word(text: &[u8], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|before| text.get(before));
    !before.is_some_and(u8::is_ascii_alphanumeric)
}

fn ends_word(text: &[u8], at: usize) -> bool {
    !text.get(at).is_some_and(u8::is_ascii_alphanumeric)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{exact, path, text};
    use crate::glob::{Glob, Scope};

    #[test]
    fn volatile_parts_are_globs() {
        let pids = [4711].into();
        for (name, glob) in [
            ("/opt/acme/bin/acme", "/opt/acme/bin/acme"),
            ("/opt/acme/1.2.3/x", "/opt/acme/*/x"),
            ("/opt/omi-1.9.1-0/x", "/opt/omi-*/x"),
            ("/usr/lib/libx.so.1.2", "/usr/lib/libx.so.*"),
            ("/usr/bin/python3.11", "/usr/bin/python*"),
            ("/usr/lib/x86_64-linux-gnu/y", "/usr/lib/x86_64-linux-gnu/y"),
            ("/tmp/tmp.aB3dE6gH9j/x", "/tmp/tmp.??????????/x"),
            ("/tmp/tmpab12_x9z/x", "/tmp/tmp????????/x"),
            ("/tmp/pip-unpack-0a9dk2_x/y", "/tmp/pip-unpack-????????/y"),
            ("/tmp/bundle.zitnmd/x.sh", "/tmp/bundle.??????/x.sh"),
            ("/tmp/acme.script", "/tmp/acme.script"),
            ("/run/acme-4711.pid", "/run/acme-*.pid"),
            ("/run/acme-4712.pid", "/run/acme-4712.pid"),
            ("/proc/4711/x", "/proc/*/x"),
            (
                "/etc/acme/0f8fad5b-d9cb-469f-a165-70867728950e/k",
                "/etc/acme/????????-????-????-????-????????????/k",
            ),
            ("/etc/0123456789abcdef/k", "/etc/*/k"),
            ("/etc/a*b[c", "/etc/a\\*b\\[c"),
            ("memfd:x", "\\memfd:x"),
        ] {
            assert_eq!(path(name.as_bytes(), &pids), glob);
        }
        assert_eq!(text(b"a\xffb\n"), "a?b?");
        assert_eq!(text("x\u{202e}\u{3164}".as_bytes()), "x??????");
        assert_eq!(exact(b""), "\\?");
    }

    proptest! {
        #[test]
        fn a_name_matches_its_own_glob(
            name in proptest::collection::vec(any::<u8>(), 1..1500),
            pids in proptest::collection::hash_set(0u32..2000, 0..9),
        ) {
            let glob = |written: String, scope| Glob::new(&written, scope).expect("a glob");
            prop_assert!(glob(path(&name, &pids), Scope::Path).matches(&name));
            prop_assert!(glob(text(&name), Scope::Text).matches(&name));
            prop_assert!(glob(exact(&name), Scope::Text).matches(&name));
        }

        #[test]
        fn a_likely_name_matches_its_own_glob(name in "/(tmp/)?[a-c0-9./_*\\[-]{0,40}") {
            let pids = [12, 123].into();
            let glob = Glob::new(&path(name.as_bytes(), &pids), Scope::Path).expect("a glob");
            prop_assert!(glob.matches(name.as_bytes()));
        }
    }
}
