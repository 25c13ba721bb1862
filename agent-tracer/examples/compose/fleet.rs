//! Composes the recordings of a fleet: hosts that install, update and run an agent, over weeks. The
//! same numbers yield the same files, byte for byte, whatever was composed before.
//!
//! `host` chooses machines, boots and times; `scene` has what processes do; `install`, `load` and
//! `ending` are the acts of a recording.

mod ending;
mod host;
mod install;
mod load;
mod place;
mod scene;

use std::{
    error::Error,
    ffi::{OsStr, OsString},
    fs::{self, OpenOptions},
    path::Path,
};

use fastrand::Rng;

use crate::story::Story;
use host::Take;
use scene::Scene;

/// The size of a fleet.
pub(crate) struct Plan {
    hosts: u32,
    recordings: u32,
    /// Processes of a recording, on average.
    processes: u32,
    seed: u64,
}

impl Plan {
    /// Reads `--hosts N`, `--recordings N`, `--processes N` and `--seed N`.
    pub(crate) fn read(words: &[OsString]) -> Option<Plan> {
        let mut plan = Plan {
            hosts: 500,
            recordings: 2000,
            processes: 1000,
            seed: 1,
        };
        for pair in words.chunks(2) {
            let [name, value] = pair else { return None };
            let value = value.to_str()?;
            match name.to_str()? {
                "--hosts" => plan.hosts = value.parse().ok().filter(|hosts| *hosts > 0)?,
                "--recordings" => plan.recordings = value.parse().ok()?,
                "--processes" => plan.processes = value.parse().ok()?,
                "--seed" => plan.seed = value.parse().ok()?,
                _ => return None,
            }
        }
        Some(plan)
    }
}

/// Writes a fleet as `HOST-NUMBER.trace` to a folder. Returns the number of events.
pub(crate) fn compose(folder: &OsStr, plan: &Plan) -> Result<u64, Box<dyn Error>> {
    let folder = Path::new(folder);
    fs::create_dir_all(folder)?;
    let mut events = 0;
    for number in 0..plan.recordings {
        let take = Take::new(plan.seed, plan.hosts, number);
        let name = format!("{}-{number:05}.trace", take.host.name);
        events += recording(&folder.join(name), plan, &take)?;
    }
    Ok(events)
}

/// Writes a recording. One in fifty breaks off, one in thirty lost events, one in a hundred has no
/// end.
fn recording(file: &Path, plan: &Plan, take: &Take) -> Result<u64, Box<dyn Error>> {
    let mut rng = Rng::with_seed(plan.seed << 32 ^ u64::from(take.number) ^ 0x7265_636f_7264);
    let breaks_off = take.number % 50 == 17;
    let has_lost = take.number % 30 == 11;
    let has_no_end = take.number % 100 == 73;
    let half = u64::from(plan.processes / 2);
    let processes = half + rng.u64(0..=2 * half);
    let events = Story::of(file.as_os_str(), &take.header(), |story| {
        let mut scene = Scene::new(story, &mut rng, take);
        let agent = scene.open();
        let before = scene.processes;
        if take.installs() {
            install::compose(&mut scene);
        }
        let used = scene.processes - before;
        load::compose(&mut scene, agent, processes.saturating_sub(used));
        if has_lost {
            scene.lose();
        }
        ending::compose(&mut scene, has_no_end);
        if !has_lost && !has_no_end {
            story.nothing_is_missing();
        }
    })?;
    if breaks_off {
        let file = OpenOptions::new().write(true).open(file)?;
        let length = file.metadata()?.len();
        file.set_len(length / 10 * 9)?;
    }
    Ok(events)
}
