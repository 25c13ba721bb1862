//! Prints the output of `ps -ef` and `netstat -antup` at one moment, to compare with the recording.
//! It reads /proc and interprets nothing.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::net::Ipv4Addr;

use nix::unistd::{Uid, User};

/// One line a process of this PID namespace, children below their parents.
pub fn processes() -> String {
    let mut children: BTreeMap<u32, Vec<Process>> = BTreeMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse() else {
            continue;
        };
        // A process that has gone meanwhile is one `ps` misses too.
        if let Some(process) = Process::read(pid) {
            children.entry(process.parent).or_default().push(process);
        }
    }
    let mut text = String::from("    PID    PPID USER         COMM             COMMAND\n");
    write_children(&mut text, &mut children, 0, 0);
    text
}

struct Process {
    pid: u32,
    parent: u32,
    user: String,
    name: String,
    command: String,
}

impl Process {
    fn read(pid: u32) -> Option<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let field = |name: &str| {
            status
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
                .map(str::trim)
        };
        let uid = field("Uid")?.split_whitespace().next()?.parse().ok()?;
        let user = User::from_uid(Uid::from_raw(uid)).ok().flatten();
        let arguments = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let command: Vec<_> = arguments
            .split(|byte| *byte == 0)
            .map(|argument| String::from_utf8_lossy(argument).escape_debug().to_string())
            .collect();
        Some(Self {
            pid,
            parent: field("PPid")?.parse().ok()?,
            user: user.map_or_else(|| uid.to_string(), |user| user.name),
            name: field("Name")?.to_owned(),
            command: command.join(" ").trim_end().to_owned(),
        })
    }
}

fn write_children(
    text: &mut String,
    children: &mut BTreeMap<u32, Vec<Process>>,
    parent: u32,
    depth: usize,
) {
    let mut generation = children.remove(&parent).unwrap_or_default();
    generation.sort_by_key(|process| process.pid);
    for process in generation {
        let Process {
            pid,
            parent,
            user,
            name,
            command,
        } = process;
        let _ = writeln!(
            text,
            "{pid:>7} {parent:>7} {user:<12} {name:<16} {:indent$}{command}",
            "",
            indent = depth * 2
        );
        write_children(text, children, pid, depth + 1);
    }
}

/// TCP sockets in TIME_WAIT, as netstat lists them: without an owner.
pub fn ownerless_connections() -> Vec<String> {
    const TIME_WAIT: &str = "06";
    let mut lines: Vec<_> = fs::read_to_string("/proc/net/tcp")
        .unwrap_or_default()
        .lines()
        .skip(1)
        .filter_map(|line| {
            let fields: Vec<_> = line.split_whitespace().collect();
            let [_, local, remote, state, ..] = fields.as_slice() else {
                return None;
            };
            (*state == TIME_WAIT).then_some(())?;
            Some(format!(
                "{:<24}{:<24}TIME_WAIT   -",
                endpoint(local)?,
                endpoint(remote)?
            ))
        })
        .collect();
    // The kernel lists them by hash: neither order nor chance is a message.
    lines.sort();
    lines
}

/// The kernel prints the address as the word it is in memory.
fn endpoint(field: &str) -> Option<String> {
    let (address, port) = field.split_once(':')?;
    let address = u32::from_str_radix(address, 16).ok()?.to_ne_bytes();
    let port = u16::from_str_radix(port, 16).ok()?;
    Some(format!("{}:{port}", Ipv4Addr::from(address)))
}
