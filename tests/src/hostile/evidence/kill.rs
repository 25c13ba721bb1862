//! The recorder is killed at any moment, also during the look at the end: what had happened more
//! than a tenth of a second before is in the file. The oracle is the command, which knows when it
//! had started each program.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use nix::sys::signal::Signal;

use crate::{
    actor::stamps::boot_now,
    harness::{Recording, Test, Trace, act, live, size, slowness, within_limit, words},
};

pub(super) fn tests() -> Vec<Test> {
    vec![live!(a_kill_at_any_moment_loses_a_tenth_of_a_second).alone()]
}

/// What may be lost.
const LIMIT: Duration = Duration::from_millis(100);

/// How long the command runs, and the time after it in which the machine is looked at.
const COMMAND: Duration = Duration::from_millis(300);
const AFTER: Duration = Duration::from_millis(900);

/// Files to be looked at, so that the look at the end takes as long.
const DIRECTORIES: usize = 40;
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
    let mut lost = Vec::new();
    let mut late = 0;
    for moment in 0..moments {
        // A linear congruential generator, as in MMIX: good enough for moments.
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let part = (moment as f64 + (random >> 33) as f64 / f64::from(1u32 << 31)) / moments as f64;
        let killed = kill(tree.path(), (COMMAND + AFTER).mul_f64(part));
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

/// What became of a recording that was killed.
struct Killed {
    /// The age of the oldest program that is not in the trace.
    lost: Duration,
    is_after_command: bool,
}

fn kill(tree: &Path, after: Duration) -> Killed {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let place = |name: &str| directory.path().join(name);
    let (stamps, stop, ended) = (place("stamps"), place("stop"), place("ended"));
    // What it leaves behind goes on while the recorder looks around.
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
    let read = || fs::read_to_string(&stamps).unwrap_or_default();
    assert!(within_limit(|| read().contains('\n')), "the first stamp");
    std::thread::sleep(after);
    let is_after_command = ended.exists();
    let killed_at = boot_now();
    running.send(Signal::SIGKILL);
    let recorded = running.finish();
    let was_killed = recorded.ended.signal == Some(9);
    fs::write(&stop, "").expect("a sign");
    let trace = Trace::read(recorded);
    let seen: BTreeSet<Vec<u8>> = trace
        .all("exec")
        .filter_map(|event| event.argv().pop())
        .collect();
    let oldest = read().lines().find_map(|line| {
        let (number, at) = line.split_once(' ')?;
        let at: u64 = at.parse().ok()?;
        let is_seen = seen.contains(format!("stamp-{number}").as_bytes());
        killed_at.checked_sub(at).filter(|_| !is_seen)
    });
    Killed {
        lost: Duration::from_nanos(oldest.filter(|_| was_killed).unwrap_or(0)),
        is_after_command: is_after_command && was_killed,
    }
}
