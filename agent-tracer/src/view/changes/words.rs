//! Describes changes, and the reasons for attention.

use std::borrow::Cow;

use crate::{
    event::{Difference, FileState, NativeCode, PackageOrigin},
    findings::{AttentionLine, Change, ConnectionGroup, Downloaded, Facts, Kind, Reason, Unit},
    model::{Download, Model, Process},
    view::{
        destination::written,
        escape, groups,
        numbers::grouped,
        page::bytes,
        process::{command_line, name},
        user, user_of,
    },
};

/// Describes files that were not compared.
const UNKNOWN: &str = "present state unknown";

pub(super) fn heading(kind: Kind) -> &'static str {
    match kind {
        Kind::Service => "services",
        Kind::Process => "processes still running",
        Kind::Program => "programs from unusual places",
        Kind::Listener => "listeners",
        Kind::Destination => "outbound destinations",
        Kind::Download => "downloads",
        Kind::User => "users",
        Kind::Group => "groups",
        Kind::Package => "packages",
        Kind::Cron => "cron",
        Kind::File => "files and directories",
        Kind::Module => "kernel modules",
        Kind::Sysctl => "kernel parameters",
        Kind::Firewall => "firewall rules",
        Kind::Mount => "mounts",
    }
}

/// Describes the reason for attention.
pub(in crate::view) fn reason(reason: &Reason) -> Cow<'_, str> {
    Cow::Borrowed(match reason {
        Reason::Rule(words) => return escape::text(words.as_bytes()).into(),
        Reason::Setuid => "setuid",
        Reason::SetuidOwner => "setuid, other owner",
        Reason::Setgid => "setgid",
        Reason::SetgidGroup => "setgid, other group",
        Reason::Capabilities => "has capabilities",
        Reason::SetuidWritten => "setuid, touched or written",
        Reason::SetgidWritten => "setgid, touched or written",
        Reason::CapabilitiesWritten => "has capabilities, touched or written",
        Reason::WorldWritable => "world-writable",
        Reason::Memory => "executed from memory",
        Reason::Unlinked => "executed from a file without a name",
        Reason::Temporary => "executed by root from a temporary directory",
        Reason::AllInterfaces => "listens on all interfaces",
        Reason::Executed => "downloaded and executed",
        Reason::Root => "has user id 0",
        Reason::Kernel => "setting of the kernel",
        Reason::NewService => "new service",
        Reason::ChangedService => "changed service",
        Reason::ServiceOff => "service turned off",
        Reason::StoppedService => "stopped service",
        Reason::DisabledService => "disabled service",
        Reason::Survivor => "runs on after its removal",
    })
}

/// Names a change that deserves attention; escaped.
pub(in crate::view) fn attention_item(line: &AttentionLine<'_, '_>) -> String {
    let what = escape::text(&line.what);
    match (line.rules, line.files) {
        (Some(rules), _) => format!("{what}: {rules} rules"),
        (None, Some(files)) => format!("{what}: {files} files"),
        (None, None) => what,
    }
}

/// Describes the action, and whether the system itself caused it.
pub(in crate::view) fn became(model: &Model, change: &Change<'_>) -> String {
    let action = change.action.name();
    match model.command().is_some() && change.is_of_system(model) {
        true => format!("{action}, by the system itself"),
        false => action.to_owned(),
    }
}

/// Describes a change further; escaped, and empty if there is nothing to add.
pub(in crate::view) fn detail(model: &Model, change: &Change<'_>) -> String {
    match &change.facts {
        Facts::Process => match change.author.map(|author| model.process(author)) {
            Some(process) => format!("{} {}", user_of(model, process), command_line(process)),
            None => String::new(),
        },
        Facts::Listener(_) => String::new(),
        Facts::Destination(group) => destination(model, group),
        Facts::Download(downloaded) => download(model, downloaded),
        Facts::Unit(facts) => unit(model, facts),
        Facts::Entry {
            difference,
            followed_by,
        } => entry(difference, *followed_by),
        Facts::File(difference) => {
            file(model, difference.before.as_ref(), difference.after.as_ref())
        }
        Facts::Files(Some(size)) => {
            let what = match change.count {
                1 => "file or directory",
                _ => "files and directories",
            };
            format!("{} {what}, {}", grouped(change.count as u64), bytes(*size))
        }
        Facts::Files(None) => {
            let count = grouped(change.count as u64);
            format!("{count} files and directories, {UNKNOWN}")
        }
        Facts::Touched => UNKNOWN.to_owned(),
    }
}

fn destination(model: &Model, group: &ConnectionGroup) -> String {
    groups::summary(group, model)
}

/// `curl [4711]`
fn called(process: &Process) -> String {
    format!("{} [{}]", name(process), process.id.pid)
}

fn download(model: &Model, downloaded: &Downloaded) -> String {
    let download = &downloaded.download;
    let from: Vec<String> = downloaded.from.iter().map(written).collect();
    let carried = download.carrier.map(|carrier| {
        let carrier = called(model.process(carrier));
        format!(", brought there by {carrier}")
    });
    let archive = download.archive.as_ref();
    let unpacked = archive.map(|archive| format!(", out of {}", escape::text(archive)));
    let urls = urls(model, download);
    let urls = urls.map(|url| format!(", {}", escape::text(url.as_bytes())));
    let urls: String = urls.collect();
    let content = download.content.as_ref().map(|content| {
        let changed = match content.has_changed {
            true => ", changed since",
            false => "",
        };
        format!(", SHA-256 {}{changed}", hex(&content.sha256))
    });
    let executed = match download.executions {
        0 => format!("not executed: {}", native(download.native)),
        1 => "executed".to_owned(),
        count => format!("{count} executions, the first"),
    };
    format!(
        "downloaded by {} from {}{urls}{}{}, {executed}{}",
        called(model.process(download.writer)),
        from.join(", "),
        unpacked.unwrap_or_default(),
        carried.unwrap_or_default(),
        content.unwrap_or_default()
    )
}

/// Describes native code. A process may load a library without an event.
fn native(code: NativeCode) -> &'static str {
    match code {
        NativeCode::Library => "a native library, whose loading is not seen",
        NativeCode::Program => "a native program",
        NativeCode::None => "unknown",
    }
}

/// Iterates over the URLs that a download may have come from, as far as they were in clear.
pub(super) fn urls<'a>(
    model: &'a Model,
    download: &'a Download,
) -> impl Iterator<Item = &'a String> {
    let all = download.connections.iter();
    let from = all.filter_map(|at| model.connection_at(*at));
    from.filter_map(|connection| connection.url.as_ref())
}

/// Writes bytes in hexadecimal.
pub(in crate::view) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unit(model: &Model, unit: &Unit<'_>) -> String {
    let mut parts = Vec::new();
    parts.extend(unit.path().map(escape::text));
    match (
        unit.enabled,
        unit.state.and_then(|state| state.after.as_ref()),
    ) {
        (Some(link), _) => {
            let verb = if link.enables { "enabled" } else { "disabled" };
            let by = link.author.map(|(by, is_inferred)| {
                let inferred = if is_inferred { " (inferred)" } else { "" };
                format!(" by {}{inferred}", called(model.process(by)))
            });
            parts.push(format!("{verb}{}", by.unwrap_or_default()));
        }
        (None, Some(state)) => parts.push(escape::text(state)),
        (None, None) => {}
    }
    if let Some(request) = unit.request {
        parts.push(format!(
            "requested by {} [{}] (inferred)",
            escape::arguments(&request.words),
            request.pid
        ));
    }
    match unit.running {
        0 if unit.has_ended => parts.push("not running".to_owned()),
        0 => {}
        1 => parts.push("1 process".to_owned()),
        count => parts.push(format!("{count} processes")),
    }
    parts.join(", ")
}

fn entry(difference: &Difference, followed_by: usize) -> String {
    let mut text = match (&difference.before, &difference.after) {
        (Some(before), Some(after)) => {
            format!("{} → {}", escape::text(before), escape::text(after))
        }
        (Some(value), None) | (None, Some(value)) => escape::text(value),
        (None, None) => String::new(),
    };
    if let Some(origin) = &difference.origin {
        text.push_str(&format!(", from {}", self::origin(origin)));
    }
    if followed_by > 0 {
        text.push_str(&format!(", and {followed_by} that follow"));
    }
    text
}

/// Describes the origin of a package: `Debian bookworm (deb.debian.org/debian)`.
pub(super) fn origin(origin: &PackageOrigin) -> String {
    if origin.is_unlisted {
        return "a local file, as no list of apt has it".to_owned();
    }
    let names = [&origin.origin, &origin.suite];
    let names = names.into_iter().filter(|name| !name.is_empty());
    let names: Vec<_> = names.map(|name| escape::text(name)).collect();
    let archive = escape::text(&origin.archive);
    match names.is_empty() {
        true => archive,
        false => format!("{} ({archive})", names.join(" ")),
    }
}

fn file(model: &Model, before: Option<&FileState>, after: Option<&FileState>) -> String {
    let whole = |state: &FileState| {
        let owner = user(model, state.user);
        match state.kind() {
            "directory" => format!("directory {:04o} {owner}", state.mode & 0o7777),
            "link" => format!("link to {}", escape::text(&state.target)),
            kind => format!(
                "{kind} {:04o} {owner} {}",
                state.mode & 0o7777,
                bytes(state.size)
            ),
        }
    };
    match (before, after) {
        (Some(before), Some(after)) => {
            let (was, is) = (whole(before), whole(after));
            match was == is {
                true => format!("{is}, {}", unseen(before, after)),
                false => format!("{was} → {is}"),
            }
        }
        (Some(state), None) | (None, Some(state)) => whole(state),
        (None, None) => String::new(),
    }
}

/// Describes the difference of two states that look the same. The content before is unknown, and
/// touch(1) opens a file as a writer does.
fn unseen(before: &FileState, after: &FileState) -> &'static str {
    if before.size != after.size {
        "other content"
    } else if before.group != after.group {
        "other group"
    } else if before.capabilities != after.capabilities {
        "other capabilities"
    } else {
        "touched or written"
    }
}
