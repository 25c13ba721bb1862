//! Receives the signals to the recorder. The `watch` module acts on them.

use std::{fs, io};

use nix::sys::signal::Signal;
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

/// The signals that a recorder reacts to.
pub(super) struct Signals {
    interrupt: Option<Stream>,
    quit: Option<Stream>,
    hangup: Option<Stream>,
    terminate: Option<Stream>,
}

impl Signals {
    /// Begins to listen. An ignored signal stays ignored. The exec of the command would reset a
    /// handler, and `nohup tracer record` would lose its nohup.
    pub(super) fn listen() -> io::Result<Signals> {
        let ignored = ignored();
        let open = |which: Signal| {
            let number = which as i32;
            if ignored >> (number - 1) & 1 == 1 {
                return Ok(None);
            }
            signal(SignalKind::from_raw(number)).map(Some)
        };
        Ok(Signals {
            interrupt: open(Signal::SIGINT)?,
            quit: open(Signal::SIGQUIT)?,
            hangup: open(Signal::SIGHUP)?,
            terminate: open(Signal::SIGTERM)?,
        })
    }

    /// Waits for the next signal.
    pub(super) async fn next(&mut self) -> Signal {
        tokio::select! {
            () = received(&mut self.interrupt) => Signal::SIGINT,
            () = received(&mut self.quit) => Signal::SIGQUIT,
            () = received(&mut self.hangup) => Signal::SIGHUP,
            () = received(&mut self.terminate) => Signal::SIGTERM,
        }
    }
}

async fn received(stream: &mut Option<Stream>) {
    match stream {
        Some(stream) => {
            stream.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// Reads `SigIgn` of proc(5), one bit a signal; 0 if unreadable.
fn ignored() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}
