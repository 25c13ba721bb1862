//! Unpacks an archive of many small files, in memory and on an ext4. Measures tar's time, without
//! the snapshots before and after.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Context, Result, bail};
use nix::{
    mount::{MsFlags, mount, umount},
    sched::{CloneFlags, unshare},
    unistd::sync,
};

use super::pairs;

const DIRECTORIES: usize = 250;
const FILES: usize = 200;

/// Unpacks 50,000 files and prints the time; called by `bench`
#[derive(clap::Args)]
pub struct Arguments {
    archive: PathBuf,
    /// Keep the files of earlier rounds: ext4 takes twenty times as long to find an inode shortly
    /// after many were freed
    #[arg(long)]
    keep: bool,
}

/// Measures, and prints a table.
pub fn measure(rounds: u32, tracer: &Path, directory: &Path) -> Result<()> {
    // Below a watched root, in a tmpfs of this process.
    unshare(CloneFlags::CLONE_NEWNS).context("cannot have mounts of its own")?;
    mount(
        None::<&str>,
        "/",
        None::<&str>,
        MsFlags::MS_REC | MsFlags::MS_PRIVATE,
        None::<&str>,
    )
    .context("cannot keep mounts to itself")?;
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
    let mut words = vec!["unpack".to_owned(), archive.display().to_string()];
    pairs::head(
        "tar unpacks 50,000 files of 200 bytes below a watched root, in memory and on an ext4",
        rounds,
    );
    mount(
        Some("tmpfs"),
        "/opt",
        Some("tmpfs"),
        MsFlags::empty(),
        None::<&str>,
    )
    .context("cannot mount a memory on /opt")?;
    let check = |trace: &Path| all_are_there(tracer, trace);
    pairs::measure(rounds, &words, tracer, directory, check)?;
    words.push("--keep".to_owned());
    let disk = directory.join("disk");
    mount_disk(&disk)?;
    let measured = pairs::measure(rounds, &words, tracer, directory, check);
    // The image goes with the directory, and the mount with this process.
    umount("/opt").context("cannot unmount the disk")?;
    fs::remove_file(disk)?;
    measured
}

/// Mounts a fresh ext4 on /opt, with room for all rounds.
fn mount_disk(image: &Path) -> Result<()> {
    const BYTES: u64 = 12 * 1024 * 1024 * 1024;
    fs::File::create(image)?.set_len(BYTES)?;
    // No lazy initialization during a measurement.
    let ready = "lazy_itable_init=0,lazy_journal_init=0";
    let made = Command::new("mkfs.ext4")
        .args(["-q", "-F", "-N", "1600000", "-E", ready])
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
fn all_are_there(tracer: &Path, trace: &Path) -> Result<()> {
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
}

/// Unpacks, and prints tar's time in nanoseconds.
pub fn run(arguments: &Arguments) -> Result<()> {
    let place = match arguments.keep {
        true => PathBuf::from(format!("/opt/unpacked.{}", std::process::id())),
        false => PathBuf::from("/opt/unpacked"),
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
