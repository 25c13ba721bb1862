//! Shows the progress of reading a large trace on a terminal.

use std::{
    io::{self, IsTerminal, Write},
    path::Path,
    time::{Duration, Instant},
};

use agent_tracer::view;

/// Time until progress is shown, and time between updates.
const UNNOTICED: Duration = Duration::from_millis(500);
const PAUSE: Duration = Duration::from_millis(250);

/// Events between two checks of the clock.
const STRIDE: u64 = 4096;

/// A line on stderr that is rewritten, and erased at the end.
pub(super) struct Progress<W: Write = io::Stderr> {
    /// The terminal; none if stderr is not one.
    output: Option<W>,
    file: String,
    due: Instant,
    is_shown: bool,
}

impl Progress {
    /// Begins the progress of reading a file.
    pub(super) fn of(file: &Path) -> Progress {
        let stderr = io::stderr();
        let output = stderr.is_terminal().then_some(stderr);
        Progress::to(output, file, Instant::now())
    }
}

impl<W: Write> Progress<W> {
    fn to(output: Option<W>, file: &Path, now: Instant) -> Progress<W> {
        let name = file.file_name().unwrap_or(file.as_os_str());
        Progress {
            output,
            file: view::text(name.as_encoded_bytes()),
            due: now + UNNOTICED,
            is_shown: false,
        }
    }

    /// Notes the number of events read so far.
    pub(super) fn read(&mut self, events: u64) {
        if self.output.is_some() && events.is_multiple_of(STRIDE) {
            self.show(events, Instant::now());
        }
    }

    fn show(&mut self, events: u64, now: Instant) {
        if now < self.due {
            return;
        }
        if let Some(output) = &mut self.output {
            // A closed stderr stops nothing.
            let _ = write!(
                output,
                "\r\x1b[Ktracer: reading {}: {events} events",
                self.file
            );
            let _ = output.flush();
            self.is_shown = true;
            self.due = now + PAUSE;
        }
    }
}

impl<W: Write> Drop for Progress<W> {
    fn drop(&mut self) {
        if let (Some(output), true) = (&mut self.output, self.is_shown) {
            let _ = output.write_all(b"\r\x1b[K");
            let _ = output.flush();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        path::Path,
        time::{Duration, Instant},
    };

    use super::Progress;

    #[test]
    fn progress_is_shown_and_erased() {
        let begun = Instant::now();
        let at = |millis| begun + Duration::from_millis(millis);
        let mut written = Vec::new();
        let mut progress = Progress::to(Some(&mut written), Path::new("/tmp/a.trace"), begun);
        progress.show(1, at(499));
        progress.show(2, at(500));
        progress.show(3, at(600));
        progress.show(4, at(750));
        drop(progress);
        let line = |events| format!("\r\x1b[Ktracer: reading a.trace: {events} events");
        let expected = format!("{}{}\r\x1b[K", line(2), line(4));
        assert_eq!(String::from_utf8_lossy(&written), expected);
    }

    #[test]
    fn quick_reading_shows_nothing() {
        let begun = Instant::now();
        let mut written = Vec::new();
        let mut progress = Progress::to(Some(&mut written), Path::new("a"), begun);
        progress.show(4096, begun + Duration::from_millis(400));
        drop(progress);
        assert_eq!(written, b"");
    }
}
