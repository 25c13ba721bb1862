//! Walks the path of a `struct path` upwards, from the leaf to the root of the process.

use aya_ebpf::helpers::generated::bpf_probe_read_kernel_str;

use crate::{kernel::Object, maps::setting};

/// Limit of names and mounts in one walk. The verifier goes through the loop once a step, so the
/// limit also bounds the time of a load.
const STEPS: usize = 48;

/// `NAME_MAX` and its NUL.
const NAME_BYTES: u32 = 256;

/// A place in the tree of files.
#[derive(Clone, Copy)]
pub struct Place {
    mount: Object,
    dentry: Object,
}

impl Place {
    /// Reads a `struct path`. If that fails, a walk from it ends at once.
    #[inline(always)]
    pub fn read(path: Object) -> Place {
        Place {
            mount: Object(path.word(setting!(path_mnt))),
            dentry: Object(path.word(setting!(path_dentry))),
        }
    }
}

/// Writes the names from `place` up to `root` to `destination + *end`, each with its NUL,
/// moves `end` behind them, and returns whether the top was reached. `LIMIT` bounds the end; it is
/// a power of two, and `destination` has `NAME_BYTES` more.
///
/// `end` lives in a map value, not in a register. The verifier knows nothing about a map value, so
/// all paths through one step arrive at the next one in the same state. With a register, 48 steps
/// were more than a million states.
#[inline(always)]
pub fn walk<const LIMIT: u32>(
    destination: *mut u8,
    end: *mut u32,
    place: Place,
    root: Place,
) -> bool {
    let Place {
        mut mount,
        mut dentry,
    } = place;
    for _ in 0..STEPS {
        if dentry == root.dentry && mount == root.mount {
            // Two places that cannot be read are the same.
            return dentry.0 != 0;
        }
        let (Ok(mount_root), Ok(parent)) = (
            mount.read::<u64>(setting!(vfsmount_root)),
            dentry.read::<u64>(setting!(dentry_parent)),
        ) else {
            return false;
        };
        if dentry.0 == mount_root {
            // The root of a mount: go on where it is mounted.
            let outer = Object(mount.0.wrapping_sub(u64::from(setting!(mount_vfsmount))));
            let (Ok(outer_parent), Ok(mountpoint)) = (
                outer.read::<u64>(setting!(mount_parent)),
                outer.read::<u64>(setting!(mount_mountpoint)),
            ) else {
                return false;
            };
            if outer_parent == outer.0 || outer_parent == 0 {
                return true;
            }
            mount = Object(outer_parent + u64::from(setting!(mount_vfsmount)));
            dentry = Object(mountpoint);
            continue;
        }
        let Ok(name) = dentry.read::<u64>(setting!(dentry_name)) else {
            return false;
        };
        // SAFETY: `end` points into the scratch space of the program that runs.
        let position = unsafe { end.read_volatile() };
        if position >= LIMIT {
            return false;
        }
        // SAFETY: the position is below LIMIT and the destination has NAME_BYTES after that.
        let length = unsafe {
            bpf_probe_read_kernel_str(
                destination.add((position & (LIMIT - 1)) as usize).cast(),
                NAME_BYTES,
                name as *const _,
            )
        };
        if length <= 1 {
            return false;
        }
        let next = position + ((length as u32) & (NAME_BYTES * 2 - 1));
        // A name beyond the limit would be overwritten by what follows the path.
        if next >= LIMIT {
            return false;
        }
        // SAFETY: as above.
        unsafe { end.write_volatile(next) };
        if dentry.0 == parent {
            // A file outside of all directories, as of memfd_create(2): it still has a name.
            return true;
        }
        dentry = Object(parent);
    }
    false
}
