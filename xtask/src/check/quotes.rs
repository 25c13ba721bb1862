//! Blanks quotations and strings, and leaves the lines of the text as they are. It knows no rule.

/// Blanks text between backquotes or double quotes, line by line.
pub fn without_quoted_prose(text: &str) -> String {
    text.lines().map(|line| blank(line) + "\n").collect()
}

/// Blanks quotations in the comments of Rust code.
pub fn without_quoted_comments(code: &str) -> String {
    let mut text = String::new();
    for (part, piece) in parts(code) {
        match part {
            Part::Comment => text.push_str(&blank(piece)),
            Part::Code | Part::String => text.push_str(piece),
        }
    }
    text
}

/// Blanks strings and quotations in the comments of Rust code.
pub fn without_strings(code: &str) -> String {
    let mut text = String::new();
    for (part, piece) in parts(code) {
        match part {
            Part::Comment => text.push_str(&blank(piece)),
            Part::String => text.extend(piece.chars().filter(|letter| *letter == '\n')),
            Part::Code => text.push_str(piece),
        }
    }
    text
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Part {
    Code,
    /// From `//` to the end of the line.
    Comment,
    /// With its quotes.
    String,
}

/// Splits Rust code. A block comment counts as code.
fn parts(code: &str) -> Vec<(Part, &str)> {
    let mut parts = Vec::new();
    let mut rest = code;
    while let Some((start, part)) = next_part(rest) {
        let length = match part {
            Part::String => string_length(&rest[start..]),
            Part::Comment | Part::Code => rest[start..].find('\n').unwrap_or(rest.len() - start),
        };
        parts.push((Part::Code, &rest[..start]));
        parts.push((part, &rest[start..start + length]));
        rest = &rest[start + length..];
    }
    parts.push((Part::Code, rest));
    parts
}

/// Finds the next comment or string, outside of character literals.
fn next_part(code: &str) -> Option<(usize, Part)> {
    let bytes = code.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at..] {
            [b'/', b'/', ..] => return Some((at, Part::Comment)),
            [b'\'', b'\\', _, b'\'', ..] => at += 4,
            [b'\'', _, b'\'', ..] => at += 3,
            [b'"', ..] => return Some((at, Part::String)),
            [b'r', b'"', ..] | [b'r', b'#', b'"' | b'#', ..] => {
                return Some((at, Part::String));
            }
            _ => at += 1,
        }
    }
    None
}

/// Measures the string at the start of the code.
fn string_length(code: &str) -> usize {
    if let Some(raw) = code.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        let end = format!("\"{}", "#".repeat(hashes));
        let body = 1 + hashes + 1;
        return code[body..]
            .find(&end)
            .map_or(code.len(), |at| body + at + end.len());
    }
    let mut is_escaped = false;
    for (at, letter) in code.char_indices().skip(1) {
        match letter {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    code.len()
}

/// Blanks the text between backquotes or double quotes. A quote without its second stays.
fn blank(line: &str) -> String {
    let mut text = String::new();
    let mut rest = line;
    while let Some(start) = rest.find(['`', '"']) {
        let quote = &rest[start..=start];
        let Some(length) = rest[start + 1..].find(quote) else {
            text.push_str(&rest[..=start]);
            rest = &rest[start + 1..];
            continue;
        };
        text.push_str(&rest[..start]);
        rest = &rest[start + 1 + length + 1..];
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_loses_its_quotations() {
        assert_eq!(
            without_quoted_prose("a `b` c \"d\"\ne ` f\n"),
            "a  c \ne ` f\n"
        );
    }

    #[test]
    fn strings_and_comments_are_known_apart() {
        let code = "a(\"// \\\" b\"); // `c` d\nlet q = '\"'; e(r#\"f\n\"g\"#, \"h\");\n";
        let bare = "a();  //  d\nlet q = '\"'; e(\n, );\n";
        assert_eq!(without_strings(code), bare.replace(";  //", "; //"));
        assert!(without_quoted_comments(code).contains("\"h\""));
        assert!(!without_quoted_comments(code).contains('c'));
    }

    #[test]
    fn lines_keep_their_numbers() {
        let code = "let a = \"b\n  c\";\n// d `e`\nlet f = r\"\n\";\n";
        for text in [without_strings(code), without_quoted_comments(code)] {
            assert_eq!(text.lines().count(), code.lines().count());
        }
    }
}
