//! `tracer watch`: a growing recording on a terminal. It owns the terminal, the keys and the files;
//! `view::watch` makes the screens.

mod keys;
mod recorder;
mod segment;
mod source;
mod terminal;

use std::{
    io::{self, IsTerminal},
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use agent_tracer::{
    findings::{Activity, Picture, shown_changes},
    select::{Filter, Marks, Selection},
    view::{
        self,
        watch::{Ask, Facts, Rows, Screen, Sight, Stage, Watch},
    },
};
use anyhow::{Context, bail};

use super::{
    DAMAGED,
    filter::{Filters, name_glob},
    output::{Terminal as Paper, Time},
};
use source::Source;
use terminal::{Happened, Terminal};

/// Follow a recording while it goes on, on a terminal
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tracer watch a.trace                    beside `sudo tracer record -o a.trace …`
  tracer watch /var/log/tracer            the newest trace in a directory, and each that follows
  tracer watch a.trace --tree omi --no-resolvers

It needs no root where the trace may be read: `record` gives it to the caller of sudo. It changes
nothing, and the recording goes on when it is left.

Keys: Tab and arrows move, Enter shows details, / filters as --process does, Esc goes back, ? lists
all keys, q leaves.

Ended processes and connections are released after some seconds where there are thousands, so that
it can watch for weeks. Counts include them.")]
pub(super) struct Arguments {
    /// Trace to follow, or a directory of traces
    #[arg(value_name = "FILE|DIR")]
    path: PathBuf,
    /// Style of times
    #[arg(long, value_enum, default_value = "relative")]
    time: Time,
    #[command(flatten)]
    filters: Filters,
}

/// Longest time between two looks at the file.
const PAUSE: Duration = Duration::from_millis(200);

/// Events between two looks at the keys.
const AT_ONCE: u64 = 20_000;

/// Time between two screens, as a multiple of the time that their rows take: a large recording
/// must not occupy a CPU.
const SHARE: u32 = 10;

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    if !io::stdout().is_terminal() {
        bail!(
            "cannot watch: stdout is not a terminal\n\
             hint: `tracer replay` and `tracer tree` print what was recorded so far"
        );
    }
    if std::env::var_os("TERM").is_some_and(|term| term == "dumb") {
        bail!(
            "cannot watch: this terminal cannot place text (TERM=dumb)\n\
             hint: `tracer replay` and `tracer tree` print what was recorded so far"
        );
    }
    let mut viewer = Viewer::new(arguments)?;
    let mut terminal = Terminal::enter().context("cannot use this terminal")?;
    let ended = viewer.run(&mut terminal);
    drop(terminal);
    match ended {
        // There is no one to read the error.
        Err(_) if !io::stdout().is_terminal() => terminal::end_by(terminal::HANG_UP),
        ended => ended?,
    }
    Ok(match viewer.is_damaged() {
        true => DAMAGED.into(),
        false => ExitCode::SUCCESS,
    })
}

/// All that is shown, and its sources.
struct Viewer {
    source: Source,
    filter: Filter,
    marks: Marks,
    activity: Activity,
    watch: Watch,
    paper: Paper,
    rows: Rows,
    details: Vec<String>,
    /// True if the file had more events than were read at once.
    is_behind: bool,
    released: usize,
    is_incomplete: bool,
}

impl Viewer {
    fn new(arguments: &Arguments) -> anyhow::Result<Viewer> {
        let filter = arguments.filters.filter();
        let names = filter.process.iter();
        let names: Vec<String> = names.map(|glob| glob.written().to_owned()).collect();
        let others = Filter {
            process: Vec::new(),
            ..filter.clone()
        };
        Ok(Viewer {
            source: Source::new(&arguments.path)?,
            watch: Watch::with_filter(&names, !others.is_empty()),
            filter,
            marks: Marks::default(),
            activity: Activity::default(),
            paper: Paper::stdout(arguments.time),
            rows: Rows::default(),
            details: Vec::new(),
            is_behind: false,
            released: 0,
            is_incomplete: false,
        })
    }

    /// Shows the recording until the user leaves.
    fn run(&mut self, terminal: &mut Terminal) -> anyhow::Result<()> {
        let mut due = Instant::now();
        let mut is_new = true;
        loop {
            is_new |= self.read()?;
            let now = Instant::now();
            if is_new && now >= due {
                self.make(terminal.width());
                due = now + PAUSE.max(now.elapsed() * SHARE);
                is_new = false;
            }
            self.draw(terminal)?;
            let wait = match self.is_behind {
                true => Duration::ZERO,
                false => PAUSE,
            };
            for happened in terminal.wait(wait)? {
                match happened {
                    Happened::Resized => {}
                    Happened::Pressed(press) => match self.watch.press(press, &self.rows) {
                        Ask::Nothing => {}
                        Ask::Leave => return Ok(()),
                        Ask::Filter(written) => self.refilter(&written),
                    },
                }
                // What is asked for is shown at once.
                self.make(terminal.width());
            }
        }
    }

    /// Reads what has arrived. Returns `true` if anything did.
    fn read(&mut self) -> anyhow::Result<bool> {
        let is_other = self.source.look()?;
        if is_other {
            self.marks = Marks::default();
            self.activity = Activity::default();
        }
        let Some(follow) = self.source.follow() else {
            return Ok(is_other);
        };
        let (filter, marks, activity) = (&self.filter, &mut self.marks, &mut self.activity);
        let was_finished = follow.is_finished();
        let taken = follow.advance(AT_ONCE, |model, clock, event| {
            marks.note(filter, model, clock.start_ns, event);
            activity.note(model, event);
        })?;
        self.is_behind = taken == AT_ONCE;
        Ok(is_other || taken > 0 || was_finished != follow.is_finished())
    }

    /// Sets the filter for names of processes.
    fn refilter(&mut self, written: &str) {
        let globs = match written {
            "" => Ok(Vec::new()),
            written => name_glob(written).map(|glob| vec![glob]),
        };
        self.watch.filtered(globs.map(|globs| {
            self.filter.process = globs;
        }));
    }

    /// Makes the rows and details of the events so far.
    fn make(&mut self, width: usize) {
        let Some(follow) = self.source.followed() else {
            self.rows = Rows::default();
            return;
        };
        let model = follow.model();
        self.activity.forget_others(model);
        let selection = Selection::new(self.filter.clone(), self.marks.clone(), model);
        let picture = Picture::of(model, &selection);
        let changes = shown_changes(model, &selection, false).shown;
        let page = view::Page {
            width: Some(width),
            ..self.paper.plain(follow.clock())
        };
        let sight = Sight {
            model,
            page: &page,
            picture: &picture,
            changes: &changes,
            activity: &self.activity,
        };
        self.rows = Rows::of(&sight);
        self.details = self.watch.detail_lines(&sight, width);
        self.released = Facts::released(model);
        self.is_incomplete = !model.ledger().is_complete();
    }

    fn draw(&mut self, terminal: &mut Terminal) -> anyhow::Result<()> {
        let quiet_ns = nanoseconds(self.source.quiet());
        let followed = self.source.followed();
        let (first_ns, last_ns) = followed.map_or((0, 0), |follow| follow.model().span());
        let stage = match followed {
            None => Stage::Waiting,
            Some(follow) => match follow.model().end() {
                Some(reason) => Stage::Ended(reason.describe()),
                None if self.is_behind => Stage::Reading,
                None if self.source.is_cut_off() => Stage::CutOff,
                None => Stage::Recording,
            },
        };
        let on_ns = match stage {
            Stage::Recording => quiet_ns,
            _ => 0,
        };
        let facts = Facts {
            file: self.source.name(),
            header: followed.map(|follow| follow.header()),
            stage,
            events: followed.map_or(0, |follow| follow.events()),
            elapsed_ns: last_ns.saturating_sub(first_ns).saturating_add(on_ns),
            quiet_ns,
            gaps: followed.map_or(0, |follow| follow.gaps()),
            is_incomplete: self.is_incomplete,
            segment: self.source.segment(),
            released: self.released,
            notice: self.source.notice().to_owned(),
        };
        self.watch
            .bound(self.details.len(), Screen::room(terminal.height()));
        let screen = Screen {
            facts: &facts,
            rows: &self.rows,
            details: &self.details,
            watch: &self.watch,
            styled: self.paper.has_colours(),
        };
        terminal
            .draw(&screen)
            .context("cannot write to the terminal")
    }

    fn is_damaged(&self) -> bool {
        self.source
            .followed()
            .is_some_and(|follow| follow.gaps() > 0)
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
