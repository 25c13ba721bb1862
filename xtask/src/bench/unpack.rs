//! Unpacks an archive of many small files, in memory and on an ext4. Measures tar's time, without
//! the snapshots before and after.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Context, Result, bail};
use nix::{mount::umount, unistd::sync};

use super::{
    Bench, mounts,
    pairs::{self, Load, Peers},
    recorders::Recorder,
    row::Row,
};

/// Files of a directory.
const FILES: u64 = 200;

/// Unpacks an archive and prints the time; called by `bench`
#[derive(clap::Args)]
pub struct Arguments {
    archive: PathBuf,
    /// Keep the files of earlier rounds: ext4 takes twenty times as long to find an inode shortly
    /// after many were freed
    #[arg(long)]
    keep: bool,
    /// Unpack outside of the watched roots
    #[arg(long)]
    outside: bool,
}

/// Measures the archive in three places: below a watched root in memory, outside of all in memory,
/// and below one on an ext4.
pub fn measure(bench: &Bench) -> Result<Vec<Row>> {
    mounts::keep_private()?;
    let directories = bench.choose(250, 50);
    let archive = pack(bench, directories)?;
    let files = directories * FILES;
    let words = vec!["unpack".to_owned(), archive.display().to_string()];
    let all = |trace: &Path, recorder| match recorder {
        Recorder::NoChanges => is_complete(&bench.tracer, trace),
        _ => all_are_there(&bench.tracer, trace, files),
    };
    let load = |place: &str, words, goal, check| Load {
        part: "files",
        what: format!("tar unpacks {files} files of 200 bytes {place}"),
        words,
        peers: Peers::default(),
        goal,
        check,
    };
    let mut rows = Vec::new();
    mounts::tmpfs("/opt")?;
    let memory = load("into a watched tmpfs", words.clone(), Some(1.10), &all);
    rows.push(pairs::measure(bench, &memory)?);
    mounts::tmpfs("/mnt")?;
    let complete = |trace: &Path, _| is_complete(&bench.tracer, trace);
    let outside = [&words[..], &["--outside".to_owned()]].concat();
    let outside = load("into a tmpfs that is not watched", outside, None, &complete);
    rows.push(pairs::measure(bench, &outside)?);
    umount("/mnt").context("cannot unmount the memory")?;
    let disk = bench.directory.join("disk");
    mount_disk(bench, &disk, files)?;
    let kept = [&words[..], &["--keep".to_owned()]].concat();
    let measured = pairs::measure(bench, &load("onto a fresh ext4", kept, Some(1.05), &all));
    // The image goes with the directory, and the mount with this process.
    umount("/opt").context("cannot unmount the disk")?;
    umount("/opt").context("cannot unmount the memory")?;
    fs::remove_file(disk)?;
    rows.push(measured?);
    Ok(rows)
}

/// Makes the archive.
fn pack(bench: &Bench, directories: u64) -> Result<PathBuf> {
    let source = bench.directory.join("source");
    for number in 0..directories {
        let place = source.join(number.to_string());
        fs::create_dir_all(&place)?;
        for file in 0..FILES {
            fs::write(place.join(file.to_string()), [b'x'; 200])?;
        }
    }
    let archive = bench.directory.join("archive.tar");
    let packed = Command::new("tar")
        .arg("cf")
        .arg(&archive)
        .arg("-C")
        .arg(&bench.directory)
        .arg("source")
        .status()
        .context("cannot run tar")?;
    if !packed.success() {
        bail!("tar failed: {packed}");
    }
    Ok(archive)
}

/// Mounts a fresh ext4 on /opt, with room for all rounds.
fn mount_disk(bench: &Bench, image: &Path, files: u64) -> Result<()> {
    let runs = u64::from(bench.rounds + 1) * Recorder::OURS.len() as u64;
    let inodes = runs * (files + files / FILES) * 11 / 10;
    // A block of 4 KiB each, and as much again for the file system itself.
    fs::File::create(image)?.set_len(inodes * 8192)?;
    // No lazy initialization during a measurement.
    let ready = "lazy_itable_init=0,lazy_journal_init=0";
    let made = Command::new("mkfs.ext4")
        .args(["-q", "-F", "-N", &inodes.to_string(), "-E", ready])
        .arg(image)
        .status()
        .context("cannot run mkfs.ext4")?;
    let mut command = Command::new("mount");
    command.args(["-o", "loop"]).arg(image).arg("/opt");
    if !made.success() || !command.status().context("cannot run mount")?.success() {
        bail!("cannot mount an ext4 on /opt");
    }
    Ok(())
}

/// Fails if a recording lacks a file.
fn all_are_there(tracer: &Path, trace: &Path, files: u64) -> Result<()> {
    let output = Command::new(tracer)
        .args(["replay", "--strict", "--event", "file"])
        .arg(trace)
        .output()
        .context("cannot read the recording")?;
    let lines = output.stdout.split(|byte| *byte == b'\n').count() as u64;
    if !output.status.success() || lines < files {
        bail!(
            "the recording has not all files: {lines} events\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}

/// Fails if a recording is not complete. Outside of the roots, many files are folded.
fn is_complete(tracer: &Path, trace: &Path) -> Result<()> {
    let output = Command::new(tracer)
        .args(["replay", "--strict", "--event", "end"])
        .arg(trace)
        .output()
        .context("cannot read the recording")?;
    if !output.status.success() {
        bail!("the recording is not complete: {}", output.status);
    }
    Ok(())
}

/// Unpacks, and prints tar's time in nanoseconds.
pub fn run(arguments: &Arguments) -> Result<()> {
    let place = match (arguments.keep, arguments.outside) {
        (true, _) => PathBuf::from(format!("/opt/unpacked.{}", std::process::id())),
        (false, true) => PathBuf::from("/mnt/unpacked"),
        (false, false) => PathBuf::from("/opt/unpacked"),
    };
    if place.exists() {
        fs::remove_dir_all(&place)?;
    }
    fs::create_dir(&place)?;
    // Data of earlier rounds is written before this one.
    sync();
    let start = Instant::now();
    let status = Command::new("tar")
        .arg("xf")
        .arg(&arguments.archive)
        .arg("-C")
        .arg(&place)
        .status()
        .context("cannot run tar")?;
    let took = start.elapsed().as_nanos();
    if !status.success() {
        bail!("tar failed: {status}");
    }
    println!("{took}");
    Ok(())
}
