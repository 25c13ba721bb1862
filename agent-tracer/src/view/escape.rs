//! Bytes of traced programs as text that is safe on a terminal: no control character, no
//! invisible or direction-changing character, no invalid UTF-8 passes unescaped.

use std::fmt::Write;

use icu_properties::props::{
    BidiControl, DefaultIgnorableCodePoint, GeneralCategory, GeneralCategoryGroup,
    NoncharacterCodePoint, WhiteSpace,
};
use icu_properties::{CodePointMapData, CodePointSetData};

/// The bytes, with everything that is not plainly visible as an escape.
pub fn text(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    write_escaped(&mut out, bytes, "");
    out
}

/// Appends the bytes likewise.
pub(super) fn push_text(out: &mut String, bytes: &[u8]) {
    write_escaped(out, bytes, "");
}

/// Quotes an argument for a POSIX shell, with `$'…'` if a character cannot be typed.
pub fn argument(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() + 2);
    push_argument(&mut out, bytes);
    out
}

/// An argument list likewise.
pub fn arguments(list: &[Vec<u8>]) -> String {
    let mut out = String::new();
    push_arguments(&mut out, list);
    out
}

/// Appends an argument list likewise.
pub(super) fn push_arguments(out: &mut String, list: &[Vec<u8>]) {
    for (position, bytes) in list.iter().enumerate() {
        if position > 0 {
            out.push(' ');
        }
        push_argument(out, bytes);
    }
}

/// Appends a quoted argument.
pub(super) fn push_argument(out: &mut String, bytes: &[u8]) {
    // Without an early exit, there is no branch for each byte.
    let is_unquoted = bytes
        .iter()
        .fold(true, |all, byte| all & UNQUOTED[usize::from(*byte)]);
    if is_unquoted
        && !bytes.is_empty()
        && let Ok(word) = std::str::from_utf8(bytes)
    {
        out.push_str(word);
    } else if needs_escape(bytes) {
        out.push_str("$'");
        write_escaped(out, bytes, "'\\");
        out.push('\'');
    } else {
        out.push('\'');
        out.push_str(&String::from_utf8_lossy(bytes).replace('\'', "'\\''"));
        out.push('\'');
    }
}

/// True for bytes that no shell treats specially.
const UNQUOTED: [bool; 256] = {
    let mut unquoted = [false; 256];
    let mut byte = 0;
    while byte < u8::MAX {
        unquoted[byte as usize] = byte.is_ascii_alphanumeric()
            || matches!(
                byte,
                b'_' | b'@' | b'%' | b'+' | b'=' | b':' | b',' | b'.' | b'/' | b'-'
            );
        byte += 1;
    }
    unquoted
};

/// Returns text of visible ASCII alone, which most text is, without a look at each character.
pub(super) fn visible_ascii(bytes: &[u8]) -> Option<&str> {
    match is_visible_ascii(bytes) {
        true => std::str::from_utf8(bytes).ok(),
        false => None,
    }
}

/// True for text of visible ASCII alone.
pub(super) fn is_visible_ascii(bytes: &[u8]) -> bool {
    is_visible_without(bytes, [])
}

/// True for text of visible ASCII without some characters of it.
///
/// Most texts are short: eight bytes at a time take a third of the instructions of a loop over
/// bytes, of which the compiler makes vectors for longer ones.
pub(super) fn is_visible_without<const N: usize>(bytes: &[u8], others: [u8; N]) -> bool {
    let (words, rest) = bytes.as_chunks();
    let hidden_of = |word: &[u8; 8]| hidden(u64::from_le_bytes(*word), others);
    let is_visible = words.iter().fold(0, |all, word| all | hidden_of(word)) == 0;
    is_visible
        && match bytes.last_chunk() {
            _ if rest.is_empty() => true,
            // Some bytes are looked at twice.
            Some(last) => hidden_of(last) == 0,
            None => rest.iter().fold(true, |all, byte| {
                all & (0x20..0x7f).contains(byte) & !others.contains(byte)
            }),
        }
}

/// Returns 0 for eight bytes of visible ASCII without some characters of it.
fn hidden<const N: usize>(word: u64, others: [u8; N]) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES << 7;
    // The first byte that is 0 sets its high bit; without one, no bit is set.
    let has_zero = |word: u64| word.wrapping_sub(ONES) & !word;
    let has = |byte: u8| has_zero(word ^ (ONES * u64::from(byte)));
    let low = word.wrapping_sub(ONES * 0x20) & !word;
    let others = others.iter().fold(0, |all, byte| all | has(*byte));
    (word | low | has(0x7f) | others) & HIGH
}

fn needs_escape(bytes: &[u8]) -> bool {
    if is_visible_ascii(bytes) {
        return false;
    }
    match std::str::from_utf8(bytes) {
        Ok(valid) => valid.chars().any(is_hidden),
        Err(_) => true,
    }
}

/// `special` are further characters that get a backslash.
fn write_escaped(out: &mut String, bytes: &[u8], special: &str) {
    if let Some(plain) = visible_ascii(bytes).filter(|_| special.is_empty()) {
        return out.push_str(plain);
    }
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\x1b' => out.push_str("\\e"),
                hidden if is_hidden(hidden) => {
                    // Writing to a string cannot fail.
                    let _ = match u32::from(hidden) {
                        low @ 0..0x80 => write!(out, "\\x{low:02x}"),
                        high @ 0x80..0x1_0000 => write!(out, "\\u{high:04x}"),
                        high => write!(out, "\\U{high:08x}"),
                    };
                }
                plain => {
                    if special.contains(plain) {
                        out.push('\\');
                    }
                    out.push(plain);
                }
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
}

/// Control characters, and characters that show nothing or change the order of others: by
/// Unicode's own tables, but for the space.
pub(super) fn is_hidden(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_control();
    }
    CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(character)
        || CodePointSetData::new::<WhiteSpace>().contains(character)
        || CodePointSetData::new::<BidiControl>().contains(character)
        || CodePointSetData::new::<NoncharacterCodePoint>().contains(character)
        || HIDDEN.contains(CodePointMapData::<GeneralCategory>::new().get(character))
}

/// Characters without a shape, or without an agreed one. Unassigned characters are not among them:
/// a newer font may show them.
const HIDDEN: GeneralCategoryGroup = GeneralCategoryGroup::Control
    .union(GeneralCategoryGroup::Format)
    .union(GeneralCategoryGroup::Surrogate)
    .union(GeneralCategoryGroup::PrivateUse)
    .union(GeneralCategoryGroup::Separator);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_bytes_at_a_time_are_as_each_by_itself() {
        for byte in 0..=u8::MAX {
            for length in 1..20 {
                for place in 0..length {
                    for around in [b' ', b'a', b'~'] {
                        let mut text = vec![around; length];
                        text[place] = byte;
                        let is_visible = (0x20..0x7f).contains(&byte);
                        assert_eq!(is_visible_ascii(&text), is_visible, "{text:?}");
                        let is_plain = is_visible && byte != b'"' && byte != b'\\';
                        assert_eq!(is_visible_without(&text, *b"\"\\"), is_plain, "{text:?}");
                    }
                }
            }
        }
        assert!(is_visible_ascii(b""));
    }

    #[test]
    fn shows_what_a_shell_would_need() {
        let cases: [(&[u8], &str); 9] = [
            (b"/bin/true", "/bin/true"),
            (b"", "''"),
            (b"a b", "'a b'"),
            (b"it's", "'it'\\''s'"),
            (b"a\nb", "$'a\\nb'"),
            (b"\x1b[31mred", "$'\\e[31mred'"),
            (b"\xff\xfe", "$'\\xff\\xfe'"),
            ("\u{202e}evil".as_bytes(), "$'\\u202eevil'"),
            ("‹secret 1›".as_bytes(), "'‹secret 1›'"),
        ];
        for (bytes, shown) in cases {
            assert_eq!(argument(bytes), shown);
        }
    }

    #[test]
    fn what_unicode_calls_ignorable_or_white_is_escaped() {
        let hidden = [
            '\u{34f}',
            '\u{a0}',
            '\u{115f}',
            '\u{1160}',
            '\u{1680}',
            '\u{17b4}',
            '\u{2003}',
            '\u{3000}',
            '\u{3164}',
            '\u{e000}',
            '\u{fdd0}',
            '\u{fe0f}',
            '\u{ffa0}',
            '\u{1d173}',
            '\u{e0100}',
            '\u{10ffff}',
        ];
        for character in hidden {
            let shown = text(character.to_string().as_bytes());
            assert!(shown.is_ascii(), "{character:?}: {shown}");
        }
        for plain in " aé‹›→日本語😀".chars() {
            assert_eq!(text(plain.to_string().as_bytes()), plain.to_string());
        }
    }

    #[test]
    fn plain_text_keeps_its_quotes() {
        assert_eq!(text(b"it's \\ \x07"), "it's \\ \\x07");
    }
}
