//! What an address is called, as a JSON object.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::fields::{entry, to_line};
use crate::{names::Match, view::Lookup};

/// An address with all its tags, the most telling first.
pub fn lookup_json(lookup: &Lookup<'_>) -> String {
    to_line(&LookupObject(lookup))
}

struct LookupObject<'a>(&'a Lookup<'a>);

impl Serialize for LookupObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let lookup = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("address", &lookup.address)?;
        entry(&mut map, "port", lookup.port)?;
        entry(
            &mut map,
            "tag",
            lookup.matches.first().map(|best| best.name),
        )?;
        let tags: Vec<MatchObject<'_>> = lookup.matches.iter().map(MatchObject).collect();
        map.serialize_entry("tags", &tags)?;
        entry(&mut map, "note", lookup.note)?;
        map.end()
    }
}

struct MatchObject<'a>(&'a Match<'a>);

impl Serialize for MatchObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let found = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", found.name)?;
        map.serialize_entry("prefix", &found.prefix)?;
        map.serialize_entry("region", found.region)?;
        map.serialize_entry("system_service", found.system_service)?;
        map.serialize_entry("cloud", found.cloud)?;
        map.end()
    }
}
