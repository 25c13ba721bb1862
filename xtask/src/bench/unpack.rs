//! The unpacking of an archive of many small files in memory: what recording costs where files are all that happens.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Context, Result, bail};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use super::pairs;

const DIRECTORIES: usize = 250;
const FILES: usize = 200;

/// Unpacks 50,000 files and prints how long that took; what `bench` runs
#[derive(clap::Args)]
pub struct Arguments {
    archive: PathBuf,
}

/// Measures, and prints a table.
pub fn measure(rounds: u32, tracer: &Path, directory: &Path) -> Result<()> {
    // Below a watched root, in a memory of this process's own.
    unshare(CloneFlags::CLONE_NEWNS).context("cannot have mounts of its own")?;
    mount(
        None::<&str>,
        "/",
        None::<&str>,
        MsFlags::MS_REC | MsFlags::MS_PRIVATE,
        None::<&str>,
    )
    .context("cannot keep mounts to itself")?;
    mount(
        Some("tmpfs"),
        "/opt",
        Some("tmpfs"),
        MsFlags::empty(),
        None::<&str>,
    )
    .context("cannot mount a memory on /opt")?;
    let source = directory.join("source");
    for number in 0..DIRECTORIES {
        let place = source.join(number.to_string());
        fs::create_dir_all(&place)?;
        for file in 0..FILES {
            fs::write(place.join(file.to_string()), [b'x'; 200])?;
        }
    }
    let archive = directory.join("archive.tar");
    let packed = Command::new("tar")
        .arg("cf")
        .arg(&archive)
        .arg("-C")
        .arg(directory)
        .arg("source")
        .status()
        .context("cannot run tar")?;
    if !packed.success() {
        bail!("tar failed: {packed}");
    }
    pairs::head(
        "tar unpacks 50,000 files of 200 bytes below a watched root",
        rounds,
    );
    let words = ["unpack".to_owned(), archive.display().to_string()];
    pairs::measure(rounds, &words, tracer, directory, |trace| {
        let output = Command::new(tracer)
            .args(["replay", "--strict", "--event", "file"])
            .arg(trace)
            .output()
            .context("cannot read the recording")?;
        let lines = output.stdout.split(|byte| *byte == b'\n').count();
        if !output.status.success() || lines < DIRECTORIES * FILES {
            bail!("the recording has not all files: {lines} events");
        }
        Ok(())
    })
}

/// Unpacks, and prints the nanoseconds that tar took.
pub fn run(arguments: &Arguments) -> Result<()> {
    let place = Path::new("/opt/unpacked");
    if place.exists() {
        fs::remove_dir_all(place)?;
    }
    fs::create_dir(place)?;
    let start = Instant::now();
    let status = Command::new("tar")
        .arg("xf")
        .arg(&arguments.archive)
        .arg("-C")
        .arg(place)
        .status()
        .context("cannot run tar")?;
    let took = start.elapsed().as_nanos();
    if !status.success() {
        bail!("tar failed: {status}");
    }
    println!("{took}");
    Ok(())
}
