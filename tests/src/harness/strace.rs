//! The oracle: strace on the same command. It reads the output of `-e
//! trace=execve,execveat,connect`, and no traces.

use std::{
    collections::HashMap,
    ffi::OsString,
    net::{IpAddr, SocketAddr},
    process::Command,
};

use super::{Ended, Test, plain, run};

/// A system call of a program; of execs only successful ones.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Call {
    Exec { path: Vec<u8>, argv: Vec<Vec<u8>> },
    Connect(SocketAddr),
}

/// Runs a command under strace.
pub(crate) fn strace(command: &[OsString]) -> (Ended, Vec<Call>) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let log = directory.path().join("log");
    let mut line = Command::new("strace");
    // All strings whole and in hexadecimal; -yy shows TCP and UDP.
    line.args(["-f", "-qq", "-yy", "-xx", "-s", "300000"])
        .args(["-e", "trace=execve,execveat,connect", "-e", "signal=none"])
        .arg("-o")
        .arg(&log)
        .args(command);
    let ended = run(&mut line);
    let text = std::fs::read_to_string(&log).expect("strace wrote its log");
    (ended, calls(&text))
}

fn calls(log: &str) -> Vec<Call> {
    let all = whole(log).into_iter();
    all.filter_map(|(_, head, tail)| call(head, tail)).collect()
}

/// Joins the calls of many threads, in the order of their ends: the thread, the first part of the
/// call, and the rest.
pub(crate) fn whole(log: &str) -> Vec<(&str, &str, &str)> {
    let mut begun: HashMap<&str, &str> = HashMap::new();
    let mut calls = Vec::new();
    for line in log.lines() {
        let Some((thread, rest)) = line.split_once(' ') else {
            continue;
        };
        let rest = rest.trim_start();
        if let Some(head) = rest.strip_suffix(" <unfinished ...>") {
            begun.insert(thread, head);
        } else if let Some((head, _)) = rest.split_once(" <pid changed to ") {
            begun.insert(thread, head);
        } else if let Some((_, other)) = rest.split_once("superseded by execve in pid ") {
            // An exec by a thread that is not the leader continues under the leader's number.
            let other = other.trim_end_matches(" +++");
            if let Some(head) = begun.remove(other) {
                begun.insert(thread, head);
            }
        } else if rest.starts_with("<... ") {
            let (Some(head), Some((_, tail))) = (begun.remove(thread), rest.split_once("resumed>"))
            else {
                continue;
            };
            calls.push((thread, head, tail));
        } else if let Some(end) = rest.rfind(") = ") {
            let (head, tail) = rest.split_at(end);
            calls.push((thread, head, tail));
        }
    }
    calls
}

/// Parses a call from its arguments and its result.
fn call(head: &str, tail: &str) -> Option<Call> {
    let (_, result) = tail.rsplit_once("= ")?;
    let (name, arguments) = head.split_once('(')?;
    match name {
        "execve" if result.starts_with('0') => {
            let (path, rest) = string(arguments)?;
            Some(exec(path, list(rest)))
        }
        "execveat" if result.starts_with('0') => {
            let (directory, rest) = arguments.split_once(", ")?;
            let (path, rest) = string(rest)?;
            Some(exec(path_at(directory, path), list(rest)))
        }
        // Later calls on the same socket only ask for the result of the first.
        "connect" if result.contains("EISCONN") || result.contains("EALREADY") => None,
        "connect" if arguments.contains("<TCP") => address(arguments).map(Call::Connect),
        _ => None,
    }
}

fn exec(path: Vec<u8>, mut argv: Vec<Vec<u8>>) -> Call {
    if argv.is_empty() {
        // Since Linux 5.18, every program has an argv[0].
        argv.push(Vec::new());
    }
    Call::Exec { path, argv }
}

/// Returns the kernel's name for a program that is given relative to a descriptor.
fn path_at(directory: &str, path: Vec<u8>) -> Vec<u8> {
    if directory.starts_with("AT_FDCWD") || path.starts_with(b"/") {
        return path;
    }
    let number = directory.split('<').next().unwrap_or_default();
    let mut whole = format!("/dev/fd/{number}").into_bytes();
    if !path.is_empty() {
        whole.push(b'/');
        whole.extend(path);
    }
    whole
}

/// Parses the strings of `["…", "…"]` or of NULL.
fn list(text: &str) -> Vec<Vec<u8>> {
    let mut strings = Vec::new();
    let Some(mut rest) = text.trim_start_matches(", ").strip_prefix('[') else {
        return strings;
    };
    while let Some((bytes, behind)) = string(rest.trim_start_matches(", ")) {
        strings.push(bytes);
        rest = behind;
    }
    strings
}

/// Parses a hexadecimal string at the start, and returns the rest.
pub(crate) fn string(text: &str) -> Option<(Vec<u8>, &str)> {
    let (inside, behind) = text.strip_prefix('"')?.split_once('"')?;
    assert!(!behind.starts_with("..."), "strace cut a string");
    let bytes = inside
        .split("\\x")
        .skip(1)
        .map(|digits| u8::from_str_radix(digits, 16).expect("strace -xx writes hexadecimal"))
        .collect();
    Some((bytes, behind))
}

fn address(arguments: &str) -> Option<SocketAddr> {
    let (_, port) = arguments.split_once("port=htons(")?;
    let (port, _) = port.split_once(')')?;
    let (_, quoted) = arguments.split_once("inet_").and_then(|(_, rest)| {
        let start = rest.find('"')?;
        Some(rest.split_at(start))
    })?;
    let (address, _) = string(quoted)?;
    let address: IpAddr = str::from_utf8(&address).ok()?.parse().ok()?;
    Some(SocketAddr::new(address.to_canonical(), port.parse().ok()?))
}

pub(crate) fn tests() -> Vec<Test> {
    vec![
        plain!(strace_output_is_read_whole),
        plain!(an_exec_by_another_thread_is_read),
        plain!(addresses_are_read),
    ]
}

fn execs(log: &str) -> Vec<(String, Vec<String>)> {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    calls(log)
        .into_iter()
        .filter_map(|call| match call {
            Call::Exec { path, argv } => Some((text(path), argv.into_iter().map(text).collect())),
            Call::Connect(_) => None,
        })
        .collect()
}

fn strace_output_is_read_whole() {
    let log = concat!(
        "7 execve(\"\\x2f\\x61\", [\"\\x62\", \"\\x0a\\x22\"], 0x7ffc /* 3 vars */) = 0\n",
        "8 execve(\"\\x2f\\x62\", [\"\\x62\"], 0x7ffc /* 3 vars */) = -1 ENOENT (No such file)\n",
        "8 execve(\"\\x2f\\x63\", NULL, 0x7ffc /* 3 vars */ <unfinished ...>\n",
        "7 +++ exited with 0 +++\n",
        "8 <... execve resumed>) = 0\n",
        "9 execveat(5<\\x2f\\x64>, \"\", [\"\\x65\"], 0x7f /* 1 var */, AT_EMPTY_PATH) = 0\n",
    );
    assert_eq!(
        execs(log),
        [
            ("/a".to_owned(), vec!["b".to_owned(), "\n\"".to_owned()]),
            ("/c".to_owned(), vec![String::new()]),
            ("/dev/fd/5".to_owned(), vec!["e".to_owned()]),
        ]
    );
}

fn an_exec_by_another_thread_is_read() {
    let log = concat!(
        "31 execve(\"\\x2f\\x61\", [\"\\x61\"], 0x7f /* 1 var */ <pid changed to 30 ...>\n",
        "30 +++ superseded by execve in pid 31 +++\n",
        "30 <... execve resumed>)             = 0\n",
    );
    assert_eq!(execs(log), [("/a".to_owned(), vec!["a".to_owned()])]);
}

fn addresses_are_read() {
    let log = concat!(
        "5 connect(3<TCP:[1]>, {sa_family=AF_INET, sin_port=htons(9), ",
        "sin_addr=inet_addr(\"\\x31\\x2e\\x32\\x2e\\x33\\x2e\\x34\")}, 16) = -1 EINPROGRESS (x)\n",
        "5 connect(3<TCP:[1]>, {sa_family=AF_INET, sin_port=htons(9), ",
        "sin_addr=inet_addr(\"\\x31\\x2e\\x32\\x2e\\x33\\x2e\\x34\")}, 16) = -1 EISCONN (x)\n",
        "5 connect(3<UDP:[1]>, {sa_family=AF_INET, sin_port=htons(9), ",
        "sin_addr=inet_addr(\"\\x31\\x2e\\x32\\x2e\\x33\\x2e\\x34\")}, 16) = 0\n",
        "5 connect(3<TCPv6:[1]>, {sa_family=AF_INET6, sin6_port=htons(80), ",
        "sin6_flowinfo=htonl(0), ",
        "inet_pton(AF_INET6, \"\\x3a\\x3a\\x31\", &sin6_addr), sin6_scope_id=0}, 28) = 0\n",
    );
    let expected = ["1.2.3.4:9", "[::1]:80"]
        .map(|address| Call::Connect(address.parse().expect("an address")));
    assert_eq!(calls(log), expected);
}
