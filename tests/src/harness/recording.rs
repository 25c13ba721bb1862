//! `tracer record` as one call: takes a command and returns its trace. It judges no trace.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command},
    sync::LazyLock,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::TempDir;

use super::{Ended, Trace, finish, program::Output, program::start, tracer, within_limit};

/// A recording to make.
pub(crate) struct Recording {
    directory: TempDir,
    file: PathBuf,
    launcher: Vec<OsString>,
    options: Vec<OsString>,
    command: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    input: Vec<u8>,
}

/// Records a command and requires a trace without gaps.
#[track_caller]
pub(crate) fn record(command: Vec<OsString>) -> Trace {
    Recording::of(command).run().trace()
}

/// Returns the slowness of this machine as a factor, which emulated machines measure and declare.
pub(crate) fn slowness() -> u32 {
    static FACTOR: LazyLock<u32> = LazyLock::new(|| {
        let Ok(declared) = std::env::var("TRACER_TESTS_SLOW") else {
            return 1;
        };
        declared.parse().expect("TRACER_TESTS_SLOW is a factor")
    });
    *FACTOR
}

impl Recording {
    /// Records a command, or with an empty one the target of the options.
    pub(crate) fn of(command: Vec<OsString>) -> Recording {
        let mut directory = tempfile::tempdir().expect("a temporary directory");
        // Keeps the trace of a failed test for inspection.
        directory.disable_cleanup(std::env::var_os("TRACER_TESTS_KEEP").is_some());
        Recording {
            file: directory.path().join("it.trace"),
            directory,
            launcher: Vec::new(),
            options: Vec::new(),
            command,
            environment: Vec::new(),
            input: Vec::new(),
        }
    }

    /// Writes the trace to another path.
    pub(crate) fn to(mut self, file: &Path) -> Recording {
        self.file = file.to_owned();
        self
    }

    /// Adds an option of `tracer record`.
    pub(crate) fn option<const N: usize>(mut self, words: [&str; N]) -> Recording {
        self.options.extend(words.map(OsString::from));
        self
    }

    /// Lingers for a time after the command's end; longer on a slow machine.
    pub(crate) fn lingers(self, milliseconds: u32) -> Recording {
        let all = milliseconds * slowness();
        self.option(["--linger", &format!("{all}ms")])
    }

    /// Ends after a time; later on a slow machine.
    pub(crate) fn lasts(self, milliseconds: u32) -> Recording {
        let all = milliseconds * slowness();
        self.option(["--for", &format!("{all}ms")])
    }

    /// Starts the recorder through a launcher, whose command line ends before the tracer's.
    pub(crate) fn through(mut self, launcher: Vec<OsString>) -> Recording {
        self.launcher = launcher;
        self
    }

    pub(crate) fn environment(mut self, name: &str, value: &str) -> Recording {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Sets the recorder's stdin.
    pub(crate) fn input(mut self, bytes: &[u8]) -> Recording {
        self.input = bytes.to_owned();
        self
    }

    /// Returns the whole command line.
    fn line(&self) -> Command {
        let mut words = self.launcher.clone();
        words.push(tracer().get_program().to_owned());
        words.push("record".into());
        words.extend(["-o".into(), self.file.clone().into()]);
        words.extend(self.options.iter().cloned());
        if !self.command.is_empty() {
            words.push("--".into());
            words.extend(self.command.iter().cloned());
        }
        let (program, rest) = words.split_first().expect("a program to run");
        let mut line = Command::new(program);
        line.args(rest)
            .env_remove("SUDO_UID")
            .env_remove("SUDO_GID")
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        line
    }

    /// Makes the recording.
    pub(crate) fn run(self) -> Recorded {
        self.start().finish()
    }

    /// Starts the recording.
    pub(crate) fn start(self) -> Running {
        let mut line = self.line();
        let input = self.directory.path().join("stdin");
        File::create(&input)
            .and_then(|mut file| file.write_all(&self.input))
            .expect("a file for input");
        line.stdin(File::open(&input).expect("the file for input"));
        let output = Output::divert(&mut line);
        Running {
            child: start(&mut line),
            output,
            directory: self.directory,
            file: self.file,
        }
    }
}

/// A recording in progress.
pub(crate) struct Running {
    pub(crate) child: Child,
    output: Output,
    directory: TempDir,
    file: PathBuf,
}

impl Running {
    /// Waits until the hooks are live, and a moment longer. Everything that runs is in the trace
    /// from now on.
    pub(crate) fn attached(self) -> Running {
        // The recorder creates the file before it attaches the hooks, and writes the header after.
        let has_begun = || std::fs::metadata(&self.file).is_ok_and(|file| file.len() > 0);
        assert!(within_limit(has_begun), "the recording begins");
        std::thread::sleep(Duration::from_millis(300) * slowness());
        self
    }

    /// Sends a signal to the recorder alone.
    pub(crate) fn send(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).expect("a process id");
        kill(Pid::from_raw(pid), signal).expect("the recorder runs");
    }

    /// Waits until the recorder or the command has printed a text on stderr.
    pub(crate) fn says(self, text: &str) -> Running {
        let said = || String::from_utf8_lossy(&self.output.stderr()).contains(text);
        assert!(within_limit(said), "it says {text}");
        self
    }

    /// Waits for its end.
    pub(crate) fn finish(self) -> Recorded {
        let ended = self.output.of(finish(self.child));
        Recorded {
            ended,
            file: self.file,
            _directory: self.directory,
        }
    }
}

/// A finished or refused recording.
pub(crate) struct Recorded {
    /// The recorder's exit, with the output of recorder and command.
    pub(crate) ended: Ended,
    /// The path of the trace.
    pub(crate) file: PathBuf,
    /// Removed when dropped.
    _directory: TempDir,
}

impl Recorded {
    /// Reads the trace back, and requires that nothing is missing.
    #[track_caller]
    pub(crate) fn trace(self) -> Trace {
        let messages = self.ended.messages();
        assert_ne!(self.ended.code, Some(125), "no recording: {messages}");
        let trace = Trace::read(self);
        assert!(
            trace.is_whole(),
            "{} is not complete: {}",
            trace.file.display(),
            trace.replayed.messages()
        );
        trace
    }

    /// Returns a reading command on the trace.
    pub(crate) fn read<const N: usize>(&self, verb: &str, options: [&str; N]) -> Ended {
        super::run(
            tracer()
                .arg(verb)
                .arg(&self.file)
                .args(options.map(OsStr::new)),
        )
    }
}
