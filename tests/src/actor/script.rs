//! A script on stdin, each line of which is played by a process of its own, all at the same time. What a line means is not
//! known here.

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
    /// None where it makes no sense.
    fn read(words: &[&str]) -> Option<Self>;

    /// Whether its process stays, for somebody else to end it.
    fn stays(&self) -> bool;

    /// Does it, and says under this name what comes of it; what is returned is kept as long as the process.
    fn play(self, name: &str) -> Option<Kept>;
}

/// What a process holds while it stays.
pub(super) type Kept = Vec<std::os::fd::OwnedFd>;

/// A process that stays, or waits in vain, ends by itself at last, after so many seconds.
const PATIENCE: u32 = 300;

/// Plays the lines `NAME …`, and prints `NAME owner PID` for each. It ends when every process has ended, or has come to where it
/// stays.
pub(super) fn play<L: Line>() -> ExitCode {
    let lines: Vec<String> = std::io::stdin()
        .lock()
        .lines()
        .map(|line| line.expect("a line"))
        .collect();
    let (mut settled, settles) = pipe().expect("a pipe");
    let mut children = Vec::new();
    for line in &lines {
        let words: Vec<&str> = line.split(' ').collect();
        let (name, rest) = words.split_first().expect("a name");
        let part = L::read(rest).unwrap_or_else(|| panic!("no line of a script: {line}"));
        let stays = part.stays();
        // SAFETY: this process has only this one thread.
        match unsafe { fork() }.expect("a process") {
            ForkResult::Child => {
                drop(settled);
                alarm::set(PATIENCE);
                let kept = part.play(name);
                if stays {
                    drop(settles);
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
    // Each process that stays has let go of it by then.
    drop(settles);
    settled.read_to_end(&mut Vec::new()).expect("nothing");
    ExitCode::SUCCESS
}

fn stay(kept: Option<Kept>) -> ! {
    let _kept = kept;
    loop {
        std::thread::sleep(Duration::from_secs(1));
    }
}

/// One line in one piece: many processes write into the same file.
pub(super) fn say(line: &str) {
    let line = format!("{line}\n");
    let mut stdout = std::io::stdout().lock();
    stdout
        .write_all(line.as_bytes())
        .and_then(|()| stdout.flush())
        .expect("a line");
}
