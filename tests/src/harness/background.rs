//! A program that runs beside what a test does, until it is told to stop. What it prints is read while
//! it runs, so it must not keep lines back.

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

/// A program that runs.
pub(crate) struct Background {
    /// None once its end was waited for.
    child: Option<Child>,
    output: Option<Output>,
    name: String,
}

impl Background {
    /// Starts one; `stdbuf` has it print line by line.
    pub(crate) fn start(program: &str, options: &[&str]) -> Background {
        let words = ["stdbuf", "-oL", program];
        let line: Vec<OsString> = words.iter().chain(options).map(OsString::from).collect();
        Background::run(&line, program)
    }

    /// Starts one that keeps no line back anyway.
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

    /// Waits until it has said something on stderr.
    pub(crate) fn wait_for_message(&mut self, text: &str) {
        let output = self.output.as_ref().expect("its output");
        let said = || String::from_utf8_lossy(&output.stderr()).contains(text);
        assert!(within_limit(said), "{} says {text}", self.name);
    }

    /// Does something again and again until it shows, as `text`, in what the program prints.
    pub(crate) fn wait_for_output(&mut self, text: &str, mut again: impl FnMut()) {
        let mut ended = None;
        let seen = within_limit(|| {
            again();
            // It looks into its buffer ten times a second.
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

    /// Ends it as Ctrl-C does.
    pub(crate) fn stop(mut self) -> Ended {
        let child = self.child.take().expect("it was not stopped before");
        let pid = i32::try_from(child.id()).expect("a process id");
        // Also where it has ended by itself: nobody has waited for it yet.
        kill(Pid::from_raw(pid), Signal::SIGINT).expect("it can be told");
        let output = self.output.take().expect("its output");
        output.of(finish(child))
    }
}

impl Drop for Background {
    /// A test that failed leaves none running.
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            drop(child.kill());
            drop(child.wait());
        }
    }
}
