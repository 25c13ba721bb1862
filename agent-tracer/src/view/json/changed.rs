//! Events of what differs on the machine as JSON objects.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::fields::{bytes, entry, list};
use crate::{
    event::{Compared, Difference, FileDifference, FileState, FilesCompared},
    model::Model,
};

pub(super) fn compared<M: SerializeMap>(map: &mut M, compared: &Compared) -> Result<(), M::Error> {
    map.serialize_entry("subject", compared.subject().name())?;
    map.serialize_entry("entries", &compared.entries)?;
    let all: Vec<_> = compared.differences.iter().map(DifferenceObject).collect();
    map.serialize_entry("differences", &all)?;
    problem(map, &compared.problem)?;
    match compared.problem_from_start {
        true => map.serialize_entry("problem_from_start", &true),
        false => Ok(()),
    }
}

pub(super) fn files<M: SerializeMap>(
    map: &mut M,
    model: &Model,
    compared: &FilesCompared,
) -> Result<(), M::Error> {
    list(map, "roots", "roots_base64", &compared.roots)?;
    for (key, count) in [
        ("homes", compared.homes),
        ("homes_left_out", compared.homes_left_out),
    ] {
        if count > 0 {
            map.serialize_entry(key, &count)?;
        }
    }
    map.serialize_entry("entries", &compared.entries)?;
    let all: Vec<_> = compared
        .differences
        .iter()
        .map(|difference| FileObject { model, difference })
        .collect();
    map.serialize_entry("differences", &all)?;
    problem(map, &compared.problem)
}

fn problem<M: SerializeMap>(map: &mut M, problem: &str) -> Result<(), M::Error> {
    match problem.is_empty() {
        true => Ok(()),
        false => map.serialize_entry("problem", problem),
    }
}

struct DifferenceObject<'a>(&'a Difference);

impl Serialize for DifferenceObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        bytes(&mut map, "name", "name_base64", &self.0.name)?;
        values(&mut map, self.0)?;
        map.end()
    }
}

/// What an entry of a list was and is, as far as it was there.
fn values<M: SerializeMap>(map: &mut M, difference: &Difference) -> Result<(), M::Error> {
    if let Some(before) = &difference.before {
        bytes(map, "before", "before_base64", before)?;
    }
    match &difference.after {
        Some(after) => bytes(map, "after", "after_base64", after),
        None => Ok(()),
    }
}

struct FileObject<'a> {
    model: &'a Model,
    difference: &'a FileDifference,
}

impl Serialize for FileObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        bytes(&mut map, "path", "path_base64", &self.difference.path)?;
        states(&mut map, self.model, self.difference)?;
        map.end()
    }
}

/// What a file was and is, as far as it was there.
pub(in crate::view) fn states<M: SerializeMap>(
    map: &mut M,
    model: &Model,
    difference: &FileDifference,
) -> Result<(), M::Error> {
    let object = |state| StateObject { model, state };
    entry(map, "before", difference.before.as_ref().map(object))?;
    entry(map, "after", difference.after.as_ref().map(object))
}

/// What a file is: mode in octal, as chmod(1) takes it.
pub(in crate::view) struct StateObject<'a> {
    pub(in crate::view) model: &'a Model,
    pub(in crate::view) state: &'a FileState,
}

impl Serialize for StateObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { model, state } = *self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", state.kind())?;
        map.serialize_entry("mode", &format!("{:04o}", state.mode & 0o7777))?;
        map.serialize_entry("uid", &state.user)?;
        if let Some(user) = model.user_name(state.user) {
            bytes(&mut map, "user", "user_base64", user)?;
        }
        map.serialize_entry("gid", &state.group)?;
        map.serialize_entry("size", &state.size)?;
        if !state.digest.is_empty() {
            map.serialize_entry("sha256_begin", &hex(&state.digest))?;
        }
        if !state.capabilities.is_empty() {
            map.serialize_entry("capabilities", &hex(&state.capabilities))?;
        }
        if !state.target.is_empty() {
            bytes(&mut map, "target", "target_base64", &state.target)?;
        }
        map.end()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
