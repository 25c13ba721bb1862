//! Plays a script from stdin, each line in its own process, all at the same time. The lines'
//! meaning is the caller's.

use std::{
    io::{BufRead, Read, Write, pipe},
    process::ExitCode,
    time::Duration,
};

use nix::{
    sys::wait::waitpid,
    unistd::{ForkResult, alarm, fork},
};

/// One line of a script.
pub(super) trait Line: Sized {
    /// Parses a line; `None` if it is invalid.
    fn read(words: &[&str]) -> Option<Self>;

    /// Checks whether its process stays until another ends it.
    fn stays(&self) -> bool;

    /// Plays the line, and prints its outcome under this name. The process keeps the returned
    /// sockets.
    fn play(self, name: &str) -> Option<OpenSockets>;
}

/// Sockets held by a process that stays.
pub(super) type OpenSockets = Vec<std::os::fd::OwnedFd>;

/// Seconds after which a process ends by itself, whether it stays or waits in vain.
const PATIENCE: u32 = 300;

/// Plays the lines `NAME …`, and prints `NAME owner PID` for each. Ends when every process has
/// ended or is ready to stay.
pub(super) fn play<L: Line>() -> ExitCode {
    let lines: Vec<String> = std::io::stdin()
        .lock()
        .lines()
        .map(|line| line.expect("a line"))
        .collect();
    let (mut ready_read, ready_write) = pipe().expect("a pipe");
    let mut children = Vec::new();
    for line in &lines {
        let words: Vec<&str> = line.split(' ').collect();
        let (name, rest) = words.split_first().expect("a name");
        let part = L::read(rest).unwrap_or_else(|| panic!("no line of a script: {line}"));
        let stays = part.stays();
        // SAFETY: this process has only this one thread.
        match unsafe { fork() }.expect("a process") {
            ForkResult::Child => {
                drop(ready_read);
                alarm::set(PATIENCE);
                let kept = part.play(name);
                if stays {
                    drop(ready_write);
                    stay(kept);
                }
                std::process::exit(0);
            }
            ForkResult::Parent { child } => {
                say(&format!("{name} owner {child}"));
                if !stays {
                    children.push(child);
                }
            }
        }
    }
    for child in children {
        waitpid(child, None).expect("its child");
    }
    // Each process that stays has dropped its end by then.
    drop(ready_write);
    ready_read.read_to_end(&mut Vec::new()).expect("nothing");
    ExitCode::SUCCESS
}

fn stay(kept: Option<OpenSockets>) -> ! {
    let _kept = kept;
    loop {
        std::thread::sleep(Duration::from_secs(1));
    }
}

/// Prints one line in one piece: many processes write into the same file.
pub(super) fn say(line: &str) {
    let line = format!("{line}\n");
    let mut stdout = std::io::stdout().lock();
    stdout
        .write_all(line.as_bytes())
        .and_then(|()| stdout.flush())
        .expect("a line");
}
