//! Plays process-wide actions in secondary threads.

use std::{
    ffi::{CString, OsString},
    os::unix::ffi::OsStrExt,
    process::ExitCode,
    thread,
    time::Duration,
};

use super::become_program;

/// `PROGRAM…`: executes it in a thread that is not the first.
pub(super) fn exec(words: &[OsString]) -> ExitCode {
    let words = words.to_owned();
    thread::spawn(move || become_program(&words))
        .join()
        .unwrap_or(ExitCode::FAILURE)
}

/// Ends the first thread at once with 3; another lives on for 300 ms and ends with 5.
pub(super) fn leader_ends_first() -> ExitCode {
    thread::spawn(|| {
        thread::sleep(Duration::from_millis(300));
        std::process::exit(5);
    });
    // SAFETY: it ends this thread alone; nothing uses the thread's values again.
    unsafe { libc::syscall(libc::SYS_exit, 3) };
    ExitCode::FAILURE
}

/// `OWN THREAD`: names the process and one thread of it.
pub(super) fn rename(words: &[OsString]) -> ExitCode {
    let [own, other] = words else {
        return ExitCode::FAILURE;
    };
    name(own);
    let other = other.clone();
    let named = thread::spawn(move || name(&other)).join();
    assert!(named.is_ok(), "the thread has its name");
    ExitCode::SUCCESS
}

fn name(name: &OsString) {
    let name = CString::new(name.as_bytes()).expect("no NUL in it");
    nix::sys::prctl::set_name(&name).expect("a name");
}
