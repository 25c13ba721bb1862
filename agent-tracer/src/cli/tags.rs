//! `tracer tags`: cloud, region and service of addresses.

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

/// Greatest number of complaints about lines without an address: another file has millions.
const COMPLAINTS: u64 = 100;

/// Name the cloud, region and service of addresses, from lists that clouds publish
#[derive(clap::Args)]
#[command(after_help = after_help())]
pub(super) struct Arguments {
    /// Addresses, with or without a port [default: -, which reads them from stdin, one per line]
    #[arg(value_name = "IP")]
    addresses: Vec<Asked>,
    /// Show every tag of an address in a row of its own, not only the most specific one
    #[arg(long)]
    all: bool,
    /// Output format
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// List of service tags; may be repeated [default: see below]
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

The most specific tag has the longest prefix. Among equal ones, a tag with a service comes
first, then one with a region. A note in parentheses is not a tag: it describes an address that
means the same everywhere.

{}
Exit status: 0; 1 if a tag file cannot be read or a line of stdin is not an address; 2 for usage.",
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
    if bad > COMPLAINTS {
        complain(&format!(
            "and {} more lines without an address",
            bad - COMPLAINTS
        ));
    }
    Ok(match bad {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

/// The answers on stdout.
struct Answers<'a> {
    tags: &'a Tags,
    /// None for jsonl.
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

    /// Answers all lines of stdin. Returns the number of lines without an address.
    fn give_piped(&mut self) -> anyhow::Result<u64> {
        let is_typed = io::stdin().is_terminal();
        if is_typed {
            output::note("tracer: reading addresses from stdin, one per line; end with Ctrl-D");
        }
        let mut piped = Piped::new();
        let mut bad = 0;
        loop {
            if piped.may_wait() {
                // Blocks do not depend on the pipe: the same input makes the same table.
                if is_typed {
                    self.write_rows()?;
                }
                self.lines.flush()?;
            }
            match piped.next().context("cannot read addresses from stdin")? {
                Some(Ok(address)) => self.give(address)?,
                Some(Err(line)) => {
                    bad += 1;
                    if bad <= COMPLAINTS {
                        complain_of(&line);
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

fn complain_of(line: &BadLine) {
    complain(&format!(
        "cannot read line {}: not an address: {}",
        line.number, line.text
    ));
}
