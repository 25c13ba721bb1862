//! Traces in memory, and what readers make of them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(
    clippy::needless_update,
    reason = "kinds may get fields that these tests need not set"
)]

use std::io::{self, Cursor, Write};
use std::time::{Duration, Instant};

mod arrived;
mod damage;
mod indexed;
mod kinds;
mod mutations;
mod properties;

use super::block::{BlockHeader, BlockKind, Codec, HEADER_BYTES};
use super::*;
use crate::event::*;

fn header() -> Header {
    Header {
        tool_version: "0.1.0".into(),
        hostname: "build".into(),
        clock_offset_ns: -5,
        start_boot_ns: 77,
        command: vec![b"sh".to_vec(), b"onboard\xff.sh".to_vec()],
        mode: Mode::Command.into(),
        plan: vec![PlanEntry {
            fact: "exec".into(),
            ..PlanEntry::default()
        }],
        rules: vec![RuleSource {
            name: "omi".into(),
            text: "[tree]".into(),
        }],
        ..Header::default()
    }
}

fn exit(number: u64) -> Event {
    let process = ProcessId {
        pid: 100 + (number % 3) as u32,
        start_ns: 1_000_000 + number % 3,
    };
    let kind = EventKind::Exit(Exit {
        lineage: None,
        status: number as u32,
    });
    Event {
        boot_ns: 1_000_000_000 + number * 1000,
        process,
        user: 33,
        kind,
    }
}

/// Makes a trace of `blocks` blocks with `each` events each, in groups of `group` blocks. Also
/// returns the offsets of the blocks, with the end block and the end of the file.
fn trace(blocks: u64, each: u64, group: u64) -> (Vec<u8>, Vec<usize>) {
    let mut file = Vec::new();
    let mut starts = Vec::new();
    let mut now = Instant::now();
    let mut writer = Writer::new(&mut file, &header()).unwrap();
    for block in 0..blocks {
        starts.push(writer.length() as usize);
        for event in 0..each {
            writer.append(&exit(block * each + event), now);
        }
        if (block + 1) % group == 0 {
            writer.end_group();
        }
        now += FLUSH_AFTER;
        writer.flush_if_due(now);
    }
    starts.push(writer.length() as usize);
    let finished = writer.finish().unwrap();
    assert_eq!(
        finished,
        Finished {
            digest: Digest::of(&file[..]).unwrap(),
            events: blocks * each,
            bytes: file.len() as u64
        }
    );
    starts.push(file.len());
    (file, starts)
}

struct Seen {
    events: Vec<(u64, Event)>,
    gaps: Vec<Gap>,
    unknown: u64,
    finished: bool,
}

fn read(bytes: &[u8]) -> Result<Seen, OpenError> {
    let mut reader = Reader::new(bytes, "t.trace")?;
    let (mut events, mut gaps) = (Vec::new(), Vec::new());
    for item in &mut reader {
        match item.unwrap() {
            Item::Event { sequence, event } => events.push((sequence, event)),
            Item::Gap(gap) => gaps.push(gap),
        }
    }
    assert!(events.is_sorted_by(|one, next| one.0 < next.0));
    Ok(Seen {
        events,
        gaps,
        unknown: reader.unknown_events(),
        finished: reader.is_finished(),
    })
}

fn sequences(read: &Seen) -> Vec<u64> {
    for (sequence, event) in &read.events {
        assert_eq!(*event, exit(sequence - 1));
    }
    read.events.iter().map(|event| event.0).collect()
}

fn message(bytes: &[u8]) -> String {
    read(bytes).err().unwrap().to_string()
}

#[test]
fn whole() {
    let (file, _) = trace(6, 5, 2);
    let read = read(&file).unwrap();
    assert_eq!(sequences(&read), Vec::from_iter(1..=30));
    assert!(read.gaps.is_empty() && read.finished);
    let reader = Reader::new(file.as_slice(), "").unwrap();
    assert_eq!((reader.header(), reader.format()), (&header(), 1));
}

#[test]
fn nothing_happened() {
    let (file, _) = trace(0, 0, 1);
    let read = read(&file).unwrap();
    assert!(read.events.is_empty() && read.gaps.is_empty() && read.finished);
}

/// A disk with room for so many bytes.
struct Full {
    file: Vec<u8>,
    room: usize,
}

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(self.room - self.file.len());
        self.file.extend_from_slice(&bytes[..count]);
        if count == 0 {
            Err(io::ErrorKind::StorageFull.into())
        } else {
            Ok(count)
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Output for Full {
    fn cut_back(&mut self, length: u64) -> io::Result<()> {
        self.file.cut_back(length)
    }
}

#[test]
fn disk_full() {
    let (whole, starts) = trace(6, 4, 2);
    for room in starts[0]..whole.len() {
        let mut disk = Full {
            file: Vec::new(),
            room,
        };
        let mut writer = Writer::new(&mut disk, &header()).unwrap();
        let mut now = Instant::now();
        for number in 0..24 {
            writer.append(&exit(number), now);
            if number % 4 == 3 {
                now += FLUSH_AFTER;
                writer.flush_if_due(now);
            }
        }
        let failure = match writer.finish() {
            Ok(_) => continue,
            Err(failure) => failure,
        };
        assert_eq!(failure.error.kind(), io::ErrorKind::StorageFull);
        let read = read(&disk.file).unwrap();
        assert_eq!(
            sequences(&read).len() as u64 + failure.events_not_written,
            24
        );
        assert!(read.gaps.len() == 1 && read.gaps[0].resumed_at.is_none() && !read.finished);
    }
    assert!(
        Writer::new(
            Full {
                file: Vec::new(),
                room: 20
            },
            &header()
        )
        .is_err()
    );
    #[cfg(target_os = "linux")]
    {
        let device = std::fs::File::options()
            .write(true)
            .open("/dev/full")
            .unwrap();
        assert!(Writer::new(device, &header()).is_err());
    }
}

#[test]
fn flushed_in_time() {
    let mut file = Vec::new();
    let mut writer = Writer::new(&mut file, &header()).unwrap();
    let empty = writer.length();
    let now = Instant::now();
    assert_eq!(writer.due(), None);
    writer.append(&exit(0), now);
    assert_eq!(writer.due(), Some(now + FLUSH_AFTER));
    writer.flush_if_due(now + Duration::from_millis(99));
    assert_eq!(writer.length(), empty);
    writer.append(&exit(1), now + FLUSH_AFTER);
    assert!(writer.length() > empty);
    assert_eq!(writer.due(), None);
    drop(writer);
    let read = read(&file).unwrap();
    assert_eq!(sequences(&read), [1, 2]);
    assert!(!read.finished);
}

/// Larger than a group, and larger than a trace can hold.
#[test]
fn large() {
    let log = |bytes: usize| {
        let line = (0..bytes)
            .map(|at| char::from(b'a' + (at * at / 7 % 26) as u8))
            .collect();
        Event::of_recording(5, EventKind::KernelLog(KernelLog { line }))
    };
    let mut file = Vec::new();
    let mut writer = Writer::new(&mut file, &header()).unwrap();
    let events = [exit(0), log(3 << 20), exit(2), log(64 << 20), exit(4)];
    for event in &events {
        writer.append(event, Instant::now());
    }
    writer.finish().unwrap();
    let read = read(&file).unwrap();
    assert!(read.gaps.is_empty());
    let lost = EventKind::Lost(Lost {
        what: "kernel_log".into(),
        count: 1,
    });
    for (number, event) in read.events {
        let expected = &events[number as usize - 1];
        assert!(if number == 4 {
            event.kind == lost
        } else {
            event == *expected
        });
    }
}

#[cfg(unix)]
#[test]
fn created() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let reported = |name: &str, overwrite| {
        NewFile::create(&path(name), overwrite, None)
            .unwrap_err()
            .to_string()
    };
    let me = std::fs::metadata(directory.path()).unwrap();
    let owner = Some((me.uid(), me.gid()));
    drop(NewFile::create(&path("a"), false, owner).unwrap());
    assert!(!path("a").exists(), "it was not kept");
    let new = NewFile::create(&path("a"), false, owner).unwrap();
    let file = new.file().try_clone().unwrap();
    new.keep();
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let exists = "a: it exists\nhint: choose another name, or add --force to overwrite it";
    assert!(reported("a", false).ends_with(exists));
    std::fs::write(path("a"), "before").unwrap();
    let names = || std::fs::read_dir(directory.path()).unwrap().count();
    drop(NewFile::create(&path("a"), true, None).unwrap());
    assert_eq!(std::fs::read(path("a")).unwrap(), b"before");
    let mut again = NewFile::create(&path("a"), true, None).unwrap();
    assert_eq!(again.file().metadata().unwrap().len(), 0);
    again.publish().unwrap();
    again.keep();
    assert_eq!(names(), 1);
    assert_eq!(std::fs::metadata(path("a")).unwrap().len(), 0);
    assert_eq!(file.metadata().unwrap().len(), 6);
    symlink(path("nowhere"), path("dangling")).unwrap();
    symlink(path("a"), path("link")).unwrap();
    for overwrite in [false, true] {
        assert!(reported("dangling", overwrite).contains("symbolic link"));
        assert!(reported("link", overwrite).contains("symbolic link"));
        assert!(reported("", overwrite).contains("is a directory"));
        assert!(reported("no/b", overwrite).contains("there is no directory"));
    }
    let device = NewFile::create(std::path::Path::new("/dev/null"), true, None).unwrap_err();
    assert!(device.to_string().contains("not a regular file"));
    assert!(!path("nowhere").exists());
}
