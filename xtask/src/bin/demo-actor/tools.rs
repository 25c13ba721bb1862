//! Small programs that a machine may lack and the installer calls: they do the minimum that it
//! needs. Also an unrelated upgrade.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::addresses::WORKSPACE;
use crate::resolve::{self, SocketMode};
use crate::talk::{self, Request};

/// Lives for a moment, as most of an installer's children do.
pub fn brief() {
    std::thread::sleep(Duration::from_millis(3));
}

/// Plays `openssl req -x509 … -keyout FILE -out FILE`.
pub fn openssl(arguments: &[String]) -> Result<()> {
    let certified = rcgen::generate_simple_self_signed([WORKSPACE.to_owned()])?;
    let mut texts = [
        ("-keyout", certified.signing_key.serialize_pem()),
        ("-out", certified.cert.pem()),
    ]
    .into_iter();
    texts.try_for_each(|(option, text)| {
        let position = arguments.iter().position(|argument| argument == option);
        match position.and_then(|position| arguments.get(position + 1)) {
            Some(path) => fs::write(path, text).with_context(|| format!("cannot write {path}")),
            None => Ok(()),
        }
    })
}

/// Plays `python2 SCRIPT …`; the consistency check is the one that has a child.
pub fn python(arguments: &[String]) -> Result<()> {
    let script = arguments.first().map(String::as_str).unwrap_or_default();
    let checks = "PerformRequiredConfigurationChecks.py";
    if Path::new(script)
        .file_name()
        .is_some_and(|name| name == checks)
    {
        Command::new("/opt/dsc/bin/dsc_host")
            .args(["/opt/dsc/output", "PerformRequiredConfigurationChecks", "1"])
            .status()?;
    }
    brief();
    Ok(())
}

/// Plays `netstat -an`, of which the installer only counts lines.
pub fn netstat() -> Result<()> {
    print!("{}", fs::read_to_string("/proc/net/tcp")?);
    Ok(())
}

/// Plays an unattended upgrade: asks the archive and dpkg, and upgrades nothing.
pub fn unattended_upgrade() -> Result<()> {
    for _ in 0..20 {
        std::thread::sleep(Duration::from_millis(1300));
        Command::new("dpkg")
            .arg("--print-foreign-architectures")
            .status()?;
        let host = "packages.example";
        let address = resolve::address(host, SocketMode::Connected)?;
        talk::plain(
            talk::connect(address, 80)?,
            &Request {
                method: "GET",
                host,
                path: "/debian/dists/bookworm/InRelease",
                headers: &["User-Agent: Debian APT-HTTP/1.3 (2.6.1)".to_owned()],
                body: &[],
            },
        )?;
    }
    Ok(())
}
