//! Starts programs and makes connections at a steady rate, each with a number.

use std::{
    fmt,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

/// Returns the beginning of the last argument of each program. Another soak may run on the machine.
pub fn mark() -> String {
    format!("soak-{}-", std::process::id())
}

/// A load that goes on.
pub struct Load {
    begun: Instant,
    stop: Arc<AtomicBool>,
    programs: JoinHandle<(Vec<Turn>, Duration)>,
    connections: JoinHandle<std::io::Result<Vec<Turn>>>,
    /// The port that all connect to.
    pub port: u16,
}

/// When something was made: times since the load began.
#[derive(Clone, Copy)]
pub struct Turn {
    /// Before the program was started, or the connection asked for.
    begun: Duration,
    /// After it had ended.
    ended: Duration,
}

/// What a load has made, by number.
pub struct Made {
    pub programs: Vec<Turn>,
    pub connections: Vec<Turn>,
    /// The longest time that this program was held up.
    pub held_up: Duration,
}

impl Load {
    /// Begins, with rates for a second.
    pub fn start(programs: u32, connections: u32) -> Result<Load> {
        let begun = Instant::now();
        let stop = Arc::new(AtomicBool::new(false));
        let server = TcpListener::bind("127.0.0.1:0").context("cannot listen")?;
        let port = server.local_addr().context("cannot listen")?.port();
        let stopped = Arc::clone(&stop);
        let starter = thread::spawn(move || {
            let mut times = Vec::new();
            let mark = mark();
            let mut pace = Pace::new(programs);
            while !stopped.load(Ordering::Relaxed) {
                pace.wait();
                let turn_begun = begun.elapsed();
                let started = Command::new("/bin/true")
                    .arg(format!("{mark}{}", times.len()))
                    .stdin(Stdio::null())
                    .status();
                if started.is_ok() {
                    times.push(Turn {
                        begun: turn_begun,
                        ended: begun.elapsed(),
                    });
                }
            }
            (times, pace.held_up)
        });
        let stopped = Arc::clone(&stop);
        let connector = thread::spawn(move || {
            let mut times = Vec::new();
            let mut pace = Pace::new(connections);
            while !stopped.load(Ordering::Relaxed) {
                pace.wait();
                let turn_begun = begun.elapsed();
                let mut client = TcpStream::connect(("127.0.0.1", port))?;
                let (mut accepted, _) = server.accept()?;
                client.write_all(b"soak")?;
                accepted.read_exact(&mut [0; 4])?;
                drop(accepted);
                drop(client);
                times.push(Turn {
                    begun: turn_begun,
                    ended: begun.elapsed(),
                });
            }
            Ok(times)
        });
        Ok(Load {
            begun,
            stop,
            programs: starter,
            connections: connector,
            port,
        })
    }

    /// Returns the time since the begin.
    pub fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Ends it.
    pub fn stop(self) -> Result<Made> {
        self.stop.store(true, Ordering::Relaxed);
        let Ok((programs, held_up)) = self.programs.join() else {
            bail!("cannot start programs");
        };
        let Ok(connections) = self.connections.join() else {
            bail!("cannot connect");
        };
        Ok(Made {
            programs,
            connections: connections.context("cannot connect")?,
            held_up,
        })
    }
}

/// Missing programs whose times are shown.
const SHOWN: usize = 10;

/// Age that no program has before it is on the disk, however slow the machine is. Younger ones that
/// are missing count as lost by the kill, which has a limit of its own.
const MOST_LOST: Duration = Duration::from_secs(10);

/// Likewise for connections. They are counted only, so this hides as many as it leaves out.
const MOST_LOST_OF_COUNT: Duration = Duration::from_secs(1);

/// The time in which nothing recorded.
#[derive(Clone, Copy, Debug)]
pub struct Gap {
    /// When the recorder was killed.
    pub killed: Duration,
    /// When the next one was ready.
    pub resumed: Duration,
}

impl Gap {
    /// True if no part of this turn is within the gap, or within a time before it.
    fn is_recorded(self, turn: &Turn, before: Duration) -> bool {
        turn.ended + before < self.killed || turn.begun > self.resumed
    }
}

/// The numbers of something in the segments, compared with those that were made.
pub struct Compared {
    made: usize,
    /// Count of those that no segment has, but for the time without a recorder.
    pub missing: u64,
    /// The first of these.
    pub missed: Vec<(usize, Duration)>,
    /// Count of those that are in several segments, or several times in one.
    pub twice: u64,
    /// Age of the oldest one that a kill lost.
    pub lost: Duration,
}

impl fmt::Display for Compared {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Compared {
            made,
            missing,
            twice,
            ..
        } = self;
        write!(formatter, "{made} made, {missing} missing, {twice} twice")
    }
}

impl Made {
    /// Compares the connections with the count of those in segments, which have no numbers.
    pub fn compare_connections(&self, seen: u64, twice: u64, gap: Gap) -> Compared {
        let made = &self.connections;
        let is_recorded = |turn: &&Turn| gap.is_recorded(turn, MOST_LOST_OF_COUNT);
        let recorded = made.iter().filter(is_recorded).count() as u64;
        Compared {
            made: made.len(),
            missing: recorded.saturating_sub(seen),
            missed: Vec::new(),
            twice,
            lost: Duration::ZERO,
        }
    }

    /// Compares the programs with how often the segments have each.
    pub fn compare_programs(&self, seen: &[u8], gap: Gap) -> Compared {
        let made = &self.programs;
        let mut compared = Compared {
            made: made.len(),
            missing: 0,
            missed: Vec::new(),
            twice: 0,
            lost: Duration::ZERO,
        };
        for (number, turn) in made.iter().enumerate() {
            match seen.get(number).copied().unwrap_or(0) {
                0 if gap.is_recorded(turn, MOST_LOST) => {
                    compared.missing += 1;
                    if compared.missed.len() < SHOWN {
                        compared.missed.push((number, turn.begun));
                    }
                }
                // It may have been in memory only.
                0 => compared.lost = compared.lost.max(gap.killed.saturating_sub(turn.ended)),
                1 => {}
                _ => compared.twice += 1,
            }
        }
        compared
    }
}

/// A steady rate.
struct Pace {
    next: Instant,
    every: Duration,
    last: Instant,
    held_up: Duration,
}

impl Pace {
    fn new(rate: u32) -> Pace {
        Pace {
            next: Instant::now(),
            every: Duration::from_secs(1) / rate.max(1),
            last: Instant::now(),
            held_up: Duration::ZERO,
        }
    }

    /// Waits for the next turn. Turns that were missed are made up for, up to a second of them.
    fn wait(&mut self) {
        let now = Instant::now();
        self.held_up = self.held_up.max(now - self.last);
        if let Some(early) = self.next.checked_duration_since(now) {
            thread::sleep(early);
        }
        let oldest = now.checked_sub(Duration::from_secs(1)).unwrap_or(now);
        self.next = self.next.max(oldest) + self.every;
        self.last = Instant::now();
    }
}
