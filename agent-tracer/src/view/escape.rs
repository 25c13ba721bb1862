//! Bytes of traced programs as text that is safe on a terminal: no control character, no
//! invisible or direction-changing character, no invalid UTF-8 passes unescaped.

use std::fmt::Write;

/// The bytes, with everything that is not plainly visible as an escape.
pub fn text(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    write_escaped(&mut out, bytes, "");
    out
}

/// An argument as one would type it into a POSIX shell; `$'…'` where it holds what cannot be typed.
pub fn argument(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() + 2);
    write_argument(&mut out, bytes);
    out
}

/// An argument list likewise.
pub fn arguments(list: &[Vec<u8>]) -> String {
    let mut out = String::new();
    for (position, bytes) in list.iter().enumerate() {
        if position > 0 {
            out.push(' ');
        }
        write_argument(&mut out, bytes);
    }
    out
}

fn write_argument(out: &mut String, bytes: &[u8]) {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_@%+=:,./-".contains(byte);
    if !bytes.is_empty() && bytes.iter().all(plain) {
        out.extend(bytes.iter().map(|byte| char::from(*byte)));
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

fn needs_escape(bytes: &[u8]) -> bool {
    match std::str::from_utf8(bytes) {
        Ok(valid) => valid.chars().any(is_hidden),
        Err(_) => true,
    }
}

/// `special` are further characters that get a backslash.
fn write_escaped(out: &mut String, bytes: &[u8], special: &str) {
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

/// Control characters, and characters that show nothing or change the order of others.
pub(super) fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn plain_text_keeps_its_quotes() {
        assert_eq!(text(b"it's \\ \x07"), "it's \\ \\x07");
    }
}
