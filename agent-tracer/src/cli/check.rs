//! `tracer check`: compares traces with a policy.

use std::{
    env,
    fs::OpenOptions,
    io::Write,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    process::ExitCode,
};

use agent_tracer::{
    policy::{Draft, Outcome, Verdict, Why, add, check},
    view::{self, Clock},
};
use anyhow::Context;
use clap::ValueEnum;
use jiff::civil::Date;

use super::{
    DAMAGED, FINDINGS, INCOMPLETE,
    observing::{observe_all, policy, policy_text, wish},
    output::{self, Lines, Terminal, Time},
    output_file::OutputFile,
};

/// Compare traces with a policy, and fail on everything that it does not allow
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tracer check FILE --policy tracer-policy.toml
  tracer check FILE --policy tracer-policy.toml --proposal new-policy.toml
  tracer check FILE --policy tracer-policy.toml --format github
  tracer check FILE --policy tracer-policy.toml --format sarif > tracer.sarif
  tracer check FILE --policy tracer-policy.toml --format junit > tracer.xml
  tracer check FILE --policy tracer-policy.toml --format jsonl | jq -r .text

`tracer policy new` writes a policy from good recordings, and `tracer policy add` accepts what is
new.

Exit status: 0 if all that was done is allowed; 5 if there are findings; 4 if the recording is not
complete, or did not see what the policy needs, with or without findings; 3 if the trace is damaged
or has no end; 2 for a bad policy and for usage; 1 if a file cannot be read or written.")]
pub(super) struct Arguments {
    /// Traces to check
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Policy to check against
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// Output format
    #[arg(long, value_enum, default_value = "text")]
    format: CheckFormat,
    /// Write the policy that allows all that is new to this file
    #[arg(long, value_name = "FILE")]
    proposal: Option<PathBuf>,
    /// Replace the file of --proposal if it exists
    #[arg(long, requires = "proposal")]
    force: bool,
    /// Judge `expires` by this day, such as 2027-01-31 [default: that of the latest recording]
    #[arg(long, value_name = "DATE")]
    today: Option<Date>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum CheckFormat {
    /// Text, as the patch that a reviewer would make.
    Text,
    /// One JSON object per line.
    Jsonl,
    /// Workflow commands of GitHub, with the rest in the step summary.
    Github,
    /// SARIF 2.1.0.
    Sarif,
    /// JUnit XML.
    Junit,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let text = policy_text(&arguments.policy)?;
    let policy = policy(&arguments.policy, &text)?;
    let observations = observe_all(&arguments.files, wish(&policy))?;
    let verdict = check(&policy, &observations, arguments.today);
    // First: a file that cannot be written is an error, whatever the answer.
    if let Some(path) = &arguments.proposal {
        propose(path, arguments.force, &text, &verdict)?;
    }
    let accept = match (&arguments.proposal, arguments.format) {
        (Some(path), CheckFormat::Github) => format!(
            "review {}, and commit it as {}",
            Path::new(path.file_name().unwrap_or_default()).display(),
            arguments.policy.display()
        ),
        _ => accept_command(&arguments.files, &arguments.policy),
    };
    write(arguments.format, &verdict, &accept)?;
    Ok(status(verdict.outcome))
}

/// Returns the exit status for an answer.
pub(super) fn status(outcome: Outcome) -> ExitCode {
    match outcome {
        Outcome::Conforms => ExitCode::SUCCESS,
        Outcome::Findings => FINDINGS.into(),
        Outcome::Incomplete => INCOMPLETE.into(),
        Outcome::Damaged => DAMAGED.into(),
    }
}

/// Returns the command that accepts what is new; quoted for a shell.
pub(super) fn accept_command(files: &[PathBuf], policy: &Path) -> String {
    let word = |path: &Path| view::argument(path.as_os_str().as_bytes());
    let files: Vec<String> = files.iter().map(|file| word(file)).collect();
    format!(
        "tracer policy add {} --policy {}",
        files.join(" "),
        word(policy)
    )
}

/// Returns the rules that would allow what is new.
pub(super) fn drafts(verdict: &Verdict<'_>) -> Vec<Draft> {
    let findings = verdict.findings.iter();
    let new = findings.filter_map(|finding| match &finding.why {
        Why::New(draft) => Some((**draft).clone()),
        Why::Denied(..) | Why::Expired(..) => None,
    });
    new.collect()
}

fn write(format: CheckFormat, verdict: &Verdict<'_>, accept: &str) -> anyhow::Result<()> {
    let mut lines = Lines::new();
    let all = match format {
        CheckFormat::Text => {
            let page = Terminal::stdout(Time::Relative).page(Clock::default());
            view::verdict_text(&page, verdict, accept)
        }
        CheckFormat::Jsonl => view::verdict_jsonl(verdict),
        CheckFormat::Github => github(verdict, accept)?,
        CheckFormat::Sarif => vec![view::verdict_sarif(verdict, env!("CARGO_PKG_VERSION"))],
        CheckFormat::Junit => {
            let text = view::verdict_junit(verdict).context("cannot write the JUnit report")?;
            vec![text.trim_end().to_owned()]
        }
    };
    for line in all {
        lines.line(&line)?;
    }
    lines.finish()?;
    Ok(())
}

/// Appends to the step summary. Without one, all that has no annotation goes to the log.
fn github(verdict: &Verdict<'_>, accept: &str) -> anyhow::Result<Vec<String>> {
    let output = view::github(verdict, accept);
    let mut lines = output.lines;
    let summary = env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty());
    let written = summary.map(|path| {
        let mut file = OpenOptions::new().append(true).create(true).open(&path)?;
        file.write_all(output.summary.as_bytes())
    });
    match written {
        Some(Ok(())) => {}
        Some(Err(error)) => {
            output::note(&format!(
                "tracer: cannot write GITHUB_STEP_SUMMARY: {error}"
            ));
            lines.extend(output.rest);
        }
        None => lines.extend(output.rest),
    }
    Ok(lines)
}

fn propose(path: &Path, force: bool, text: &str, verdict: &Verdict<'_>) -> anyhow::Result<()> {
    let proposal = add(text, &drafts(verdict))?;
    let file = OutputFile::create(path, force)?;
    file.file()
        .write_all(proposal.as_bytes())
        .with_context(|| format!("cannot write {}", path.display()))?;
    file.finish()
        .with_context(|| format!("cannot write {}", path.display()))
}
