//! Collects sockets besides TCP and UDP, and requests over AF_UNIX.

use std::sync::Arc;

use indexmap::IndexMap;

use super::ProcessIndex;
use crate::event::{SocketOpened, UnixConnect};

/// Sockets of one kind that a process opened. Their traffic is not recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OtherSocket {
    /// The process.
    pub process: ProcessIndex,
    /// `AF_INET` and the others (socket(2)).
    pub family: u32,
    /// `SOCK_RAW` and the others.
    pub form: u32,
    /// Protocol number.
    pub protocol: u32,
    /// Count of sockets.
    pub count: u64,
}

/// Connections of a process to one name in AF_UNIX.
#[derive(Clone, Debug)]
pub struct UnixRequest {
    /// The process.
    pub process: ProcessIndex,
    /// The name; one in the abstract namespace begins with a NUL.
    pub path: Arc<[u8]>,
    /// The process that called listen(2), where known.
    pub peer: Option<ProcessIndex>,
    /// Time of the first, nanoseconds since boot.
    pub first_ns: u64,
    /// Count of connections.
    pub count: u64,
}

/// All of them, in the order of their first.
#[derive(Default)]
pub(super) struct OtherSockets {
    others: IndexMap<(ProcessIndex, u32, u32, u32), u64>,
    requests: IndexMap<(ProcessIndex, Arc<[u8]>), UnixRequest>,
}

impl OtherSockets {
    pub(super) fn others(&self) -> impl Iterator<Item = OtherSocket> {
        let all = self.others.iter();
        all.map(|((process, family, form, protocol), count)| OtherSocket {
            process: *process,
            family: *family,
            form: *form,
            protocol: *protocol,
            count: *count,
        })
    }

    pub(super) fn requests(&self) -> impl Iterator<Item = &UnixRequest> {
        self.requests.values()
    }

    pub(super) fn opened(&mut self, process: ProcessIndex, opened: &SocketOpened) {
        let key = (process, opened.family, opened.form, opened.protocol);
        *self.others.entry(key).or_default() += 1;
    }

    pub(super) fn unix(
        &mut self,
        process: ProcessIndex,
        peer: Option<ProcessIndex>,
        boot_ns: u64,
        connect: &UnixConnect,
    ) {
        let path: Arc<[u8]> = connect.path.as_slice().into();
        let entry = self.requests.entry((process, Arc::clone(&path)));
        let request = entry.or_insert_with(|| UnixRequest {
            process,
            path,
            peer,
            first_ns: boot_ns,
            count: 0,
        });
        request.peer = peer.or(request.peer);
        request.count += 1;
    }
}
