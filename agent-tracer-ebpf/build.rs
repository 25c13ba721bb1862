//! Stops a build of user space if the committed object was not made from these sources. `cargo
//! xtask ebpf` makes the object, with other tools.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};

/// Paths from this crate's directory, with slashes, to SHA-256 in hexadecimal.
type Hashes = BTreeMap<String, String>;

fn main() {
    for input in ["build.rs", "Cargo.toml", "Cargo.lock", "src", "object"] {
        println!("cargo::rerun-if-changed={input}");
    }
    // A build for the kernel is the one that makes the object match again.
    if std::env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|machine| machine == "bpf") {
        return;
    }
    match mismatches() {
        Ok(mismatches) if mismatches.is_empty() => {}
        Ok(mismatches) => stop(&mismatches.join(", ")),
        Err(reason) => stop(&reason),
    }
}

fn stop(reason: &str) {
    println!(
        "cargo::error=the eBPF object in agent-tracer-ebpf/object does not match its sources: \
         {reason}. Run `cargo xtask ebpf` to build it anew."
    );
}

fn mismatches() -> Result<Vec<String>, String> {
    let manifest = fs::read_to_string("object/manifest.toml")
        .map_err(|error| format!("object/manifest.toml cannot be read: {error}"))?;
    let mut recorded = section(&manifest, "[sources]");
    recorded.extend(
        section(&manifest, "[object]")
            .into_iter()
            .map(|(name, hash)| (format!("object/{name}"), hash)),
    );

    let mut found = Hashes::new();
    for name in ["Cargo.lock", "object/tracer.bpf.o"] {
        hash(name, name, &mut found)?;
    }
    hash(written_manifest(), "Cargo.toml", &mut found)?;
    hash_directory("src", &mut found)?;

    let names: BTreeSet<_> = recorded.keys().chain(found.keys()).collect();
    Ok(names
        .into_iter()
        .filter_map(|name| match (recorded.get(name), found.get(name)) {
            (Some(then), Some(now)) if then == now => None,
            (_, None) => Some(format!("{name} is gone")),
            (None, _) => Some(format!("{name} is new")),
            (Some(_), Some(_)) => Some(format!("{name} has changed")),
        })
        .collect())
}

/// Names the file with the manifest of this crate as it was written: in a package, cargo rewrites
/// `Cargo.toml` and keeps the original beside it.
fn written_manifest() -> &'static str {
    let original = "Cargo.toml.orig";
    if Path::new(original).exists() {
        original
    } else {
        "Cargo.toml"
    }
}

/// Parses one table of the manifest. It holds one string per line, so that user space needs no TOML
/// parser to be built.
fn section(manifest: &str, heading: &str) -> Hashes {
    manifest
        .lines()
        .skip_while(|line| *line != heading)
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split_once(" = "))
        .map(|(name, hash)| {
            (
                name.trim_matches('"').to_owned(),
                hash.trim_matches('"').to_owned(),
            )
        })
        .collect()
}

/// Lists every Rust file, at any depth, as the chore does.
fn hash_directory(directory: &str, hashes: &mut Hashes) -> Result<(), String> {
    let unreadable = |error| format!("{directory} cannot be listed: {error}");
    for entry in fs::read_dir(directory).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name();
        let name = format!("{directory}/{}", name.to_string_lossy());
        if Path::new(&name).is_dir() {
            hash_directory(&name, hashes)?;
        } else if name.ends_with(".rs") {
            hash(&name, &name, hashes)?;
        }
    }
    Ok(())
}

fn hash(path: &str, name: &str, hashes: &mut Hashes) -> Result<(), String> {
    let bytes = fs::read(path).map_err(|error| format!("{path} cannot be read: {error}"))?;
    hashes.insert(name.to_owned(), format!("{:x}", Sha256::digest(bytes)));
    Ok(())
}
