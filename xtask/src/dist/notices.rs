//! The licences of the crates in the program, in full: most of them ask for it.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result};

use super::crates::Crate;
use super::tools;

/// Beginnings of names of files with a licence, in lower case.
const BEGINNINGS: [&str; 5] = ["license", "licence", "copying", "notice", "unlicense"];

const HEADING: &str = "\
Crates that are linked into tracer, and their licences. Each text follows the crates that have it.
The program also contains parts of the GNU C library (LGPL-2.1-or-later) and of Rust's own library
(MIT OR Apache-2.0).
";

/// Returns the text of the file; crates with the same licence text share it.
pub fn text(crates: &[Crate]) -> Result<String> {
    let mut text = HEADING.to_owned();
    let mut owners: BTreeMap<String, Vec<String>> = BTreeMap::new();
    // Crates of this repository have the licence beside this file.
    for one in crates.iter().filter(|one| one.checksum.is_some()) {
        let name = format!("{} {}", one.name, one.version);
        let license = one.license.as_deref().unwrap_or("see below");
        text += &format!("\n{name}: {license}");
        for file in tools::files(&one.directory)? {
            let low = tools::name(&file)?.to_lowercase();
            if BEGINNINGS.iter().any(|start| low.starts_with(start)) {
                let bytes =
                    fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
                let words = String::from_utf8_lossy(&bytes).replace("\r\n", "\n");
                let shared = owners.entry(words.trim().to_owned()).or_default();
                if !shared.contains(&name) {
                    shared.push(name.clone());
                }
            }
        }
    }
    text.push('\n');
    let line = "-".repeat(80);
    for (words, names) in owners {
        text += &format!("\n{line}\n{}\n{line}\n\n{words}\n", names.join(", "));
    }
    Ok(text)
}
