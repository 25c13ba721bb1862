//! Describes the output: its format, width and colours, and the owner of new files.

use std::{
    io::{self, BufWriter, StdoutLock, Write},
    os::fd::AsFd,
};

use agent_tracer::view::{Clock, Form, Page, TimeStyle};
use anstream::ColorChoice;
use anstream::stream::RawStream;
use clap::ValueEnum;

/// The format of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Text, cut to the width of the terminal.
    Text,
    /// One JSON object per line.
    Jsonl,
}

/// The format of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum TableFormat {
    /// Text, cut to the width of the terminal.
    Text,
    /// One JSON object per line.
    Jsonl,
    /// Comma-separated values.
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

/// The style of times in text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Time {
    /// Seconds since the start of the recording.
    Relative,
    /// Date and time, UTC.
    Absolute,
}

/// The width and colours of an output stream, and the style of times.
#[derive(Clone, Copy)]
pub(super) struct Terminal {
    width: Option<usize>,
    styled: bool,
    time: TimeStyle,
}

impl Terminal {
    /// Describes stdout.
    pub(super) fn stdout(time: Time) -> Terminal {
        Terminal::of(&io::stdout(), time)
    }

    /// Describes stderr.
    pub(super) fn stderr(time: Time) -> Terminal {
        Terminal::of(&io::stderr(), time)
    }

    fn of(stream: &(impl RawStream + AsFd), time: Time) -> Terminal {
        Terminal {
            // A terminal without columns does not know its size.
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

    /// True if it shows colours.
    #[cfg(feature = "watch")]
    pub(super) fn has_colours(self) -> bool {
        self.styled
    }

    /// Returns a page for a file: of any width, without colours.
    pub(super) fn plain(self, clock: Clock) -> Page {
        Page {
            width: None,
            styled: false,
            ..self.page(clock)
        }
    }

    /// Returns a page with the clock of a trace.
    pub(super) fn page(self, clock: Clock) -> Page {
        Page {
            width: self.width,
            styled: self.styled,
            time: self.time,
            clock,
        }
    }
}

/// Decides about colours by terminal, `NO_COLOR`, `CLICOLOR_FORCE` and `TERM`. anstream shows
/// colours in jobs of a CI, even if `TERM` is `dumb`.
fn takes_colour(stream: &impl RawStream) -> bool {
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    match anstream::AutoStream::choice(stream) {
        ColorChoice::Never => false,
        ColorChoice::Auto | ColorChoice::AlwaysAnsi | ColorChoice::Always => {
            !is_dumb || std::env::var_os("CLICOLOR_FORCE").is_some_and(|force| force != "0")
        }
    }
}

/// Writes data to stdout, a line at a time.
pub(super) struct Lines(BufWriter<StdoutLock<'static>>);

impl Lines {
    /// Locks stdout.
    pub(super) fn new() -> Lines {
        Lines(BufWriter::with_capacity(64 << 10, io::stdout().lock()))
    }

    /// Writes a line.
    pub(super) fn line(&mut self, line: &str) -> io::Result<()> {
        self.0.write_all(line.as_bytes())?;
        self.0.write_all(b"\n")
    }

    /// Flushes the lines so far, for a reader that waits.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }

    /// Flushes the last lines. Without this call an error would be hidden.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Writes a line to stderr, in one call.
pub(super) fn note(line: &str) {
    note_lines(&format!("{line}\n"));
}

/// Writes whole lines to stderr. A closed stderr stops nothing.
pub(super) fn note_lines(lines: &str) {
    let _ = io::stderr().write_all(lines.as_bytes());
}

/// Returns the caller of sudo, who is to own new files.
pub(super) fn sudo_caller() -> Option<(u32, u32)> {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u32>().ok();
    Some((number("SUDO_UID")?, number("SUDO_GID")?))
}
