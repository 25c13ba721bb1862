//! Decodes execs, and those that failed.

use agent_tracer_ebpf as wire;

use super::{Assembler, fields::Fields, paths::path};
use crate::event::{Exec, ExecFailed, Identity, View};

/// Facts of the kernel about an executable and the view that its path belongs to.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// The identity without its view and its namespaces.
    pub identity: Identity,
    /// `mnt_id` of the root directory of the process.
    pub root_mount: u32,
    /// Inode number of that directory.
    pub root_inode: u64,
    /// Inode number of the mount namespace of the process.
    pub mount_namespace: u32,
    /// Inode number of the executable's mount namespace; 0 if it has none.
    pub file_namespace: u32,
    /// Inode number of the user namespace of the process.
    pub user_namespace: u32,
    /// Inode number of the PID namespace of the process.
    pub pid_namespace: u32,
    /// Inode number of the network namespace of the process.
    pub network_namespace: u32,
}

/// The identity of an executable, and the root directory of its process.
#[derive(Clone, Debug, Default)]
pub struct Identified {
    /// The identity, with the view that the path belongs to.
    pub identity: Identity,
    /// The root directory, where it is not the recorder's and could be read.
    pub root_directory: Vec<u8>,
}

/// Identifies the executable of a process at a path.
pub type Identify = Box<dyn Fn(u32, &[u8], &Seen) -> Identified>;

fn seen(record: &wire::Identity, user: u32) -> Seen {
    // The kernel stores more than five ranges elsewhere; the words read here then mean nothing.
    let is_mapped = (1..=5).contains(&record.ranges);
    let position = user
        .checked_sub(record.outer)
        .filter(|position| is_mapped && *position < record.count);
    Seen {
        identity: Identity {
            device: record.device,
            inode: record.inode,
            owner: record.user,
            group: record.group,
            mode: u32::from(record.mode),
            is_unlinked: record.unlinked != 0,
            view: View::Unknown.into(),
            inner_user: position.and_then(|position| record.inner.checked_add(position)),
            ..Identity::default()
        },
        root_mount: record.root_mount,
        root_inode: record.root_inode,
        mount_namespace: record.mount_namespace,
        file_namespace: record.file_namespace,
        user_namespace: record.user_namespace,
        pid_namespace: record.pid_namespace,
        network_namespace: record.network_namespace,
    }
}

/// Decodes a call that failed, after its header.
pub(super) fn failed(fields: &mut Fields<'_>) -> Option<ExecFailed> {
    let error = fields.u32()?;
    let filename = usize::from(fields.u16()?);
    let argv = usize::from(fields.u16()?);
    let truncated = fields.u32()? != 0;
    fields.u32()?;
    let filename = fields.bytes(filename)?;
    let argv = split_arguments(fields.bytes(argv)?);
    Some(ExecFailed {
        filename: filename.strip_suffix(b"\0").unwrap_or(filename).to_vec(),
        argv,
        truncated,
        error,
    })
}

impl Assembler {
    pub(super) fn exec(&mut self, fields: &mut Fields<'_>, header: wire::Header) -> Option<Exec> {
        let wire::Header {
            pid,
            tid,
            boot_ns,
            user,
            ..
        } = header;
        let argv_bytes = fields.u32()? as usize;
        let argv_ahead = fields.u32()? as usize;
        let former_tid = fields.u32()?;
        let flags = fields.u32()?;
        let filename = usize::from(fields.u16()?);
        let interpreter = usize::from(fields.u16()?);
        let executable = usize::from(fields.u16()?);
        let directory = usize::from(fields.u16()?);
        let inline = usize::from(fields.u16()?);
        fields.bytes(6)?;
        let capabilities = fields.u64()?;
        let lineage = fields.lineage()?;
        let comm = fields.comm()?;
        let identity = fields.identity()?;
        let filename = fields.bytes(filename)?.to_vec();
        let interpreter = fields.bytes(interpreter)?.to_vec();
        let exe = path(
            fields.bytes(executable)?,
            flags & wire::Exec::CUT_EXECUTABLE != 0,
        );
        let cwd = path(
            fields.bytes(directory)?,
            flags & wire::Exec::CUT_DIRECTORY != 0,
        );
        let inline = fields.bytes(inline)?;

        let area = self.arguments.take(tid, boot_ns, argv_ahead, inline);
        let truncated = area.len() < argv_bytes;
        let identify = self.identify.as_ref();
        let identified = identify.map(|identify| identify(pid, &exe, &seen(&identity, user)));
        let root = identified
            .as_ref()
            .map(|found| found.root_directory.clone());
        Some(Exec {
            root_directory: root.unwrap_or_default(),
            identity: identified.map(|found| Box::new(found.identity)),
            lineage: Some(Box::new(lineage)),
            capabilities,
            filename,
            interpreter,
            exe,
            cwd,
            argv: split_arguments(&area),
            argv_bytes: argv_bytes as u64,
            truncated,
            comm,
            former_tid,
            path_cut: flags & (wire::Exec::CUT_EXECUTABLE | wire::Exec::CUT_DIRECTORY) != 0,
        })
    }
}

/// Splits arguments, each of which ends with a NUL unless it was cut.
fn split_arguments(area: &[u8]) -> Vec<Vec<u8>> {
    if area.is_empty() {
        return Vec::new();
    }
    let area = area.strip_suffix(b"\0").unwrap_or(area);
    area.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect()
}
