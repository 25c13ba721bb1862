//! Reads facts that have no event: pre-existing processes, the host, the clocks. It leaves out
//! processes that end meanwhile.

use std::{fs, os::unix::fs::MetadataExt, thread};

use nix::{
    time::{ClockId, clock_gettime},
    unistd::{SysconfVar, sysconf},
};

use agent_tracer_ebpf::{ARGV_LIMIT, NO_USER};

use super::{proc::process::ProcessDirectory, recorder_view::RecorderView};
use crate::event::{Snapshot, SnapshotProcess};

/// Processes for which another thread is worth its start.
const PART: usize = 128;

/// Facts of a trace about its machine.
pub struct HostFacts {
    /// `uname -r`.
    pub kernel_release: String,
    /// `uname -v`.
    pub kernel_version: String,
    /// `uname -m`.
    pub arch: String,
    /// `uname -n`.
    pub hostname: String,
    /// `/proc/sys/kernel/random/boot_id`.
    pub boot_id: String,
    /// Processors online.
    pub cpus: u32,
    /// Inode number of the recorder's PID namespace.
    pub pid_namespace: u64,
    /// Inode number of the recorder's network namespace.
    pub network_namespace: u32,
}

/// Reads the facts.
pub fn host_facts() -> HostFacts {
    let text = |value: &std::ffi::OsStr| value.to_string_lossy().into_owned();
    let (kernel_release, kernel_version, arch, hostname) = match nix::sys::utsname::uname() {
        Ok(names) => (
            text(names.release()),
            text(names.version()),
            text(names.machine()),
            text(names.nodename()),
        ),
        Err(_) => Default::default(),
    };
    let boot_id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    HostFacts {
        kernel_release,
        kernel_version,
        arch,
        hostname,
        boot_id: boot_id.trim().to_owned(),
        cpus: std::thread::available_parallelism()
            .map_or(0, |count| u32::try_from(count.get()).unwrap_or(u32::MAX)),
        pid_namespace: fs::metadata("/proc/self/ns/pid").map_or(0, |meta| meta.ino()),
        network_namespace: fs::metadata("/proc/self/ns/net")
            .map_or(0, |meta| u32::try_from(meta.ino()).unwrap_or(0)),
    }
}

/// Returns the nanoseconds since boot, the clock of all events.
pub fn boot_now() -> u64 {
    nanoseconds(ClockId::CLOCK_BOOTTIME)
}

/// Returns the difference between nanoseconds since 1970 and nanoseconds since boot.
pub fn clock_offset() -> i64 {
    let before = boot_now();
    let real = nanoseconds(ClockId::CLOCK_REALTIME);
    let after = boot_now();
    let boot = before + (after - before) / 2;
    real as i64 - boot as i64
}

pub(super) fn nanoseconds(clock: ClockId) -> u64 {
    clock_gettime(clock).map_or(0, |time| {
        time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64
    })
}

/// Takes a snapshot of all running processes.
pub fn snapshot() -> Snapshot {
    let view = RecorderView::of_recorder();
    let mut pids: Vec<u32> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    pids.sort_unstable();
    Snapshot {
        processes: in_parts(&pids, &|pid| process(pid, view.as_ref())),
    }
}

/// Looks at many processes on several threads. The order stays.
fn in_parts(
    pids: &[u32],
    look: &(impl Fn(u32) -> Option<SnapshotProcess> + Sync),
) -> Vec<SnapshotProcess> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let part = pids.len().div_ceil(threads).max(PART);
    let (own, rest) = pids.split_at(part.min(pids.len()));
    let all = |pids: &[u32]| pids.iter().copied().filter_map(look).collect::<Vec<_>>();
    thread::scope(|scope| {
        let parts: Vec<_> = rest
            .chunks(part)
            .map(|pids| {
                let thread = thread::Builder::new().name("tracer".to_owned());
                (pids, thread.spawn_scoped(scope, move || all(pids)))
            })
            .collect();
        let mut processes = all(own);
        for (pids, begun) in parts {
            let seen = begun.ok().and_then(|begun| begun.join().ok());
            processes.extend(seen.unwrap_or_else(|| all(pids)));
        }
        processes
    })
}

/// Returns the start of a process, in nanoseconds since boot, to a hundredth of a second.
pub fn start_of(pid: u32) -> Option<u64> {
    Some(stat(&ProcessDirectory::open(pid)?)?.start_ns)
}

/// True if a process runs that started within the hundredth of a second of `start_ns`.
pub fn is_alive(pid: u32, start_ns: u64) -> bool {
    const TICK: u64 = 10_000_000;
    let stat = ProcessDirectory::open(pid).and_then(|directory| stat(&directory));
    stat.is_some_and(|stat| stat.is_alive() && stat.start_ns / TICK == start_ns / TICK)
}

/// Returns the real and the effective user of a process that started within the hundredth of a
/// second of `start_ns`.
pub fn users_of(pid: u32, start_ns: u64) -> Option<(u32, u32)> {
    const TICK: u64 = 10_000_000;
    let directory = ProcessDirectory::open(pid)?;
    let status = directory.read("status").ok()?;
    let users = (
        status_field(&status, b"Uid:", 1)?,
        status_field(&status, b"Uid:", 2)?,
    );
    let started = stat(&directory)?.start_ns;
    (started / TICK == start_ns / TICK).then_some(users)
}

/// Returns the login user of a process, if one is set.
fn login_user(directory: &ProcessDirectory) -> Option<u32> {
    let text = directory.read("loginuid").ok()?;
    let user = std::str::from_utf8(&text).ok()?.trim().parse().ok();
    user.filter(|user| *user != NO_USER)
}

fn process(pid: u32, view: Option<&RecorderView>) -> Option<SnapshotProcess> {
    let directory = ProcessDirectory::open(pid)?;
    let stat = stat(&directory).filter(Stat::is_alive)?;
    let status = directory.read("status").ok()?;
    let (argv, truncated) = arguments(&directory);
    let exe = directory.link("exe");
    let user = status_field(&status, b"Uid:", 2).unwrap_or(0);
    let identified = view.and_then(|view| view.identify(&directory, &exe, user));
    let root = identified
        .as_ref()
        .map(|found| found.root_directory.clone());
    Some(SnapshotProcess {
        root_directory: root.unwrap_or_default(),
        identity: identified.map(|found| found.identity),
        pid,
        start_ns: stat.start_ns,
        parent_pid: stat.parent_pid,
        user,
        real_user: status_field(&status, b"Uid:", 1),
        login_user: login_user(&directory),
        comm: stat.comm,
        exe,
        argv,
        cgroup: cgroup(&directory).unwrap_or_default(),
        truncated,
    })
}

/// Reasons why a process or a unit cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum NotFollowed {
    /// No process has this number.
    #[error("cannot follow process {0}: there is no process {0}\nhint: see `ps -e`")]
    Missing(u32),
    /// The unit has no process, and systemd does not know it.
    #[error(
        "cannot follow {0}: there is no unit {0}\n\
         hint: see `systemctl list-units`, and `systemd-cgls` for the processes of each unit"
    )]
    NoUnit(String),
    /// It has ended, and waits for its parent.
    #[error("cannot follow process {0}: it has ended, and is a zombie")]
    Zombie(u32),
    /// The number is that of a thread.
    #[error("cannot follow {thread}: it is a thread\nhint: follow its process: --pid {process}")]
    Thread {
        /// The number.
        thread: u32,
        /// Its process.
        process: u32,
    },
}

/// Checks that a process with this number can be followed.
///
/// # Errors
///
/// There is no such process.
pub fn check_process(pid: u32) -> Result<(), NotFollowed> {
    let missing = || NotFollowed::Missing(pid);
    let directory = ProcessDirectory::open(pid).ok_or_else(missing)?;
    let stat = stat(&directory).ok_or_else(missing)?;
    let status = directory.read("status").map_err(|_| missing())?;
    match status_field(&status, b"Tgid:", 1) {
        Some(process) if process != pid => Err(NotFollowed::Thread {
            thread: pid,
            process,
        }),
        Some(_) | None if !stat.is_alive() => Err(NotFollowed::Zombie(pid)),
        Some(_) | None => Ok(()),
    }
}

/// Reads the first 128 KiB of the arguments, in whole arguments. Returns true if there are more.
fn arguments(directory: &ProcessDirectory) -> (Vec<Vec<u8>>, bool) {
    let mut area = directory.read_some("cmdline", ARGV_LIMIT + 1);
    let truncated = area.len() > ARGV_LIMIT;
    if truncated {
        let whole = area
            .iter()
            .rposition(|byte| *byte == 0)
            .map_or(0, |end| end + 1);
        area.truncate(whole);
    }
    let area = area.strip_suffix(b"\0").unwrap_or(&area);
    let argv = match area {
        [] => Vec::new(),
        area => area.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect(),
    };
    (argv, truncated)
}

struct Stat {
    comm: Vec<u8>,
    state: u8,
    threads: u64,
    parent_pid: u32,
    start_ns: u64,
}

/// Reads `/proc/PID/stat`, see proc(5). The comm may hold anything, even `) R 1`, so the fields
/// after it are counted from the last parenthesis.
fn stat(directory: &ProcessDirectory) -> Option<Stat> {
    let line = directory.read("stat").ok()?;
    let open = line.iter().position(|byte| *byte == b'(')?;
    let close = line.iter().rposition(|byte| *byte == b')')?;
    let comm = line.get(open + 1..close)?.to_vec();
    let rest = std::str::from_utf8(line.get(close + 1..)?).ok()?;
    // The state, the third field of the line, is the first of these.
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let ticks: u64 = fields.get(19)?.parse().ok()?;
    Some(Stat {
        comm,
        state: fields.first()?.bytes().next()?,
        threads: fields.get(17)?.parse().ok()?,
        parent_pid: fields.get(1)?.parse().ok()?,
        start_ns: ticks * (1_000_000_000 / ticks_a_second()),
    })
}

impl Stat {
    /// Returns true unless all threads have ended. The leader may end before the others.
    fn is_alive(&self) -> bool {
        !matches!(self.state, b'Z' | b'X' | b'x') || self.threads > 1
    }
}

fn ticks_a_second() -> u64 {
    match sysconf(SysconfVar::CLK_TCK) {
        Ok(Some(ticks)) if ticks > 0 => ticks as u64,
        Ok(_) | Err(_) => 100,
    }
}

/// Reads a number in a line of `/proc/PID/status`: `column` 1 is the first after the name.
fn status_field(status: &[u8], name: &[u8], column: usize) -> Option<u32> {
    let line = status
        .split(|byte| *byte == b'\n')
        .find(|line| line.starts_with(name))?;
    std::str::from_utf8(line)
        .ok()?
        .split_ascii_whitespace()
        .nth(column)?
        .parse()
        .ok()
}

/// Reads the path of the cgroup that has the units. It is in the unified hierarchy (cgroup2) or, on
/// hosts with both versions, in systemd's own hierarchy, unless that path is `/`.
fn cgroup(directory: &ProcessDirectory) -> Option<Vec<u8>> {
    let text = directory.read("cgroup").ok()?;
    let mut unified = None;
    for line in text.split(|byte| *byte == b'\n') {
        if let Some(path) = line.strip_prefix(b"0::") {
            unified = Some(path.to_vec());
        } else if let Some(at) = find(line, b":name=systemd:") {
            let path = &line[at + b":name=systemd:".len()..];
            if path != b"/" {
                return Some(path.to_vec());
            }
        }
    }
    unified
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}
