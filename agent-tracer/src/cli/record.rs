//! `tracer record`: makes a recording, and summarises it on stderr.

use std::{
    ffi::OsString,
    fs::File,
    io::{Read, Write},
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{ExitCode, ExitStatus},
    time::Duration,
};

use agent_tracer::{
    capture::{During, LaunchError, Roots, Wishes, check_privileges, login, with_reserve},
    event::Event,
    findings::shown_changes,
    model::Model,
    names::Tags,
    rules::RuleSet,
    select::{Filter, Marks, Selection},
    session::{
        Manager, Mended, MetricsError, Observer, RecordError, Recorded, Recording, Segment, Target,
        TraceFailure,
    },
    trace::{Finished, NewFile, WriteFailure},
    view::{self, Clock, Summary},
};
use anyhow::Context;

use super::{
    RECORDER_FAILED, complain, config, explain,
    filter::duration,
    output::{self, Format, Terminal, Time, sudo_caller},
    policed::Checked,
    redaction,
    segments::{self, Wanted},
    tag_files::tag_files,
};

/// Limit of the bytes of a rules file.
const RULES_LIMIT: u64 = 1 << 20;

/// Exit status if the command cannot be executed, and if it does not exist, as of a shell.
const CANNOT_EXECUTE: u8 = 126;
const NOT_FOUND: u8 = 127;

/// Record a command with all its descendants, a running process or unit, or the whole system
#[derive(clap::Args)]
#[command(
    override_usage = concat!(
        "tracer record [OPTIONS] -- COMMAND…\n",
        "       tracer record [OPTIONS] --system | --pid PID | --unit UNIT\n",
        "       tracer record [OPTIONS] --system --rotate SIZE|TIME -o DIR"
    ),
    group = clap::ArgGroup::new("target")
        .required(true)
        .multiple(true)
        .args(["command", "system", "pid", "unit", "config"]),
    after_help = "\
Examples:
  sudo tracer record -- sh onboard_agent.sh -w ID -s KEY
  sudo tracer record --linger 20m -o a.trace -- dpkg --install agent.deb
  sudo tracer record --live -- apt-get install -y nginx
  sudo tracer record --system --for 1h -o night.trace
  sudo tracer record --pid $(pgrep -o omsagent) --for 10m
  sudo tracer record --unit omid --for 1h -o omid.trace
  sudo tracer record --policy tracer-policy.toml -- sh install.sh
  sudo tracer record --system --rotate 64MiB --rotate 1h --keep 2GiB -o /var/lib/tracer
  sudo tracer record --config /etc/tracer/record.toml

The command keeps its terminal, stdin, stdout and stderr. Ctrl-C goes to the command; after its
end, Ctrl-C ends the recording. Values that look like secrets are masked before they are written,
as ‹secret 1›. Mask further values with:
  export DEPLOY=…; tracer record --redact-value-from DEPLOY -- sh install.sh
  tracer record --redact-value-from ./values.txt --secrets ours.toml -- sh x.sh

With --rotate, files and machine are not compared before and after. Reading commands take the
directory, or one segment.

Exit status: that of the command (128+N if signal N ended it); 125 if tracer itself failed, 126 if
the command cannot be executed, 127 if it does not exist. With --policy, and if that of the command
is 0: as of `tracer check`, 5 for findings, 4 if not everything was seen. A bad policy is 125, and
the command does not start."
)]
pub(super) struct Arguments {
    /// Write the trace to this file [default: COMMAND-DATE-TIME.trace]; with --rotate, a directory
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// Read further options from this file, as TOML: a key an option, such as rotate = "1h"
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    pub(super) segments: segments::SegmentOptions,
    /// Replace the file if it exists
    #[arg(long)]
    force: bool,
    /// Write the SHA-256 of the trace to FILE.sha256, too, as sha256sum does
    #[arg(long)]
    digest: bool,
    /// Show events on stderr as they happen
    #[arg(long)]
    live: bool,
    /// Format of the events of --live
    #[arg(long, value_enum, default_value = "text", requires = "live")]
    format: Format,
    /// Style of times of --live
    #[arg(long, value_enum, default_value = "relative", requires = "live")]
    time: Time,
    /// Keep recording for this long after the end of the command, such as 90s or 20m
    #[arg(long, value_name = "DUR", value_parser = duration, conflicts_with = "system")]
    linger: Option<Duration>,
    /// Do not look for changes: neither of files nor of users, packages, units, settings, firewall
    /// rules and mounts
    #[arg(long)]
    pub(super) no_changes: bool,
    /// Run the command as this user
    #[arg(long, value_name = "NAME", requires = "command")]
    user: Option<String>,
    /// Add attribution rules to the built-in ones; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(super) rules: Vec<PathBuf>,
    /// Name addresses by this list of service tags; may be repeated [default: as `tracer tags`]
    #[arg(long, value_name = "FILE")]
    pub(super) service_tags: Vec<PathBuf>,
    /// Check the recording against this policy at its end. Findings decide the exit status where
    /// that of the command is 0
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    #[command(flatten)]
    pub(super) redaction: redaction::Options,
    /// Also record execs that fail where only tracepoints of system calls report them: every system
    /// call of the machine gets slower. Kernels with kprobes report them anyway
    #[arg(long)]
    pub(super) failed_execs: bool,
    /// Watch files below this directory, too; may be repeated [always: /opt /var/opt /etc
    /// /usr/local /usr/lib/systemd /lib/systemd /usr/lib/udev /root/.ssh /var/spool/cron, and
    /// .ssh in the homes of all users]
    #[arg(long, value_name = "DIR")]
    pub(super) watch: Vec<PathBuf>,
    /// Ignore files whose path matches this glob; may be repeated
    #[arg(long, value_name = "GLOB")]
    pub(super) ignore: Vec<String>,
    /// Record the whole system, until Ctrl-C or for the time of --for
    #[arg(long, conflicts_with_all = ["pid", "command"])]
    pub(super) system: bool,
    /// Follow a running process and its descendants
    #[arg(long, value_name = "PID", conflicts_with = "command")]
    pub(super) pid: Option<u32>,
    /// Follow a systemd unit through its restarts: its present and future processes
    #[arg(long, value_name = "UNIT", conflicts_with_all = ["pid", "command", "system", "linger"])]
    pub(super) unit: Option<String>,
    /// Stop recording after this long
    #[arg(long = "for", value_name = "DUR", value_parser = duration, conflicts_with = "command")]
    pub(super) limit: Option<Duration>,
    /// Print only errors to stderr
    #[arg(short, long, conflicts_with = "live")]
    pub(super) quiet: bool,
    /// Command with its arguments
    #[arg(trailing_var_arg = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

impl Arguments {
    /// True if the command line says what to record.
    pub(super) fn has_target(&self) -> bool {
        !self.command.is_empty() || self.system || self.pid.is_some() || self.unit.is_some()
    }

    /// Names an option that needs a single file, if there is one.
    fn single(&self) -> Option<&'static str> {
        let options = [
            (self.force, "--force"),
            (self.digest, "--digest"),
            (self.policy.is_some(), "--policy"),
        ];
        options
            .into_iter()
            .find(|(is, _)| *is)
            .map(|(_, name)| name)
    }
}

pub(super) fn run(arguments: Arguments) -> ExitCode {
    match record(arguments) {
        Ok(code) => code,
        Err(error) => {
            complain(&explain(&error));
            match error.downcast_ref::<RecordError>() {
                Some(RecordError::Launch(error)) => match error {
                    LaunchError::NotFound(_) | LaunchError::NoInterpreter(_) => NOT_FOUND,
                    LaunchError::CannotExecute(..) => CANNOT_EXECUTE,
                    LaunchError::Fork(_) | LaunchError::Wait(_) => RECORDER_FAILED,
                },
                Some(_) | None => RECORDER_FAILED,
            }
            .into()
        }
    }
}

fn record(mut arguments: Arguments) -> anyhow::Result<ExitCode> {
    if let Some(config) = arguments.config.clone() {
        config::add(&config, &mut arguments)?;
        if !arguments.has_target() {
            anyhow::bail!(
                "cannot record: {} does not say what\nhint: add system = true to it, or --system",
                config.display()
            );
        }
    }
    let rotation = segments::rotation(&Wanted {
        options: &arguments.segments,
        output: arguments.output.as_ref(),
        is_command: !arguments.command.is_empty(),
        single: arguments.single(),
    })?;
    let output = match &arguments.output {
        Some(output) => output.clone(),
        None => default_output(&arguments),
    };
    // Refused before anything runs.
    let policy = arguments.policy.as_deref();
    let policy = policy.map(Checked::read).transpose()?;
    let login = match &arguments.user {
        Some(name) => Some(login(name).map_err(anyhow::Error::msg)?),
        None => None,
    };
    let target = match (arguments.system, arguments.pid, &arguments.unit) {
        (true, _, _) => Target::System,
        (false, Some(pid), _) => Target::Process(pid),
        (false, None, Some(unit)) => Target::Unit(whole_unit(unit).into_bytes()),
        (false, None, None) => Target::Command {
            command: arguments.command,
            login,
        },
    };
    // Checked first: without privileges, the first unreadable file would get the blame.
    check_privileges()?;
    let redactor = redaction::redactor(&arguments.redaction)?;
    let manager = match &target {
        Target::Command { .. } => None,
        Target::System | Target::Process(_) | Target::Unit(_) => Manager::find(),
    };
    let recording = Recording {
        wishes: Wishes {
            failed_execs: arguments.failed_execs,
        },
        target,
        output: output.clone(),
        // A look at the whole machine at each rotation would take seconds.
        compare: !arguments.no_changes && rotation.is_none(),
        rotation,
        metrics: arguments.segments.metrics,
        manager,
        overwrite: arguments.force,
        owner: sudo_caller(),
        linger: arguments.linger.unwrap_or_default(),
        limit: arguments.limit,
        rules: rules(&arguments.rules)?,
        tags: Tags::read(&tag_files(&arguments.service_tags))?,
        roots: Roots::new(&arguments.watch, &arguments.ignore).map_err(anyhow::Error::msg)?,
        redactor,
    };
    let terminal = Terminal::stderr(arguments.time);
    let mut reporter = Reporter {
        terminal,
        live: arguments.live.then_some(arguments.format),
        unwritten: String::new(),
        output: output.clone(),
        quiet: arguments.quiet,
    };
    let mut recorded = recording.run(&mut reporter)?;
    if let Err(TraceFailure::Write(failure)) = &recorded.file {
        let missing = format!(
            "events that are not in the trace: {}",
            failure.events_not_written
        );
        recorded.model.ledger_mut().gap(missing);
    }
    if let Some(segment) = &recorded.segment {
        reporter.segment_ended(segment, &recorded.file, &recorded.mended);
        return Ok(match recorded.file {
            Ok(_) => ExitCode::SUCCESS,
            Err(_) => RECORDER_FAILED.into(),
        });
    }
    if !arguments.quiet {
        summarise(&recorded, &output, terminal);
    }
    say_of_file(&recorded.file, &recorded.mended, &output);
    if let (true, Ok(finished)) = (arguments.digest, &recorded.file) {
        write_digest(finished, &output, arguments.force)?;
    }
    let code = match (&recorded.file, recorded.status) {
        // A trace that is not whole is a failure, even if the command succeeded.
        (Err(_), _) => RECORDER_FAILED.into(),
        (Ok(_), Some(status)) => shell_status(status),
        (Ok(_), None) if !recorded.command.is_empty() => {
            complain("cannot determine the exit status of the command: it was not waited for");
            RECORDER_FAILED.into()
        }
        (Ok(_), None) => ExitCode::SUCCESS,
    };
    let (Some(policy), Ok(finished)) = (policy, &recorded.file) else {
        return Ok(code);
    };
    let digest = finished.digest;
    let is_clean = match recorded.status {
        Some(status) => status.success(),
        None => recorded.command.is_empty(),
    };
    // The check reads the trace anew, and needs the memory.
    drop(recorded);
    let checked = policy.check(&output, digest, arguments.quiet)?;
    Ok(match is_clean {
        true => checked,
        false => code,
    })
}

fn rules(files: &[PathBuf]) -> anyhow::Result<RuleSet> {
    let mut rules = RuleSet::built_in();
    for file in files {
        let mut text = String::new();
        // One byte more than the limit, so that the parser refuses it. The file may be endless.
        File::open(file)
            .and_then(|file| file.take(RULES_LIMIT + 1).read_to_string(&mut text))
            .with_context(|| format!("cannot read the rules in {}", file.display()))?;
        rules.add(&file.display().to_string(), &text)?;
    }
    Ok(rules)
}

/// Returns a name for the trace from target and time, in the working directory.
fn default_output(arguments: &Arguments) -> PathBuf {
    let name = match (arguments.system, arguments.pid, &arguments.unit) {
        (true, _, _) => "system".to_owned(),
        (false, Some(pid), _) => format!("pid-{pid}"),
        (false, None, Some(unit)) => whole_unit(unit),
        (false, None, None) => arguments
            .command
            .first()
            .and_then(|program| Path::new(program).file_name())
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default(),
    };
    let plain: String = name
        .chars()
        .map(|character| match character {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' | '.' => character,
            _ => '_',
        })
        .collect();
    let now = jiff::Zoned::now().strftime("%Y%m%d-%H%M%S").to_string();
    let stem = format!("{}-{now}", plain.trim_start_matches(['.', '-']));
    // Another recording of the same target may have begun within the second.
    let names = (2..100).map(|number| format!("{stem}-{number}.trace"));
    let mut candidates = std::iter::once(format!("{stem}.trace"))
        .chain(names)
        .map(PathBuf::from);
    let first = PathBuf::from(format!("{stem}.trace"));
    candidates
        .find(|name| name.symlink_metadata().is_err())
        .unwrap_or(first)
}

/// Adds `.service` to a name without a suffix, as systemctl(1) does.
fn whole_unit(name: &str) -> String {
    match name.ends_with(".service") || name.ends_with(".scope") {
        true => name.to_owned(),
        false => format!("{name}.service"),
    }
}

fn shell_status(status: ExitStatus) -> ExitCode {
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok())
        .unwrap_or(RECORDER_FAILED)
        .into()
}

/// Reports on stderr during the recording.
struct Reporter {
    terminal: Terminal,
    live: Option<Format>,
    /// Lines of --live whose events are not in the file yet.
    unwritten: String,
    quiet: bool,
    output: PathBuf,
}

impl Reporter {
    fn show(&mut self, line: &str) {
        self.unwritten.push_str(line);
        self.unwritten.push('\n');
    }
}

impl Observer for Reporter {
    fn event(&mut self, model: &Model, clock: Clock, sequence: u64, event: &Event) {
        match self.live {
            None => {}
            Some(Format::Text) => {
                self.show(&view::event_line(&self.terminal.page(clock), model, event));
            }
            Some(Format::Jsonl) => {
                self.show(&view::event_json(&clock, model, sequence, event));
            }
        }
    }

    fn is_waiting(&self) -> bool {
        !self.unwritten.is_empty()
    }

    fn written(&mut self) {
        output::note_lines(&self.unwritten);
        self.unwritten.clear();
    }

    fn lingers(&mut self, linger: Duration) {
        if !self.quiet {
            output::note(&format!(
                "tracer: the command has ended; recording its descendants for {linger:?} more \
                 (Ctrl-C ends the recording)"
            ));
        }
    }

    fn takes_long(&mut self, what: &str) {
        if !self.quiet {
            output::note(&format!("tracer: scanning {what}"));
        }
    }

    fn write_failed(&mut self, failure: &WriteFailure) {
        complain(&format!("{}: {failure}", self.output.display()));
    }

    fn segment_ended(
        &mut self,
        segment: &Segment,
        file: &Result<Finished, TraceFailure>,
        mended: &[Mended],
    ) {
        say_of_file(file, mended, &segment.path);
        if let Err(TraceFailure::Write(failure)) = file {
            complain(&format!(
                "{}: {} events are not in this segment",
                shell_word(&segment.path),
                failure.events_not_written
            ));
        }
        let (Ok(finished), false) = (file, self.quiet) else {
            return;
        };
        let rest = match segment.is_complete {
            true => String::new(),
            false => "; not complete".to_owned(),
        };
        output::note(&format!(
            "tracer: {}: {} events in {}, {}{rest}; {}",
            shell_word(&segment.path),
            segment.events,
            view::duration(u64::try_from(segment.duration.as_nanos()).unwrap_or(u64::MAX)),
            view::size(finished.bytes),
            segment.reason.describe(),
        ));
    }

    fn cannot_rotate(&mut self, error: &RecordError) {
        complain(&format!(
            "cannot begin the next segment: {error}\nhint: it is tried again every ten seconds"
        ));
    }

    fn cannot_delete(&mut self, directory: &Path, error: &std::io::Error) {
        complain(&format!(
            "cannot delete old segments in {}: {error}",
            directory.display()
        ));
    }

    fn cannot_write_metrics(&mut self, error: &MetricsError) {
        complain(&error.to_string());
    }
}

fn summarise(recorded: &Recorded, output: &Path, terminal: Terminal) {
    let model = &recorded.model;
    let everything = Selection::new(Filter::default(), Marks::default(), model);
    let summary = Summary {
        model,
        command: &recorded.command,
        events: recorded.events,
        changes: &shown_changes(model, &everything, false).shown,
        secrets: recorded.secrets,
        masked: &recorded.masked,
    };
    for line in summary.lines(&terminal.page(recorded.clock)) {
        output::note(&line);
    }
    let file = shell_word(output);
    if let Ok(finished) = &recorded.file {
        output::note(&format!("trace: {file} ({})", view::size(finished.bytes)));
        output::note(&format!("sha256: {}", finished.digest));
        let verbs = summary.useful_verbs().into_iter();
        let verbs = verbs.map(|verb| format!("{verb} {file}"));
        let page = shell_word(&output.with_extension("html"));
        let report = format!("report {file} --format html -o {page}");
        for (place, line) in verbs.chain([report]).enumerate() {
            let label = if place == 0 { "next:" } else { "" };
            output::note(&format!("{label:<7}tracer {line}"));
        }
    }
}

/// Reports an incomplete or changed trace.
fn say_of_file(file: &Result<Finished, TraceFailure>, mended: &[Mended], output: &Path) {
    let path = output.display();
    match file {
        // Reported when it happened.
        Ok(_) | Err(TraceFailure::Write(_)) => {}
        Err(failure) => complain(&match failure {
            TraceFailure::Displaced { finished, .. } => {
                format!("{failure}\nsha256: {}", finished.digest)
            }
            TraceFailure::Write(_)
            | TraceFailure::Unsaved { .. }
            | TraceFailure::Changed { .. }
            | TraceFailure::NotBegun
            | TraceFailure::Unreadable { .. } => failure.to_string(),
        }),
    }
    for mended in mended {
        complain(&match mended {
            Mended::Mode(mode) => {
                format!("the mode of {path} had been changed to {mode:03o}; it is 600 again")
            }
            Mended::Owner(user) => {
                format!("{path} had been given to user {user}; it has its owner again")
            }
            Mended::Links(count) => format!(
                "{path} has {count} other names, under which it can be changed\n\
                 hint: find them with find -samefile, and keep a copy"
            ),
        });
    }
}

/// Writes the digest beside the trace. It has the base name only, so both may move together.
fn write_digest(finished: &Finished, output: &Path, overwrite: bool) -> anyhow::Result<()> {
    let mut path = output.as_os_str().to_owned();
    path.push(".sha256");
    let path = PathBuf::from(path);
    let line = finished
        .digest
        .line(Path::new(output.file_name().unwrap_or_default()));
    with_reserve(During::Publication, || {
        let mut new = NewFile::create(&path, overwrite, sudo_caller())?;
        new.file()
            .write_all(&line)
            .with_context(|| format!("cannot write {}", path.display()))?;
        new.publish()?;
        new.keep();
        Ok(())
    })
}

fn shell_word(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    let name = path.as_os_str().as_bytes();
    match name.starts_with(b"-") {
        // It would be an option.
        true => view::argument(&[b"./", name].concat()),
        false => view::argument(name),
    }
}
