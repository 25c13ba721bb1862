//! A program that runs in the background of a test until the test stops it. Its output is read
//! while it runs, so it must not buffer lines.

use std::{
    ffi::OsString,
    process::{Child, Command, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{
    Ended, finish,
    program::{Output, start},
    within_limit,
};

/// A running program.
pub(crate) struct Background {
    /// `None` after it has ended.
    child: Option<Child>,
    output: Option<Output>,
    name: String,
}

impl Background {
    /// Starts a program; `stdbuf` makes it print line by line.
    pub(crate) fn start(program: &str, options: &[&str]) -> Background {
        let words = ["stdbuf", "-oL", program];
        let line: Vec<OsString> = words.iter().chain(options).map(OsString::from).collect();
        Background::run(&line, program)
    }

    /// Starts a program that buffers no line anyway.
    pub(crate) fn run(line: &[OsString], name: &str) -> Background {
        let (program, rest) = line.split_first().expect("a program");
        let mut line = Command::new(program);
        line.args(rest).stdin(Stdio::null());
        let output = Output::divert(&mut line);
        Background {
            child: Some(start(&mut line)),
            output: Some(output),
            name: name.to_owned(),
        }
    }

    /// Waits until the program has printed a text on stderr.
    pub(crate) fn wait_for_message(&mut self, text: &str) {
        let output = self.output.as_ref().expect("its output");
        let said = || String::from_utf8_lossy(&output.stderr()).contains(text);
        assert!(within_limit(said), "{} says {text}", self.name);
    }

    /// Repeats an action until the program prints `text`.
    pub(crate) fn wait_for_output(&mut self, text: &str, mut again: impl FnMut()) {
        let mut ended = None;
        let seen = within_limit(|| {
            again();
            // The program polls its buffer ten times a second.
            std::thread::sleep(std::time::Duration::from_millis(150));
            ended = self.child.as_mut().and_then(|child| child.try_wait().ok()?);
            let output = self.output.as_ref().map(Output::stdout);
            let output = output.unwrap_or_default();
            ended.is_some() || String::from_utf8_lossy(&output).contains(text)
        });
        if !seen || ended.is_some() {
            let messages = self.output.as_ref().map(Output::stderr);
            panic!(
                "{} does not see {text}: {}",
                self.name,
                String::from_utf8_lossy(&messages.unwrap_or_default())
            );
        }
    }

    /// Ends the program as Ctrl-C does.
    pub(crate) fn stop(mut self) -> Ended {
        let child = self.child.take().expect("it was not stopped before");
        let pid = i32::try_from(child.id()).expect("a process id");
        // Possible even if it has ended: its status has not been read yet.
        kill(Pid::from_raw(pid), Signal::SIGINT).expect("it can be stopped");
        let output = self.output.take().expect("its output");
        output.of(finish(child))
    }
}

impl Drop for Background {
    /// Leaves no program running after a failed test.
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            drop(child.kill());
            drop(child.wait());
        }
    }
}
