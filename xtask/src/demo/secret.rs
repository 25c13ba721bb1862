//! The workspace key of one run: made up, handed to the installer alone, and
//! looked for afterwards in everything the tool left. It is never printed.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// 64 random bytes as base64: 88 characters that end in `==`, as real keys do.
pub struct WorkspaceKey(String);

impl WorkspaceKey {
    /// Makes a key that no other run has.
    pub fn generate() -> Result<Self> {
        let mut bytes = [0; 64];
        fs::File::open("/dev/urandom")
            .and_then(|mut source| source.read_exact(&mut bytes))
            .context("cannot read /dev/urandom")?;
        Ok(Self(STANDARD.encode(bytes)))
    }

    /// The key for the one argv that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// True if the key, with or without its padding, is in `haystack`.
    pub fn occurs_in(&self, haystack: &[u8]) -> bool {
        let needle = self.0.trim_end_matches('=').as_bytes();
        haystack
            .windows(needle.len())
            .any(|window| window == needle)
    }

    /// Every file at or below `path` that holds the key.
    pub fn files_holding_it(&self, path: &Path) -> Result<Vec<PathBuf>> {
        let metadata = fs::symlink_metadata(path)
            .with_context(|| format!("cannot look at {}", path.display()))?;
        if metadata.is_dir() {
            let mut found = Vec::new();
            for entry in fs::read_dir(path)? {
                found.extend(self.files_holding_it(&entry?.path())?);
            }
            return Ok(found);
        }
        if metadata.is_file() && self.occurs_in(&fs::read(path)?) {
            return Ok(vec![path.to_owned()]);
        }
        Ok(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::WorkspaceKey;

    #[test]
    fn a_key_looks_like_a_key_and_is_found_without_its_padding() {
        let key = WorkspaceKey::generate().expect("a key");
        assert_eq!(key.reveal().len(), 88);
        assert!(key.reveal().ends_with("=="));
        let text = format!("x{}y", key.reveal().trim_end_matches('='));
        assert!(key.occurs_in(text.as_bytes()));
        assert!(!key.occurs_in(b"no key here"));
        assert!(!key.occurs_in(&text.as_bytes()[..40]));
    }
}
