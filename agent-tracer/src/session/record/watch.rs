//! Decides on the duration of a recording: it ends with the command, a signal or a limit of time.
//! The recorder handles the events meanwhile.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    time::Duration,
};

use nix::sys::signal::Signal;
use tokio::{
    io::{Interest, unix::AsyncFd},
    sync::oneshot,
    time::{Instant, Interval, MissedTickBehavior, interval, sleep_until},
};

use super::{
    Ended, RecordError,
    recorder::{Recorder, exit_of, raw},
    signals::Signals,
};
use crate::{
    capture::{self, Launch, LaunchError, NotFollowed},
    event::{CommandStarted, EndReason, Event, EventKind, UnitFollowed},
};

/// Interval between two polls of the ring buffer, and the delay of a live view. The kernel wakes
/// the recorder only when the buffer fills up.
pub(super) const POLL_EVERY: Duration = Duration::from_millis(20);

/// Interval between two polls for losses, of a dozen system calls each.
const LOSSES_EVERY: Duration = Duration::from_secs(1);

/// Limit of events to take before signals and timers.
const AT_ONCE: usize = 16384;

/// Reasons to wake up.
enum Wake {
    Signal(Signal),
    Ended,
    Deadline,
    Poll,
}

/// Sources of wake-ups.
struct Waiter {
    signals: Signals,
    ring: AsyncFd<OwnedFd>,
    /// The mount table, if it can be read. A new mount is watched at once.
    mounts: Option<AsyncFd<OwnedFd>>,
    poll: Interval,
    losses_due: Instant,
}

impl Waiter {
    fn new(recorder: &Recorder<'_>) -> io::Result<Waiter> {
        let ring = recorder.capture.as_fd().try_clone_to_owned()?;
        let ring = registered(ring, Interest::READABLE)?;
        let mounts = capture::open_mounts();
        let mounts = mounts.and_then(|table| registered(table, Interest::PRIORITY));
        let mut poll = interval(POLL_EVERY);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Waiter {
            signals: Signals::listen()?,
            ring,
            mounts: mounts.ok(),
            poll,
            losses_due: Instant::now() + LOSSES_EVERY,
        })
    }

    /// Waits for the next thing to do.
    async fn next(
        &mut self,
        ended: Option<&mut oneshot::Receiver<()>>,
        deadline: Option<Instant>,
    ) -> Wake {
        let ended = async {
            match ended {
                // An error is a sender that is gone: ended, too.
                Some(ended) => drop(ended.await),
                None => std::future::pending().await,
            }
        };
        let deadline = async {
            match deadline {
                Some(deadline) => sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            signal = self.signals.next() => Wake::Signal(signal),
            () = ended => Wake::Ended,
            () = deadline => Wake::Deadline,
            ready = self.ring.readable() => {
                if let Ok(mut ready) = ready {
                    ready.clear_ready();
                }
                Wake::Poll
            }
            () = change_of(self.mounts.as_ref()) => Wake::Poll,
            _ = self.poll.tick() => Wake::Poll,
        }
    }

    fn losses_are_due(&mut self) -> bool {
        let due = Instant::now() >= self.losses_due;
        if due {
            self.losses_due = Instant::now() + LOSSES_EVERY;
        }
        due
    }
}

impl Recorder<'_> {
    /// Runs the command to its end, and lingers.
    pub(super) async fn watch_command(
        &mut self,
        launch: Launch,
        linger: Duration,
    ) -> Result<Ended, RecordError> {
        let mut waiter = Waiter::new(self).map_err(RecordError::Wait)?;
        let (signal_end, mut ended) = oneshot::channel();
        let launched = self.start_command(launch, move || {
            // The receiver is gone if a signal has stopped the recording.
            let _ = signal_end.send(());
        })?;
        // Count of signals that ask to stop. The terminal sends Ctrl-C and Ctrl-\ to the command,
        // too, which decides about itself; the other signals were meant for it.
        let mut asked = 0;
        loop {
            match waiter.next(Some(&mut ended), None).await {
                Wake::Ended => break,
                Wake::Signal(Signal::SIGINT | Signal::SIGQUIT) => {}
                Wake::Signal(signal) => {
                    asked += 1;
                    if asked > 1 {
                        // The command does not react. The recording ends, the command goes on.
                        return Ok(Ended {
                            reason: EndReason::Interrupted,
                            status: None,
                        });
                    }
                    launched.signal(signal);
                }
                Wake::Deadline | Wake::Poll => self.poll(&mut waiter),
            }
        }
        let status = match launched.wait() {
            Ok(status) => Some(status),
            // The command did run.
            Err(LaunchError::Wait(_)) => None,
            Err(error) => return Err(error.into()),
        };
        self.command_ended(status.map(raw));
        let mut reason = EndReason::CommandEnded;
        if asked == 0 && !linger.is_zero() && self.linger(&mut waiter, linger).await {
            reason = EndReason::Interrupted;
        }
        Ok(Ended { reason, status })
    }

    /// Follows a running process.
    pub(super) async fn watch_process(
        &mut self,
        pid: u32,
        limit: Option<Duration>,
        linger: Duration,
    ) -> Result<Ended, RecordError> {
        let mut waiter = Waiter::new(self).map_err(RecordError::Wait)?;
        self.drain_all();
        let (process, user) = match self.session.model.latest(pid) {
            Some(index) if self.session.model.process(index).is_running() => {
                let process = self.session.model.process(index);
                (process.id, process.user)
            }
            // It has ended since the check.
            Some(_) | None => return Err(NotFollowed::Missing(pid).into()),
        };
        let kind = EventKind::CommandStarted(CommandStarted { attached: true });
        self.take(Event {
            boot_ns: capture::boot_now(),
            process,
            user,
            kind,
        });
        Ok(self.watch(&mut waiter, limit, linger).await)
    }

    /// Follows the processes of a unit, through its restarts.
    pub(super) async fn watch_unit(
        &mut self,
        unit: &[u8],
        limit: Option<Duration>,
    ) -> Result<Ended, RecordError> {
        let mut waiter = Waiter::new(self).map_err(RecordError::Wait)?;
        self.drain_all();
        if !self.session.model.has_unit(unit) {
            return Err(NotFollowed::NoUnit(String::from_utf8_lossy(unit).into_owned()).into());
        }
        let kind = EventKind::UnitFollowed(UnitFollowed {
            unit: unit.to_owned(),
        });
        self.take(Event::of_recording(capture::boot_now(), kind));
        Ok(self.watch(&mut waiter, limit, Duration::ZERO).await)
    }

    /// Records the whole system.
    pub(super) async fn watch_system(
        &mut self,
        limit: Option<Duration>,
    ) -> Result<Ended, RecordError> {
        let mut waiter = Waiter::new(self).map_err(RecordError::Wait)?;
        Ok(self.watch(&mut waiter, limit, Duration::ZERO).await)
    }

    /// Goes on until a signal, the limit of time, or the end of the followed process.
    async fn watch(
        &mut self,
        waiter: &mut Waiter,
        limit: Option<Duration>,
        linger: Duration,
    ) -> Ended {
        let deadline = limit.map(|limit| Instant::now() + limit);
        self.is_ready();
        loop {
            match waiter.next(None, deadline).await {
                Wake::Signal(Signal::SIGHUP) if self.course.is_some() => self.ask_for_segment(),
                Wake::Signal(_) => return over(EndReason::Interrupted),
                Wake::Deadline => return over(EndReason::TimeOver),
                Wake::Ended | Wake::Poll => self.poll(waiter),
            }
            self.rotate_if_due().await;
            if let Some(exit) = exit_of(&self.session.model) {
                self.command_ended(Some(exit.status));
                let stopped = !linger.is_zero() && self.linger(waiter, linger).await;
                return over(if stopped {
                    EndReason::Interrupted
                } else {
                    EndReason::CommandEnded
                });
            }
        }
    }

    /// Goes on for a while. Returns `true` if a signal ended it early.
    async fn linger(&mut self, waiter: &mut Waiter, linger: Duration) -> bool {
        self.observer.lingers(linger);
        let deadline = Some(Instant::now() + linger);
        loop {
            match waiter.next(None, deadline).await {
                Wake::Signal(Signal::SIGHUP) if self.course.is_some() => self.ask_for_segment(),
                Wake::Signal(_) => return true,
                Wake::Deadline => return false,
                Wake::Ended | Wake::Poll => self.poll(waiter),
            }
            self.rotate_if_due().await;
        }
    }

    fn poll(&mut self, waiter: &mut Waiter) {
        self.take_recent();
        self.take_silent_peers();
        self.session.model.fold(self.elsewhere.authors());
        if waiter.losses_are_due() {
            self.report_losses();
            self.report_state();
        }
        self.flush();
    }

    /// Takes events during another wait.
    pub(super) fn keep_up(&mut self) {
        self.take_recent();
        self.flush();
    }

    fn take_recent(&mut self) {
        self.sources.follow_mounts();
        let now_ns = capture::boot_now();
        self.service.note_fill(self.capture.fill());
        let is_behind = self.drain(AT_ONCE).is_some();
        self.take_files();
        self.take_users();
        if !is_behind {
            self.take_units(now_ns);
        }
    }
}

/// Registers a descriptor for wake-ups.
fn registered(descriptor: OwnedFd, interest: Interest) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: the AsyncFd owns the descriptor, which so is open as long as it is registered.
    Ok(unsafe { AsyncFd::register_with_interest(descriptor, interest)? })
}

/// Waits for a change of the mount table.
async fn change_of(mounts: Option<&AsyncFd<OwnedFd>>) {
    let Some(mounts) = mounts else {
        return std::future::pending().await;
    };
    match mounts.ready(Interest::PRIORITY).await {
        Ok(mut ready) => ready.clear_ready(),
        Err(_) => std::future::pending().await,
    }
}

fn over(reason: EndReason) -> Ended {
    Ended {
        reason,
        status: None,
    }
}
