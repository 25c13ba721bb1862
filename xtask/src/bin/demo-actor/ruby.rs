//! ruby, or rather the one script the demo needs it for: omsagent, a daemon
//! that listens, asks OMI, and reports over TLS every other second. Any other
//! script ends at once.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::addresses::{METADATA, PLATFORM, WORKSPACE};
use crate::resolve::{self, SocketMode};
use crate::talk::{self, Request};
use crate::{daemon, omi, tools};

/// The real one reports about every 20 seconds; a demo has less time.
const INTERVAL: Duration = Duration::from_millis(1800);

/// A port of the platform without a listener here, so that it refuses.
const REFUSING_PORT: u16 = 32526;

/// Plays `ruby SCRIPT ARGUMENTS…`.
pub fn play(arguments: &[String]) -> Result<()> {
    let script = arguments.first().context("no script")?;
    if Path::new(script)
        .file_name()
        .is_some_and(|name| name.to_string_lossy().starts_with("omsagent"))
    {
        omsagent(arguments)
    } else {
        tools::brief();
        Ok(())
    }
}

fn omsagent(arguments: &[String]) -> Result<()> {
    let option = |name: &str| {
        let position = arguments.iter().position(|argument| argument == name)?;
        arguments.get(position + 1).map(Path::new)
    };
    let pid_file = option("-d").context("omsagent needs -d PIDFILE")?;
    let log = option("-o").context("omsagent needs -o LOGFILE")?;
    daemon::detach(log)?;
    daemon::write_pid(pid_file)?;

    let syslog = UdpSocket::bind((Ipv4Addr::LOCALHOST, 25224)).context("cannot bind 25224/udp")?;
    let metrics =
        TcpListener::bind((Ipv4Addr::UNSPECIFIED, 25324)).context("cannot listen on 25324/tcp")?;
    // The threads name themselves, as fluentd's plugins do; the process keeps
    // the script's name.
    spawn("in_syslog", move || {
        let mut line = [0; 2048];
        while syslog.recv(&mut line).is_ok() {}
    })?;
    spawn("in_collectd", move || while metrics.accept().is_ok() {})?;
    spawn("in_oms_omi", || {
        repeat(|| omi::client::enumerate("SCX_ProcessorStatisticalInformation").map(drop))
    })?;
    spawn("out_oms", || repeat(report))?;

    if let Err(error) = talk::connect(PLATFORM, REFUSING_PORT) {
        eprintln!("no VM extension host: {error:#}");
    }
    repeat(read_metadata)
}

/// Repeats `work` for ever; a failed round is logged.
fn repeat(work: impl Fn() -> Result<()>) -> ! {
    loop {
        if let Err(error) = work() {
            eprintln!("{error:#}");
        }
        thread::sleep(INTERVAL);
    }
}

fn spawn<R: Send + 'static>(name: &str, work: impl FnOnce() -> R + Send + 'static) -> Result<()> {
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .with_context(|| format!("cannot start the thread {name}"))?;
    Ok(())
}

fn report() -> Result<()> {
    let host = format!("{WORKSPACE}.oms.opinsights.azure.com");
    let address = resolve::address(&host, SocketMode::Unconnected)?;
    talk::secure(
        talk::connect(address, 443)?,
        &Request {
            method: "POST",
            host: &host,
            path: "/HealthAssessmentService.svc/PostJsonDataItems",
            headers: &["Content-Type: application/json".to_owned()],
            body: b"{\"DataType\":\"HEALTH_ASSESSMENT_BLOB\"}",
        },
    )
    .map(drop)
}

fn read_metadata() -> Result<()> {
    talk::plain(
        talk::connect(METADATA, 80)?,
        &Request {
            method: "GET",
            host: &METADATA.to_string(),
            path: "/metadata/instance?api-version=2017-12-01",
            headers: &["Metadata: true".to_owned()],
            body: &[],
        },
    )
    .map(drop)
}
