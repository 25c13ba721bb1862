//! One test, and what a machine must have to run it. A test that cannot run says why and is
//! counted; on a machine that calls itself CI, what every such machine has is a must.

use std::{
    ffi::OsStr,
    path::Path,
    sync::{OnceLock, PoisonError, RwLock},
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
    condition: Option<Condition>,
    preparation: Option<fn() -> Result<(), String>>,
}

/// What a machine has to have besides programs.
struct File {
    path: &'static str,
    /// Said where it does not have it.
    obstacle: &'static str,
    /// Whether a machine for the continuous integration may lack it.
    acceptable: bool,
}

/// What a machine has to be like for a test to make sense.
struct Condition {
    holds: fn() -> bool,
    /// Said where it does not.
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

/// Programs that no machine for the continuous integration may lack.
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
            condition: None,
            preparation: None,
        }
    }

    pub(crate) fn recording(mut self) -> Test {
        self.needs_recorder = true;
        self
    }

    /// No other one may record at the same time: each sees what happens on the whole machine, and
    /// this one does what no recording of it can be complete with.
    pub(crate) fn alone(mut self) -> Test {
        self.alone = true;
        self
    }

    /// It also needs a program.
    pub(crate) fn needs(mut self, program: &'static str) -> Test {
        self.programs.push(program);
        self
    }

    /// It also needs something that a file stands for; and what to say where that is not.
    pub(crate) fn needs_file(mut self, path: &'static str, obstacle: &'static str) -> Test {
        self.files.push(File {
            path,
            obstacle,
            acceptable: true,
        });
        self
    }

    /// It also needs a package that has no program, by a file of it.
    pub(crate) fn needs_package(mut self, path: &'static str, obstacle: &'static str) -> Test {
        self.files.push(File {
            path,
            obstacle,
            acceptable: false,
        });
        self
    }

    /// It also needs something that only `cargo xtask test` or `cargo xtask vm` makes.
    pub(crate) fn given(mut self, variable: &'static str) -> Test {
        self.variables.push(variable);
        self
    }

    /// It needs something that is known not to be there.
    pub(crate) fn lacking(mut self, what: &'static str) -> Test {
        self.lacks = Some(what);
        self
    }

    /// It makes sense only on some machines; why not on others.
    pub(crate) fn only_where(mut self, holds: fn() -> bool, otherwise: &'static str) -> Test {
        self.condition = Some(Condition { holds, otherwise });
        self
    }

    /// It needs something made that others may share; why that cannot be, only trying tells. No machine for the continuous
    /// integration may be without.
    pub(crate) fn prepared(mut self, make: fn() -> Result<(), String>) -> Test {
        self.preparation = Some(make);
        self
    }

    /// Whether it is in a module.
    pub(crate) fn is_of(&self, module: &str) -> bool {
        let rest = self.name.strip_prefix(module);
        rest.is_some_and(|rest| rest.starts_with("::"))
    }

    /// Tells whether it makes sense only where this condition holds, by what is said otherwise.
    pub(crate) fn depends_on(&self, otherwise: &str) -> bool {
        let condition = self.condition.as_ref();
        condition.is_some_and(|condition| condition.otherwise == otherwise)
    }

    fn run(&self) {
        static MACHINE: RwLock<()> = RwLock::new(());
        // A test that failed while it held the lock leaves nothing behind that others would mind.
        if self.alone {
            let _alone = MACHINE.write().unwrap_or_else(PoisonError::into_inner);
            (self.body)();
        } else {
            let _shared = MACHINE.read().unwrap_or_else(PoisonError::into_inner);
            (self.body)();
        }
    }

    /// Why it cannot run here, and whether that is acceptable anywhere.
    fn obstacle(&self) -> Option<(String, bool)> {
        // First of all: no machine is to blame for what is not asked of it.
        if let Some(condition) = self.condition.as_ref().filter(|it| !(it.holds)()) {
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

/// The size of a test: what is promised where `cargo xtask test --thorough` asks for it, else less.
pub(crate) fn size(usual: usize, promised: usize) -> usize {
    match std::env::var_os("TRACER_TESTS_THOROUGH") {
        Some(_) => promised,
        None => usual,
    }
}

/// Whether this user can record on this kernel.
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
