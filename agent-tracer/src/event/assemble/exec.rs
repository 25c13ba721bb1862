//! Execs: their paths, and arguments that came ahead in parts.

use agent_tracer_ebpf as wire;

use super::{Assembler, fields::Fields, path};
use crate::event::Exec;

impl Assembler {
    pub(super) fn exec(&mut self, fields: &mut Fields<'_>, tid: u32, boot_ns: u64) -> Option<Exec> {
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
        Some(Exec {
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
