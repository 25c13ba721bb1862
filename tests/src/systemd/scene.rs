//! The scene, recorded once for all its tests: the install, and then all other means to make
//! systemd or cron start something. It judges nothing.

use std::{
    sync::LazyLock,
    time::{Duration, Instant},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use nix::sys::signal::Signal;
use serde_json::Value;

use super::{
    stage::{self, Stage},
    truth::{self, Line},
};
use crate::harness::{Recording, Trace, progress, words};

/// Longest time without a new line in the log. The whole time depends on the machine; cron starts
/// its jobs at the next full minute after the install.
const PATIENCE: Duration = Duration::from_secs(240);

/// The script that the installer downloads to its working directory.
const BUNDLE: &str = "./omsagent-1.13.9-0.universal.x64.sh";

/// Roles that must have logged before the recording may end, and their counts.
const EXPECTED: [(&str, usize); 7] = [
    ("ruby", 3),
    ("noise", 101),
    ("acme-worker", 2),
    ("cron", 1),
    ("OMSConsistencyInvoker", 1),
    ("dsc_host", 1),
    ("service", 17),
];

/// The recording and the ground truth.
pub(super) struct Scene {
    pub(super) trace: Trace,
    /// All processes, with their whole lives.
    pub(super) lives: Vec<Value>,
    pub(super) truth: Vec<Line>,
    /// The recording of the removal that follows, and what its processes say.
    pub(super) removal: Trace,
    pub(super) removal_truth: Vec<Line>,
    _stage: Stage,
}

/// Returns the recording. If it cannot be made, all tests of it fail at once.
pub(super) fn scene() -> &'static Scene {
    static SCENE: LazyLock<Scene> = LazyLock::new(Scene::record);
    &SCENE
}

impl Scene {
    fn record() -> Scene {
        let stage = Stage::set();
        let mut key = [0; 64];
        getrandom(&mut key);
        let key = BASE64_STANDARD.encode(key);
        let command = words(["sh", "/run/scene/scene", stage::WORKSPACE, &key]);
        let mut recording = Recording::of(command)
            .option(["--linger", "10m"])
            .environment("REPLICA_MINUTES", "*")
            .start();
        let mut heard = (0, Instant::now());
        while let Some(missing) = missing() {
            let early = recording.child.try_wait().expect("waits for its child");
            let lines = truth::read().len();
            if lines > heard.0 {
                heard = (lines, Instant::now());
                progress();
            }
            if early.is_some() || heard.1.elapsed() > PATIENCE {
                // A trace of the other processes is still useful.
                eprintln!("{missing} did not speak in time");
                break;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        // The agent asks and reports every two seconds.
        std::thread::sleep(Duration::from_secs(3));
        recording.send(Signal::SIGINT);
        let recorded = recording.finish();
        let messages = recorded.ended.messages();
        assert_eq!(recorded.ended.code, Some(0), "the scene failed: {messages}");
        let trace = recorded.trace();
        let truth = truth::read();
        progress();
        let removal = Recording::of(words(["sh", BUNDLE, "--purge"])).lingers(3000);
        let removal = removal.run();
        let messages = removal.ended.messages();
        assert_eq!(
            removal.ended.code,
            Some(0),
            "the removal failed: {messages}"
        );
        Scene {
            lives: trace.processes([]),
            trace,
            removal: removal.trace(),
            removal_truth: truth::read().split_off(truth.len()),
            truth,
            _stage: stage,
        }
    }

    /// Returns the process of a line.
    pub(super) fn life(&self, line: &Line) -> Option<&Value> {
        self.lives.iter().find(|life| line.is(life))
    }

    /// Returns the requests for a unit, in their order.
    pub(super) fn requests(&self, unit: &str) -> Vec<&Line> {
        let asking = self.truth.iter().filter(|line| line.asks_for(unit));
        asking.collect()
    }

    /// Returns the processes of a unit, in any tree.
    pub(super) fn of_unit(&self, unit: &str) -> Vec<&Value> {
        let lives = self.lives.iter().filter(|life| life["unit"] == unit);
        lives.collect()
    }
}

fn getrandom(bytes: &mut [u8]) {
    use std::io::Read;
    std::fs::File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(bytes))
        .expect("random bytes");
}

/// Returns the roles that have not logged yet.
pub(super) fn missing() -> Option<&'static str> {
    let said = truth::read();
    let missing = EXPECTED.iter().find(|(what, times)| {
        let spoken = said.iter().filter(|line| line.what == *what);
        spoken.count() < *times
    });
    missing.map(|(what, _)| *what)
}
