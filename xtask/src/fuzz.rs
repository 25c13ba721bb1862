//! `cargo xtask fuzz`: runs the fuzz targets of `agent-tracer/fuzz`, one after the other. Keeps the
//! corpus that they find under `target/fuzz` and prints one line per target.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Context, Result, bail};

use crate::demo;

/// The version that the figures in the notes were made with.
const CARGO_FUZZ: &str = "0.13.2";

/// Memory limit of a target, in MiB: twice the limit that the reader has for files of this length.
const MEMORY_MIB: u32 = 600;

/// Longest input, in bytes.
const INPUT_BYTES: u32 = 65_536;

/// Fuzz the parsers of hostile bytes: all of them, or the named ones
///
/// Findings are kept in agent-tracer/fuzz/artifacts. After a fix, move the input to
/// agent-tracer/fuzz/seeds/TARGET: `cargo test` reads it from then on.
#[derive(clap::Args)]
pub struct Arguments {
    /// Minutes for each target
    #[arg(long, default_value_t = 1)]
    minutes: u64,
    /// Names of targets [default: all]
    targets: Vec<String>,
}

/// Runs all targets, even after one that found something.
pub fn run(arguments: &Arguments) -> Result<()> {
    let workspace = demo::workspace()?;
    let room = workspace.join("agent-tracer/fuzz");
    let all = targets(&room)?;
    if let Some(unknown) = arguments.targets.iter().find(|name| !all.contains(name)) {
        bail!("cannot fuzz {unknown}: the targets are {}", all.join(" "));
    }
    let chosen = match arguments.targets.as_slice() {
        [] => &all,
        some => some,
    };
    let tool = cargo_fuzz(&workspace)?;
    let mut found = Vec::new();
    for target in chosen {
        let learned = learned(&workspace, &room, target)?;
        let begun = Instant::now();
        let status = Command::new(&tool)
            .current_dir(&room)
            // A stable toolchain has the sanitizer, and hides it.
            .env("RUSTC_BOOTSTRAP", "1")
            .env("CARGO_TARGET_DIR", workspace.join("target/fuzz/build"))
            // cargo sets it for its own children, and it names another toolchain's sanitizer.
            .env_remove("RUSTFLAGS")
            .args(["fuzz", "run", "--fuzz-dir", ".", target])
            .arg(&learned)
            .arg("--")
            .arg(format!("-max_total_time={}", arguments.minutes * 60))
            .arg(format!("-rss_limit_mb={MEMORY_MIB}"))
            .arg(format!("-max_len={INPUT_BYTES}"))
            .args(["-timeout=10", "-print_final_stats=1", "-verbosity=0"])
            .status()
            .with_context(|| format!("cannot run {}", tool.display()))?;
        let minutes = begun.elapsed().as_secs_f64() / 60.0;
        let verdict = if status.success() { "clean" } else { "FOUND" };
        println!("fuzz: {target}: {verdict} after {minutes:.1} minutes");
        if !status.success() {
            found.push(target.as_str());
        }
    }
    if !found.is_empty() {
        bail!("found something in {}", found.join(" "));
    }
    Ok(())
}

fn targets(room: &Path) -> Result<Vec<String>> {
    let folder = room.join("fuzz_targets");
    let entries = fs::read_dir(&folder)
        .with_context(|| format!("cannot read {}", folder.display()))?
        .collect::<Result<Vec<_>, _>>()?;
    let mut names: Vec<String> = entries
        .iter()
        .filter_map(|entry| Some(entry.path().file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    Ok(names)
}

/// Returns the directory of the earlier corpus, and copies the seeds there.
fn learned(workspace: &Path, room: &Path, target: &str) -> Result<PathBuf> {
    let learned = workspace.join("target/fuzz/corpus").join(target);
    fs::create_dir_all(&learned).context("cannot make the folder of inputs")?;
    let mut folders = vec![room.join("seeds").join(target)];
    if target == "trace" {
        folders.push(workspace.join("tests/corpus"));
    }
    for folder in folders {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            let is_input = target != "trace" || path.extension().is_none_or(|end| end == "trace");
            if let Some(name) = path.file_name().filter(|_| is_input) {
                fs::copy(&path, learned.join(name))?;
            }
        }
    }
    Ok(learned)
}

/// Finds cargo-fuzz, or installs it below `target/`.
fn cargo_fuzz(workspace: &Path) -> Result<PathBuf> {
    let root = workspace.join("target/fuzz-tools");
    let tool = root.join("bin/cargo-fuzz");
    if !tool.exists() {
        println!("fuzz: installing cargo-fuzz");
        let status = Command::new("cargo")
            .args(["install", "--quiet", "cargo-fuzz", "--version", CARGO_FUZZ])
            .arg("--root")
            .arg(&root)
            .status()
            .context("cannot run cargo")?;
        if !status.success() {
            bail!("cannot install cargo-fuzz {CARGO_FUZZ}\nhint: it comes from crates.io");
        }
    }
    Ok(tool)
}
