//! Renders groups of connections: as a table, and as JSON objects.

use std::net::IpAddr;

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::{
    findings::{By, Group, Place, distinct},
    model::Model,
};

use super::{
    connections::name_of,
    destination::written,
    escape,
    json::{Named, ProcessObject, to_line},
    page::{Page, bytes},
    process::name,
    table::table,
};

/// `AzureMonitor, 4 connections of omi, omsagent`
pub(super) fn summary(group: &Group, model: &Model) -> String {
    let tag = group
        .remotes
        .first()
        .and_then(|remote| name_of(model, *remote));
    let trees = escape::text(group.trees(model).join(", ").as_bytes());
    let plural = if group.count == 1 { "" } else { "s" };
    let count = format!("{} connection{plural} of {trees}", group.count);
    match tag {
        Some(tag) => format!("{tag}, {count}"),
        None => count,
    }
}

/// `closed (3), refused (1)`
pub(super) fn outcomes(group: &Group) -> String {
    let parts: Vec<String> = group
        .outcomes
        .iter()
        .map(|(outcome, count)| match count {
            1 => (*outcome).to_owned(),
            count => format!("{outcome} ({count})"),
        })
        .collect();
    parts.join(", ")
}

/// The names of the processes that asked for them.
pub(super) fn owner_names(group: &Group, model: &Model) -> Vec<String> {
    distinct(group.owners.iter().map(|owner| name(model.process(*owner))))
}

fn amount(group: &Group) -> String {
    format!("{} / {}", bytes(group.sent), bytes(group.received))
}

/// All of it, as fields of an object.
pub(super) fn entries<M: SerializeMap>(
    group: &Group,
    map: &mut M,
    model: &Model,
) -> Result<(), M::Error> {
    match group.by {
        By::Destination => {
            if let Some(destination) = group.destinations.first() {
                if let Place::Named(name) = &destination.place {
                    map.serialize_entry("host", &**name)?;
                }
                map.serialize_entry("port", &destination.port)?;
                map.serialize_entry("protocol", destination.protocol.name())?;
                if let Some(proxy) = destination.through {
                    map.serialize_entry("proxy", &proxy)?;
                }
            }
            let addresses = group.addresses();
            map.serialize_entry("addresses", &addresses)?;
            let remote = group.remotes.first().copied();
            Named { model, remote }.entries(map)?;
            map.serialize_entry("trees", &group.trees(model))?;
            let processes: Vec<_> = group
                .owners
                .iter()
                .map(|index| ProcessObject {
                    model,
                    index: *index,
                })
                .collect();
            map.serialize_entry("processes", &processes)?;
        }
        By::Process => {
            if let Some(index) = group.owners.first().copied() {
                map.serialize_entry("process", &ProcessObject { model, index })?;
            }
            let destinations = group.destinations.iter().map(written);
            let destinations: Vec<String> = destinations.collect();
            map.serialize_entry("destinations", &destinations)?;
        }
    }
    map.serialize_entry("connections", &group.count)?;
    map.serialize_entry("outcomes", &group.outcomes)?;
    map.serialize_entry("bytes_sent", &group.sent)?;
    map.serialize_entry("bytes_received", &group.received)
}

/// Addresses shown of a host; the rest is a number.
const ADDRESSES: usize = 3;

/// The addresses of a host that has a name, and the proxy that it is reached through.
pub(super) fn addresses(group: &Group, limit: usize) -> String {
    let Some(destination) = group.destinations.first() else {
        return "-".to_owned();
    };
    let mut shown: Vec<String> = match destination.place {
        Place::Named(_) => {
            let all = group.addresses();
            let mut shown: Vec<String> = all.iter().take(limit).map(IpAddr::to_string).collect();
            if all.len() > limit {
                shown.push(format!("and {} more", all.len() - limit));
            }
            shown
        }
        Place::Address(_) | Place::Unknown => vec!["-".to_owned()],
    };
    if let Some(proxy) = destination.through {
        shown = vec![format!("through {proxy}")];
    }
    shown.join(", ")
}

/// The lines of the table, heading first.
pub fn group_lines(page: &Page, model: &Model, by: By, groups: &[Group]) -> Vec<String> {
    match by {
        By::Destination => by_destination(page, model, groups),
        By::Process => by_process(page, model, groups),
    }
}

fn by_destination(page: &Page, model: &Model, groups: &[Group]) -> Vec<String> {
    let rows: Vec<_> = groups
        .iter()
        .map(|group| {
            let remote = group.remotes.first().copied();
            [
                group.destinations.first().map_or_else(String::new, written),
                addresses(group, ADDRESSES),
                remote
                    .and_then(|remote| name_of(model, remote))
                    .unwrap_or_else(|| "-".to_owned()),
                escape::text(group.trees(model).join(", ").as_bytes()),
                owner_names(group, model).join(", "),
                group.count.to_string(),
                outcomes(group),
                amount(group),
            ]
        })
        .collect();
    let headings = [
        "DESTINATION",
        "ADDRESSES",
        "TAG",
        "TREES",
        "PROCESSES",
        "COUNT",
        "OUTCOMES",
        "SENT/RECEIVED",
    ];
    let mut dispensable = vec![7, 4, 1, 6];
    if rows.iter().all(|row| row[1] == "-") {
        dispensable.insert(0, 1);
    }
    table(page, &headings, &rows, &dispensable)
}

fn by_process(page: &Page, model: &Model, groups: &[Group]) -> Vec<String> {
    let rows: Vec<_> = groups
        .iter()
        .filter_map(|group| {
            let owner = model.process(*group.owners.first()?);
            let destinations = group.destinations.iter().map(written);
            let destinations: Vec<String> = destinations.collect();
            Some([
                format!("{} [{}]", name(owner), owner.id.pid),
                escape::text(owner.tree.as_bytes()),
                super::user(model, owner.user),
                group.count.to_string(),
                outcomes(group),
                amount(group),
                destinations.join(", "),
            ])
        })
        .collect();
    let headings = [
        "PROCESS",
        "TREE",
        "USER",
        "COUNT",
        "OUTCOMES",
        "SENT/RECEIVED",
        "DESTINATIONS",
    ];
    table(page, &headings, &rows, &[5, 2, 4])
}

/// A group as one JSON object.
pub fn group_json(model: &Model, group: &Group) -> String {
    to_line(&GroupObject { model, group })
}

struct GroupObject<'a> {
    model: &'a Model,
    group: &'a Group,
}

impl Serialize for GroupObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        entries(self.group, &mut map, self.model)?;
        map.end()
    }
}
