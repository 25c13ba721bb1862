//! Which file an executable is, and whose view its path is of, as fields. What is as usual is left
//! out of the second.

use serde::ser::SerializeMap;

use super::entry;
use crate::event::{Identity, View};

/// The file: device, inode number, owner, permissions.
pub(super) fn file<M: SerializeMap>(map: &mut M, identity: &Identity) -> Result<(), M::Error> {
    const PERMISSIONS: u32 = 0o7777;
    let (major, minor) = identity.device_numbers();
    map.serialize_entry("exe_device", &format!("{major}:{minor}"))?;
    map.serialize_entry("exe_inode", &identity.inode)?;
    map.serialize_entry("exe_owner", &identity.owner)?;
    map.serialize_entry("exe_group", &identity.group)?;
    map.serialize_entry("exe_mode", &format!("{:04o}", identity.mode & PERMISSIONS))
}

/// Where the process stands, as far as that is not where the recorder does.
pub(super) fn place<M: SerializeMap>(map: &mut M, identity: &Identity) -> Result<(), M::Error> {
    let other = |namespace: u32| (namespace != 0).then_some(namespace);
    let root = match identity.view() {
        View::Unknown | View::Own => None,
        View::SameFile => Some("same file"),
        View::Another => Some("another"),
    };
    entry(map, "root", root)?;
    entry(map, "mount_namespace", other(identity.mount_namespace))?;
    entry(map, "exe_namespace", other(identity.file_namespace))?;
    entry(map, "user_namespace", other(identity.user_namespace))?;
    entry(map, "user_inside", identity.inner_user)
}
