//! Makes a recording of the running kernel, from the first hook to the end event. It prints
//! nothing: an [`Observer`] follows the recording.

mod digests;
mod elsewhere;
mod ends;
mod evidence;
mod inventory;
mod masked;
mod masking;
mod recorder;
mod rotate;
mod rotation;
mod segment;
mod service;
mod signals;
mod sniffer;
mod sources;
mod watch;

use std::{
    collections::HashSet,
    ffi::OsString,
    io,
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
    process::ExitStatus,
    time::Duration,
};

pub use evidence::{Found, Mended, TraceFailure};
pub use rotation::{DirectoryError, Keep, Rotation, SegmentName, segments_in};
pub use segment::Segment;
pub use service::{Manager, MetricsError};

use digests::Digests;
use elsewhere::Elsewhere;
use inventory::{Before, Begun};
use recorder::Recorder;
use rotation::Course;
use service::Service;
use sniffer::Sniffer;
use sources::Sources;

use super::Session;
use crate::{
    capture::{
        self, Capture, CaptureError, Choice, FileWatch, Inherited, Launch, LaunchError, Login,
        NotFollowed, Roots, UserLookup, Wishes, boot_now,
    },
    event::{EndReason, Event, EventKind},
    model::Model,
    names::Tags,
    redact::Redactor,
    rules::RuleSet,
    trace::{
        self, CreateError, Header, Mode, NewFile, PlanEntry, RuleSource, TagList, WriteFailure,
    },
    view::{Clock, MaskedSecret},
};

/// Targets of a recording.
pub enum Target {
    /// A command, from its first instruction on.
    Command {
        /// The program, searched in PATH, and its arguments.
        command: Vec<OsString>,
        /// The user to run it as, if not the recorder's.
        login: Option<Login>,
    },
    /// The whole system, until a signal or a limit of time.
    System,
    /// A running process, and its later descendants.
    Process(u32),
    /// A systemd unit: its present and later processes.
    Unit(Vec<u8>),
}

/// Settings of a recording.
pub struct Recording {
    /// The target.
    pub target: Target,
    /// The path of the trace; without a meaning for a recording of many segments.
    pub output: PathBuf,
    /// Settings of a recording of many segments.
    pub rotation: Option<Rotation>,
    /// The file of metrics.
    pub metrics: Option<PathBuf>,
    /// The service manager that started the recorder.
    pub manager: Option<Manager>,
    /// True to replace an existing file.
    pub overwrite: bool,
    /// User and group to give the file to.
    pub owner: Option<(u32, u32)>,
    /// Time to go on after the end of the command.
    pub linger: Duration,
    /// Limit of time for a recording without a command.
    pub limit: Option<Duration>,
    /// The rules of attribution.
    pub rules: RuleSet,
    /// The service tags of addresses.
    pub tags: Tags,
    /// The directories whose files are watched.
    pub roots: Roots,
    /// True to compare the machine before and after.
    pub compare: bool,
    /// Facts that cost too much to be recorded without a wish.
    pub wishes: Wishes,
    /// Masks secrets.
    pub redactor: Redactor,
}

/// Follows a recording.
pub trait Observer {
    /// Receives an event, which the model has already. Showing it must wait for
    /// [`Observer::written`].
    fn event(&mut self, model: &Model, clock: Clock, sequence: u64, event: &Event);
    /// True if an event waits to be shown.
    fn is_waiting(&self) -> bool;
    /// Learns that the file has all events so far, or has failed.
    fn written(&mut self);
    /// Learns that the command has ended, and that the recording goes on for a time.
    fn lingers(&mut self, linger: Duration);
    /// Learns that a step of the recording takes a noticeable time, and how to skip it if possible.
    fn takes_long(&mut self, what: &str);
    /// Learns that the trace cannot be continued. The recorded programs go on undisturbed.
    fn write_failed(&mut self, failure: &WriteFailure);
    /// Learns that a segment was closed, with its size and digest and the repairs to its file.
    fn segment_ended(
        &mut self,
        segment: &Segment,
        file: &Result<trace::Finished, TraceFailure>,
        mended: &[Mended],
    );
    /// Learns that the next segment cannot begin. The present one goes on, if it can.
    fn cannot_rotate(&mut self, error: &RecordError);
    /// Learns that old segments cannot be deleted.
    fn cannot_delete(&mut self, directory: &Path, error: &io::Error);
    /// Learns that metrics cannot be written.
    fn cannot_write_metrics(&mut self, error: &MetricsError);
}

/// Result of a recording.
pub struct Recorded {
    /// The last segment, of a recording of many.
    pub segment: Option<Segment>,
    /// The model of all events; of many segments, of those in the last one.
    pub model: Model,
    /// The clock of the trace.
    pub clock: Clock,
    /// The command, secrets masked.
    pub command: Vec<Vec<u8>>,
    /// Count of distinct masked secrets.
    pub secrets: usize,
    /// The first command line of each that was in one.
    pub masked: Vec<MaskedSecret>,
    /// Count of events, in the file or not.
    pub events: u64,
    /// Size and digest of the file, or the reason why it is incomplete.
    pub file: Result<trace::Finished, TraceFailure>,
    /// Repairs to the mode, owner or names of a complete file.
    pub mended: Vec<Mended>,
    /// The status of the command; `None` if the recorder did not wait for it.
    pub status: Option<ExitStatus>,
}

/// Errors that prevent a recording.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The kernel side.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// The trace file.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// The directory of segments.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// Its first block.
    #[error("cannot write to {}: {source}{}", .file.display(), trace::hint(.source))]
    Begin {
        /// The file.
        file: PathBuf,
        /// The system's error.
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
            // Before the file is made: a missing command needs none.
            capture::find_command(command)?;
        }
        if let Target::Process(pid) = self.target {
            capture::check_process(pid)?;
        }
        capture::check_surroundings()?;
        // Before anything is loaded: most errors are in the name.
        if let Some(rotation) = &self.rotation {
            rotation.prepare(self.owner)?;
            self.output = rotation.next_path(&capture::host_facts().hostname, None);
        }
        let new = NewFile::create(&self.output, self.overwrite, self.owner)?;
        capture::limit_heap();
        self.roots.find_homes();
        let watch = inventory::begin_watch(&self.roots);
        let before = self.compare.then(|| Before::begin(&self.roots));
        let capture = Capture::start(self.wishes)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(RecordError::Wait)?;
        runtime.block_on(self.record(new, inherited, capture, watch, before, observer))
    }

    async fn record(
        mut self,
        mut new: NewFile,
        inherited: Inherited,
        mut capture: Capture,
        watch: Begun<(Option<FileWatch>, Choice)>,
        before: Option<Before>,
        observer: &mut dyn Observer,
    ) -> Result<Recorded, RecordError> {
        let snapshot = inventory::begin_snapshot();
        let (sources, units) = Sources::start(&mut capture, watch, observer).await;
        let mut redactor = std::mem::take(&mut self.redactor);
        // Before anything is written: a secret that only the last process reveals is masked in all.
        let snapshot = snapshot.wait(observer);
        masking::learn(&mut redactor, snapshot.clone());
        let mut command = Vec::new();
        if let Target::Command { command: given, .. } = &self.target {
            command = given.iter().map(|word| word.clone().into_vec()).collect();
            redactor.own_command(&mut command);
        }
        let mut header = self.header(&capture, &command);
        header.unredacted = redactor.is_off();
        if self.rotation.is_some() {
            header.segment = 1;
            header.first_segment_ns = header.start_boot_ns;
        }
        let opened = segment::open(&mut new, &self.output, &header)?;
        let mut session = Session::begin(&header, self.rules);
        session.writer = Some(opened.writer);
        let course = self.rotation.map(|rotation| {
            let path = self.output.as_path();
            Course::new(rotation, self.owner, path)
        });
        let mut recorder = Recorder {
            capture,
            sources,
            session,
            evidence: opened.evidence,
            header,
            course,
            followed_unit: match &self.target {
                Target::Unit(unit) => Some(unit.clone()),
                Target::Command { .. } | Target::System | Target::Process(_) => None,
            },
            service: Service::new(self.manager, self.metrics),
            deleted: Vec::new(),
            losses_before: 0,
            sniffer: Sniffer::default(),
            elsewhere: Elsewhere::default(),
            digests: Digests::default(),
            files_before: None,
            compares: self.compare,
            inventory: None,
            redactor,
            masked: masked::Masked::default(),
            users: UserLookup::default(),
            tags: self.tags,
            tagged: HashSet::new(),
            containers: HashSet::new(),
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
        if let Some(before) = before {
            recorder.keep_before(before, self.roots);
        }
        if !matches!(self.target, Target::Command { .. }) {
            // A command has the recorder's first capabilities, and is forked before.
            capture::reduce_capabilities();
        }
        // On an error nothing ran, and dropping `new` removes the file.
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
        recorder.is_stopping();
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
            network_namespace: host.network_namespace,
            cpus: host.cpus,
            ring_bytes: u64::from(capture::ring_bytes()),
            tag_lists: tag_lists.collect(),
            segment: 0,
            first_segment_ns: 0,
            unredacted: false,
        }
    }
}

/// Reason for the end of a recording, with the status of the command.
struct Ended {
    reason: EndReason,
    status: Option<ExitStatus>,
}
