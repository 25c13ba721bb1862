//! Declares the fields of an executable's file and of the namespaces of its process. The latter
//! are left out where they are the recorder's.

use crate::{
    event::{Exec, Identity, SnapshotProcess, View},
    model::Process,
    view::{field::Field, shape::Shape, value::Value},
};

/// A row that may have the identity of an executable.
pub(in crate::view) trait HasIdentity {
    /// Returns the identity, where it is known.
    fn identity(&self) -> Option<&Identity>;
}

impl HasIdentity for Exec {
    fn identity(&self) -> Option<&Identity> {
        self.identity.as_deref()
    }
}

impl HasIdentity for SnapshotProcess {
    fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }
}

impl HasIdentity for Process {
    fn identity(&self) -> Option<&Identity> {
        self.identity.as_deref()
    }
}

pub(in crate::view) const fn exe_device<R: HasIdentity>() -> Field<R> {
    Field::<R>::new("exe_device", "device of the executable", |_, row| {
        Value::written(row.identity().map(|identity| {
            let (major, minor) = identity.device_numbers();
            format!("{major}:{minor}")
        }))
    })
}

pub(in crate::view) const fn exe_inode<R: HasIdentity>() -> Field<R> {
    Field::<R>::new("exe_inode", "inode number of the executable", |_, row| {
        Value::number(row.identity().map(|identity| identity.inode))
    })
    .shape(Shape::Integer)
}

pub(in crate::view) const fn exe_owner<R: HasIdentity>() -> Field<R> {
    Field::<R>::new("exe_owner", "user id of its owner", |_, row| {
        Value::number(row.identity().map(|identity| identity.owner.into()))
    })
    .shape(Shape::Integer)
}

pub(in crate::view) const fn exe_group<R: HasIdentity>() -> Field<R> {
    Field::<R>::new("exe_group", "group id of its owner", |_, row| {
        Value::number(row.identity().map(|identity| identity.group.into()))
    })
    .shape(Shape::Integer)
}

pub(in crate::view) const fn exe_mode<R: HasIdentity>() -> Field<R> {
    Field::<R>::new("exe_mode", "its permissions, in octal", |_, row| {
        let mode = row.identity().map(|identity| identity.mode & 0o7777);
        Value::written(mode.map(|mode| format!("{mode:04o}")))
    })
}

pub(in crate::view) const fn root<R: HasIdentity>() -> Field<R> {
    Field::<R>::new(
        "root",
        "`another`: its root directory is not the recorder's; `same file`: it is, for this file",
        |_, row| match row.identity().map(Identity::view) {
            Some(View::SameFile) => Value::text("same file"),
            Some(View::Another) => Value::text("another"),
            Some(View::Unknown | View::Own) | None => Value::Nothing,
        },
    )
}

pub(in crate::view) const fn mount_namespace<R: HasIdentity>() -> Field<R> {
    Field::<R>::new(
        "mount_namespace",
        "mount namespace, where not that of the recorder",
        |_, row| other(row, |identity| identity.mount_namespace),
    )
    .shape(Shape::Integer)
}

pub(in crate::view) const fn exe_namespace<R: HasIdentity>() -> Field<R> {
    Field::<R>::new(
        "exe_namespace",
        "mount namespace of the executable, likewise",
        |_, row| other(row, |identity| identity.file_namespace),
    )
    .shape(Shape::Integer)
}

pub(in crate::view) const fn user_namespace<R: HasIdentity>() -> Field<R> {
    Field::<R>::new("user_namespace", "user namespace, likewise", |_, row| {
        other(row, |identity| identity.user_namespace)
    })
    .shape(Shape::Integer)
}

pub(in crate::view) const fn pid_namespace<R: HasIdentity>() -> Field<R> {
    Field::<R>::new("pid_namespace", "PID namespace, likewise", |_, row| {
        other(row, |identity| identity.pid_namespace)
    })
    .shape(Shape::Integer)
}

pub(in crate::view) const fn network_namespace<R: HasIdentity>() -> Field<R> {
    Field::<R>::new(
        "network_namespace",
        "network namespace at the exec, likewise",
        |_, row| other(row, |identity| identity.network_namespace),
    )
    .shape(Shape::Integer)
}

pub(in crate::view) const fn user_inside<R: HasIdentity>() -> Field<R> {
    Field::<R>::new("user_inside", "user id in that user namespace", |_, row| {
        let user = row.identity().and_then(|identity| identity.inner_user);
        Value::number(user.map(u64::from))
    })
    .shape(Shape::Integer)
}

/// Returns a namespace that is not the recorder's.
fn other<'a>(row: &impl HasIdentity, get: fn(&Identity) -> u32) -> Value<'a> {
    let namespace = row.identity().map_or(0, get);
    Value::number((namespace != 0).then_some(namespace.into()))
}
