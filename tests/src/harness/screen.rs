//! A program that owns a whole terminal, with its keys and what it shows. The terminal is read by a
//! parser of others.

use std::{
    fs::File,
    io::{Read, Write},
    num::NonZeroU16,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::fs::OpenOptionsExt,
    },
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use nix::{
    fcntl::OFlag,
    pty::{Winsize, grantpt, posix_openpt, ptsname_r, unlockpt},
    sys::{
        signal::{Signal, kill},
        termios::{Termios, tcgetattr},
    },
    unistd::Pid,
};
use vt100::Parser;

use super::{finish, program::start, within_limit};

/// A program on a terminal of its own.
pub(crate) struct Screen {
    child: Child,
    keys: File,
    /// Keeps the terminal when the program has ended.
    side: OwnedFd,
    before: Termios,
    seen: Arc<Mutex<Parser>>,
    reader: JoinHandle<()>,
}

/// The terminal after the end of its program.
pub(crate) struct Left {
    pub(crate) status: ExitStatus,
    /// True if the terminal has its modes, its cursor and its first screen back.
    pub(crate) is_restored: bool,
    /// The text on that screen.
    pub(crate) text: String,
}

/// Starts a program, and takes the terminal away once a text is on it. Waits for the end.
pub(crate) fn hung_up(command: &mut Command, text: &str) -> ExitStatus {
    let terminal = open(80, 24);
    let child = start_on(command, &terminal.slave);
    drop(terminal.slave);
    let mut master = File::from(terminal.master);
    let (mut seen, mut bytes) = (Vec::new(), [0; 4096]);
    while !String::from_utf8_lossy(&seen).contains(text) {
        let count = master.read(&mut bytes).expect("what it shows");
        seen.extend(bytes.get(..count).unwrap_or_default());
    }
    drop(master);
    finish(child)
}

/// Starts a program on a terminal, of which the command line keeps no handle.
fn start_on(command: &mut Command, terminal: &OwnedFd) -> Child {
    let side = || Stdio::from(terminal.try_clone().expect("another handle"));
    command.env("TERM", "xterm-256color").env_remove("NO_COLOR");
    command.stdin(side()).stdout(side()).stderr(side());
    let child = start(command);
    command.stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    child
}

/// The two sides of a terminal.
struct Sides {
    master: OwnedFd,
    slave: OwnedFd,
}

/// Opens a terminal. No program that another test starts meanwhile inherits a side of it: a
/// terminal ends with its last handle.
fn open(columns: u16, lines: u16) -> Sides {
    let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let master = posix_openpt(flags).expect("a terminal");
    grantpt(&master).expect("a terminal");
    unlockpt(&master).expect("a terminal");
    let name = ptsname_r(&master).expect("its name");
    let slave = File::options()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NOCTTY)
        .open(name)
        .expect("the other side");
    set_size(&slave, columns, lines);
    Sides {
        master: master.into(),
        slave: slave.into(),
    }
}

fn set_size(terminal: &impl AsRawFd, columns: u16, lines: u16) {
    let size = size(columns, lines);
    // SAFETY: the kernel reads one size, which lives until the call returns.
    let done = unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) };
    assert_eq!(done, 0, "a terminal has a size");
}

fn size(columns: u16, lines: u16) -> Winsize {
    Winsize {
        ws_row: lines,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}

fn nonzero(number: u16) -> NonZeroU16 {
    NonZeroU16::new(number).expect("a size")
}

impl Screen {
    /// Starts a program. The terminal is not a controlling one, so Ctrl-C is a key alone.
    pub(crate) fn start(command: &mut Command, columns: u16, lines: u16) -> Screen {
        let terminal = open(columns, lines);
        let before = tcgetattr(&terminal.slave).expect("its modes");
        let child = start_on(command, &terminal.slave);
        let keys = File::from(terminal.master);
        let mut output = keys.try_clone().expect("another handle");
        let seen = Parser::new(nonzero(lines), nonzero(columns), 0);
        let seen = Arc::new(Mutex::new(seen));
        let parser = Arc::clone(&seen);
        let reader = thread::spawn(move || {
            let mut bytes = [0; 4096];
            // A terminal without another side returns an error after its last byte.
            while let Ok(count @ 1..) = output.read(&mut bytes) {
                let mut parser = parser.lock().unwrap_or_else(PoisonError::into_inner);
                parser.process(bytes.get(..count).unwrap_or_default());
            }
        });
        Screen {
            child,
            keys,
            side: terminal.slave,
            before,
            seen,
            reader,
        }
    }

    fn with<T>(&self, look: impl FnOnce(&vt100::Screen) -> T) -> T {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        look(seen.screen())
    }

    /// Returns the text of the screen.
    pub(crate) fn text(&self) -> String {
        self.with(vt100::Screen::contents)
    }

    /// True if the program shows a screen of its own.
    pub(crate) fn is_taken(&self) -> bool {
        self.with(vt100::Screen::alternate_screen)
    }

    /// True if a cell has a colour.
    pub(crate) fn has_colours(&self) -> bool {
        self.with(|screen| {
            let (lines, columns) = screen.size();
            let cells = (0..lines.get()).flat_map(|y| (0..columns.get()).map(move |x| (y, x)));
            let mut cells = cells.filter_map(|(y, x)| screen.cell(y, x));
            cells.any(|cell| cell.fgcolor() != vt100::Color::Default)
        })
    }

    /// Waits until a condition on the text holds. Returns the time that it took.
    #[track_caller]
    pub(crate) fn wait(&self, what: &str, holds: impl Fn(&str) -> bool) -> Duration {
        let begun = Instant::now();
        let came = within_limit(|| holds(&self.text()));
        assert!(came, "{what}:\n{}", self.text());
        begun.elapsed()
    }

    /// Waits until a text is on the screen. Returns the time that it took.
    #[track_caller]
    pub(crate) fn shows(&self, text: &str) -> Duration {
        self.wait(text, |screen| screen.contains(text))
    }

    /// Types keys.
    pub(crate) fn type_keys(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).expect("keys");
    }

    pub(crate) fn send(&self, signal: Signal) {
        kill(self.pid(), signal).expect("it runs");
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).expect("a process id"))
    }

    /// Returns the state of the process, such as `T` for a stopped one.
    pub(crate) fn state(&self) -> String {
        let path = format!("/proc/{}/stat", self.child.id());
        let stat = std::fs::read_to_string(path).unwrap_or_default();
        let state = stat.rsplit(") ").next().and_then(|rest| rest.get(..1));
        state.unwrap_or_default().to_owned()
    }

    /// Changes the size of the terminal.
    pub(crate) fn resize(&self, columns: u16, lines: u16) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        set_size(&self.side, columns, lines);
        seen.set_size(nonzero(lines), nonzero(columns));
        drop(seen);
        self.send(Signal::SIGWINCH);
    }

    /// Waits for the end of the program.
    pub(crate) fn finish(self) -> Left {
        let Screen {
            child,
            keys: _keys,
            side,
            before,
            seen,
            reader,
        } = self;
        let status = finish(child);
        let has_modes = before == tcgetattr(&side).expect("its modes");
        // Without another side, the reader ends with the last byte.
        drop(side);
        reader.join().expect("the reader of the terminal");
        let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        let screen = seen.screen();
        Left {
            status,
            is_restored: has_modes && !screen.alternate_screen() && !screen.hide_cursor(),
            text: screen.contents(),
        }
    }
}
