//! Plays processes with an ancestry that is hard to trace.

use std::{
    ffi::OsString,
    fs,
    os::{fd::AsRawFd, unix::process::CommandExt},
    process::{Command, ExitCode},
    thread,
    time::Duration,
};

use nix::{
    sys::wait::waitpid,
    unistd::{ForkResult, Gid, Uid, fork, getpid, setgid, setgroups, setsid, setuid},
};

use super::{become_program, number};

/// `COUNT WIDTH`: runs COUNT programs, WIDTH at a time, as make -j does.
pub(super) fn fan_out(words: &[OsString]) -> ExitCode {
    let count: usize = number(words.first());
    let width: usize = number(words.get(1));
    thread::scope(|scope| {
        for lane in 0..width {
            scope.spawn(move || {
                for job in (lane..count).step_by(width) {
                    let status = Command::new("/bin/true")
                        .arg(format!("job {job}"))
                        .status()
                        .expect("a program");
                    assert!(status.success());
                }
            });
        }
    });
    ExitCode::SUCCESS
}

/// `PROGRAM…`: runs it as a daemon: fork, setsid, fork, with both parents gone before.
pub(super) fn orphan(words: &[OsString]) -> ExitCode {
    // SAFETY: this process has only this one thread, here and below.
    if let ForkResult::Parent { child } = unsafe { fork() }.expect("a process") {
        waitpid(child, None).expect("its child");
        return ExitCode::SUCCESS;
    }
    setsid().expect("a session");
    let intermediate = getpid();
    // SAFETY: as above.
    if let ForkResult::Parent { .. } = unsafe { fork() }.expect("a process") {
        return ExitCode::SUCCESS;
    }
    while nix::unistd::getppid() == intermediate {
        thread::sleep(Duration::from_millis(1));
    }
    become_program(words)
}

/// `UID GID PROGRAM…`: gives up root first.
pub(super) fn as_user(words: &[OsString]) -> ExitCode {
    let group = Gid::from_raw(number(words.get(1)));
    setgroups(&[]).expect("no groups");
    setgid(group).expect("the group");
    setuid(Uid::from_raw(number(words.first()))).expect("the user");
    become_program(words.get(2..).expect("a program"))
}

/// `UID GID SECONDS`: a child gives up root without an exec, and waits.
pub(super) fn drops_root(words: &[OsString]) -> ExitCode {
    // SAFETY: this process has one thread.
    if let ForkResult::Child = unsafe { fork() }.expect("a fork") {
        setsid().expect("a session");
        let group = Gid::from_raw(number(words.get(1)));
        setgroups(&[]).expect("no groups");
        setgid(group).expect("the group");
        setuid(Uid::from_raw(number(words.first()))).expect("the user");
        thread::sleep(Duration::from_secs(number(words.get(2))));
        return ExitCode::SUCCESS;
    }
    thread::sleep(Duration::from_millis(200));
    ExitCode::SUCCESS
}

/// `PATH…`: calls execve(2) for each path, all of which have to fail.
pub(super) fn failed_execs(words: &[OsString]) -> ExitCode {
    for path in words {
        // It returns only if it fails.
        let _error = Command::new(path).args(["--import", "key"]).exec();
    }
    ExitCode::SUCCESS
}

/// Runs two programs in a row that get the same process id. Only for its own PID namespace: it
/// skips ids.
pub(super) fn reused_pid() -> ExitCode {
    let run = |name: &str| {
        let before = getpid().as_raw() + 100;
        fs::write("/proc/sys/kernel/ns_last_pid", before.to_string()).expect("root may choose");
        let mut child = Command::new("/bin/true")
            .arg0(name)
            .spawn()
            .expect("a program");
        child.wait().expect("its child");
        child.id()
    };
    assert_eq!(run("first"), run("second"), "the id was not used again");
    ExitCode::SUCCESS
}

/// `CGROUP PROGRAM…`: starts a child directly in another cgroup, as newer systemd does: no move
/// happens.
pub(super) fn born_into(words: &[OsString]) -> ExitCode {
    const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;
    let (cgroup, program) = words.split_first().expect("a cgroup");
    let directory = fs::File::open(cgroup).expect("the cgroup");
    let arguments = libc::clone_args {
        flags: CLONE_INTO_CGROUP,
        exit_signal: libc::SIGCHLD as u64,
        cgroup: directory.as_raw_fd() as u64,
        // SAFETY: plain numbers, for which zero means "none".
        ..unsafe { std::mem::zeroed() }
    };
    // SAFETY: without CLONE_VM the child has memory of its own, as after fork(2), and this process
    // has one thread only.
    let child = unsafe {
        libc::syscall(
            libc::SYS_clone3,
            &raw const arguments,
            size_of::<libc::clone_args>(),
        )
    };
    match i32::try_from(child) {
        Ok(0) => become_program(program),
        Ok(child) if child > 0 => {
            waitpid(nix::unistd::Pid::from_raw(child), None).expect("the child ends");
            ExitCode::SUCCESS
        }
        Ok(_) | Err(_) => {
            eprintln!("clone3: {}", std::io::Error::last_os_error());
            ExitCode::FAILURE
        }
    }
}
