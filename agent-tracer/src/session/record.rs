//! The running kernel as a source of events: one recording from the first hook to the end
//! event. It prints nothing; an [`Observer`] is told what happens, and decides nothing.

mod evidence;
mod inventory;
mod masking;
mod recorder;
mod signals;
mod sniffer;
mod sources;
mod watch;

use std::{
    collections::HashSet, ffi::OsString, io, os::unix::ffi::OsStringExt, path::PathBuf,
    process::ExitStatus, time::Duration,
};

pub use evidence::{Found, Mended, TraceFailure};

use evidence::Evidence;
use recorder::Recorder;
use sniffer::Sniffer;
use sources::Sources;

use super::Session;
use crate::{
    capture::{
        self, Capture, CaptureError, Files, Inherited, KeptInventory, Launch, LaunchError, Login,
        NotFollowed, Roots, UserLookup, boot_now,
    },
    event::{EndReason, Event, EventKind},
    model::Model,
    names::Tags,
    redact::Redactor,
    rules::RuleSet,
    trace::{
        self, CreateError, Header, Mode, NewFile, PlanEntry, RuleSource, TagList, WriteFailure,
        Writer,
    },
    view::Clock,
};

/// What to record.
pub enum Target {
    /// A command, from before its first instruction.
    Command {
        /// The program, looked for in PATH, and its arguments.
        command: Vec<OsString>,
        /// The user to run it as, if not the one of the recorder.
        login: Option<Login>,
    },
    /// Everything, until told to stop.
    System,
    /// A process that runs already, and what it will start.
    Process(u32),
    /// A unit of systemd's: what runs in it, and what will.
    Unit(Vec<u8>),
}

/// A recording to be made.
pub struct Recording {
    /// What to record.
    pub target: Target,
    /// Where the trace goes.
    pub output: PathBuf,
    /// Whether a file that is there already is replaced.
    pub overwrite: bool,
    /// User and group that get the file.
    pub owner: Option<(u32, u32)>,
    /// How long to go on after the command has ended.
    pub linger: Duration,
    /// How long to record at most, where there is no command.
    pub limit: Option<Duration>,
    /// Attribution.
    pub rules: RuleSet,
    /// What addresses are called.
    pub tags: Tags,
    /// The directories whose files are looked at.
    pub roots: Roots,
    /// Whether what is on the machine is compared before and after.
    pub compare: bool,
    /// What masks secrets.
    pub redactor: Redactor,
}

/// Is told what happens.
pub trait Observer {
    /// An event, which the model has taken in. It is not to be shown before [`Observer::written`].
    fn event(&mut self, model: &Model, clock: Clock, sequence: u64, event: &Event);
    /// Whether an event is waiting to be shown.
    fn is_waiting(&self) -> bool;
    /// The file has all events so far, or has failed.
    fn written(&mut self);
    /// The command has ended and the recording goes on for that long.
    fn lingers(&mut self, linger: Duration);
    /// Looking at something takes long enough to be noticed.
    fn looks(&mut self, what: &str);
    /// The trace cannot be continued; what is recorded goes on undisturbed.
    fn write_failed(&mut self, failure: &WriteFailure);
}

/// A recording that was made.
pub struct Recorded {
    /// What happened.
    pub model: Model,
    /// The clock of the trace.
    pub clock: Clock,
    /// The command, secrets masked.
    pub command: Vec<Vec<u8>>,
    /// Distinct secrets that were masked.
    pub secrets: usize,
    /// Events that were taken, in the file or not.
    pub events: u64,
    /// Events in the file, and its size in bytes; or why it is not whole.
    pub file: Result<trace::Finished, TraceFailure>,
    /// What was done about a file that is whole.
    pub mended: Vec<Mended>,
    /// How the command ended; nothing when it was not waited for.
    pub status: Option<ExitStatus>,
}

/// Why nothing was recorded.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The kernel side.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// The trace file.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// Its first block.
    #[error("cannot write to {}: {source}{}", .file.display(), trace::hint(.source))]
    Begin {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The command.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// The process to follow.
    #[error(transparent)]
    Process(#[from] NotFollowed),
    /// The recorder's own machinery.
    #[error("cannot wait for events: {0}")]
    Wait(io::Error),
}

impl Recording {
    /// Makes the recording; returns when it is over.
    ///
    /// # Errors
    ///
    /// Nothing was recorded, and the command did not run.
    pub fn run(mut self, observer: &mut dyn Observer) -> Result<Recorded, RecordError> {
        let inherited = Inherited::protect();
        if let Target::Command { command, .. } = &self.target {
            // Before the file is made: there is none of a command that there is not.
            capture::find_command(command)?;
        }
        if let Target::Process(pid) = self.target {
            capture::check_process(pid)?;
        }
        capture::check_surroundings()?;
        // Before anything is loaded: most of what can be wrong is wrong with the name.
        let new = NewFile::create(&self.output, self.overwrite, self.owner)?;
        capture::be_sparing();
        self.roots.find_homes();
        let before = self
            .compare
            .then(|| inventory::look_at_files(observer, &self.roots));
        let inventory = self.compare.then(|| inventory::look(observer));
        let capture = Capture::start()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(RecordError::Wait)?;
        runtime.block_on(self.record(new, inherited, capture, before, inventory, observer))
    }

    async fn record(
        mut self,
        mut new: NewFile,
        inherited: Inherited,
        mut capture: Capture,
        before: Option<Files>,
        inventory: Option<KeptInventory>,
        observer: &mut dyn Observer,
    ) -> Result<Recorded, RecordError> {
        let (sources, units) = Sources::start(&mut capture, &self.roots).await;
        let mut redactor = std::mem::take(&mut self.redactor);
        // Before anything is written: a secret that only the last process gives away is masked in all.
        let snapshot = capture::snapshot();
        masking::learn(&mut redactor, snapshot.clone());
        let mut command = Vec::new();
        if let Target::Command { command: given, .. } = &self.target {
            command = given.iter().map(|word| word.clone().into_vec()).collect();
            redactor.own_command(&mut command);
        }
        let mut header = self.header(&capture, &command);
        header.unredacted = redactor.is_off();
        let begin = |source| RecordError::Begin {
            file: self.output.clone(),
            source,
        };
        let file = new.file().try_clone().map_err(begin)?;
        let writer = Writer::new(file, &header).map_err(begin)?;
        new.publish()?;
        let evidence = Evidence::hold(new.file(), &self.output).map_err(begin)?;
        let mut session = Session::begin(&header, self.rules);
        session.writer = Some(writer);
        let mut recorder = Recorder {
            capture,
            sources,
            session,
            evidence,
            sniffer: Sniffer::default(),
            files_before: before.map(|files| (self.roots, files)),
            inventory,
            redactor,
            users: UserLookup::default(),
            tags: self.tags,
            tagged: HashSet::new(),
            sequence: 0,
            write_failed: false,
            observer,
        };
        recorder.take(Event::of_recording(
            boot_now(),
            EventKind::Snapshot(snapshot),
        ));
        recorder.users.ask_only_files();
        if let Some(units) = units {
            recorder.take(Event::of_recording(boot_now(), EventKind::Units(units)));
        }
        recorder.take_hosts();
        recorder.take_sockets();
        if !matches!(self.target, Target::Command { .. }) {
            // A command gets those that this process was started with, and is forked before.
            capture::reduce_capabilities();
        }
        // Where nothing ran, the file goes with `new`: it is of no use.
        let ended = match self.target {
            Target::Command { command, login } => {
                let launch = Launch {
                    command,
                    login,
                    inherited,
                };
                recorder.watch_command(launch, self.linger).await?
            }
            Target::Process(pid) => recorder.watch_process(pid, self.limit, self.linger).await?,
            Target::Unit(unit) => recorder.watch_unit(&unit, self.limit).await?,
            Target::System => recorder.watch_system(self.limit).await?,
        };
        new.keep();
        Ok(recorder.finish(ended, command))
    }

    fn header(&self, capture: &Capture, command: &[Vec<u8>]) -> Header {
        let host = capture::host_facts();
        let (mode, target_pid) = match self.target {
            Target::Command { .. } => (Mode::Command, 0),
            Target::System => (Mode::System, 0),
            Target::Process(pid) => (Mode::Pid, pid),
            Target::Unit(_) => (Mode::Unit, 0),
        };
        let plan = capture.plan().choices.iter().map(|choice| PlanEntry {
            fact: choice.fact.describe().to_owned(),
            hook: choice.hook.map(|hook| hook.to_string()).unwrap_or_default(),
            reason: choice.reason(),
            failures: choice
                .failures
                .iter()
                .map(|failure| format!("{}: {}", failure.hook, failure.error))
                .collect(),
            caveat: choice.caveat.clone().unwrap_or_default(),
        });
        let rules = self.rules.sources().map(|(name, text)| RuleSource {
            name: name.to_owned(),
            text: text.to_owned(),
        });
        let tag_lists = self.tags.sources().iter().map(|source| TagList {
            cloud: source.cloud.clone(),
            version: source.version.clone(),
        });
        Header {
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            kernel_release: host.kernel_release,
            kernel_version: host.kernel_version,
            arch: host.arch,
            hostname: host.hostname,
            boot_id: host.boot_id,
            clock_offset_ns: capture::clock_offset(),
            start_boot_ns: boot_now(),
            command: command.to_vec(),
            mode: mode.into(),
            target_pid,
            plan: plan.collect(),
            rules: rules.collect(),
            recorder_pid: std::process::id(),
            pid_namespace: host.pid_namespace,
            cpus: host.cpus,
            ring_bytes: u64::from(capture::ring_bytes()),
            tag_lists: tag_lists.collect(),
            unredacted: false,
        }
    }
}

/// Why the watch is over, and how the command ended.
struct Ended {
    reason: EndReason,
    status: Option<ExitStatus>,
}
