//! One test, and its needs on a machine. A test that cannot run gives its reason and is counted. On
//! a machine of the continuous integration (CI), most needs must be met.

use std::{
    ffi::OsStr,
    path::Path,
    sync::{Mutex, OnceLock, PoisonError, RwLock},
    time::{Duration, Instant},
};

use libtest_mimic::{Completion, Failed, Trial};
use nix::unistd::geteuid;

use super::{program, run, words};

/// A test.
pub(crate) struct Test {
    name: String,
    body: Box<dyn Fn() + Send>,
    needs_recorder: bool,
    alone: bool,
    programs: Vec<&'static str>,
    variables: Vec<&'static str>,
    files: Vec<File>,
    lacks: Option<&'static str>,
    conditions: Vec<Condition>,
    preparation: Option<fn() -> Result<(), String>>,
}

/// A need of a test, other than a program.
struct File {
    path: &'static str,
    /// The reason for a skip if it is missing.
    obstacle: &'static str,
    /// True if a CI machine may lack it.
    acceptable: bool,
}

/// A property of the machine without which a test makes no sense.
struct Condition {
    holds: fn() -> bool,
    /// The reason for a skip.
    otherwise: &'static str,
}

/// A test that records on the running kernel.
macro_rules! live {
    ($body:ident) => {
        $crate::harness::Test::new(module_path!(), stringify!($body), $body).recording()
    };
}

/// A test that only reads.
macro_rules! plain {
    ($body:ident) => {
        $crate::harness::Test::new(module_path!(), stringify!($body), $body)
    };
}

pub(crate) use {live, plain};

/// Programs that every CI machine must have.
const MUST_HAVE: [&str; 15] = [
    "/usr/bin/python3",
    "apt-get",
    "bash",
    "chromedriver",
    "chromium",
    "curl",
    "git",
    "ip",
    "node",
    "nsenter",
    "openssl",
    "python3",
    "ruby",
    "strace",
    "wget",
];

impl Test {
    pub(crate) fn new(module: &str, name: &str, body: impl Fn() + Send + 'static) -> Test {
        let subject = module.split_once("::").map_or(module, |(_, inner)| inner);
        Test {
            name: format!("{subject}::{name}"),
            body: Box::new(body),
            needs_recorder: false,
            alone: false,
            programs: Vec::new(),
            variables: Vec::new(),
            files: Vec::new(),
            lacks: None,
            conditions: Vec::new(),
            preparation: None,
        }
    }

    pub(crate) fn recording(mut self) -> Test {
        self.needs_recorder = true;
        self
    }

    /// Allows no other recording at the same time. Each recording sees the whole machine, and this
    /// test makes every one incomplete.
    pub(crate) fn alone(mut self) -> Test {
        self.alone = true;
        self
    }

    /// Needs a program, too.
    pub(crate) fn needs(mut self, program: &'static str) -> Test {
        self.programs.push(program);
        self
    }

    /// Needs something that a file stands for; `obstacle` is the reason for a skip.
    pub(crate) fn needs_file(mut self, path: &'static str, obstacle: &'static str) -> Test {
        self.files.push(File {
            path,
            obstacle,
            acceptable: true,
        });
        self
    }

    /// Needs a package without a program, by one of its files.
    pub(crate) fn needs_package(mut self, path: &'static str, obstacle: &'static str) -> Test {
        self.files.push(File {
            path,
            obstacle,
            acceptable: false,
        });
        self
    }

    /// Needs something that only `cargo xtask test` or `cargo xtask vm` makes.
    pub(crate) fn given(mut self, variable: &'static str) -> Test {
        self.variables.push(variable);
        self
    }

    /// Needs something that is known to be absent.
    pub(crate) fn lacking(mut self, what: &'static str) -> Test {
        self.lacks = Some(what);
        self
    }

    /// Makes sense only on some machines; `otherwise` is the reason for a skip. May stand several
    /// times.
    pub(crate) fn only_where(mut self, holds: fn() -> bool, otherwise: &'static str) -> Test {
        self.conditions.push(Condition { holds, otherwise });
        self
    }

    /// Needs a shared thing to be made, and only an attempt shows that it cannot. Every CI machine
    /// must be able to make it.
    pub(crate) fn prepared(mut self, make: fn() -> Result<(), String>) -> Test {
        self.preparation = Some(make);
        self
    }

    /// True if the test is in a module.
    pub(crate) fn is_of(&self, module: &str) -> bool {
        let rest = self.name.strip_prefix(module);
        rest.is_some_and(|rest| rest.starts_with("::"))
    }

    /// True if the test depends on a condition, given by its reason for a skip.
    pub(crate) fn depends_on(&self, otherwise: &str) -> bool {
        let mut conditions = self.conditions.iter();
        conditions.any(|condition| condition.otherwise == otherwise)
    }

    fn run(&self) {
        static MACHINE: RwLock<()> = RwLock::new(());
        let timed = |body: &dyn Fn()| {
            let _clock = Clock {
                name: &self.name,
                begun: Instant::now(),
            };
            body();
        };
        // A test that failed with the lock leaves nothing that disturbs others.
        if self.alone {
            let _alone = MACHINE.write().unwrap_or_else(PoisonError::into_inner);
            timed(&self.body);
        } else {
            let _shared = MACHINE.read().unwrap_or_else(PoisonError::into_inner);
            timed(&self.body);
        }
    }

    /// Returns the reason for a skip, and true if every machine may have it.
    fn obstacle(&self) -> Option<(String, bool)> {
        // First: a test that makes no sense here needs nothing.
        if let Some(condition) = self.conditions.iter().find(|it| !(it.holds)()) {
            return Some((condition.otherwise.to_owned(), true));
        }
        if self.needs_recorder && std::env::var_os("TRACER_TESTS_NO_LIVE").is_some() {
            return Some(("left out, as was asked for".to_owned(), true));
        }
        if self.needs_recorder
            && let Err(reason) = can_record()
        {
            return Some((reason.clone(), false));
        }
        if let Some(what) = self.lacks {
            return Some((format!("there is nothing of {what}"), true));
        }
        let missing = |file: &&File| !Path::new(file.path).exists();
        if let Some(file) = self.files.iter().find(missing) {
            return Some((file.obstacle.to_owned(), file.acceptable));
        }
        if let Some(program) = self.programs.iter().find(|name| !is_installed(name)) {
            let acceptable = !MUST_HAVE.contains(program);
            return Some((format!("{program} is not installed"), acceptable));
        }
        let is_unset = |variable: &&&str| std::env::var_os(variable).is_none();
        if let Some(variable) = self.variables.iter().find(is_unset) {
            let reason =
                format!("{variable} is not set: `cargo xtask test` or `cargo xtask vm` sets it");
            return Some((reason, true));
        }
        let made = self.preparation.map_or(Ok(()), |make| make());
        made.err().map(|reason| (reason, false))
    }
}

impl From<Test> for Trial {
    fn from(test: Test) -> Trial {
        Trial::ignorable_test(test.name.clone(), move || match test.obstacle() {
            Some((reason, acceptable)) if !acceptable && std::env::var_os("CI").is_some() => {
                Err(Failed::from(format!("must not be skipped in CI: {reason}")))
            }
            Some((reason, _)) => Ok(Completion::ignored_with(reason)),
            None => {
                test.run();
                Ok(Completion::Completed)
            }
        })
    }
}

/// Times of the tests so far.
static TIMES: Mutex<Vec<(Duration, String)>> = Mutex::new(Vec::new());

/// Notes the time of a test when dropped, also of a failed one.
struct Clock<'a> {
    name: &'a str,
    begun: Instant,
}

impl Drop for Clock<'_> {
    fn drop(&mut self) {
        let mut times = TIMES.lock().unwrap_or_else(PoisonError::into_inner);
        times.push((self.begun.elapsed(), self.name.to_owned()));
    }
}

/// Prints the tests that took longest.
pub(crate) fn print_slowest() {
    const SHOWN: usize = 15;
    let mut times = TIMES.lock().unwrap_or_else(PoisonError::into_inner);
    times.sort_by(|(one, _), (other, _)| other.cmp(one));
    for (time, name) in times.iter().take(SHOWN) {
        println!("slow: {:.1} s {name}", time.as_secs_f64());
    }
}

/// Returns the size of a test: the full one if `cargo xtask test --thorough` runs it.
pub(crate) fn size(usual: usize, promised: usize) -> usize {
    match std::env::var_os("TRACER_TESTS_THOROUGH") {
        Some(_) => promised,
        None => usual,
    }
}

/// True if this user can record on this kernel.
fn can_record() -> Result<(), &'static String> {
    static ANSWER: OnceLock<Result<(), String>> = OnceLock::new();
    let answer = ANSWER.get_or_init(|| {
        if !geteuid().is_root() {
            return Err("recording needs root".to_owned());
        }
        let doctor = run(program::tracer().arg("doctor"));
        match doctor.code {
            Some(0) => Ok(()),
            _ => Err(format!(
                "this machine cannot record: {}",
                doctor.text().lines().next().unwrap_or_default()
            )),
        }
    });
    answer.as_ref().copied()
}

fn is_installed(name: &str) -> bool {
    let mut question = std::process::Command::new("sh");
    question.args(words(["-c", "command -v \"$1\" >/dev/null", "sh"]));
    question.arg(OsStr::new(name));
    run(&mut question).code == Some(0)
}
