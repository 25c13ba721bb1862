//! `tracer policy`: learns a policy from traces, and adds to one.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
};

use agent_tracer::policy::{Observation, Wish, add, check, learn, new_policy};
use anyhow::{Context, bail};
use clap::Subcommand;

use super::{
    DAMAGED, INCOMPLETE,
    check::drafts,
    observing::{observe_all, policy, policy_text, wish},
    output::{self, Lines},
    output_file::OutputFile,
};

/// Write a policy from good recordings, or accept what is new
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tracer policy new a.trace b.trace -o tracer-policy.toml
  tracer policy add c.trace --policy tracer-policy.toml
  tracer check d.trace --policy tracer-policy.toml")]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    New(New),
    Add(Add),
}

/// Write the policy that these recordings conform to
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tracer policy new FILE                                   to stdout
  tracer policy new a.trace b.trace -o tracer-policy.toml  the union of both
  tracer policy new night.trace --system -o host.toml      with the system's own tree

Read it before you use it: everything in it is allowed from then on. Ids, versions and random names
stand as globs.

Exit status: 0; 4 if a recording is not complete, and 3 if one is damaged: the policy is written,
and may lack what was not seen.")]
struct New {
    /// Traces to learn from
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Write the policy to this file instead of stdout
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace the file if it exists
    #[arg(long, requires = "output")]
    force: bool,
    /// Cover the system's own tree, too
    #[arg(long)]
    system: bool,
}

/// Add rules for all that is new in a recording, and keep the rest of the policy as it is
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tracer policy add FILE --policy tracer-policy.toml && git diff tracer-policy.toml

It adds to the list of allows. What a deny forbids stays forbidden, and a passed date stays passed.

Exit status: 0; 4 if a recording is not complete, and 3 if one is damaged: the rules are added; 2
for a bad policy.")]
struct Add {
    /// Traces to accept
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Policy to add to
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    match &arguments.verb {
        Verb::New(new) => run_new(new),
        Verb::Add(add) => run_add(add),
    }
}

fn run_new(arguments: &New) -> anyhow::Result<ExitCode> {
    let wish = Wish {
        parties: false,
        system: arguments.system,
    };
    let observations = observe_all(&arguments.files, wish)?;
    let drafts = learn(&observations);
    let text = new_policy(&observations, &drafts, arguments.system);
    // It would be of no use.
    if let Err(error) = policy(Path::new("policy"), &text) {
        bail!(
            "cannot write a policy of {} rules: {error}\n\
             hint: learn from a shorter recording",
            drafts.len()
        );
    }
    match &arguments.output {
        None => {
            let mut lines = Lines::new();
            lines.line(text.trim_end())?;
            lines.finish()?;
        }
        Some(path) => {
            let file = OutputFile::create(path, arguments.force)?;
            file.file()
                .write_all(text.as_bytes())
                .with_context(|| format!("cannot write {}", path.display()))?;
            file.finish()
                .with_context(|| format!("cannot write {}", path.display()))?;
            output::note(&format!("{}: {} rules", path.display(), drafts.len()));
        }
    }
    Ok(status(&observations))
}

fn run_add(arguments: &Add) -> anyhow::Result<ExitCode> {
    let path = &arguments.policy;
    let text = policy_text(path)?;
    let policy = policy(path, &text)?;
    let observations = observe_all(&arguments.files, wish(&policy))?;
    let verdict = check(&policy, &observations, None);
    let drafts = drafts(&verdict);
    let left = verdict.findings.len() - drafts.len();
    if !drafts.is_empty() {
        let text = add(&text, &drafts)?;
        super::observing::policy(path, &text)?;
        replace(path, &text)?;
    }
    output::note(&match drafts.len() {
        0 => format!("{}: nothing is new", path.display()),
        1 => format!("{}: one rule added", path.display()),
        count => format!("{}: {count} rules added", path.display()),
    });
    if left > 0 {
        output::note(&format!(
            "findings that stay: {left}, by a deny, or by a rule past its date"
        ));
    }
    Ok(status(&observations))
}

/// Replaces a file as a whole; it keeps its mode.
fn replace(path: &Path, text: &str) -> anyhow::Result<()> {
    let failed = || format!("cannot write {}", path.display());
    let permissions = fs::metadata(path).with_context(failed)?.permissions();
    let file = OutputFile::create(path, true)?;
    file.file()
        .write_all(text.as_bytes())
        .with_context(failed)?;
    file.file()
        .set_permissions(permissions)
        .with_context(failed)?;
    file.finish().with_context(failed)
}

/// Warns of recordings that did not see everything.
fn status(observations: &[Observation]) -> ExitCode {
    let mut status = ExitCode::SUCCESS;
    let whole = |observation: &&Observation| !observation.sight.is_whole();
    for observation in observations.iter().filter(whole) {
        output::note(&format!(
            "{}: not complete, so the policy may lack what was not seen",
            observation.name
        ));
        status = INCOMPLETE.into();
    }
    if observations
        .iter()
        .any(|observation| observation.sight.is_damaged)
    {
        status = DAMAGED.into();
    }
    status
}
