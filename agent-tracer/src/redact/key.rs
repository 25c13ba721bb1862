//! Distinguishes keys from paths, numbers and words by shape alone, not by position.

/// Returns true for base64 of 32 or 64 bytes, by length, alphabet, padding and unused bits.
pub(super) fn has_form(text: &[u8]) -> bool {
    let (body, unused) = match text.len() {
        44 => (text.strip_suffix(b"="), 0b11),
        88 => (text.strip_suffix(b"=="), 0b1111),
        _ => return false,
    };
    let Some(body) = body else { return false };
    if !body.iter().all(|byte| in_alphabet(*byte)) {
        return false;
    }
    // Each key is in the standard or in the url-safe alphabet; a path is often in both.
    let standard = body.iter().any(|byte| matches!(byte, b'+' | b'/'));
    let url_safe = body.iter().any(|byte| matches!(byte, b'-' | b'_'));
    !(standard && url_safe) && body.last().is_some_and(|last| sextet(*last) & unused == 0)
}

/// Returns true for base64 of 32 or 64 bytes that is as irregular as random bytes.
pub(super) fn is_key(text: &[u8]) -> bool {
    has_form(text) && is_irregular(text)
}

/// Returns true for characters of base64, standard and url-safe, without padding.
pub(super) fn in_alphabet(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

/// Returns true if the characters vary as in random base64. Of 43 random characters 17 ± 3 are
/// capitals, as many are small, 27 ± 3 neighbours differ in class and 31 ± 3 are distinct. The
/// bounds are four deviations away. Paths and words change class at most once in three characters.
/// CamelCase may do so every second character, but has no digits: nor has one key of 32 bytes in
/// 4,000, which fails.
fn is_irregular(text: &[u8]) -> bool {
    let body = text.trim_ascii_end();
    let body = body.strip_suffix(b"=").unwrap_or(body);
    let body = body.strip_suffix(b"=").unwrap_or(body);
    let count = body.len();
    let (mut upper, mut lower, mut digits, mut changes) = (0, 0, 0, 0);
    let mut seen = [false; 256];
    let mut last = None;
    for byte in body {
        let class = match byte {
            b'A'..=b'Z' => 0,
            b'a'..=b'z' => 1,
            b'0'..=b'9' => 2,
            _ => 3,
        };
        upper += usize::from(class == 0);
        lower += usize::from(class == 1);
        digits += usize::from(class == 2);
        changes += usize::from(last.is_some_and(|last| last != class));
        last = Some(class);
        if let Some(seen) = seen.get_mut(usize::from(*byte)) {
            *seen = true;
        }
    }
    let distinct = seen.iter().filter(|seen| **seen).count();
    let needed = if digits > 0 { 33 } else { 50 };
    upper * 10 >= count
        && lower * 10 >= count
        && changes * 100 >= needed * count
        && distinct >= 18.min(count / 2)
}

/// Returns true for the path of a file (`/`, `./`, `../`, `~`), unless it is a key that begins with
/// a slash.
pub(super) fn is_path(text: &[u8]) -> bool {
    let rooted = [&b"/"[..], b"./", b"../", b"~"]
        .iter()
        .any(|root| text.starts_with(root));
    rooted && !has_form(text) && !is_cut_key(text)
}

/// Returns true for a path, also for a relative one with a directory.
pub(super) fn is_path_like(text: &[u8]) -> bool {
    text.contains(&b'/') && !has_form(text) && !is_cut_key(text) || is_path(text)
}

/// Returns true for a key without its end, which varies like a key. A path has a dot, a dash or an
/// underscore, or varies less.
fn is_cut_key(text: &[u8]) -> bool {
    let standard = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    text.len() >= 32 && text.iter().all(standard) && is_irregular(text)
}

/// Returns true for a port, a process id, an address or a date.
pub(super) fn is_number(text: &[u8]) -> bool {
    text.iter()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b':' | b',' | b'-' | b'/'))
}

/// Returns true for a word of small letters, such as a subcommand, a package or a unit.
pub(super) fn is_word(text: &[u8]) -> bool {
    text.iter()
        .all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'-' | b'_' | b'.' | b':'))
}

/// Returns true if a text with a leading dash is an option: a word, a letter, a letter with a
/// number, or such an option with its value. A mixture of capitals, small letters and digits is a
/// value, and so is a long mixture behind one dash.
pub(super) fn is_option(text: &[u8]) -> bool {
    let single = !text.starts_with(b"--");
    let dashes = text.iter().take_while(|byte| **byte == b'-').count();
    let name = text.get(dashes..).unwrap_or_default();
    let name = name.split(|byte| *byte == b'=').next().unwrap_or_default();
    let class = |is: fn(&u8) -> bool| usize::from(name.iter().any(is));
    let (lower, digit) = (class(u8::is_ascii_lowercase), class(u8::is_ascii_digit));
    let symbol = class(|byte| {
        !byte.is_ascii_alphanumeric() && !matches!(byte, b'-' | b'_' | b'.' | b',' | b'/' | b':')
    });
    let classes = class(u8::is_ascii_uppercase) + lower + digit + symbol;
    let number = name.iter().skip(1).all(u8::is_ascii_digit);
    let mixed = single && lower + digit == 2 && name.len() >= 8;
    name.len() < 5 || number || !(classes >= 3 || mixed)
}

/// Returns true if a text glued to the letter of an option is as long and mixed as a key.
pub(super) fn is_mixed(text: &[u8]) -> bool {
    let body = text.strip_suffix(b"=").unwrap_or(text);
    let body = body.strip_suffix(b"=").unwrap_or(body);
    text.len() >= 16
        && body.iter().all(|byte| in_alphabet(*byte))
        && body.iter().any(u8::is_ascii_uppercase)
        && body.iter().any(u8::is_ascii_lowercase)
        && body.iter().any(u8::is_ascii_digit)
        && !is_path_like(text)
}

/// Returns true for a mixture of letters and digits that passwords have and names do not.
pub(super) fn is_strong(text: &[u8]) -> bool {
    let symbol = |byte: &u8| {
        matches!(
            byte,
            b'!' | b'#' | b'$' | b'%' | b'&' | b'*' | b'+' | b'.' | b'=' | b'?' | b'@' | b'^'
        )
    };
    let base = |byte: &u8| in_alphabet(*byte) || symbol(byte);
    let has = |is: fn(&u8) -> bool| text.iter().any(is);
    (7..=512).contains(&text.len())
        && text.iter().all(base)
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_digit)
        && !is_path_like(text)
        && !is_reference(text)
}

/// Returns true for a key in hexadecimal digits.
pub(super) fn is_long_hex(text: &[u8]) -> bool {
    text.len() >= 32 && text.iter().all(u8::is_ascii_hexdigit)
}

/// Returns true for a text as long and plain as the code of a licence.
pub(super) fn is_code(text: &[u8]) -> bool {
    is_strong(text) && !text.contains(&b'.') && text.len() >= 12
        || text.len() >= 10
            && text.iter().all(|byte| in_alphabet(*byte) || *byte == b'=')
            && text.iter().any(u8::is_ascii_digit)
            && text.iter().any(u8::is_ascii_alphabetic)
            && (text.len() >= 16 || !text.iter().any(u8::is_ascii_lowercase))
}

/// Returns true for a reference that a shell replaces with a value.
pub(super) fn is_reference(text: &[u8]) -> bool {
    match text {
        [b'`', ..] | [b'$'] => true,
        [b'$', next, ..] => {
            next.is_ascii_alphanumeric() || matches!(next, b'_' | b'{' | b'(' | b'@' | b'*' | b'#')
        }
        _ => false,
    }
}

fn sextet(byte: u8) -> u8 {
    match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        _ => 63,
    }
}
