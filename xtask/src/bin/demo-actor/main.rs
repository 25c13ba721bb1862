//! The demo's actor: one program that plays every daemon, tool and server of the replica, according
//! to the name it is executed by. Under its own name it only plays the servers.

// Shared with the demo itself, which assigns the addresses.
#[path = "../../demo/addresses.rs"]
mod addresses;

mod cron;
mod daemon;
mod download;
mod hosts;
mod omi;
mod resolve;
mod ruby;
mod talk;
mod tools;
mod truth;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    match play(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{}: {error:#}", role().unwrap_or_default());
            ExitCode::FAILURE
        }
    }
}

/// The name of the file that was executed: `argv[0]` may say anything.
fn role() -> Option<String> {
    let path: PathBuf = std::env::current_exe().ok()?;
    Some(path.file_name()?.to_string_lossy().into_owned())
}

fn play(arguments: &[OsString]) -> Result<ExitCode> {
    let role = role().context("cannot tell which program this is")?;
    let arguments: Vec<String> = arguments
        .iter()
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    if role != "demo-actor" {
        truth::log_role(&role, &arguments);
    }
    match role.as_str() {
        "demo-actor" => return outside(&arguments),
        "omiserver" => omi::server::play(&arguments)?,
        "omiengine" => omi::engine::play(&arguments)?,
        "omiagent" => omi::agent::play(&arguments)?,
        "omicli" => omi::client::play(&arguments)?,
        "ruby" => ruby::play(&arguments)?,
        "wget" => download::wget(&arguments)?,
        "curl" => download::curl(&arguments)?,
        "cron" => cron::play()?,
        "unattended-upgrade" => tools::unattended_upgrade()?,
        "openssl" => tools::openssl(&arguments)?,
        "python2" => tools::python(&arguments)?,
        "netstat" => tools::netstat()?,
        "dmidecode" | "gpg" | "scxadmin" | "dsc_host" => tools::brief(),
        other => bail!("no role is called {other}"),
    }
    Ok(ExitCode::SUCCESS)
}

fn outside(arguments: &[String]) -> Result<ExitCode> {
    match arguments {
        [verb, bundle] if verb == "hosts" => hosts::play(bundle.as_ref())?,
        _ => bail!("this plays parts in `cargo xtask demo` and does nothing by itself"),
    }
    Ok(ExitCode::SUCCESS)
}
