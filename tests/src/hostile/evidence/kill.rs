//! Kills the recorder at any moment, also during the final snapshot. Events more than a tenth of a
//! second old must be in the file. The oracle is the command, which logs the start of each program.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::{
    actor::stamps::boot_now,
    harness::{Recording, Running, Test, Trace, act, live, size, slowness, within_limit, words},
};

pub(super) fn tests() -> Vec<Test> {
    vec![live!(a_kill_at_any_moment_loses_a_tenth_of_a_second).alone()]
}

/// Age of events that may be lost.
const LIMIT: Duration = Duration::from_millis(100);

/// Time for which the command runs.
const COMMAND: Duration = Duration::from_millis(300);

/// Files that make the final snapshot as long.
const DIRECTORIES: usize = 100;
const FILES: usize = 250;

fn a_kill_at_any_moment_loses_a_tenth_of_a_second() {
    let moments = size(20, 300);
    let tree = tempfile::tempdir().expect("a temporary directory");
    for directory in 0..DIRECTORIES {
        let directory = tree.path().join(directory.to_string());
        fs::create_dir(&directory).expect("a directory");
        for file in 0..FILES {
            fs::write(directory.join(file.to_string()), "content").expect("a file");
        }
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let mut random = now.map_or(1, |now| u64::from(now.subsec_nanos())) | 1;
    let look = last_look(tree.path());
    let mut lost = Vec::new();
    let mut late = 0;
    for moment in 0..moments {
        // A linear congruential generator, as in MMIX: good enough for moments.
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let part = (moment as f64 + (random >> 33) as f64 / f64::from(1u32 << 31)) / moments as f64;
        // Every second one is meant for the look at the end, however short that is.
        let after = match moment % 2 {
            0 => COMMAND.mul_f64(part),
            _ => COMMAND + look.mul_f64(part),
        };
        let killed = kill(tree.path(), after);
        late += usize::from(killed.is_after_command);
        lost.push(killed.lost);
    }
    lost.sort_unstable();
    let (median, most) = (lost[moments / 2], lost[moments - 1]);
    println!(
        "{moments} kills, {late} after the command's end: median loss {median:?}, most {most:?}"
    );
    assert!(
        late > moments / 4,
        "the look at the end was met {late} times"
    );
    assert!(most <= LIMIT * slowness(), "{lost:?}");
}

/// Sleeps, and returns the longest time for which this process could have run, but did not.
///
/// On a machine with more work than processors, the recorder does not get one every 20 ms either.
/// Time that this process did not get is not the recorder's fault.
fn sleep_and_measure(duration: Duration) -> Duration {
    const STEP: Duration = Duration::from_millis(5);
    let until = Instant::now() + duration;
    let mut longest = Duration::ZERO;
    while Instant::now() < until {
        let begun = Instant::now();
        std::thread::sleep(STEP);
        longest = longest.max(begun.elapsed().saturating_sub(STEP));
    }
    longest
}

/// The result of a killed recording.
struct Killed {
    /// The age of the oldest program that is not in the trace, less the time without a processor.
    lost: Duration,
    is_after_command: bool,
}

/// Measures the time from the command's end to the recorder's, in a complete recording.
fn last_look(tree: &Path) -> Duration {
    let (running, place) = start(tree);
    assert!(within_limit(|| place.ended.exists()), "the command's end");
    let begun = Instant::now();
    fs::write(&place.stop, "").expect("a sign");
    running.finish().ended.success();
    begun.elapsed()
}

/// Files with which the command and its test communicate.
struct Place {
    /// Removed when dropped.
    _directory: TempDir,
    /// One line for each program that was executed: its number and the time.
    stamps: PathBuf,
    /// Ends the programs once it exists.
    stop: PathBuf,
    /// Exists once the command has ended.
    ended: PathBuf,
}

/// Starts a recording whose command leaves a child that runs during the final snapshot.
fn start(tree: &Path) -> (Running, Place) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = |name: &str| directory.path().join(name);
    let (stamps, stop, ended) = (file("stamps"), file("stop"), file("ended"));
    let script = format!(
        "ended=$1; shift; \"$@\" & sleep {}; : > \"$ended\"",
        COMMAND.as_secs_f64()
    );
    let mut command = words(["sh", "-c", &script, "sh"]);
    command.push(ended.clone().into());
    command.extend(act(["stamps"]));
    command.extend([stamps.clone().into(), stop.clone().into()]);
    let running = Recording::of(command)
        .option(["--quiet", "--watch", tree.to_str().expect("a path")])
        .start();
    let has_begun = || fs::read_to_string(&stamps).is_ok_and(|text| text.contains('\n'));
    assert!(within_limit(has_begun), "the first stamp");
    let place = Place {
        _directory: directory,
        stamps,
        stop,
        ended,
    };
    (running, place)
}

fn kill(tree: &Path, after: Duration) -> Killed {
    let (running, place) = start(tree);
    let held_up = sleep_and_measure(after);
    let is_after_command = place.ended.exists();
    let killed_at = boot_now();
    running.send(Signal::SIGKILL);
    let recorded = running.finish();
    let was_killed = recorded.ended.signal == Some(9);
    fs::write(&place.stop, "").expect("a sign");
    let trace = Trace::read(recorded);
    let seen: BTreeSet<Vec<u8>> = trace
        .all("exec")
        .filter_map(|event| event.argv().pop())
        .collect();
    let stamps = fs::read_to_string(&place.stamps).expect("stamps");
    let oldest = stamps.lines().find_map(|line| {
        let (number, at) = line.split_once(' ')?;
        let at: u64 = at.parse().ok()?;
        let is_seen = seen.contains(format!("stamp-{number}").as_bytes());
        killed_at.checked_sub(at).filter(|_| !is_seen)
    });
    let lost = Duration::from_nanos(oldest.filter(|_| was_killed).unwrap_or(0));
    Killed {
        // A machine that was less busy excuses nothing.
        lost: match held_up > LIMIT {
            true => lost.saturating_sub(held_up),
            false => lost,
        },
        is_after_command: is_after_command && was_killed,
    }
}
