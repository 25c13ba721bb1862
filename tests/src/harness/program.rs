//! Runs programs and waits for their end, always with a limit. Output goes to files, so that a
//! daemon with an open pipe does not block a test.

use std::{
    fs::{self, File},
    io::{Seek, Write},
    os::unix::process::ExitStatusExt,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Mutex, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use super::slowness;

/// Returns the limit of one program or one wait; a test as a whole has none. The slowest need a
/// thirtieth of it.
fn limit() -> Duration {
    Duration::from_secs(360).max(Duration::from_secs(60) * slowness())
}

/// The end of a program, with its output.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The exit status, or `None` after a signal.
    pub(crate) code: Option<i32>,
    /// The signal that ended the program.
    pub(crate) signal: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

impl Ended {
    /// Returns stdout, which must be text.
    pub(crate) fn text(&self) -> &str {
        str::from_utf8(&self.stdout).expect("stdout is UTF-8")
    }

    /// Returns stderr, which must be text.
    pub(crate) fn messages(&self) -> &str {
        str::from_utf8(&self.stderr).expect("stderr is UTF-8")
    }

    /// Requires exit status 0.
    #[track_caller]
    pub(crate) fn success(self) -> Ended {
        assert_eq!(
            self.code,
            Some(0),
            "failed: {}",
            String::from_utf8_lossy(&self.stderr)
        );
        self
    }
}

/// Returns the command of the tested tracer.
pub(crate) fn tracer() -> Command {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    let path = PATH.get_or_init(|| {
        if let Some(given) = std::env::var_os("TRACER") {
            return fs::canonicalize(given).expect("TRACER names the program to be tested");
        }
        let own = std::env::current_exe().expect("the path of this program");
        // Next to this program, or one directory up: cargo puts test programs one level deeper.
        own.ancestors()
            .skip(1)
            .take(2)
            .map(|directory| directory.join("tracer"))
            .find(|candidate| candidate.is_file())
            .expect(
                "there is no tracer beside this program: `cargo build` makes one, or set TRACER",
            )
    });
    Command::new(path)
}

/// Runs a program to its end, with an empty stdin.
pub(crate) fn run(command: &mut Command) -> Ended {
    command.stdin(Stdio::null());
    to_its_end(command)
}

/// Runs a program to its end, with this on stdin.
pub(crate) fn run_with(command: &mut Command, input: &[u8]) -> Ended {
    let mut file = tempfile::tempfile().expect("a file for input");
    file.write_all(input).expect("the input");
    file.rewind().expect("a file");
    command.stdin(file);
    to_its_end(command)
}

fn to_its_end(command: &mut Command) -> Ended {
    let output = Output::divert(command);
    let child = start(command);
    output.of(finish(child))
}

/// True if the tests were asked for their full size.
pub(crate) fn thorough() -> bool {
    std::env::var_os("TRACER_TESTS_THOROUGH").is_some_and(|value| value == "1")
}

/// Notes in a guest's file, now and then, that the tests go on.
pub(crate) fn progress() {
    static SAID: Mutex<Option<Instant>> = Mutex::new(None);
    const PAUSE: Duration = Duration::from_secs(10);
    let Some(file) = std::env::var_os("TRACER_TESTS_PROGRESS") else {
        return;
    };
    let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
    if said.is_none_or(|said| said.elapsed() > PAUSE) {
        *said = Some(Instant::now());
        let line = b"tests: going on\r\n";
        let file = File::options().append(true).open(file);
        // A failure only makes the guest end sooner.
        let _ = file.and_then(|mut file| file.write_all(line));
    }
}

/// Waits for a started program.
pub(crate) fn finish(mut child: Child) -> ExitStatus {
    let mut status = None;
    let ended = within_limit(|| {
        status = child.try_wait().expect("waits for its child");
        status.is_some()
    });
    progress();
    if !ended {
        // Only its end matters now.
        drop(child.kill());
        drop(child.wait());
        panic!("it did not end within {:?}", limit());
    }
    status.expect("it has ended")
}

/// True if a condition becomes true in time.
pub(crate) fn within_limit(mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + limit();
    while Instant::now() < deadline {
        if condition() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    false
}

pub(super) fn start(command: &mut Command) -> Child {
    command
        .spawn()
        .unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"))
}

/// Files that receive stdout and stderr.
pub(super) struct Output {
    directory: tempfile::TempDir,
}

impl Output {
    pub(super) fn divert(command: &mut Command) -> Output {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = |name| File::create(directory.path().join(name)).expect("a file for output");
        command.stdout(file("stdout")).stderr(file("stderr"));
        Output { directory }
    }

    /// Returns the stdout so far.
    pub(super) fn stdout(&self) -> Vec<u8> {
        self.read("stdout")
    }

    /// Returns the stderr so far.
    pub(super) fn stderr(&self) -> Vec<u8> {
        self.read("stderr")
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.directory.path().join(name)).expect("its output")
    }

    pub(super) fn of(self, status: ExitStatus) -> Ended {
        Ended {
            code: status.code(),
            signal: status.signal(),
            stdout: self.read("stdout"),
            stderr: self.read("stderr"),
        }
    }
}

/// Requires a failure with one sentence of the tracer and a hint, and no other output.
#[track_caller]
pub(crate) fn says(ended: &Ended, code: i32, parts: &[&str]) {
    // The recorder also reports a slow snapshot, which a slow machine causes.
    let notice = |line: &&str| line.starts_with("tracer: scanning ");
    let messages = ended.messages().lines().filter(|line| !notice(line));
    let messages = messages.collect::<Vec<_>>().join("\n");
    assert_eq!(ended.code, Some(code), "{messages}");
    assert!(messages.starts_with("tracer: "), "{messages}");
    let is_hint = |line: &&str| line.trim_start().starts_with("hint: ");
    let (hints, lines): (Vec<&str>, Vec<&str>) = messages.lines().partition(is_hint);
    assert!(
        lines.len() == 1 && hints.len() <= 1,
        "one line and a hint: {messages}"
    );
    for part in parts {
        assert!(messages.contains(part), "{part}: {messages}");
    }
    assert_eq!(ended.text(), "");
}
