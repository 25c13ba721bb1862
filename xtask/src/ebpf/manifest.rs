//! The manifest of the eBPF object: its sources and tools. It has hashes of bytes, and versions as
//! the tools print them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Names with their values, in a fixed order.
pub type Section = BTreeMap<String, String>;

/// The content of `object/manifest.toml`. The build script of `agent-tracer-ebpf` reads it line by
/// line, so every value is a string on one line.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The hash of the object.
    pub object: Section,
    /// The hash of every source file.
    pub sources: Section,
    /// The version of every tool, as the tool prints it.
    pub toolchain: Section,
    /// Options of the tools.
    pub build: Section,
}

const HEADING: &str = "\
# What tracer.bpf.o was built from, and with what. `cargo xtask ebpf` writes this file, and
# a build of user space stops where it no longer matches.

";

impl Manifest {
    /// Returns the file's text.
    pub fn to_toml(&self) -> Result<String> {
        let text = toml::to_string(self).context("the manifest cannot be written as TOML")?;
        Ok(format!("{HEADING}{text}"))
    }

    /// Parses a file's text.
    pub fn from_toml(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    fn sections(&self) -> [(&'static str, &Section); 4] {
        [
            ("sources", &self.sources),
            ("toolchain", &self.toolchain),
            ("build", &self.build),
            ("object", &self.object),
        ]
    }
}

/// Lists the differences, one per line, causes before effects.
pub fn differences(committed: &Manifest, built: &Manifest) -> Vec<String> {
    let mut lines = Vec::new();
    for ((name, committed), (_, built)) in committed.sections().into_iter().zip(built.sections()) {
        let keys: BTreeSet<_> = committed.keys().chain(built.keys()).collect();
        for key in keys {
            match (committed.get(key), built.get(key)) {
                (Some(before), Some(after)) if before != after => {
                    lines.push(format!("{name}: {key}: committed {before}, here {after}"));
                }
                (Some(_), None) => lines.push(format!("{name}: {key} is gone")),
                (None, Some(_)) => lines.push(format!("{name}: {key} is new")),
                (Some(_), Some(_)) | (None, None) => {}
            }
        }
    }
    lines
}

/// Hashes every source of the object. The build script is not one: it does nothing in a build for
/// the kernel.
pub fn hash_sources(programs: &Path) -> Result<Section> {
    let mut sources = Section::new();
    for name in ["Cargo.lock", "Cargo.toml"] {
        hash_file(&programs.join(name), name.to_owned(), &mut sources)?;
    }
    hash_directory(&programs.join("src"), "src", &mut sources)?;
    Ok(sources)
}

fn hash_directory(directory: &Path, name: &str, sources: &mut Section) -> Result<()> {
    let unreadable = || format!("cannot list {}", directory.display());
    for entry in fs::read_dir(directory).with_context(unreadable)? {
        let entry = entry.with_context(unreadable)?;
        let path = entry.path();
        // With slashes on every system.
        let name = format!("{name}/{}", entry.file_name().display());
        if path.is_dir() {
            hash_directory(&path, &name, sources)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            hash_file(&path, name, sources)?;
        }
    }
    Ok(())
}

fn hash_file(path: &Path, name: String, sources: &mut Section) -> Result<()> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    sources.insert(name, hash(&bytes));
    Ok(())
}

/// Returns the SHA-256 in hexadecimal.
pub fn hash(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(entries: &[(&str, &str)]) -> Section {
        entries
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn manifest(sources: &[(&str, &str)], rustc: &str) -> Manifest {
        Manifest {
            object: section(&[("tracer.bpf.o", "00")]),
            sources: section(sources),
            toolchain: section(&[("rustc", rustc)]),
            build: section(&[("flags", "--cfg=bpf_target_arch=\"x86_64\"")]),
        }
    }

    #[test]
    fn names_each_difference_once() {
        let committed = manifest(&[("src/a.rs", "1"), ("src/b.rs", "2")], "1.96");
        let built = manifest(&[("src/b.rs", "3"), ("src/c.rs", "4")], "1.97");
        assert_eq!(
            differences(&committed, &built),
            [
                "sources: src/a.rs is gone",
                "sources: src/b.rs: committed 2, here 3",
                "sources: src/c.rs is new",
                "toolchain: rustc: committed 1.96, here 1.97",
            ]
        );
        assert!(differences(&built, &built).is_empty());
    }

    #[test]
    fn survives_the_file() -> Result<()> {
        let manifest = manifest(&[("src/a.rs", "1")], "1.96");
        let text = manifest.to_toml()?;
        assert_eq!(Manifest::from_toml(&text)?, manifest);
        // The lines that the build script looks for.
        assert!(text.contains("\n[sources]\n\"src/a.rs\" = \"1\"\n"));
        Ok(())
    }

    #[test]
    fn hashes_every_source_and_nothing_else() -> Result<()> {
        let programs = tempfile::tempdir()?;
        fs::create_dir_all(programs.path().join("src/deep"))?;
        for name in ["Cargo.toml", "Cargo.lock", "build.rs", "src/notes.md"] {
            fs::write(programs.path().join(name), "")?;
        }
        fs::write(programs.path().join("src/deep/a.rs"), "abc\r\n")?;
        let empty = hash(b"");
        assert_eq!(
            hash_sources(programs.path())?,
            section(&[
                ("Cargo.lock", &empty),
                ("Cargo.toml", &empty),
                ("src/deep/a.rs", &hash(b"abc\r\n")),
            ])
        );
        Ok(())
    }
}
