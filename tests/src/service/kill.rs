//! Kills the recorder between two segments: what is older than a tenth of a second is in them. The
//! next recorder goes on in the same directory.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;

use super::{Service, mark, marks, replay};
use crate::harness::{Test, live, slowness};

pub(super) fn tests() -> Vec<Test> {
    vec![live!(a_kill_between_segments_loses_a_tenth_of_a_second).alone()]
}

/// Age of events that may be lost.
const LIMIT: Duration = Duration::from_millis(100);

fn a_kill_between_segments_loses_a_tenth_of_a_second() {
    let service = Service::start(&["--rotate", "1s"]);
    let begin = format!("kill-{}-", std::process::id());
    let until = Instant::now() + Duration::from_millis(2400);
    let mut stamps: Vec<Instant> = Vec::new();
    // Without a processor for this program, the recorder has none either.
    let mut held_up = Duration::ZERO;
    while Instant::now() < until {
        mark(&format!("{begin}{}", stamps.len()));
        let now = Instant::now();
        if let Some(last) = stamps.last() {
            held_up = held_up.max(now - *last);
        }
        stamps.push(now);
    }
    service.running.send(Signal::SIGKILL);
    let killed = Instant::now();
    let segments = service.segments();
    let recorded = service.running.finish();
    assert_eq!(recorded.ended.signal, Some(9));
    assert!(segments.len() >= 2, "{segments:?}");
    let all: Vec<String> = segments
        .iter()
        .flat_map(|path| marks(&replay(path), &begin))
        .collect();
    let seen: BTreeSet<&String> = all.iter().collect();
    assert_eq!(seen.len(), all.len(), "none is twice");
    let lost = stamps.iter().enumerate();
    let lost = lost.filter(|(number, _)| !seen.contains(&format!("{begin}{number}")));
    let oldest = lost.map(|(_, at)| killed - *at).max().unwrap_or_default();
    println!(
        "{} programs, oldest lost {oldest:?}, held up {held_up:?}",
        stamps.len()
    );
    assert!(oldest <= (LIMIT + held_up) * slowness(), "{oldest:?}");
}
