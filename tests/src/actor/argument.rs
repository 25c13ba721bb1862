//! Starts programs with unusual arguments, or by an unusual name.

use std::{
    ffi::{CStr, CString, OsString},
    fs::File,
    os::{fd::AsRawFd, unix::process::CommandExt},
    process::{Command, ExitCode},
};

use nix::{
    sys::wait::waitpid,
    unistd::{ForkResult, execve, fork},
};

use super::number;

/// The program to start: it ignores its arguments.
const PROGRAM: &CStr = c"/bin/true";

/// Starts a program with each of a series of odd argument lists. The words are lengths of single
/// arguments to try.
pub(super) fn odd(lengths: &[OsString]) -> ExitCode {
    let long = lengths
        .iter()
        .map(|length| vec![b'x'; number(Some(length))])
        .map(|argument| vec![b"long".to_vec(), argument]);
    let lists = [
        vec![b"true".to_vec(), b"two\nlines\n".to_vec()],
        vec![
            b"true".to_vec(),
            b"\x1b[31mred\x1b[0m\x1b]0;title\x07".to_vec(),
        ],
        vec![b"\xff\xfe".to_vec(), b"caf\xe9".to_vec(), b"\x80".to_vec()],
        vec![
            b"".to_vec(),
            b"".to_vec(),
            b"between empty ones".to_vec(),
            b"".to_vec(),
        ],
        vec![b"a quote ' and \" and \\ and \r\t".to_vec()],
        vec!["\u{202e}backwards \u{200b}日本語".as_bytes().to_vec()],
        vec![],
    ];
    for list in lists.into_iter().chain(long) {
        start(list);
    }
    ExitCode::SUCCESS
}

/// Starts a program with arguments of so many bytes together, their ends included.
pub(super) fn long(words: &[OsString]) -> ExitCode {
    const AT_ONCE: usize = 100_000;
    let mut left: usize = number(words.first());
    let mut list = Vec::new();
    while left > 0 {
        let bytes = left.min(AT_ONCE);
        list.push(vec![b'y'; bytes - 1]);
        left -= bytes;
    }
    start(list);
    ExitCode::SUCCESS
}

fn start(list: Vec<Vec<u8>>) {
    let argv: Vec<CString> = list
        .into_iter()
        .map(|argument| CString::new(argument).expect("no NUL in it"))
        .collect();
    let environment: [&CStr; 0] = [];
    // SAFETY: this process has only this one thread.
    match unsafe { fork() }.expect("a process") {
        ForkResult::Child => {
            let failed = execve(PROGRAM, &argv, &environment);
            eprintln!("{failed:?}");
            std::process::exit(1);
        }
        ForkResult::Parent { child } => {
            waitpid(child, None).expect("its child");
        }
    }
}

/// Starts a program by an open file instead of a name, and another by a name relative to its
/// directory.
pub(super) fn by_descriptor() -> ExitCode {
    let file = File::open("/bin/true").expect("a program");
    // SAFETY: this process has only this one thread.
    match unsafe { fork() }.expect("a process") {
        ForkResult::Child => {
            let environment: [&CStr; 0] = [];
            let failed = nix::unistd::fexecve(&file, &[c"by-descriptor"], &environment);
            eprintln!("{failed:?}");
            std::process::exit(1);
        }
        ForkResult::Parent { child } => {
            waitpid(child, None).expect("its child");
        }
    }
    let relative = Command::new("./true").current_dir("/bin").status();
    let found = relative.is_ok_and(|status| status.success());
    assert!(file.as_raw_fd() >= 0 && found, "the programs ran");
    ExitCode::SUCCESS
}

/// Starts /bin/true once with each command line of the JSON list on stdin.
pub(super) fn listed() -> ExitCode {
    let lines: Vec<Vec<String>> = serde_json::from_reader(std::io::stdin()).expect("a list");
    for line in lines {
        let (name, rest) = line.split_first().expect("a name");
        let status = Command::new("/bin/true").arg0(name).args(rest).status();
        assert!(status.is_ok_and(|status| status.success()), "{line:?}");
    }
    ExitCode::SUCCESS
}
