//! After the recording: proves that the key is nowhere, then lets the recorder
//! show the trace. It formats nothing itself.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::secret::WorkspaceKey;

/// Fails when the key is in a file that the recorder left.
pub fn check_files(directory: &Path, key: &WorkspaceKey) -> Result<()> {
    if let Some(file) = key.files_holding_it(directory)?.first() {
        bail!("the workspace key is in {}", file.display());
    }
    Ok(())
}

/// Fails if the key is in any output of the tool for the trace. Blocks of the file are compressed,
/// so its bytes alone prove little: the full replay counts.
pub fn check_output(tracer: &Path, trace: &Path, key: &WorkspaceKey) -> Result<()> {
    for arguments in [
        ["replay", "--format", "jsonl"].as_slice(),
        &["tree"],
        &["connections"],
    ] {
        let output = Command::new(tracer)
            .args(arguments)
            .arg(trace)
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("cannot run {}", tracer.display()))?;
        let command = arguments.join(" ");
        if key.occurs_in(&output.stdout) || key.occurs_in(&output.stderr) {
            bail!("the workspace key is in the output of `tracer {command}`");
        }
        if !output.status.success() {
            bail!(
                "`tracer {command}` failed ({}): {}",
                output.status,
                String::from_utf8_lossy(&output.stderr).trim_end()
            );
        }
    }
    Ok(())
}

/// Shows the tree and the connections, and says how to go on.
pub fn show(tracer: &Path, trace: &Path) -> Result<()> {
    for view in ["tree", "connections"] {
        println!("\n$ tracer {view} {}", trace.display());
        Command::new(tracer)
            .arg(view)
            .arg(trace)
            .status()
            .with_context(|| format!("cannot run {}", tracer.display()))?;
    }
    println!(
        "\nThe workspace key given with -s is in no file it wrote and in no output of tracer.\n\
         The trace: {trace}\n\
         Go on with: {tracer} replay {trace} --process ruby",
        trace = trace.display(),
        tracer = tracer.display()
    );
    Ok(())
}
