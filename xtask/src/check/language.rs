//! `cargo xtask check --language`: where code and documents break the rules of language, file by
//! file, with counts. It judges lines and words; what a sentence is, `prose` knows.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use super::prose;

/// The columns of a line.
const COLUMNS: usize = 100;

/// Words of the old dialect.
const FORBIDDEN: [&str; 5] = ["told", "whoever", "nobody", "somebody", "settle"];

/// The openings of a doc comment that has no verb in front.
const OPENINGS: [&str; 6] = ["What", "Whether", "How", "Where", "Why", "Who"];

/// Directories without text of the project's own.
const LEFT_OUT: [&str; 4] = ["target", ".git", "corpus", "node_modules"];

/// This file, and others that must spell the words.
const SPELLS_THEM: [&str; 1] = ["xtask/src/check/language.rs"];

/// Prints the report.
pub fn report(workspace: &Path) -> Result<()> {
    let mut files = Vec::new();
    list(workspace, &mut files)?;
    files.sort();
    let mut wide = BTreeMap::new();
    let mut words = BTreeMap::new();
    let mut comments = (0, 0);
    for file in &files {
        let text =
            fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let name = file
            .strip_prefix(workspace)
            .unwrap_or(file)
            .display()
            .to_string();
        let is_rust = name.ends_with(".rs");
        let lines = match is_rust {
            true => wide_lines(&text, is_exempt_in_rust),
            false => wide_lines(&prose::without_blocks(&text), is_exempt_in_markdown),
        };
        if lines > 0 {
            wide.insert(name.clone(), lines.to_string());
        }
        let found = match SPELLS_THEM.contains(&name.as_str()) {
            true => BTreeMap::new(),
            false => forbidden(&text),
        };
        if !found.is_empty() {
            let counts = found.iter().map(|(word, count)| format!("{word} {count}"));
            let total: usize = found.values().sum();
            let counts: Vec<String> = counts.collect();
            words.insert(name, format!("{total} ({})", counts.join(", ")));
        }
        if is_rust {
            let (all, bad) = doc_comments(&text);
            comments = (comments.0 + all, comments.1 + bad);
        }
    }
    print(&format!("lines of more than {COLUMNS} columns"), &wide);
    print("forbidden words", &words);
    let (all, bad) = comments;
    let share = 100.0 * bad as f64 / f64::from(all.max(1));
    println!(
        "doc comments that begin with {}: {bad} of {all} ({share:.1} %)",
        OPENINGS.join("/")
    );
    let readme =
        fs::read_to_string(workspace.join("README.md")).context("cannot read README.md")?;
    let lengths = prose::sentence_lengths(&readme);
    println!(
        "README: {} sentences, median {} words, 90th percentile {}",
        lengths.len(),
        prose::percentile(&lengths, 50),
        prose::percentile(&lengths, 90),
    );
    Ok(())
}

/// Prints one rule's files, the worst first.
fn print(rule: &str, files: &BTreeMap<String, String>) {
    let number = |count: &str| -> usize {
        let digits = count.split(' ').next();
        digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
    };
    let total: usize = files.values().map(|count| number(count)).sum();
    println!("{rule}: {total} in {} files", files.len());
    let mut rows: Vec<_> = files.iter().collect();
    rows.sort_by_key(|(_, count)| std::cmp::Reverse(number(count)));
    for (name, count) in rows {
        println!("  {name}: {count}");
    }
    println!();
}

fn list(directory: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let unreadable = || format!("cannot read {}", directory.display());
    for entry in fs::read_dir(directory).with_context(unreadable)? {
        let entry = entry.with_context(unreadable)?;
        let name = entry.file_name();
        let path = entry.path();
        if entry.file_type().with_context(unreadable)?.is_dir() {
            if !LEFT_OUT.iter().any(|out| name == *out) {
                list(&path, files)?;
            }
        } else if path
            .extension()
            .is_some_and(|end| end == "rs" || end == "md")
        {
            files.push(path);
        }
    }
    Ok(())
}

fn wide_lines(text: &str, is_exempt: fn(&str) -> bool) -> usize {
    let wide = text.lines().filter(|line| line.chars().count() > COLUMNS);
    wide.filter(|line| !is_exempt(line)).count()
}

/// An address cannot be broken.
fn is_exempt_in_rust(line: &str) -> bool {
    line.contains("://")
}

/// Neither can a link or a row of a table.
fn is_exempt_in_markdown(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with('|') || line.contains("](") || line.contains("://")
}

/// Counts the forbidden words, also as parts of names, outside of code quotes and strings.
fn forbidden(text: &str) -> BTreeMap<&'static str, usize> {
    let mut found = BTreeMap::new();
    for line in text.lines() {
        let line = without_quotes(line);
        // Camel case and snake case are words, too.
        for word in words(&line) {
            for root in FORBIDDEN {
                let is_form = root == "settle" && matches!(word.as_str(), "settles" | "settled");
                if word == root || is_form {
                    *found.entry(root).or_default() += 1;
                }
            }
        }
    }
    found
}

/// Leaves the text between backquotes out.
fn without_quotes(line: &str) -> String {
    let parts = line.split('`').enumerate();
    let outside = parts.filter(|(number, _)| number % 2 == 0);
    outside.map(|(_, part)| part).collect::<Vec<_>>().join(" ")
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

/// Counts doc comments, and those that open with a question word.
fn doc_comments(text: &str) -> (u32, u32) {
    let (mut all, mut bad) = (0, 0);
    let mut is_inside = false;
    for line in text.lines() {
        let comment = line.trim_start().strip_prefix("///");
        if let Some(comment) = comment.filter(|_| !is_inside) {
            all += 1;
            let first = comment.split_ascii_whitespace().next().unwrap_or_default();
            let first = first.trim_matches(|letter: char| !letter.is_alphabetic());
            bad += u32::from(OPENINGS.contains(&first));
        }
        is_inside = comment.is_some();
    }
    (all, bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forbidden_words_are_found_in_names_and_not_in_code_quotes() {
        let count = |text: &str| forbidden(text).values().sum::<usize>();
        assert_eq!(count("let told = 1; fn is_told() {} struct HasTold;"), 3);
        assert_eq!(count("the user `nobody` is retold, untold"), 0);
        assert_eq!(count("/// Nobody settles it."), 2);
    }

    #[test]
    fn a_doc_comment_counts_once() {
        let text = "/// What it is.\n/// How.\nfn a() {}\n/// Reads it.\nfn b() {}\n";
        assert_eq!(doc_comments(text), (2, 1));
    }

    #[test]
    fn tables_and_links_may_be_wide() {
        let wide = "x".repeat(101);
        let text = format!("{wide}\n| {wide} |\n[a]({wide})\n");
        assert_eq!(wide_lines(&text, is_exempt_in_markdown), 1);
    }
}
