//! Collects from the sources besides the kernel programs: systemd, fanotify, and existing sockets.
//! It turns their answers into events, and writes none.

use std::net::IpAddr;

use crate::{
    capture::{
        self, Capture, Choice, Fact, FileChange, FileWatch, FoundSocket, Hook, HostsFile, Roots,
        UnitWatch, UserChange, boot_now,
    },
    event::{
        Event, EventKind, FileEvent, Held, ProcessId, Protocol, SnapshotSocket, SocketState,
        Sockets, Units, UserChanged,
    },
    model::{Model, Process, job_digest},
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
    pub(super) async fn start(capture: &mut Capture, roots: &Roots) -> (Sources, Option<Units>) {
        let (files, choice) = FileWatch::start_or_explain(roots);
        capture.add_choice(choice);
        let (earlier, choices) = capture::earlier_sockets();
        for choice in choices {
            capture.add_choice(choice);
        }
        let mut sources = Sources {
            units: None,
            files,
            earlier,
            hosts: HostsFile::default(),
        };
        let units = match UnitWatch::start().await {
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

    /// Returns pending changes of files, and the count of overflows.
    pub(super) fn changes(&mut self) -> (Vec<FileChange>, u64) {
        match &mut self.files {
            Some(files) => (files.drain(), files.take_overflows()),
            None => (Vec::new(), 0),
        }
    }
}

/// Turns a change of a file into an event, after the model has all earlier events of its writer.
///
/// A change below no root yields `None`, with one exception. A file from a process with network
/// peers may be executed later, under its name of that time.
pub(super) fn file(change: FileChange, model: &Model, redactor: &mut Redactor) -> Option<Event> {
    let writer = match change.pid {
        0 => None,
        pid => model.latest(pid),
    };
    let path = std::os::unix::ffi::OsStringExt::into_vec(change.path.into_os_string());
    if !change.is_wanted && !model.concerns_download(writer, &path, change.action) {
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
    };
    Some(Event {
        boot_ns: boot_now(),
        process: writer.map_or_else(ProcessId::default, |writer| writer.id),
        user: writer.map_or(0, |writer| writer.user),
        kind: EventKind::File(file),
    })
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
    let is_news = user != process.user || process.real_user.is_some_and(|known| known != real_user);
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
pub(super) fn holders(found: &[FoundSocket], model: &Model) -> Vec<Event> {
    let open = model.listeners().iter();
    let open = open.filter(|listener| listener.ended_ns.is_none());
    open.filter_map(|listener| {
        let socket = found.iter().find(|socket| {
            socket.state == SocketState::Listening
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
        let is_known =
            model.connections().iter().any(|known| {
                known.remote == Some(socket.remote) && known.local == Some(socket.local)
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
