//! `cargo xtask check --language`: lines that are too wide, words to replace, and doc comments that
//! open with a question word. Lists each place, and counts them by file.

mod rules;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use self::rules::{COLUMNS, Text};
use super::prose;

/// True if a breach of the rules fails the check.
const IS_ENFORCED: bool = true;

/// Doc comments that may open with a question word, in percent.
const QUESTIONS_ALLOWED: usize = 5;

/// Breached that the check lists for one rule before it only counts.
const PLACES_LISTED: usize = 40;

/// Directories without text of the project's own.
const LEFT_OUT: [&str; 2] = ["target", "node_modules"];

/// Files that must spell the forbidden words.
const SPELLS_THEM: [&str; 1] = ["xtask/src/check/language/rules.rs"];

/// Breaches of one rule: by file, the lines and their words.
type Breached = BTreeMap<String, Vec<(usize, &'static str)>>;

/// The breaches of all rules in the workspace.
#[derive(Default)]
struct Breaches {
    wide: Breached,
    words: Breached,
    questions: Breached,
    comments: usize,
}

/// Prints the counts by file, then the measures of README, and fails as `check` does.
pub fn report(workspace: &Path) -> Result<()> {
    let breaches = Breaches::find(workspace)?;
    print(&format!("lines over {COLUMNS} columns"), &breaches.wide);
    print("forbidden words", &breaches.words);
    print("doc comments with a question word", &breaches.questions);
    println!("{}", breaches.share());
    let readme = fs::read_to_string(workspace.join("README.md"));
    let lengths = prose::sentence_lengths(&readme.context("cannot read README.md")?);
    println!(
        "README: {} sentences, median {} words, 90th percentile {}",
        lengths.len(),
        prose::percentile(&lengths, 50),
        prose::percentile(&lengths, 90),
    );
    breaches.verdict()
}

/// Fails if a rule is broken, and lists the places.
pub fn check(workspace: &Path) -> Result<()> {
    let breaches = Breaches::find(workspace)?;
    let verdict = breaches.verdict();
    if verdict.is_err() {
        list(&format!("over {COLUMNS} columns"), &breaches.wide);
        list("forbidden", &breaches.words);
        if breaches.asks_too_often() {
            list("opens with", &breaches.questions);
        }
    }
    verdict
}

impl Breaches {
    fn find(workspace: &Path) -> Result<Self> {
        let mut files = Vec::new();
        collect(workspace, &mut files)?;
        files.sort();
        let mut breaches = Self::default();
        for file in files {
            let text = fs::read_to_string(&file);
            let text = text.with_context(|| format!("cannot read {}", file.display()))?;
            let name = file.strip_prefix(workspace).unwrap_or(&file);
            breaches.add(&name.display().to_string(), &text);
        }
        Ok(breaches)
    }

    fn add(&mut self, name: &str, text: &str) {
        let text = Text::of(name, text);
        let note = |places: &mut Breached, found: Vec<_>| {
            if !found.is_empty() {
                places.insert(name.to_owned(), found);
            }
        };
        note(&mut self.wide, text.wide_lines());
        if !SPELLS_THEM.contains(&name) {
            note(&mut self.words, text.forbidden_words());
        }
        let (comments, questions) = text.doc_comments();
        self.comments += comments;
        note(&mut self.questions, questions);
    }

    fn asks_too_often(&self) -> bool {
        100 * count(&self.questions) > QUESTIONS_ALLOWED * self.comments
    }

    fn share(&self) -> String {
        let questions = count(&self.questions);
        let percent = 100.0 * questions as f64 / self.comments.max(1) as f64;
        let all = self.comments;
        format!(
            "doc comments that open with a question word: {questions} of {all} ({percent:.1} %)"
        )
    }

    fn verdict(&self) -> Result<()> {
        let mut broken = Vec::new();
        if !self.wide.is_empty() {
            broken.push(format!(
                "{} lines over {COLUMNS} columns",
                count(&self.wide)
            ));
        }
        if !self.words.is_empty() {
            broken.push(format!("{} forbidden words", count(&self.words)));
        }
        if self.asks_too_often() {
            broken.push(self.share());
        }
        if IS_ENFORCED && !broken.is_empty() {
            bail!("{} (CONTRIBUTING.md has the rules)", broken.join(", "));
        }
        Ok(())
    }
}

fn count(places: &Breached) -> usize {
    places.values().map(Vec::len).sum()
}

/// Prints one rule's counts by file, the worst first.
fn print(rule: &str, places: &Breached) {
    println!("{rule}: {} in {} files", count(places), places.len());
    let mut rows: Vec<_> = places.iter().collect();
    rows.sort_by_key(|(_, found)| std::cmp::Reverse(found.len()));
    for (name, found) in rows {
        let mut words: BTreeMap<&str, usize> = BTreeMap::new();
        for (_, word) in found.iter().filter(|(_, word)| !word.is_empty()) {
            *words.entry(word).or_default() += 1;
        }
        let words: Vec<_> = words
            .iter()
            .map(|(word, n)| format!("{word} {n}"))
            .collect();
        match words.is_empty() {
            true => println!("  {name}: {}", found.len()),
            false => println!("  {name}: {} ({})", found.len(), words.join(", ")),
        }
    }
    println!();
}

/// Lists one rule's places, line by line.
fn list(rule: &str, places: &Breached) {
    let of_file = |(name, found): (&String, &Vec<(usize, &str)>)| -> Vec<String> {
        let place = |(line, word): &(usize, &str)| format!("{name}:{line}: {rule} {word}");
        found.iter().map(place).collect()
    };
    for place in places.iter().flat_map(of_file).take(PLACES_LISTED) {
        eprintln!("  {}", place.trim_end());
    }
    let more = count(places).saturating_sub(PLACES_LISTED);
    if more > 0 {
        eprintln!("  and {more} more: cargo xtask check --language");
    }
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let unreadable = || format!("cannot read {}", directory.display());
    for entry in fs::read_dir(directory).with_context(unreadable)? {
        let entry = entry.with_context(unreadable)?;
        let name = entry.file_name();
        let path = entry.path();
        if entry.file_type().with_context(unreadable)?.is_dir() {
            let is_hidden = name.to_string_lossy().starts_with('.');
            if !is_hidden && !LEFT_OUT.iter().any(|out| name == *out) {
                collect(&path, files)?;
            }
        } else if rules::Kind::of(&path).is_some() {
            files.push(path);
        }
    }
    Ok(())
}
