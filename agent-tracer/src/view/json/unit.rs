//! Units as JSON objects.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::fields::{bytes, entry, list};
use crate::{
    event::{LoadedUnit, Unit},
    model::{Model, Request},
};

pub(super) fn unit<M: SerializeMap>(
    map: &mut M,
    model: &Model,
    unit: &Unit,
) -> Result<(), M::Error> {
    bytes(map, "unit", "unit_base64", &unit.name)?;
    map.serialize_entry("action", unit.action().name())?;
    entry(
        map,
        "requested_by",
        model.requester(&unit.name).map(RequesterObject),
    )?;
    for (key, twin, names) in [
        ("aliases", "aliases_base64", &unit.aliases),
        ("triggered_by", "triggered_by_base64", &unit.triggered_by),
        ("pulled_in_by", "pulled_in_by_base64", &unit.pulled_in_by),
        ("pulls_in", "pulls_in_base64", &unit.pulls_in),
    ] {
        if !names.is_empty() {
            list(map, key, twin, names)?;
        }
    }
    if !unit.file.is_empty() {
        bytes(map, "file", "file_base64", &unit.file)?;
    }
    if !unit.job.is_empty() {
        map.serialize_entry("job", &unit.job)?;
    }
    Ok(())
}

/// Whoever asked for what happens to a unit, by inference.
pub(in crate::view) struct RequesterObject<'a>(pub(in crate::view) &'a Request);

impl Serialize for RequesterObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("pid", &self.0.pid)?;
        list(&mut map, "argv", "argv_base64", &self.0.words)?;
        map.serialize_entry("inferred", &true)?;
        map.end()
    }
}

pub(super) struct LoadedObject<'a>(pub(super) &'a LoadedUnit);

impl Serialize for LoadedObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        bytes(&mut map, "unit", "unit_base64", &self.0.name)?;
        map.serialize_entry("active", &self.0.active)?;
        map.end()
    }
}
