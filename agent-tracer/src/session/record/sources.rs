//! Collects from the sources besides the kernel programs: systemd, fanotify, and existing sockets.
//! It turns their answers into events, and writes none.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
};

use super::{
    Observer,
    elsewhere::{Elsewhere, is_recorded},
    inventory::{self, Begun},
};
use crate::{
    capture::{
        self, Capture, Choice, Fact, FileChange, FileWatch, FoundSocket, Hook, HostsFile,
        OpenedFile, UnitWatch, UserChange, boot_now,
    },
    event::{
        Event, EventKind, FileAction, FileEvent, FileIdentity, Held, ProcessId, Protocol,
        SnapshotSocket, SocketState, Sockets, Units, UserChanged,
    },
    model::{Model, Process, ProcessIndex, job_digest},
    redact::Redactor,
};

/// The available sources of a recording.
#[derive(Default)]
pub(super) struct Sources {
    pub(super) units: Option<UnitWatch>,
    pub(super) files: Option<FileWatch>,
    /// Earlier connections.
    pub(super) earlier: Vec<FoundSocket>,
    pub(super) hosts: HostsFile,
}

impl Sources {
    /// Starts the sources, and notes their outcome in the plan. Also returns the units of systemd.
    pub(super) async fn start(
        capture: &mut Capture,
        files: Begun<(Option<FileWatch>, Choice)>,
        observer: &mut dyn Observer,
    ) -> (Sources, Option<Units>) {
        let sockets = inventory::begin_sockets();
        let units = UnitWatch::start().await;
        let (files, choice) = files.wait(observer);
        capture.add_choice(choice);
        let (earlier, choices) = sockets.wait(observer);
        for choice in choices {
            capture.add_choice(choice);
        }
        let mut sources = Sources {
            units: None,
            files,
            earlier,
            hosts: HostsFile::default(),
        };
        let units = match units {
            Ok(None) => return (sources, None),
            Ok(Some((units, watch))) => {
                sources.units = Some(watch);
                Ok(units)
            }
            Err(error) => Err(error.to_string()),
        };
        let outcome = units.as_ref().map(|_| ()).map_err(Clone::clone);
        capture.add_choice(Choice::watched(Fact::Units, Hook::Systemd, outcome));
        (sources, units.ok())
    }

    /// Returns a pending event of systemd from before a time.
    pub(super) fn unit(&mut self, before_ns: u64) -> Option<Event> {
        self.units.as_mut()?.take_before(before_ns)
    }

    /// Returns pending changes of files, and what was missed, each with its count.
    pub(super) fn changes(&mut self) -> (Vec<FileChange>, Vec<(&'static str, u64)>) {
        let Some(files) = &mut self.files else {
            return (Vec::new(), Vec::new());
        };
        let changes = files.drain();
        let overflows = ("file event queue overflow", files.take_overflows());
        let missed = files.take_missed().into_iter();
        (changes, missed.chain([overflows]).collect())
    }

    /// Watches file systems that were mounted since the last call.
    pub(super) fn follow_mounts(&mut self) {
        if let Some(files) = &mut self.files {
            files.follow_mounts();
        }
    }
}

/// Turns a change of a file into an event, after the model has all earlier events of its writer.
///
/// A change below no root yields `None`, with two exceptions. A file from a process with network
/// peers may be executed later, under its name of that time. Changes by recorded trees are kept
/// everywhere, up to a limit.
pub(super) fn file(
    change: FileChange,
    model: &Model,
    redactor: &mut Redactor,
    elsewhere: &mut Elsewhere,
) -> Option<Event> {
    let writer = match change.pid {
        0 => None,
        pid => model.latest(pid),
    };
    let identity = identity(&change, writer, model);
    let is_kept = !change.is_compared
        && writer
            .map(|index| model.process(index))
            .is_some_and(|process| {
                is_recorded(process) && elsewhere.note(&change, process.id, model)
            });
    let path = std::os::unix::ffi::OsStringExt::into_vec(change.path.into_os_string());
    let is_wanted = change.is_wanted || is_kept;
    if !is_wanted && !model.concerns_download(writer, &path, change.action) {
        return None;
    }
    let writer = writer.map(|index| model.process(index));
    let jobs = change.jobs.into_iter().map(|command| {
        // As cron will run it, so that both forms are masked alike.
        let mut argv = [b"/bin/sh".to_vec(), b"-c".to_vec(), command];
        redactor.argv(&mut argv);
        let [_, _, command] = argv;
        job_digest(&command)
    });
    let file = FileEvent {
        jobs: jobs.collect(),
        path,
        action: change.action.into(),
        is_directory: change.is_directory,
        identity,
    };
    Some(Event {
        boot_ns: boot_now(),
        process: writer.map_or_else(ProcessId::default, |writer| writer.id),
        user: writer.map_or(0, |writer| writer.user),
        kind: EventKind::File(file),
    })
}

/// Identifies the file behind a change that may be a download, or another name of one.
fn identity(
    change: &FileChange,
    writer: Option<ProcessIndex>,
    model: &Model,
) -> Option<FileIdentity> {
    if change.is_directory || !model.identifies_files_of(writer) {
        return None;
    }
    match change.action {
        FileAction::Written => OpenedFile::identity_at(&change.path),
        FileAction::Created | FileAction::Renamed => OpenedFile::linked_at(&change.path),
        FileAction::Removed | FileAction::Attributes | FileAction::Open | FileAction::Unknown => {
            None
        }
    }
}

/// Turns a change of user into an event, after the model has all earlier events of the process.
pub(super) fn user_change(change: UserChange, model: &Model) -> Option<Event> {
    let process = model.process(model.latest(change.pid)?);
    let is_news = process.user != change.user || process.real_user != Some(change.real_user);
    is_news.then_some(Event {
        boot_ns: change.boot_ns,
        process: process.id,
        user: change.user,
        kind: EventKind::UserChanged(UserChanged {
            real_user: change.real_user,
            at_end: false,
        }),
    })
}

/// Compares the user of a process with /proc, at the end.
pub(super) fn last_user(process: &Process) -> Option<Event> {
    let (real_user, user) = capture::users_of(process.id.pid, process.id.start_ns)?;
    let is_news = user != process.user || process.real_user != Some(real_user);
    is_news.then(|| Event {
        boot_ns: boot_now(),
        process: process.id,
        user,
        kind: EventKind::UserChanged(UserChanged {
            real_user,
            at_end: true,
        }),
    })
}

/// Finds the listeners that are held by others than the process that made them.
pub(super) fn listener_holders(found: &[FoundSocket], model: &Model) -> Vec<Event> {
    let open = model.listeners().iter();
    let open = open.filter(|listener| listener.ended_ns.is_none());
    open.filter_map(|listener| {
        let socket = found.iter().find(|socket| {
            socket.state == SocketState::Listening
                && listener.network_namespace == 0
                && socket.protocol == listener.protocol
                && Some(socket.local) == listener.local
        })?;
        let owner = model.process(listener.owner).id.pid;
        let is_news = !socket.holders.is_empty() && socket.holders != [owner];
        is_news.then(|| {
            let held = Held {
                connection: listener.id,
                holders: socket.holders.clone(),
            };
            Event::of_recording(boot_now(), EventKind::Held(held))
        })
    })
    .collect()
}

/// Finds the open inbound connections that are held by others than the first guess.
pub(super) fn inbound_holders(found: &[FoundSocket], model: &Model) -> Vec<Event> {
    let ends = |local: SocketAddr, remote: SocketAddr| {
        let canonical = |end: SocketAddr| SocketAddr::new(end.ip().to_canonical(), end.port());
        (canonical(local), canonical(remote))
    };
    let found = found.iter().filter(|socket| {
        let is_held = !socket.holders.is_empty();
        is_held && socket.protocol == Protocol::Tcp && socket.state != SocketState::Listening
    });
    let found: HashMap<(SocketAddr, SocketAddr), &FoundSocket> = found
        .map(|socket| (ends(socket.local, socket.remote), socket))
        .collect();
    let open = model.connections().iter().filter(|connection| {
        let is_open = connection.is_inbound && connection.ended_ns().is_none();
        is_open && connection.network_namespace == 0
    });
    open.filter_map(|connection| {
        let socket = found.get(&ends(connection.local()?, connection.remote?))?;
        let owner = model.process(connection.owner).id.pid;
        let held = Held {
            connection: connection.id,
            holders: socket.holders.clone(),
        };
        let event = || Event::of_recording(boot_now(), EventKind::Held(held));
        (socket.holders != [owner]).then(event)
    })
    .collect()
}

/// Encodes an address for events.
pub(super) fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// Turns earlier connections of known processes into an event, and counts those without a known
/// owner.
pub(super) fn sockets(
    found: Vec<FoundSocket>,
    model: &Model,
    capture: &mut Capture,
) -> (Event, u64) {
    let mut sockets = Vec::new();
    let mut unowned = 0;
    for socket in found {
        let is_listening = socket.state == SocketState::Listening;
        // Opened since the hooks are live, so they report it.
        let is_known = model.connections().iter().any(|known| {
            known.remote == Some(socket.remote) && known.local() == Some(socket.local)
        }) || model
            .listeners()
            .iter()
            .any(|known| is_listening && known.local == Some(socket.local));
        if is_known {
            continue;
        }
        let holder = socket.holders.iter().find_map(|pid| model.latest(*pid));
        let Some(holder) = holder.map(|index| model.process(index)) else {
            // The kernel itself listens (for NFS); so do processes outside a container.
            unowned += u64::from(!is_listening);
            continue;
        };
        let (cookie, owner, user) = (socket.cookie, holder.id, holder.user);
        let adopted = match socket.protocol {
            Protocol::Tcp => capture.adopt(cookie, owner, user),
            Protocol::Udp => {
                let remote = (!is_listening).then_some(socket.remote);
                capture.adopt_datagrams(cookie, remote, owner, user)
            }
        };
        let Ok(connection) = adopted else {
            unowned += 1;
            continue;
        };
        sockets.push(SnapshotSocket {
            connection,
            state: socket.state.into(),
            local_address: octets(socket.local.ip()),
            local_port: socket.local.port().into(),
            remote_address: octets(socket.remote.ip()),
            remote_port: socket.remote.port().into(),
            holders: socket.holders,
            protocol: socket.protocol.into(),
        });
    }
    let event = Event::of_recording(boot_now(), EventKind::Sockets(Sockets { sockets }));
    (event, unowned)
}
