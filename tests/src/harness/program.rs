//! Runs programs and waits for their end, never without a limit. Output goes through files: a
//! daemon that keeps a pipe open cannot hold a test up.

use std::{
    fs::{self, File},
    io::{Seek, Write},
    os::unix::process::ExitStatusExt,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Mutex, OnceLock, PoisonError},
    time::{Duration, Instant},
};

/// How long one program, or one wait, may take before the test fails; a test has no limit as a whole.
/// The slowest needs a thirtieth of it, but for emulated machines on a busy one.
const LIMIT: Duration = Duration::from_secs(360);

/// What became of a program.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Its exit status; none when a signal ended it.
    pub(crate) code: Option<i32>,
    /// That signal.
    pub(crate) signal: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

impl Ended {
    /// Its stdout, which has to be text.
    pub(crate) fn text(&self) -> &str {
        str::from_utf8(&self.stdout).expect("stdout is UTF-8")
    }

    /// Its stderr, which has to be text.
    pub(crate) fn messages(&self) -> &str {
        str::from_utf8(&self.stderr).expect("stderr is UTF-8")
    }

    /// The same, after it has ended well.
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

/// The tracer to be tested.
pub(crate) fn tracer() -> Command {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    let path = PATH.get_or_init(|| {
        if let Some(given) = std::env::var_os("TRACER") {
            return fs::canonicalize(given).expect("TRACER names the program to be tested");
        }
        let own = std::env::current_exe().expect("the path of this program");
        // Next to this program, or one further up: cargo puts what it tests in a directory below.
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

/// Runs a program to its end, with nothing on stdin.
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

/// Tells whether tests may take their time: whether they were asked for many more rounds.
pub(crate) fn thorough() -> bool {
    std::env::var_os("TRACER_TESTS_THOROUGH").is_some_and(|value| value == "1")
}

/// Says to the file that a guest names, now and then, that the tests go on.
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
        // Without it a test is as good; the guest is only ended sooner.
        let _ = file.and_then(|mut file| file.write_all(line));
    }
}

/// Waits for a program that was started.
pub(crate) fn finish(mut child: Child) -> ExitStatus {
    let mut status = None;
    let ended = within_limit(|| {
        status = child.try_wait().expect("waits for its child");
        status.is_some()
    });
    progress();
    if !ended {
        // Its end is all that is wanted now.
        drop(child.kill());
        drop(child.wait());
        panic!("it did not end within {LIMIT:?}");
    }
    status.expect("it has ended")
}

/// Whether something becomes true in time.
pub(crate) fn within_limit(mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + LIMIT;
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

/// Files in the place of stdout and stderr.
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

    /// What is on stdout so far.
    pub(super) fn stdout(&self) -> Vec<u8> {
        self.read("stdout")
    }

    /// What is on stderr so far.
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

/// A failure in one sentence of the tracer's, with nothing else printed.
#[track_caller]
pub(crate) fn says(ended: &Ended, code: i32, parts: &[&str]) {
    // The recorder gives notice of a look at the machine that takes long. A slow machine makes it long.
    let notice = |line: &&str| line.starts_with("tracer: looking at ");
    let messages = ended.messages().lines().filter(|line| !notice(line));
    let messages = messages.collect::<Vec<_>>().join("\n");
    assert_eq!(ended.code, Some(code), "{messages}");
    assert!(messages.starts_with("tracer: "), "{messages}");
    assert_eq!(messages.lines().count(), 1, "one line: {messages}");
    for part in parts {
        assert!(messages.contains(part), "{part}: {messages}");
    }
    assert_eq!(ended.text(), "");
}
