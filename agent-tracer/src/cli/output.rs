//! Where lines go: how wide, whether in colour, as text or as jsonl; and whose a file is that is written.

use std::{
    io::{self, BufWriter, StdoutLock, Write},
    os::fd::AsFd,
};

use agent_tracer::view::{Clock, Form, Page, TimeStyle};
use anstream::ColorChoice;
use anstream::stream::RawStream;
use clap::ValueEnum;

/// The form of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Lines to be read, cut to the width of the terminal.
    Text,
    /// One JSON object a line.
    Jsonl,
}

/// The form of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum TableFormat {
    /// Lines to be read, cut to the width of the terminal.
    Text,
    /// One JSON object a line.
    Jsonl,
    /// Comma-separated values for a spreadsheet.
    Csv,
}

impl From<TableFormat> for Form {
    fn from(format: TableFormat) -> Form {
        match format {
            TableFormat::Text => Form::Text,
            TableFormat::Jsonl => Form::Jsonl,
            TableFormat::Csv => Form::Csv,
        }
    }
}

/// How times are shown in text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Time {
    /// Seconds since the recording began.
    Relative,
    /// Date and time of day, UTC.
    Absolute,
}

/// A page without its clock, which is that of the trace.
#[derive(Clone, Copy)]
pub(super) struct Terminal {
    width: Option<usize>,
    styled: bool,
    time: TimeStyle,
}

impl Terminal {
    /// For lines on stdout.
    pub(super) fn stdout(time: Time) -> Terminal {
        Terminal::of(&io::stdout(), time)
    }

    /// For lines on stderr.
    pub(super) fn stderr(time: Time) -> Terminal {
        Terminal::of(&io::stderr(), time)
    }

    fn of(stream: &(impl RawStream + AsFd), time: Time) -> Terminal {
        Terminal {
            // A terminal of no columns is one that does not know its size.
            width: terminal_size::terminal_size_of(stream)
                .map(|(width, _)| usize::from(width.0))
                .filter(|width| *width > 0),
            styled: takes_colour(stream),
            time: match time {
                Time::Relative => TimeStyle::Relative,
                Time::Absolute => TimeStyle::Absolute,
            },
        }
    }

    /// For a file: nobody wraps it, and it has no colours.
    pub(super) fn plain(self, clock: Clock) -> Page {
        Page {
            width: None,
            styled: false,
            ..self.page(clock)
        }
    }

    /// With the clock of a trace.
    pub(super) fn page(self, clock: Clock) -> Page {
        Page {
            width: self.width,
            styled: self.styled,
            time: self.time,
            clock,
        }
    }
}

/// What terminal, `NO_COLOR`, `CLICOLOR_FORCE` and `TERM` come to. anstream takes a job of a CI for a
/// terminal that shows colours, also where `TERM` says that it does not.
fn takes_colour(stream: &impl RawStream) -> bool {
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    match anstream::AutoStream::choice(stream) {
        ColorChoice::Never => false,
        ColorChoice::Auto | ColorChoice::AlwaysAnsi | ColorChoice::Always => {
            !is_dumb || std::env::var_os("CLICOLOR_FORCE").is_some_and(|force| force != "0")
        }
    }
}

/// Data on stdout, a line at a time.
pub(super) struct Lines(BufWriter<StdoutLock<'static>>);

impl Lines {
    /// Opens it.
    pub(super) fn new() -> Lines {
        Lines(BufWriter::with_capacity(64 << 10, io::stdout().lock()))
    }

    /// Writes a line.
    pub(super) fn line(&mut self, line: &str) -> io::Result<()> {
        self.0.write_all(line.as_bytes())?;
        self.0.write_all(b"\n")
    }

    /// Lets whoever waits see what was written so far.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }

    /// Writes what is left. Not to call it would hide an error.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// A line on stderr, in one piece.
pub(super) fn note(line: &str) {
    note_lines(&format!("{line}\n"));
}

/// Whole lines on stderr. A stderr that is gone stops nothing.
pub(super) fn note_lines(lines: &str) {
    let _ = io::stderr().write_all(lines.as_bytes());
}

/// Whoever typed sudo is to own what is written.
pub(super) fn sudo_caller() -> Option<(u32, u32)> {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u32>().ok();
    Some((number("SUDO_UID")?, number("SUDO_GID")?))
}
