//! Runs a program that lists something, and takes what it prints: never for long, never much, and apart from the terminal
//! and its signals. Programs are looked for only where the system has its own.

use std::{
    io::Read,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

const DIRECTORIES: [&str; 4] = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// How often a program that has closed its output is asked whether it has ended.
const ASK_EVERY: Duration = Duration::from_millis(1);

/// How long one that was killed may take to be gone. In the middle of a system call it takes as long as that.
const GOODBYE: Duration = Duration::from_millis(100);

/// How long and how much.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub(super) time: Duration,
    pub(super) bytes: u64,
}

/// Where a program is.
pub(super) fn find(name: &str) -> Option<PathBuf> {
    DIRECTORIES
        .iter()
        .map(|directory| Path::new(directory).join(name))
        .find(|path| path.is_file())
}

/// What it prints, if it succeeds.
pub(super) fn output(
    program: &Path,
    arguments: &[&str],
    limits: Limits,
) -> Result<Vec<u8>, String> {
    let told = |what: &str| format!("{} {what}", program.display());
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .env("PATH", DIRECTORIES.join(":"))
        .env("LC_ALL", "C")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .map_err(|error| told(&format!("cannot be run: {error}")))?;
    let deadline = Instant::now() + limits.time;
    let read = listen(&mut child, limits);
    let status = match &read {
        Ok(_) => ended(&mut child, deadline),
        Err(_) => None,
    };
    let Some(status) = status else {
        // Not by waiting for it: whatever it does, the recording goes on.
        let _ = child.kill();
        let _ = ended(&mut child, Instant::now() + GOODBYE);
        let late = format!("did not end within {} s", limits.time.as_secs_f32());
        return Err(told(&read.err().unwrap_or(late)));
    };
    match (read, status.success()) {
        (Ok(bytes), true) => Ok(bytes),
        (Ok(_), false) => Err(told(&format!("failed ({status})"))),
        (Err(problem), _) => Err(told(&problem)),
    }
}

/// All that it prints until it closes its output.
fn listen(child: &mut Child, limits: Limits) -> Result<Vec<u8>, String> {
    let Some(pipe) = child.stdout.take() else {
        return Ok(Vec::new());
    };
    let (tell, told) = mpsc::channel();
    // It may outlive this call, where a child of the program's keeps the pipe open.
    thread::Builder::new()
        .name("tracer".to_owned())
        .spawn(move || {
            let mut bytes = Vec::new();
            let read = pipe.take(limits.bytes + 1).read_to_end(&mut bytes);
            // Nobody listens any more when time was over.
            let _ = tell.send(read.map(|_| bytes));
        })
        .map_err(|error| format!("cannot be listened to: {error}"))?;
    match told.recv_timeout(limits.time) {
        Ok(Ok(bytes)) if bytes.len() as u64 > limits.bytes => {
            Err(format!("prints more than {} bytes", limits.bytes))
        }
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) => Err(format!("cannot be listened to: {error}")),
        Err(_) => Err(format!(
            "did not end within {} s",
            limits.time.as_secs_f32()
        )),
    }
}

/// How it ended, if it does in time.
fn ended(child: &mut Child, deadline: Instant) -> Option<ExitStatus> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < deadline => thread::sleep(ASK_EVERY),
            Ok(None) | Err(_) => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        path::Path,
        time::{Duration, Instant},
    };

    use super::{Limits, find, output};

    const LIMITS: Limits = Limits {
        time: Duration::from_secs(10),
        bytes: 1000,
    };

    fn shell(script: &str, limits: Limits) -> Result<Vec<u8>, String> {
        output(&find("sh").expect("a shell"), &["-c", script], limits)
    }

    #[test]
    fn what_it_prints() {
        assert_eq!(
            shell("echo \"$LC_ALL\"; pwd; cat; echo no >&2", LIMITS),
            Ok(b"C\n/\n".to_vec())
        );
        let failed = shell("echo x; exit 3", LIMITS);
        assert!(failed.is_err_and(|told| told.ends_with("sh failed (exit status: 3)")));
        assert!(output(Path::new("/nonexistent"), &[], LIMITS).is_err());
        assert_eq!(find("no such program"), None);
        // A group of its own: what is in its group alone, is its leader.
        assert_eq!(
            shell(
                "read -r line </proc/$$/stat; set -- $line; [ $1 = $5 ] && echo own",
                LIMITS
            ),
            Ok(b"own\n".to_vec())
        );
    }

    #[test]
    fn neither_long_nor_much() {
        let much = shell("while echo and more; do :; done", LIMITS);
        assert!(much.is_err_and(|told| told.ends_with("sh prints more than 1000 bytes")));
        let soon = Limits {
            time: Duration::from_millis(200),
            ..LIMITS
        };
        let begin = Instant::now();
        for script in [
            "exec sleep 60",
            "exec >&-; exec sleep 60",
            "trap '' INT TERM; exec sleep 60",
            // A child keeps the pipe open; it ends soon after.
            "sleep 2 & exit 0",
        ] {
            let late = shell(script, soon);
            assert!(late.is_err_and(|told| told.ends_with("sh did not end within 0.2 s")));
        }
        assert!(begin.elapsed() < Duration::from_secs(5));
    }
}
