//! The rules of language for the lines of one file.

use std::path::Path;

use crate::check::{prose, quotes};

/// The columns of a line.
pub const COLUMNS: usize = 100;

/// Words that the glossary replaces.
const FORBIDDEN: [&str; 5] = ["told", "whoever", "nobody", "somebody", "settle"];

/// Openings of a doc comment that has no verb in front.
const QUESTIONS: [&str; 6] = ["What", "Whether", "How", "Where", "Why", "Who"];

/// A kind of file that has text of the project's own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Rust,
    Markdown,
    Toml,
}

impl Kind {
    /// Judges by the end of the name.
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "rs" => Some(Self::Rust),
            "md" => Some(Self::Markdown),
            "toml" => Some(Self::Toml),
            _ => None,
        }
    }
}

/// A breach: the number of its line, from 1, and the word if there is one.
type Breach = (usize, &'static str);

/// A file, with what its rules need.
pub struct Text<'a> {
    kind: Option<Kind>,
    text: &'a str,
}

impl<'a> Text<'a> {
    /// Takes a file's text; its name says of which kind it is.
    pub fn of(name: &str, text: &'a str) -> Self {
        let kind = Kind::of(Path::new(name));
        Self { kind, text }
    }

    /// Lists lines over the limit that could be broken.
    pub fn wide_lines(&self) -> Vec<Breach> {
        let (text, is_exempt): (_, fn(&str) -> bool) = match self.kind {
            Some(Kind::Rust) => (self.text.to_owned(), is_one_address),
            Some(Kind::Markdown) => (prose::without_blocks(self.text), is_row_or_link),
            Some(Kind::Toml) | None => return Vec::new(),
        };
        let wide = |line: &str| line.chars().count() > COLUMNS && !is_exempt(line);
        let lines = numbered(&text).filter(|(_, line)| wide(line));
        lines.map(|(number, _)| (number, "")).collect()
    }

    /// Lists forbidden words, also as parts of names. Quotations are left out.
    ///
    /// In a string of Rust, only the user `nobody` is a quotation.
    pub fn forbidden_words(&self) -> Vec<Breach> {
        let (strict, lenient) = match self.kind {
            Some(Kind::Rust) => (
                quotes::without_quoted_comments(self.text),
                quotes::without_strings(self.text),
            ),
            Some(Kind::Markdown) => {
                let bare = quotes::without_quoted_prose(&prose::without_blocks(self.text));
                (quotes::without_quoted_prose(self.text), bare)
            }
            Some(Kind::Toml) => {
                let bare = quotes::without_quoted_prose(&comments_of_toml(self.text));
                (bare.clone(), bare)
            }
            None => return Vec::new(),
        };
        let mut found = Vec::new();
        for ((number, strict), lenient) in numbered(&strict).zip(lenient.lines()) {
            found.extend(
                forbidden(strict)
                    .filter(|word| *word != "nobody")
                    .map(|w| (number, w)),
            );
            found.extend(
                forbidden(lenient)
                    .filter(|word| *word == "nobody")
                    .map(|w| (number, w)),
            );
        }
        found
    }

    /// Counts doc comments, and lists those that open with a question word.
    pub fn doc_comments(&self) -> (usize, Vec<Breach>) {
        let (mut all, mut questions) = (0, Vec::new());
        if self.kind != Some(Kind::Rust) {
            return (all, questions);
        }
        let mut is_inside = false;
        for (number, line) in numbered(self.text) {
            let line = line.trim_start();
            let comment = line
                .strip_prefix("///")
                .or_else(|| line.strip_prefix("//!"));
            if let Some(comment) = comment.filter(|_| !is_inside) {
                all += 1;
                let first = comment.split_ascii_whitespace().next().unwrap_or_default();
                let first = first.trim_matches(|letter: char| !letter.is_alphabetic());
                let question = QUESTIONS.iter().find(|question| **question == first);
                questions.extend(question.map(|question| (number, *question)));
            }
            is_inside = comment.is_some();
        }
        (all, questions)
    }
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line))
}

/// True for a line of one address, which cannot be broken.
fn is_one_address(line: &str) -> bool {
    let mut words = line
        .split_ascii_whitespace()
        .filter(|word| word.contains(char::is_alphabetic));
    words.next().is_some_and(|word| word.contains("://")) && words.next().is_none()
}

/// True for a row of a table and for a link, which cannot be broken either.
fn is_row_or_link(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with('|') || line.contains("](") || line.contains("://")
}

/// Empties lines that are not comments, so that the others keep their numbers.
fn comments_of_toml(text: &str) -> String {
    let comment = |line: &str| match line.trim_start().starts_with('#') {
        true => format!("{line}\n"),
        false => "\n".to_owned(),
    };
    text.lines().map(comment).collect()
}

/// Finds the forbidden words of a line. Words of camel case and snake case count too.
fn forbidden(line: &str) -> impl Iterator<Item = &'static str> {
    words(line).into_iter().filter_map(|word| {
        let is_settle = matches!(word.as_str(), "settles" | "settled");
        let root = |root: &&&str| word == **root || is_settle && **root == "settle";
        FORBIDDEN.iter().find(root).copied()
    })
}

/// Splits text and names into words in lower case.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for letter in line.chars() {
        if !letter.is_alphabetic() || letter.is_uppercase() && was_lower {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| letter.is_alphabetic()) {
            word.extend(letter.to_lowercase());
        }
        was_lower = letter.is_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words_in(name: &str, text: &str) -> Vec<Breach> {
        Text::of(name, text).forbidden_words()
    }

    #[test]
    fn forbidden_words_are_found_in_names_and_comments() {
        let code = "let told = 1;\nfn is_told() {}\nstruct HasTold;\n/// Nobody settles `told`.\n";
        let found = [
            (1, "told"),
            (2, "told"),
            (3, "told"),
            (4, "settle"),
            (4, "nobody"),
        ];
        assert_eq!(words_in("a.rs", code), found);
        assert_eq!(words_in("a.rs", "// retold, untold\n"), []);
    }

    #[test]
    fn a_message_may_name_the_user_but_use_no_other_word() {
        let code =
            "call(\"--user\", \"nobody\");\nlet script = \"\n  su nobody\";\nbail!(\"is told\")";
        assert_eq!(words_in("a.rs", code), [(4, "told")]);
    }

    #[test]
    fn markdown_may_quote_them_and_show_the_user_in_a_block() {
        let text = "nobody\n`nobody`, \"told\"\n```\nsu nobody; told\n```\n";
        assert_eq!(words_in("a.md", text), [(1, "nobody"), (4, "told")]);
    }

    #[test]
    fn of_toml_only_comments_count() {
        assert_eq!(words_in("a.toml", "told = 1\n# is told\n"), [(2, "told")]);
    }

    #[test]
    fn a_doc_comment_counts_once() {
        let code = "//! How.\n/// Reads it.\nfn a() {}\n/// What it is.\n/// How.\nfn b() {}\n";
        let (all, questions) = Text::of("a.rs", code).doc_comments();
        assert_eq!(all, 2);
        assert_eq!(questions, [(1, "How"), (4, "What")]);
    }

    #[test]
    fn tables_links_and_blocks_may_be_wide() {
        let wide = "x".repeat(101);
        let text = format!("{wide}\n| {wide} |\n[a]({wide})\n```\n{wide}\n```\n");
        assert_eq!(Text::of("a.md", &text).wide_lines(), [(1, "")]);
    }

    #[test]
    fn strings_of_rust_may_not_be_wide_and_an_address_may() {
        let wide = "x".repeat(101);
        let code = format!("// https://{wide}\n// https://{wide} is it\n\"{wide}\"\n");
        assert_eq!(Text::of("a.rs", &code).wide_lines(), [(2, ""), (3, "")]);
    }
}
