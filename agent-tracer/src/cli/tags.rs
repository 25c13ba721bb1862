//! `tracer tags`: which cloud, region and service an address is of.

use std::{
    io::{self, IsTerminal},
    path::PathBuf,
    process::ExitCode,
};

use agent_tracer::{
    names::Tags,
    view::{Clock, TagTable, TaggedAddress, tags_json},
};

use anyhow::Context;

use super::{
    addresses::{Address, Asked, BadLine, Piped},
    complain,
    output::{self, Format, Lines, Terminal, Time},
    tag_files::{help, how_to_get_one, tag_files},
};

/// Lines without an address that are told one by one; a file of something else has millions.
const TOLD: u64 = 100;

/// Say which cloud, region and service addresses are of, by the lists that clouds publish
#[derive(clap::Args)]
#[command(after_help = after_help())]
pub(super) struct Arguments {
    /// Addresses, also with a port; - or none: those on stdin, one a line
    #[arg(value_name = "IP")]
    addresses: Vec<Asked>,
    /// A row for every tag that an address is in, not only for the most telling one
    #[arg(long)]
    all: bool,
    /// Lines to be read, or one JSON object an address
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// A list of service tags; may be given several times [default: see below]
    #[arg(long, value_name = "FILE")]
    service_tags: Vec<PathBuf>,
}

fn after_help() -> String {
    format!(
        "\
Examples:
  tracer tags 40.79.194.105 168.63.129.16:32526
  tracer tags --all 40.79.194.105
  tracer connections FILE --format jsonl | jq -r '.remote // empty' | tracer tags
  tracer tags --format jsonl < addresses | jq -r .tag | sort | uniq -c

The most telling tag has the longest prefix; of equals one that names a service,
then one that names a region. What is in parentheses is in no list: an address
that means the same everywhere.

{}
Exit status: 0; 1 when a tag file cannot be read, or a line of stdin is no address; 2 for usage.",
        help()
    )
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let files = tag_files(&arguments.service_tags);
    let tags = Tags::read(&files)?;
    if files.is_empty() {
        complain(&how_to_get_one());
    }
    let mut answers = Answers {
        tags: &tags,
        table: match arguments.format {
            Format::Text => {
                let page = Terminal::stdout(Time::Relative).page(Clock::default());
                Some(TagTable::new(page, arguments.all))
            }
            Format::Jsonl => None,
        },
        lines: Lines::new(),
    };
    let mut bad = 0;
    let stdin = [Asked::Stdin];
    let asked = match &*arguments.addresses {
        [] => &stdin,
        given => given,
    };
    for asked in asked {
        match asked {
            Asked::Address(address) => answers.give(*address)?,
            Asked::Stdin => bad += answers.give_piped()?,
        }
    }
    answers.finish()?;
    if bad > TOLD {
        complain(&format!("and {} more lines without an address", bad - TOLD));
    }
    Ok(match bad {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

/// What is said on stdout.
struct Answers<'a> {
    tags: &'a Tags,
    /// None where objects are wanted.
    table: Option<TagTable<'a>>,
    lines: Lines,
}

impl Answers<'_> {
    fn give(&mut self, asked: Address) -> io::Result<()> {
        let lookup = TaggedAddress::of(self.tags, asked.address, asked.port);
        let is_full = match &mut self.table {
            Some(table) => table.add(&lookup),
            None => {
                self.lines.line(&tags_json(&lookup))?;
                false
            }
        };
        if is_full { self.write_rows() } else { Ok(()) }
    }

    /// All of stdin. Answers how many lines were no address.
    fn give_piped(&mut self) -> anyhow::Result<u64> {
        let is_typed = io::stdin().is_terminal();
        if is_typed {
            output::note("tracer: reading addresses, one a line; Ctrl-D ends it");
        }
        let mut piped = Piped::new();
        let mut bad = 0;
        loop {
            if piped.may_wait() {
                // A block of rows is as long whatever a pipe holds at a time: the same input makes the same table.
                if is_typed {
                    self.write_rows()?;
                }
                self.lines.flush()?;
            }
            match piped.next().context("cannot read addresses from stdin")? {
                Some(Ok(address)) => self.give(address)?,
                Some(Err(line)) => {
                    bad += 1;
                    if bad <= TOLD {
                        tell(&line);
                    }
                }
                None => return Ok(bad),
            }
        }
    }

    fn write_rows(&mut self) -> io::Result<()> {
        for line in self.table.iter_mut().flat_map(TagTable::lines) {
            self.lines.line(&line)?;
        }
        Ok(())
    }

    fn finish(mut self) -> io::Result<()> {
        self.write_rows()?;
        self.lines.finish()
    }
}

fn tell(line: &BadLine) {
    complain(&format!(
        "line {}: not an address: {}",
        line.number, line.text
    ));
}
