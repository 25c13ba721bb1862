//! Takes the terminal, and gives it back however the program ends.

use std::{
    io::{self, BufWriter, IsTerminal, Stdout, Write},
    mem, panic,
    sync::{
        Arc, Mutex, Once,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use agent_tracer::{
    memory,
    view::watch::{Press, Screen, draw},
};
use ratatui::{
    backend::CrosstermBackend,
    crossterm::{
        cursor, event, execute,
        terminal::{
            Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode,
            enable_raw_mode, size,
        },
    },
};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP},
    flag, low_level,
};

use super::keys::{Key, meaning};

/// The signal of a terminal that is gone.
pub(super) const HANG_UP: i32 = SIGHUP;

/// Signals that end the program.
const ENDING: [i32; 4] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM];

/// Time between two looks for such signals, and for the terminal itself.
const PAUSE: Duration = Duration::from_millis(200);

/// Held while a screen is drawn.
static DRAWING: Mutex<()> = Mutex::new(());

/// An occurrence at the terminal.
pub(super) enum Happened {
    Pressed(Press),
    Resized,
}

type Inner = ratatui::Terminal<CrosstermBackend<BufWriter<Stdout>>>;

/// The terminal, taken over until this is dropped.
pub(super) struct Terminal {
    /// None only while this is dropped.
    inner: Option<Inner>,
    /// Set when a signal asks to stop until further notice.
    stop: Arc<AtomicBool>,
}

impl Terminal {
    /// Takes the terminal.
    ///
    /// # Errors
    ///
    /// It has no such modes.
    pub(super) fn enter() -> io::Result<Terminal> {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            memory::before_refusal(give_back);
            let report = panic::take_hook();
            panic::set_hook(Box::new(move |panicked| {
                give_back();
                report(panicked);
            }));
        });
        let stop = Arc::new(AtomicBool::new(false));
        flag::register(SIGTSTP, Arc::clone(&stop))?;
        heed_endings()?;
        take()?;
        Ok(Terminal {
            inner: Some(empty().inspect_err(|_| give_back())?),
            stop,
        })
    }

    /// Returns the columns.
    pub(super) fn width(&self) -> usize {
        size().map_or(80, |(width, _)| usize::from(width))
    }

    /// Returns the lines.
    pub(super) fn height(&self) -> u16 {
        size().map_or(24, |(_, height)| height)
    }

    /// Draws a screen.
    ///
    /// # Errors
    ///
    /// The terminal is gone.
    pub(super) fn draw(&mut self, screen: &Screen<'_>) -> io::Result<()> {
        if let Some(inner) = &mut self.inner {
            let _drawing = DRAWING.lock();
            inner.draw(|frame| draw(frame, screen))?;
        }
        Ok(())
    }

    /// Waits for keys, and returns all that came.
    ///
    /// # Errors
    ///
    /// The terminal is gone.
    pub(super) fn wait(&mut self, longest: Duration) -> io::Result<Vec<Happened>> {
        let mut all = Vec::new();
        let mut wait = longest;
        // A signal ends the wait early.
        while poll(wait)? {
            wait = Duration::ZERO;
            match event::read()? {
                event::Event::Key(key) => match meaning(key) {
                    Some(Key::Press(press)) => all.push(Happened::Pressed(press)),
                    Some(Key::Stop) => self.stop.store(true, Ordering::Relaxed),
                    Some(Key::Again) => self.again()?,
                    None => {}
                },
                event::Event::Resize(..) => all.push(Happened::Resized),
                _ => {}
            }
        }
        if self.stop.swap(false, Ordering::Relaxed) {
            give_back();
            // The shell continues it later.
            low_level::emulate_default_handler(SIGTSTP)?;
            take()?;
            self.again()?;
            all.push(Happened::Resized);
        }
        Ok(all)
    }

    /// Forgets what is on the screen, so that all of it is drawn. ratatui's own way would ask the
    /// terminal for the place of its cursor, and some never answer.
    fn again(&mut self) -> io::Result<()> {
        execute!(io::stdout(), Clear(ClearType::All))?;
        self.inner = Some(empty()?);
        Ok(())
    }
}

/// Returns a terminal with nothing on its screen.
fn empty() -> io::Result<Inner> {
    let backend = CrosstermBackend::new(BufWriter::new(io::stdout()));
    ratatui::Terminal::new(backend)
}

/// Ends the program at a signal, or when the terminal is gone. A thread of its own does so: the
/// reader of keys never returns from a terminal without another side.
fn heed_endings() -> io::Result<()> {
    let signal = Arc::new(AtomicUsize::new(0));
    for number in ENDING {
        let value = usize::try_from(number).unwrap_or(1);
        flag::register_usize(number, Arc::clone(&signal), value)?;
    }
    let heed = move || {
        loop {
            thread::sleep(PAUSE);
            let signal = i32::try_from(signal.load(Ordering::Relaxed)).unwrap_or(0);
            // Not every terminal is one that sends a signal when it goes.
            let signal = match signal {
                0 if io::stdout().is_terminal() => continue,
                0 => HANG_UP,
                signal => signal,
            };
            // A write to a terminal that is gone may never end.
            for _ in 0..PATIENCE {
                if let Ok(drawing) = DRAWING.try_lock() {
                    mem::forget(drawing);
                    break;
                }
                thread::sleep(Duration::from_millis(10));
            }
            give_back();
            end_by(signal);
        }
    };
    let thread = thread::Builder::new().name("signals".to_owned());
    thread.spawn(heed).map(drop)
}

/// Hundredths of a second that a screen may take before it is given up.
const PATIENCE: usize = 50;

fn poll(longest: Duration) -> io::Result<bool> {
    match event::poll(longest) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(false),
        other => other,
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // ratatui would show the cursor once more, and panic if the terminal is gone.
        mem::forget(self.inner.take());
        give_back();
    }
}

/// Ends this process as a signal does by default.
pub(super) fn end_by(signal: i32) -> ! {
    let _ = low_level::emulate_default_handler(signal);
    // A shell has the same number for such an end.
    std::process::exit(128 + signal)
}

fn take() -> io::Result<()> {
    enable_raw_mode()?;
    execute!(io::stdout(), EnterAlternateScreen, cursor::Hide).inspect_err(|_| give_back())
}

/// Gives the terminal back. An error has no remedy: the terminal is gone.
fn give_back() {
    let _ = execute!(io::stdout(), LeaveAlternateScreen, cursor::Show);
    let _ = disable_raw_mode();
    let _ = io::stdout().flush();
}
