//! Writes events as text, one a line, the same live and in replay.

use std::net::SocketAddr;

use crate::{
    event::{Event, EventKind, Exec, Exit, Unit, UserChanged},
    findings::socket_kind,
    model::{Connection, Listener, Model},
    trace::Gap,
};

use super::{
    errno_name, escape,
    missing::deletion,
    naming,
    page::{
        Emphasis, Page, bytes, duration, pad, pad_from, push_address, push_bytes, push_missing,
    },
    privilege, process, signal_name,
};

/// Writes an event, right after the model has applied it.
pub fn event_line(page: &Page, model: &Model, event: &Event) -> String {
    let index = model.find(event.process);
    let process = index.map(|index| model.process(index));
    let mut line = String::with_capacity(192);
    page.push_time(&mut line, event.boot_ns);
    let widths = match page.is_narrow() {
        true => (6, 9, 8),
        false => (7, 15, 14),
    };
    line.push(' ');
    let mut pid = itoa::Buffer::new();
    let pid = process.map_or("", |process| pid.format(process.id.pid));
    push_missing(&mut line, pid, widths.0);
    line.push_str(pid);
    line.push(' ');
    let start = line.len();
    escape::push_text(&mut line, process.map_or(b"-", process::comm));
    pad_from(&mut line, start, widths.1);
    line.push(' ');
    if !page.is_narrow() {
        let tree = process.map_or("-", |process| &*process.tree);
        let start = line.len();
        escape::push_text(&mut line, tree.as_bytes());
        pad_from(&mut line, start, 10);
        line.push(' ');
    }
    let kind = event.kind.name();
    match page.styled {
        true => page.push(&mut line, emphasis(&event.kind), &pad(kind, widths.2)),
        false => {
            line.push_str(kind);
            push_missing(&mut line, kind, widths.2);
        }
    }
    line.push(' ');
    push_detail(&mut line, page, model, event);
    line.truncate(line.trim_end().len());
    page.fit(line)
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
        | EventKind::ContainerNamed(_)
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
        | EventKind::HttpAnswer(_)
        | EventKind::Hosts(_)
        | EventKind::Compared(_)
        | EventKind::FilesCompared(_)
        | EventKind::FilesElsewhere(_)
        | EventKind::FileHashed(_)
        | EventKind::Carried(_)
        | EventKind::SegmentsDeleted(_)
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

/// Appends what is special to the kind of an event. Frequent kinds are written in place.
fn push_detail(line: &mut String, page: &Page, model: &Model, event: &Event) {
    let detail = match &event.kind {
        EventKind::Fork(fork) if fork.parent_pid == 0 => {
            "by a process outside of the PID namespace".to_owned()
        }
        EventKind::Fork(fork) => {
            let parent = model
                .find(event.process)
                .and_then(|child| model.process(child).parent)
                .map(|parent| process::comm(model.process(parent)));
            line.push_str("by ");
            return process::push_called(line, parent.unwrap_or(b"?"), fork.parent_pid);
        }
        EventKind::Exec(exec) => {
            push_program(line, exec);
            let process = model.find(event.process).map(|index| model.process(index));
            match process.and_then(|process| process.gain.as_ref()) {
                Some(gain) => format!("; {}", privilege::described(model, gain)),
                None => return,
            }
        }
        EventKind::Exit(exit) if exit.signal().is_none() => {
            line.push_str("code ");
            return line.push_str(itoa::Buffer::new().format(exit.code()));
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
        EventKind::Connect(connect) => {
            return push_ends(line, page, model.connection(connect.connection));
        }
        EventKind::Established(established) => {
            let connection = model.connection(established.connection);
            let took = connection.map_or(0, |connection| {
                event.boot_ns - connection.started_ns.min(event.boot_ns)
            });
            push_ends(line, page, connection);
            format!(" after {}", duration(took))
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
                    push_ends(line, page, model.connection(close.connection));
                    line.push(' ');
                    match close.time_unknown {
                        true => line.push_str("at an unknown time"),
                        false => push_amount(line, close.bytes_sent, close.bytes_received),
                    }
                    error
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
        EventKind::HttpAnswer(answer) => {
            let ends = ends(page, model.connection(answer.connection));
            format!("{ends} HTTP {}", answer.status)
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
        EventKind::FileHashed(hashed) => {
            let what = hashed.native().name().unwrap_or("executed");
            format!("SHA-256 of the {what} {}", escape::text(&hashed.path))
        }
        EventKind::FilesElsewhere(elsewhere) => format!(
            "files outside of the compared directories: {} changed",
            elsewhere.files.len()
        ),
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
        EventKind::SocketOpened(opened) => socket_kind(opened.family, opened.form, opened.protocol),
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
        EventKind::ContainerNamed(named) => {
            let words = [
                named.id.as_bytes(),
                &named.name,
                &named.image,
                named.manager.as_bytes(),
            ];
            let words = words.map(escape::text);
            words.join(" ")
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
        EventKind::Carried(carried) => format!(
            "{} processes, {} open connections and {} listeners go on from the segment before",
            carried.processes.len(),
            carried.connections.len(),
            carried.listeners.len()
        ),
        EventKind::SegmentsDeleted(deleted) => deletion(deleted),
        EventKind::Lost(lost) => format!("{} {}", lost.count, escape::text(lost.what.as_bytes())),
        EventKind::KernelLog(log) => escape::text(log.line.as_bytes()),
        EventKind::End(end) => end.reason().describe().to_owned(),
    };
    line.push_str(&detail);
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

fn push_program(line: &mut String, exec: &Exec) {
    if exec.argv.first() != Some(&exec.filename) {
        escape::push_argument(line, &exec.filename);
        line.push_str(": ");
    }
    escape::push_arguments(line, &exec.argv);
    if exec.truncated {
        line.push_str(&format!(
            " … (arguments cut, {} in all)",
            bytes(exec.argv_bytes)
        ));
    }
    if exec.interpreter != exec.filename && !exec.interpreter.is_empty() {
        line.push_str(" (by ");
        escape::push_argument(line, &exec.interpreter);
        line.push(')');
    }
}

fn status(exit: Exit) -> String {
    match exit.signal() {
        Some(signal) => format!("killed by {}", signal_name(signal)),
        None => format!("code {}", exit.code()),
    }
}

fn ends(page: &Page, connection: Option<&Connection>) -> String {
    let mut ends = String::with_capacity(64);
    push_ends(&mut ends, page, connection);
    ends
}

fn push_ends(line: &mut String, page: &Page, connection: Option<&Connection>) {
    let Some(connection) = connection else {
        return line.push_str("a connection without its beginning");
    };
    if !page.is_narrow() {
        match connection.local() {
            Some(local) if local.port() != 0 => push_address(line, local),
            Some(SocketAddr::V4(local)) => line.push_str(&format!("{}:?", local.ip())),
            Some(SocketAddr::V6(local)) => line.push_str(&format!("[{}]:?", local.ip())),
            None => line.push('?'),
        }
        line.push(' ');
    }
    line.push_str("→ ");
    match connection.remote {
        Some(remote) => push_address(line, remote),
        None => line.push('?'),
    }
    if !page.is_narrow() {
        line.push(' ');
        line.push_str(connection.protocol.name());
    }
}

fn listens(listener: &Listener) -> String {
    let local = listener
        .local
        .map_or_else(|| "?".to_owned(), |local| local.to_string());
    format!("{local} {}", listener.protocol.name())
}

fn amount(sent: u64, received: u64) -> String {
    let mut amount = String::with_capacity(48);
    push_amount(&mut amount, sent, received);
    amount
}

fn push_amount(line: &mut String, sent: u64, received: u64) {
    line.push_str("sent ");
    push_bytes(line, sent);
    line.push_str(", received ");
    push_bytes(line, received);
}
