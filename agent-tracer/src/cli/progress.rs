//! How far the reading of a large trace is, for whoever waits at a terminal.

use std::{
    io::{self, IsTerminal, Write},
    path::Path,
    time::{Duration, Instant},
};

use agent_tracer::view;

/// After how long whoever waits is told, and how often from then on.
const UNNOTICED: Duration = Duration::from_millis(500);
const PAUSE: Duration = Duration::from_millis(250);

/// Events between two looks at the clock.
const STRIDE: u64 = 4096;

/// One line on stderr, written over and over, and gone in the end.
pub(super) struct Progress<W: Write = io::Stderr> {
    /// Where it goes; none where nobody looks on.
    output: Option<W>,
    file: String,
    due: Instant,
    is_shown: bool,
}

impl Progress {
    /// For the reading of a file that begins now.
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

    /// So many events were read.
    pub(super) fn read(&mut self, events: u64) {
        if self.output.is_some() && events.is_multiple_of(STRIDE) {
            self.tell(events, Instant::now());
        }
    }

    fn tell(&mut self, events: u64, now: Instant) {
        if now < self.due {
            return;
        }
        if let Some(output) = &mut self.output {
            // A stderr that is gone stops nothing.
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
    fn who_waits_is_told_and_nothing_of_it_is_left() {
        let begun = Instant::now();
        let at = |millis| begun + Duration::from_millis(millis);
        let mut written = Vec::new();
        let mut progress = Progress::to(Some(&mut written), Path::new("/tmp/a.trace"), begun);
        progress.tell(1, at(499));
        progress.tell(2, at(500));
        progress.tell(3, at(600));
        progress.tell(4, at(750));
        drop(progress);
        let line = |events| format!("\r\x1b[Ktracer: reading a.trace: {events} events");
        let expected = format!("{}{}\r\x1b[K", line(2), line(4));
        assert_eq!(String::from_utf8_lossy(&written), expected);
    }

    #[test]
    fn what_is_quick_says_nothing() {
        let begun = Instant::now();
        let mut written = Vec::new();
        let mut progress = Progress::to(Some(&mut written), Path::new("a"), begun);
        progress.tell(4096, begun + Duration::from_millis(400));
        drop(progress);
        assert_eq!(written, b"");
    }
}
