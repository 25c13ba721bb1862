//! Digests of the files of a release, as sha256sum(1) checks them.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use super::{parts, tools};

const NAME: &str = "SHA256SUMS";

/// Writes the digests of all files in the directory.
pub fn write(directory: &Path) -> Result<()> {
    let mut text = String::new();
    for file in tools::files(directory)? {
        let bytes = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        text += &format!("{:x}  {}\n", Sha256::digest(bytes), tools::name(&file)?);
    }
    parts::write(&directory.join(NAME), text.as_bytes())
}

/// Lists the files with their sizes.
pub fn list(directory: &Path) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    for file in tools::files(directory)? {
        let size = fs::metadata(&file)
            .with_context(|| format!("cannot look at {}", file.display()))?
            .len();
        lines.push(format!("{size:>10} bytes  {}", file.display()));
    }
    Ok(lines)
}
