//! Starts programs one after the other, and logs the time of each start: an oracle that is
//! independent of the tracer.

use std::{
    ffi::OsString,
    fs::File,
    io::Write,
    path::Path,
    process::{Command, ExitCode, Stdio},
    thread,
    time::Duration,
};

use nix::time::{ClockId, clock_gettime};

/// `FILE STOP`: writes a line `NUMBER NANOSECONDS` after each exec of `/bin/true stamp-NUMBER`,
/// until there is a file `STOP`, or its own directory is gone.
pub(super) fn stamps(words: &[OsString]) -> ExitCode {
    let (file, stop) = (Path::new(&words[0]), Path::new(&words[1]));
    let mut out = File::create(file).expect("a file for stamps");
    for number in 0.. {
        if stop.exists() || !file.exists() {
            break;
        }
        let ended = Command::new("/bin/true")
            .arg(format!("stamp-{number}"))
            .stdin(Stdio::null())
            .status();
        assert!(ended.is_ok_and(|status| status.success()));
        let line = format!("{number} {}\n", boot_now());
        out.write_all(line.as_bytes()).expect("a stamp");
        thread::sleep(Duration::from_millis(2));
    }
    ExitCode::SUCCESS
}

/// Returns the time of `CLOCK_BOOTTIME`, in nanoseconds.
pub(crate) fn boot_now() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_BOOTTIME).expect("a clock");
    u64::try_from(Duration::from(now).as_nanos()).expect("less than 500 years")
}
