//! Writes events as text, one a line, the same live and in replay.

use std::net::SocketAddr;

use crate::{
    event::{Event, EventKind, Exec, Exit, Unit, UserChanged},
    model::{Connection, Listener, Model},
    trace::Gap,
};

use super::{
    errno_name, escape, naming,
    page::{Emphasis, Page, bytes, duration, pad},
    privilege, process, signal_name, socket,
};

/// Writes an event, right after the model has applied it.
pub fn event_line(page: &Page, model: &Model, event: &Event) -> String {
    let index = model.find(event.process);
    let (pid, name, tree) = match index.map(|index| model.process(index)) {
        Some(process) => (
            process.id.pid.to_string(),
            process::name(process),
            &*process.tree,
        ),
        None => (String::new(), "-".to_owned(), "-"),
    };
    let time = page.emphasise(Emphasis::Faint, &page.time(event.boot_ns));
    let kind = |width| page.emphasise(emphasis(&event.kind), &pad(event.kind.name(), width));
    let detail = detail(page, model, event);
    let line = if page.is_narrow() {
        format!("{time} {pid:>6} {} {} {detail}", pad(&name, 9), kind(8))
    } else {
        let tree = pad(&escape::text(tree.as_bytes()), 10);
        format!(
            "{time} {pid:>7} {} {tree} {} {detail}",
            pad(&name, 15),
            kind(14)
        )
    };
    page.fit(line.trim_end().to_owned())
}

/// Writes a damaged part of a file as a line among the events.
pub fn gap_line(page: &Page, gap: &Gap) -> String {
    page.fit(page.emphasise(Emphasis::Bad, &format!("--- {}", gap_text(gap))))
}

/// Describes a damaged part of a file.
pub fn gap_text(gap: &Gap) -> String {
    let Gap {
        offset,
        resumed_at,
        events_missing,
        reason,
    } = gap;
    let missing = match events_missing {
        Some(1) => "1 event is missing".to_owned(),
        Some(count) => format!("{count} events are missing"),
        None => "the number of missing events is unknown".to_owned(),
    };
    match resumed_at {
        Some(resumed_at) => {
            format!("damage at byte {offset}: {reason}; it goes on at byte {resumed_at}, {missing}")
        }
        None => format!("the trace breaks off at byte {offset}: {reason}; {missing}"),
    }
}

fn emphasis(kind: &EventKind) -> Emphasis {
    match kind {
        EventKind::ConnectFailed(_)
        | EventKind::ExecFailed(_)
        | EventKind::Lost(_)
        | EventKind::KernelLog(_)
        | EventKind::Unreadable(_) => Emphasis::Bad,
        EventKind::Dns(dns) if dns.has_failed() => Emphasis::Bad,
        EventKind::Fork(_)
        | EventKind::Exec(_)
        | EventKind::Exit(_)
        | EventKind::Rename(_)
        | EventKind::UserChanged(_)
        | EventKind::SocketOpened(_)
        | EventKind::Inbound(_)
        | EventKind::UnixConnect(_)
        | EventKind::Held(_)
        | EventKind::Cgroup(_)
        | EventKind::Connect(_)
        | EventKind::Established(_)
        | EventKind::Shutdown(_)
        | EventKind::Close(_)
        | EventKind::Snapshot(_)
        | EventKind::UserNamed(_)
        | EventKind::CommandStarted(_)
        | EventKind::CommandEnded(_)
        | EventKind::Units(_)
        | EventKind::Unit(_)
        | EventKind::File(_)
        | EventKind::UnitFollowed(_)
        | EventKind::Sockets(_)
        | EventKind::AddressTagged(_)
        | EventKind::Listen(_)
        | EventKind::Bind(_)
        | EventKind::Counted(_)
        | EventKind::Dns(_)
        | EventKind::TlsHello(_)
        | EventKind::HttpRequest(_)
        | EventKind::Hosts(_)
        | EventKind::Compared(_)
        | EventKind::FilesCompared(_)
        | EventKind::End(_) => Emphasis::Event,
    }
}

/// Shows the new effective user, and the real one where it differs.
fn user_change(model: &Model, user: u32, changed: &UserChanged) -> String {
    let name = |user| process::user(model, user);
    let real = match changed.real_user == user {
        true => String::new(),
        false => format!(" (real user {})", name(changed.real_user)),
    };
    let at_end = if changed.at_end {
        ", seen at the end"
    } else {
        ""
    };
    format!("is {}{real}{at_end} now", name(user))
}

fn detail(page: &Page, model: &Model, event: &Event) -> String {
    match &event.kind {
        EventKind::Fork(fork) if fork.parent_pid == 0 => {
            "by a process outside of the PID namespace".to_owned()
        }
        EventKind::Fork(fork) => {
            let parent = model
                .find(event.process)
                .and_then(|child| model.process(child).parent)
                .map(|parent| process::name(model.process(parent)));
            format!(
                "by {} [{}]",
                parent.as_deref().unwrap_or("?"),
                fork.parent_pid
            )
        }
        EventKind::Exec(exec) => {
            let process = model.find(event.process).map(|index| model.process(index));
            match process.and_then(|process| process.gain.as_ref()) {
                Some(gain) => format!("{}; {}", program(exec), privilege::described(model, gain)),
                None => program(exec),
            }
        }
        EventKind::Exit(exit) => status(*exit),
        EventKind::Rename(rename) => {
            let thread = if rename.tid == event.process.pid {
                String::new()
            } else {
                format!(" (thread {})", rename.tid)
            };
            format!(
                "{} → {}{thread}",
                escape::text(&rename.from),
                escape::text(&rename.to)
            )
        }
        EventKind::Cgroup(cgroup) => escape::text(&cgroup.path),
        EventKind::Connect(connect) => ends(page, model.connection(connect.connection)),
        EventKind::Established(established) => {
            let connection = model.connection(established.connection);
            let took = connection.map_or(0, |connection| {
                event.boot_ns - connection.started_ns.min(event.boot_ns)
            });
            format!("{} after {}", ends(page, connection), duration(took))
        }
        EventKind::ConnectFailed(failed) => {
            let connection = model.connection(failed.connection);
            let reason = match (failed.error, failed.never_sent) {
                (0, false) => "given up or failed before an answer".into(),
                (0, true) => "nothing was sent".into(),
                (error, false) => errno_name(error),
                (error, true) => format!("{}, nothing was sent", errno_name(error)).into(),
            };
            format!("{} {reason}", ends(page, connection))
        }
        EventKind::Close(close) => {
            let error = match close.error {
                0 => String::new(),
                error => format!(" {}", errno_name(error)),
            };
            match model.listener(close.connection) {
                Some(listener) => listens(listener),
                None => {
                    let amount = amount(close.bytes_sent, close.bytes_received);
                    let connection = model.connection(close.connection);
                    format!("{} {amount}{error}", ends(page, connection))
                }
            }
        }
        EventKind::Listen(listen) | EventKind::Bind(listen) => model
            .listener(listen.connection)
            .map_or_else(String::new, listens),
        EventKind::Counted(counted) => {
            let amount = amount(counted.bytes_sent, counted.bytes_received);
            match model.listener(counted.connection) {
                Some(listener) => format!("{} {amount} so far", listens(listener)),
                None => {
                    let connection = model.connection(counted.connection);
                    format!("{} {amount} so far", ends(page, connection))
                }
            }
        }
        EventKind::Dns(dns) => naming::dns(dns),
        EventKind::TlsHello(hello) => {
            let ends = ends(page, model.connection(hello.connection));
            format!("{ends} {}", naming::hello(hello))
        }
        EventKind::HttpRequest(request) => {
            let ends = ends(page, model.connection(request.connection));
            format!("{ends} {}", naming::request(request))
        }
        EventKind::Hosts(hosts) => format!("/etc/hosts has {} lines", hosts.entries.len()),
        EventKind::Compared(compared) => format!(
            "{}s: {} new, changed or gone",
            compared.subject().name(),
            compared.differences.len()
        ),
        EventKind::FilesCompared(compared) => {
            format!("files: {} new, changed or gone", compared.differences.len())
        }
        EventKind::Unreadable(unreadable) => {
            format!("malformed {}", escape::text(unreadable.what.as_bytes()))
        }
        EventKind::Shutdown(shutdown) => {
            let amount = amount(shutdown.bytes_sent, shutdown.bytes_received);
            format!(
                "{} {amount} so far",
                ends(page, model.connection(shutdown.connection))
            )
        }
        EventKind::Snapshot(snapshot) => {
            format!("{} processes ran before", snapshot.processes.len())
        }
        EventKind::ExecFailed(failed) => format!(
            "{}: {} ({})",
            escape::text(&failed.filename),
            escape::arguments(&failed.argv),
            errno_name(failed.error)
        ),
        EventKind::SocketOpened(opened) => {
            socket::kind(opened.family, opened.form, opened.protocol)
        }
        EventKind::Inbound(inbound) => ends(page, model.connection(inbound.connection)),
        EventKind::UnixConnect(connect) => {
            let peer = match connect.peer_pid {
                0 => String::new(),
                pid => format!(" of [{pid}]"),
            };
            format!("{}{peer}", escape::text(&connect.path))
        }
        EventKind::Held(held) => format!("by {:?}", held.holders),
        EventKind::UserChanged(changed) => user_change(model, event.user, changed),
        EventKind::UserNamed(named) => {
            format!("{} is {}", named.user, escape::text(&named.name))
        }
        EventKind::CommandStarted(_) => String::new(),
        EventKind::CommandEnded(ended) if ended.status_known => status(Exit::of(ended.status)),
        EventKind::CommandEnded(_) => "status unknown".to_owned(),
        EventKind::Units(units) => format!("{} units were loaded before", units.units.len()),
        EventKind::Unit(unit) => {
            let requester = match model.requester(&unit.name) {
                Some(request) => format!(
                    " for {} [pid {}] (inferred)",
                    escape::arguments(&request.words),
                    request.pid
                ),
                None => String::new(),
            };
            format!(
                "{} {}{requester}{}",
                escape::text(&unit.name),
                unit.action().name(),
                description(unit)
            )
        }
        EventKind::File(file) => {
            format!("{} {}", escape::text(&file.path), file.action().name())
        }
        EventKind::UnitFollowed(followed) => escape::text(&followed.unit),
        EventKind::Sockets(sockets) => {
            format!("{} sockets were there before", sockets.sockets.len())
        }
        EventKind::AddressTagged(tagged) => {
            let address = tagged
                .ip()
                .map_or_else(|| "?".to_owned(), |address| address.to_string());
            let names: Vec<String> = tagged
                .tags
                .iter()
                .map(|tag| escape::text(tag.name.as_bytes()))
                .collect();
            format!("{address} is {}", names.join(", "))
        }
        EventKind::Lost(lost) => format!("{} {}", lost.count, escape::text(lost.what.as_bytes())),
        EventKind::KernelLog(log) => escape::text(log.line.as_bytes()),
        EventKind::End(end) => end.reason().describe().to_owned(),
    }
}

/// Describes a unit as systemd reports it.
fn description(unit: &Unit) -> String {
    let mut parts = Vec::new();
    if !unit.file.is_empty() {
        parts.push(escape::text(&unit.file));
    }
    for (what, names) in [
        ("also", &unit.aliases),
        ("triggered by", &unit.triggered_by),
        ("pulled in by", &unit.pulled_in_by),
    ] {
        let names: Vec<String> = names.iter().map(|name| escape::text(name)).collect();
        if !names.is_empty() {
            parts.push(format!("{what} {}", names.join(" ")));
        }
    }
    match parts.is_empty() {
        true => String::new(),
        false => format!(": {}", parts.join(", ")),
    }
}

fn program(exec: &Exec) -> String {
    let mut text = escape::arguments(&exec.argv);
    if exec.truncated {
        text.push_str(&format!(
            " … (arguments cut, {} in all)",
            bytes(exec.argv_bytes)
        ));
    }
    if exec.argv.first() != Some(&exec.filename) {
        text = format!("{}: {text}", escape::argument(&exec.filename));
    }
    if exec.interpreter != exec.filename && !exec.interpreter.is_empty() {
        text.push_str(&format!(" (by {})", escape::argument(&exec.interpreter)));
    }
    text
}

fn status(exit: Exit) -> String {
    match exit.signal() {
        Some(signal) => format!("killed by {}", signal_name(signal)),
        None => format!("code {}", exit.code()),
    }
}

fn ends(page: &Page, connection: Option<&Connection>) -> String {
    let Some(connection) = connection else {
        return "a connection without its beginning".to_owned();
    };
    let remote = connection
        .remote
        .map_or_else(|| "?".to_owned(), |remote| remote.to_string());
    if page.is_narrow() {
        return format!("→ {remote}");
    }
    let local = match connection.local {
        Some(local) if local.port() != 0 => local.to_string(),
        Some(SocketAddr::V4(local)) => format!("{}:?", local.ip()),
        Some(SocketAddr::V6(local)) => format!("[{}]:?", local.ip()),
        None => "?".to_owned(),
    };
    format!("{local} → {remote} {}", connection.protocol.name())
}

fn listens(listener: &Listener) -> String {
    let local = listener
        .local
        .map_or_else(|| "?".to_owned(), |local| local.to_string());
    format!("{local} {}", listener.protocol.name())
}

fn amount(sent: u64, received: u64) -> String {
    format!("sent {}, received {}", bytes(sent), bytes(received))
}
