//! The scene, recorded once for all tests that look at it: the install, and after it everything else that
//! makes systemd or cron start something. It judges nothing.

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

/// How long the scene may go on without a word of a new process. How long all of it takes depends on
/// the machine; cron starts its jobs at the next full minute after the install.
const PATIENCE: Duration = Duration::from_secs(240);

/// Who has to have spoken before the recording may end, and how often.
const EXPECTED: [(&str, usize); 7] = [
    ("ruby", 3),
    ("noise", 101),
    ("acme-worker", 2),
    ("cron", 1),
    ("OMSConsistencyInvoker", 1),
    ("dsc_host", 1),
    ("service", 17),
];

/// What was recorded, and what is true.
pub(super) struct Scene {
    pub(super) trace: Trace,
    /// Every process, by its whole life.
    pub(super) lives: Vec<Value>,
    pub(super) truth: Vec<Line>,
    _stage: Stage,
}

/// The recording. A test that needs it after another one failed to make it fails at once.
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
                // A trace of all the others is worth more than none.
                eprintln!("{missing} did not speak in time");
                break;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        // The agent asks and reports every other second.
        std::thread::sleep(Duration::from_secs(3));
        recording.send(Signal::SIGINT);
        let recorded = recording.finish();
        let messages = recorded.ended.messages();
        assert_eq!(recorded.ended.code, Some(0), "the scene failed: {messages}");
        let trace = recorded.trace();
        Scene {
            lives: trace.processes([]),
            trace,
            truth: truth::read(),
            _stage: stage,
        }
    }

    /// The process that a line is about.
    pub(super) fn life(&self, line: &Line) -> Option<&Value> {
        self.lives.iter().find(|life| line.is(life))
    }

    /// The requests for a unit, in their order.
    pub(super) fn requests(&self, unit: &str) -> Vec<&Line> {
        let asking = self.truth.iter().filter(|line| line.asks_for(unit));
        asking.collect()
    }

    /// Processes of a unit, whichever tree they are in.
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

/// Who has not spoken yet.
pub(super) fn missing() -> Option<&'static str> {
    let said = truth::read();
    let missing = EXPECTED.iter().find(|(what, times)| {
        let spoken = said.iter().filter(|line| line.what == *what);
        spoken.count() < *times
    });
    missing.map(|(what, _)| *what)
}
