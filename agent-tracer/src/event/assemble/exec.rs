//! Execs: their paths, and arguments that came ahead in parts.

use agent_tracer_ebpf as wire;

use super::{Assembler, fields::Fields, path};
use crate::event::{Exec, Identity, View};

/// What the kernel told of an executable and of the view that its path is of.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// What needs no judgement; the namespaces in it are not filled in.
    pub identity: Identity,
    /// `mnt_id` of the root directory of the process.
    pub root_mount: u32,
    /// Inode number of that directory.
    pub root_inode: u64,
    /// Inode number of the mount namespace of the process.
    pub mount_namespace: u32,
    /// Inode number of the mount namespace that the executable is in; 0 where it is in none.
    pub file_namespace: u32,
    /// Inode number of the user namespace of the process.
    pub user_namespace: u32,
}

/// Says which file the executable at a path is, and whose view that path is of.
pub type Identify = Box<dyn Fn(&[u8], &Seen) -> Identity>;

fn seen(told: &wire::Identity, user: u32) -> Seen {
    // More than five ranges are elsewhere, and what is read in their place means nothing.
    let is_mapped = (1..=5).contains(&told.ranges);
    let position = user
        .checked_sub(told.outer)
        .filter(|position| is_mapped && *position < told.count);
    Seen {
        identity: Identity {
            device: told.device,
            inode: told.inode,
            owner: told.user,
            group: told.group,
            mode: u32::from(told.mode),
            view: View::Unknown.into(),
            inner_user: position.and_then(|position| told.inner.checked_add(position)),
            ..Identity::default()
        },
        root_mount: told.root_mount,
        root_inode: told.root_inode,
        mount_namespace: told.mount_namespace,
        file_namespace: told.file_namespace,
        user_namespace: told.user_namespace,
    }
}

impl Assembler {
    pub(super) fn exec(&mut self, fields: &mut Fields<'_>, header: wire::Header) -> Option<Exec> {
        let wire::Header {
            tid, boot_ns, user, ..
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

        let mut area = match self.ahead.remove(&tid) {
            Some((at, area)) if at == boot_ns => area,
            Some(_) | None => Vec::new(),
        };
        // Where a part was lost, what came before it is still true; what came after is not
        // known to follow it.
        if area.len() == argv_ahead {
            area.extend_from_slice(inline);
        } else {
            area.truncate(argv_ahead);
        }
        let truncated = area.len() < argv_bytes;
        let identify = self.identify.as_ref();
        let identity = identify.map(|identify| identify(&exe, &seen(&identity, user)));
        Some(Exec {
            identity,
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

/// Every argument ends with a NUL; one that was cut does not.
fn split_arguments(area: &[u8]) -> Vec<Vec<u8>> {
    if area.is_empty() {
        return Vec::new();
    }
    let area = area.strip_suffix(b"\0").unwrap_or(area);
    area.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect()
}
