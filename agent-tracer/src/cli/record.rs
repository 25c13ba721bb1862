//! `tracer record`: makes a recording, and says on stderr what it came to.

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
    capture::{LaunchError, Roots, check_privileges, login, with_reserve},
    event::Event,
    model::Model,
    names::Tags,
    rules::RuleSet,
    session::{Mended, Observer, RecordError, Recorded, Recording, Target, TraceFailure},
    trace::{Finished, NewFile, WriteFailure},
    view::{self, Clock, Summary},
};
use anyhow::Context;

use super::{
    RECORDER_FAILED, complain, explain,
    filter::duration,
    output::{self, Format, Terminal, Time, sudo_caller},
    redaction,
    tag_files::tag_files,
};

/// Bytes that a rules file has at most.
const RULES_LIMIT: u64 = 1 << 20;

/// Exit status when the command cannot be executed, and when it does not exist: as of a shell.
const CANNOT_EXECUTE: u8 = 126;
const NOT_FOUND: u8 = 127;

/// Record a command with all its descendants, a running process or unit, or the whole system
#[derive(clap::Args)]
#[command(
    override_usage = "tracer record [OPTIONS] -- COMMAND…\n       tracer record [OPTIONS] --system | --pid PID | --unit UNIT",
    group = clap::ArgGroup::new("target").required(true).args(["command", "system", "pid", "unit"]),
    after_help = "\
Examples:
  sudo tracer record -- sh onboard_agent.sh -w ID -s KEY
  sudo tracer record --linger 20m -o a.trace -- dpkg --install agent.deb
  sudo tracer record --live -- apt-get install -y nginx
  sudo tracer record --system --for 1h -o night.trace
  sudo tracer record --pid $(pgrep -o omsagent) --for 10m
  sudo tracer record --unit omid --for 1h -o omid.trace

The command keeps its terminal, stdin, stdout and stderr. Ctrl-C goes to it, and
after its end ends the recording. Values that look like secrets are masked
before they are written, as ‹secret 1›; these options say more about it:
  export DEPLOY=…; tracer record --redact-value-from DEPLOY -- sh install.sh
  tracer record --redact-value-from ./values.txt --secrets ours.toml -- sh x.sh

Exit status: the command's own (128+N when a signal N ended it); 125 when tracer
itself failed, 126 when the command cannot be executed, 127 when there is none."
)]
pub(super) struct Arguments {
    /// Where the trace goes [default: COMMAND-DATE-TIME.trace]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace the file if it exists
    #[arg(long)]
    force: bool,
    /// Also write the trace's SHA-256 to FILE.sha256, in the form of sha256sum
    #[arg(long)]
    digest: bool,
    /// Show events on stderr as they come
    #[arg(long)]
    live: bool,
    /// Form of the events of --live
    #[arg(long, value_enum, default_value = "text", requires = "live")]
    format: Format,
    /// Times of --live: since the start, or UTC
    #[arg(long, value_enum, default_value = "relative", requires = "live")]
    time: Time,
    /// Go on recording for this long after the command has ended, such as 90s or 20m
    #[arg(long, value_name = "DUR", value_parser = duration, conflicts_with = "system")]
    linger: Option<Duration>,
    /// Leave out the comparison of before and after: of users, packages, units, settings, rules of the firewall, mounts
    #[arg(long)]
    no_changes: bool,
    /// Run the command as this user
    #[arg(long, value_name = "NAME", requires = "command")]
    user: Option<String>,
    /// Attribution rules besides the built-in ones; may be given several times
    #[arg(long, value_name = "FILE")]
    rules: Vec<PathBuf>,
    /// A list of service tags, to name addresses by; may be given several times [default: as of `tracer tags`]
    #[arg(long, value_name = "FILE")]
    service_tags: Vec<PathBuf>,
    #[command(flatten)]
    redaction: redaction::Options,
    /// Look at the files below this directory, too; may be given several times [always: /opt /var/opt /etc /usr/local
    /// /usr/lib/systemd /lib/systemd /usr/lib/udev /root/.ssh /var/spool/cron, and .ssh in the homes of
    /// all users]
    #[arg(long, value_name = "DIR")]
    watch: Vec<PathBuf>,
    /// Leave out files whose path matches this glob; may be given several times
    #[arg(long, value_name = "GLOB")]
    ignore: Vec<String>,
    /// Record everything, until Ctrl-C or for the time of --for
    #[arg(long, conflicts_with_all = ["pid", "command"])]
    system: bool,
    /// Follow a process that runs already, and what it starts
    #[arg(long, value_name = "PID", conflicts_with = "command")]
    pid: Option<u32>,
    /// Follow a unit of systemd's: what runs in it, and what will, through its restarts
    #[arg(long, value_name = "UNIT", conflicts_with_all = ["pid", "command", "system", "linger"])]
    unit: Option<String>,
    /// Stop after this long
    #[arg(long = "for", value_name = "DUR", value_parser = duration, conflicts_with = "command")]
    limit: Option<Duration>,
    /// Print nothing on stderr but errors
    #[arg(short, long, conflicts_with = "live")]
    quiet: bool,
    /// The command and its arguments
    #[arg(trailing_var_arg = true, value_name = "COMMAND")]
    command: Vec<OsString>,
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

fn record(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let output = match &arguments.output {
        Some(output) => output.clone(),
        None => default_output(&arguments),
    };
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
    // Before any file is looked at: without privileges, the first that is not readable would get the blame.
    check_privileges()?;
    let redactor = redaction::redactor(&arguments.redaction)?;
    let recording = Recording {
        target,
        output: output.clone(),
        overwrite: arguments.force,
        owner: sudo_caller(),
        linger: arguments.linger.unwrap_or_default(),
        limit: arguments.limit,
        rules: rules(&arguments.rules)?,
        tags: Tags::read(&tag_files(&arguments.service_tags))?,
        roots: Roots::new(&arguments.watch, &arguments.ignore).map_err(anyhow::Error::msg)?,
        compare: !arguments.no_changes,
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
    if !arguments.quiet {
        summarise(&recorded, &output, terminal);
    }
    say_of_file(&recorded, &output);
    if let (true, Ok(finished)) = (arguments.digest, &recorded.file) {
        write_digest(finished, &output, arguments.force)?;
    }
    Ok(match (&recorded.file, recorded.status) {
        // The evidence is not whole, whatever became of the command.
        (Err(_), _) => RECORDER_FAILED.into(),
        (Ok(_), Some(status)) => shell_status(status),
        (Ok(_), None) if !recorded.command.is_empty() => {
            complain("how the command ended is not known: it was not waited for");
            RECORDER_FAILED.into()
        }
        (Ok(_), None) => ExitCode::SUCCESS,
    })
}

fn rules(files: &[PathBuf]) -> anyhow::Result<RuleSet> {
    let mut rules = RuleSet::built_in();
    for file in files {
        let mut text = String::new();
        // One more than a rules file may have: the parser then says so. The file may be endless.
        File::open(file)
            .and_then(|file| file.take(RULES_LIMIT + 1).read_to_string(&mut text))
            .with_context(|| format!("cannot read the rules in {}", file.display()))?;
        rules.add(&file.display().to_string(), &text)?;
    }
    Ok(rules)
}

/// What is recorded and when, as a file in the working directory.
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
    // Another recording of the same may have begun within the second.
    let names = (2..100).map(|number| format!("{stem}-{number}.trace"));
    let mut candidates = std::iter::once(format!("{stem}.trace"))
        .chain(names)
        .map(PathBuf::from);
    let first = PathBuf::from(format!("{stem}.trace"));
    candidates
        .find(|name| name.symlink_metadata().is_err())
        .unwrap_or(first)
}

/// A name without a suffix is that of a service, as for systemctl(1).
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

/// Says on stderr what happens meanwhile.
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
                "tracer: the command has ended; recording what it left behind for {linger:?} (Ctrl-C ends it)"
            ));
        }
    }

    fn looks(&mut self, what: &str) {
        if !self.quiet {
            output::note(&format!(
                "tracer: looking at {what} (--no-changes leaves it out)"
            ));
        }
    }

    fn write_failed(&mut self, failure: &WriteFailure) {
        complain(&format!("{}: {failure}", self.output.display()));
    }
}

fn summarise(recorded: &Recorded, output: &Path, terminal: Terminal) {
    let summary = Summary {
        model: &recorded.model,
        command: &recorded.command,
        events: recorded.events,
        secrets: recorded.secrets,
    };
    for line in summary.lines(&terminal.page(recorded.clock)) {
        output::note(&line);
    }
    let file = shell_word(output);
    if let Ok(finished) = &recorded.file {
        output::note(&format!("trace: {file} ({})", view::size(finished.bytes)));
        output::note(&format!("sha256: {}", finished.digest));
        output::note(&format!("next:  tracer tree {file}"));
        output::note(&format!("       tracer connections {file}"));
    }
}

/// Says what became of the file, where that is not what was asked for.
fn say_of_file(recorded: &Recorded, output: &Path) {
    let file = output.display();
    match &recorded.file {
        // Said when it happened.
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
    for mended in &recorded.mended {
        complain(&match mended {
            Mended::Mode(mode) => {
                format!("the mode of {file} was changed to {mode:03o}; it is 600 again")
            }
            Mended::Owner(user) => {
                format!("{file} was given to user {user}; it is its owner's again")
            }
            Mended::Links(count) => format!(
                "{file} has {count} other names: it can be changed by them\n\
                 hint: find them with find -samefile, and keep a copy"
            ),
        });
    }
}

/// Writes the digest beside the trace, under the trace's name alone: both may move together.
fn write_digest(finished: &Finished, output: &Path, overwrite: bool) -> anyhow::Result<()> {
    let mut path = output.as_os_str().to_owned();
    path.push(".sha256");
    let path = PathBuf::from(path);
    let line = finished
        .digest
        .line(Path::new(output.file_name().unwrap_or_default()));
    with_reserve(|| {
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
    view::argument(path.as_os_str().as_bytes())
}
