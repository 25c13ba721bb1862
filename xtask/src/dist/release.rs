//! The release: its version, and the time that all of its files have.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, anyhow};

use super::{say, tools};
use crate::arch::Arch;

/// A version with its time.
pub struct Release {
    /// The version of the workspace.
    pub version: &'static str,
    /// Seconds from 1970 to the commit.
    pub time: u64,
}

impl Release {
    /// Takes the time of `SOURCE_DATE_EPOCH`, or else of the commit that is checked out.
    pub fn of(workspace: &Path) -> Result<Self> {
        let time = match std::env::var("SOURCE_DATE_EPOCH") {
            Ok(time) => time,
            Err(_) => {
                let changes = git(workspace, &["status", "--porcelain"])?;
                if !changes.is_empty() {
                    say("there are changes that are in no commit; the files have them");
                }
                git(workspace, &["log", "-1", "--format=%ct"])?
            }
        };
        let time = time.trim().parse().with_context(|| {
            format!(
                "cannot read the time of the release: {:?} is not a number",
                time.trim()
            )
        })?;
        Ok(Self {
            version: env!("CARGO_PKG_VERSION"),
            time,
        })
    }

    /// Returns the time as RFC 3339 has it.
    pub fn timestamp(&self) -> Result<String> {
        let time = format!("@{}", self.time);
        let text = tools::output(Command::new("date").args(["-u", "-d", &time, "+%FT%TZ"]))?;
        Ok(text.trim_end().to_owned())
    }

    /// Returns the stem of file names.
    pub fn name(&self, arch: Arch) -> String {
        format!("tracer-{}-{}", self.version, arch.name())
    }
}

fn git(workspace: &Path, words: &[&str]) -> Result<String> {
    // A checkout of another user is read all the same: this runs no hook.
    let mut git = Command::new("git");
    git.arg("-c").arg("safe.directory=*").arg("-C");
    git.arg(workspace).args(words);
    tools::output(&mut git).map_err(|error| {
        anyhow!(
            "cannot read the time of the commit: {error:#}\n\
             hint: set SOURCE_DATE_EPOCH where there is no git repository"
        )
    })
}
