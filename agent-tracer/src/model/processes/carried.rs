//! Describes processes for the next segment of a recording, and takes them over there.

use std::{collections::HashSet, sync::Arc};

use super::{Processes, Program};
use crate::{
    event::{CarriedEnd, CarriedProcess, Party, SnapshotProcess},
    model::{
        ProcessIndex,
        carry::{id_of, reason},
        units::ActivationIndex,
    },
};

impl Processes {
    /// Describes a process as a snapshot does. The parent is left out unless it is alive: its
    /// number may be that of another by now.
    pub(in crate::model) fn seen(
        &self,
        index: ProcessIndex,
        alive: &HashSet<ProcessIndex>,
    ) -> SnapshotProcess {
        let process = &self[index];
        let parent = process.parent.filter(|parent| alive.contains(parent));
        SnapshotProcess {
            pid: process.id.pid,
            start_ns: process.id.start_ns,
            parent_pid: parent.map_or(0, |parent| self[parent].id.pid),
            user: process.user,
            real_user: process.real_user,
            login_user: process.login_user,
            comm: process.comm.to_vec(),
            exe: process.exe.to_vec(),
            argv: process.argv.to_vec(),
            cgroup: process.cgroup.to_vec(),
            truncated: false,
            identity: process.identity.as_deref().copied(),
            root_directory: process.root_directory.to_vec(),
        }
    }

    /// Describes all else of a process. Of one that ended, also what a snapshot would have.
    pub(in crate::model) fn carried(&self, index: ProcessIndex, activation: u32) -> CarriedProcess {
        let process = &self[index];
        let running = process.parent.filter(|parent| self[*parent].is_running());
        let parent = match running {
            Some(parent) => self[parent].id.into(),
            None => Party {
                pid: process.parent_pid,
                start_ns: 0,
            },
        };
        let mut carried = CarriedProcess {
            id: Some(process.id.into()),
            tree: process.tree.to_string(),
            parent: Some(parent),
            filename: process.filename.to_vec(),
            cwd: process.cwd.to_vec(),
            names: process.names.iter().map(|name| name.to_vec()).collect(),
            former_users: process.former_users.to_vec(),
            identified_as: process.identified_as,
            activation,
            has_connected: process.has_connected,
            ended: process.end.map(|(ended_ns, status)| CarriedEnd {
                process: Some(self.seen(index, &HashSet::new())),
                ended_ns,
                status,
            }),
            ..CarriedProcess::default()
        };
        reason::describe(&process.because, &mut carried);
        carried
    }

    /// Takes over a process, which is in the snapshot unless it ended. Returns its position.
    pub(in crate::model) fn take_over(
        &mut self,
        carried: &CarriedProcess,
        activation: Option<ActivationIndex>,
    ) -> Option<ProcessIndex> {
        let id = id_of(carried);
        let ended = carried.ended.as_ref();
        let index = match (self.find(id), ended.and_then(|end| end.process.as_ref())) {
            (Some(index), _) => index,
            (None, Some(seen)) if seen.pid == id.pid && seen.start_ns == id.start_ns => {
                let process = self.process_of(seen);
                self.add(process)
            }
            (None, _) => return None,
        };
        let before = Arc::clone(&self[index].program);
        let program = Program {
            filename: self.pool.bytes(&carried.filename),
            cwd: self.pool.bytes(&carried.cwd),
            ..Program::clone(&before)
        };
        let names = carried.names.iter().map(|name| self.pool.bytes(name));
        let names: Vec<Arc<[u8]>> = names.collect();
        let names = self.pool.names(names);
        let process = &mut self[index];
        process.program = Arc::new(program);
        if !names.is_empty() {
            process.names = names;
        }
        process.tree = carried.tree.as_str().into();
        if let Some(because) = reason::read(carried) {
            process.because = because;
        }
        process.former_users = carried.former_users.as_slice().into();
        process.identified_as = carried.identified_as;
        process.has_connected = carried.has_connected;
        process.activation = activation;
        if let Some(end) = ended {
            process.end = Some((end.ended_ns, end.status));
        }
        Some(index)
    }

    /// Sets the parent of a process that was taken over, once all are here.
    pub(in crate::model) fn take_over_parent(&mut self, carried: &CarriedProcess) {
        let Some(index) = self.find(id_of(carried)) else {
            return;
        };
        let parent = carried.parent.unwrap_or_default();
        self[index].parent_pid = parent.pid;
        if let Some(found) = self.find(parent.id()) {
            self.adopt(index, found);
        }
    }
}
