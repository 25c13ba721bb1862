//! Finds connections whose end was lost: at the end of the recording their sockets are gone.

use super::recorder::Recorder;
use crate::{
    capture::{LiveSockets, boot_now},
    event::{Close, Event, EventKind, Protocol},
    model::{Connection, State},
};

impl Recorder<'_> {
    /// Takes the ends of connections that nothing reported. Only those of the recorder's network
    /// namespace are looked for, since sock_diag(7) lists no others.
    pub(super) fn take_lost_ends(&mut self) {
        let open: Vec<u64> = self
            .session
            .model
            .connections()
            .iter()
            .filter(|connection| is_open(connection))
            .map(|connection| connection.id)
            .collect();
        if open.is_empty() {
            return;
        }
        let Some(live) = LiveSockets::ask() else {
            return;
        };
        // An end from before the answer is in the buffer by now.
        self.drain_all();
        let cookies = self.capture.cookies();
        let model = &self.session.model;
        let open = open.iter().filter_map(|id| model.connection(*id));
        let gone = open.filter(|connection| {
            let is_live = match (cookies.get(&connection.id), connection.local()) {
                (None, _) => false,
                (Some(0), Some(local)) => connection
                    .remote
                    .is_none_or(|remote| live.has_ends(local, remote)),
                (Some(0), None) => true,
                (Some(cookie), _) => live.has_cookie(*cookie),
            };
            is_open(connection) && !is_live
        });
        let ends = gone.map(|connection| {
            let owner = model.process(connection.owner);
            Event {
                boot_ns: boot_now(),
                process: owner.id,
                user: owner.user,
                kind: EventKind::Close(Close {
                    connection: connection.id,
                    time_unknown: true,
                    ..Close::default()
                }),
            }
        });
        let ends: Vec<Event> = ends.collect();
        for end in ends {
            self.take_from_kernel(end);
        }
    }
}

fn is_open(connection: &Connection) -> bool {
    let is_open = matches!(
        connection.state,
        State::Connecting | State::Open | State::Closing
    );
    is_open && connection.protocol == Protocol::Tcp && connection.network_namespace == 0
}
