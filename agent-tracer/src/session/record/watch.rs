//! How long a recording goes on: until the command ends, a signal comes or time is over. What
//! happens meanwhile is the recorder's part.

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

/// How often the ring buffer is looked at. The kernel side wakes nobody for a record unless the
/// buffer fills up, so this is how late a live view is.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How often losses are asked for: a dozen system calls each time.
const LOSSES_EVERY: Duration = Duration::from_secs(1);

/// Events taken before signals and timers get their turn.
const AT_ONCE: usize = 16384;

/// Something to wake up for other than events.
enum Wake {
    Signal(Signal),
    Ended,
    Deadline,
    Look,
}

/// What a recorder waits for.
struct Waiter {
    signals: Signals,
    ring: AsyncFd<OwnedFd>,
    look: Interval,
    losses_due: Instant,
}

impl Waiter {
    fn new(recorder: &Recorder<'_>) -> io::Result<Waiter> {
        let ring = recorder.capture.as_fd().try_clone_to_owned()?;
        // SAFETY: the AsyncFd owns the descriptor, which so is open as long as it is registered.
        let ring = unsafe { AsyncFd::register_with_interest(ring, Interest::READABLE)? };
        let mut look = interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Waiter {
            signals: Signals::listen()?,
            ring,
            look,
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
                Wake::Look
            }
            _ = self.look.tick() => Wake::Look,
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
        let (tell, mut ended) = oneshot::channel();
        let launched = self.start_command(launch, move || {
            // Nobody listens any more when the recording was stopped by a signal.
            let _ = tell.send(());
        })?;
        // What asked to stop. The terminal sends Ctrl-C and Ctrl-\ to the command too, which
        // decides about itself; the other signals were meant for it.
        let mut asked = 0;
        loop {
            match waiter.next(Some(&mut ended), None).await {
                Wake::Ended => break,
                Wake::Signal(Signal::SIGINT | Signal::SIGQUIT) => {}
                Wake::Signal(signal) => {
                    asked += 1;
                    if asked > 1 {
                        // It does not react. The recording ends, the command goes on.
                        return Ok(Ended {
                            reason: EndReason::Interrupted,
                            status: None,
                        });
                    }
                    launched.signal(signal);
                }
                Wake::Deadline | Wake::Look => self.look(&mut waiter),
            }
        }
        let status = match launched.wait() {
            Ok(status) => Some(status),
            // It did run.
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

    /// Follows a process that runs already.
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
            // It has ended since it was looked for.
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

    /// Follows what runs in a unit, through its restarts.
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

    /// Records everything.
    pub(super) async fn watch_system(
        &mut self,
        limit: Option<Duration>,
    ) -> Result<Ended, RecordError> {
        let mut waiter = Waiter::new(self).map_err(RecordError::Wait)?;
        Ok(self.watch(&mut waiter, limit, Duration::ZERO).await)
    }

    /// Goes on until told to stop, or until the process that is followed, if one is, has ended.
    async fn watch(
        &mut self,
        waiter: &mut Waiter,
        limit: Option<Duration>,
        linger: Duration,
    ) -> Ended {
        let deadline = limit.map(|limit| Instant::now() + limit);
        loop {
            match waiter.next(None, deadline).await {
                Wake::Signal(_) => return over(EndReason::Interrupted),
                Wake::Deadline => return over(EndReason::TimeOver),
                Wake::Ended | Wake::Look => self.look(waiter),
            }
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

    /// Goes on for a while; whether a signal ended that.
    async fn linger(&mut self, waiter: &mut Waiter, linger: Duration) -> bool {
        self.observer.lingers(linger);
        let deadline = Some(Instant::now() + linger);
        loop {
            match waiter.next(None, deadline).await {
                Wake::Signal(_) => return true,
                Wake::Deadline => return false,
                Wake::Ended | Wake::Look => self.look(waiter),
            }
        }
    }

    fn look(&mut self, waiter: &mut Waiter) {
        self.take_recent();
        if waiter.losses_are_due() {
            self.report_losses();
        }
        self.flush();
    }

    /// Does the same while something else is waited for.
    pub(super) fn keep_up(&mut self) {
        self.take_recent();
        self.flush();
    }

    fn take_recent(&mut self) {
        let now_ns = capture::boot_now();
        let is_behind = self.drain(AT_ONCE).is_some();
        self.take_files();
        if !is_behind {
            self.take_units(now_ns);
        }
    }
}

fn over(reason: EndReason) -> Ended {
    Ended {
        reason,
        status: None,
    }
}
