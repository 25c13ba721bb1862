//! Declares the fields of groups of connections.

use std::{collections::HashSet, net::IpAddr};

use crate::{
    findings::{By, ConnectionGroup, Destination, Host, distinct},
    model::{Model, Process},
};

use super::{
    Context, Field,
    connections::{self, name_of},
    destination::written,
    escape,
    field::{EMPTY, Unit},
    json::Nested,
    numbers::grouped,
    page::bytes,
    process::name,
    table::Layout,
    value::{Value, process_object},
};

/// `AzureMonitor, 4 connections of omi, omsagent`
pub(super) fn summary(group: &ConnectionGroup, model: &Model) -> String {
    let tag = group
        .remotes
        .first()
        .and_then(|remote| name_of(model, *remote));
    let trees = escape::text(group.trees(model).join(", ").as_bytes());
    let plural = if group.count == 1 { "" } else { "s" };
    let count = format!("{} connection{plural} of {trees}", grouped(group.count));
    match tag {
        Some(tag) => format!("{tag}, {count}"),
        None => count,
    }
}

/// `closed (3), refused (1)`
pub(super) fn outcomes(group: &ConnectionGroup) -> String {
    let parts: Vec<String> = group
        .outcomes
        .iter()
        .map(|(outcome, count)| match count {
            1 => (*outcome).to_owned(),
            count => format!("{outcome} ({})", grouped(*count)),
        })
        .collect();
    parts.join(", ")
}

/// Returns the names of the owners.
pub(super) fn owner_names(group: &ConnectionGroup, model: &Model) -> Vec<String> {
    let owners = group.owners.iter().map(|owner| model.process(*owner));
    let mut places = HashSet::new();
    // Most processes of a program share its name.
    let first = owners.filter(|owner| places.insert(owner.comm.as_ptr().addr()));
    distinct(first.map(name))
}

fn amount(group: &ConnectionGroup) -> String {
    format!("{} / {}", bytes(group.sent), bytes(group.received))
}

/// Connections by destination.
pub(super) static DESTINATION: [Field<ConnectionGroup>; 18] = [
    Field::<ConnectionGroup>::shown_only("destination", "host and port").text_column(
        0,
        "DESTINATION",
        |_, group| labelled(group),
    ),
    Field::<ConnectionGroup>::new("host", "name of the host, where it has one", host)
        .html_column(0, "HOST", |_, group| {
            first(group).map_or_else(String::new, host_cell)
        })
        .layout(Layout::Long)
        .subject(),
    Field::<ConnectionGroup>::new(
        "names",
        "all names of the host, each with its source",
        names,
    ),
    Field::<ConnectionGroup>::new("port", "port", port)
        .html_column(1, "PORT", |_, group| {
            first(group).map_or_else(String::new, |first| first.port.to_string())
        })
        .layout(Layout::Number),
    Field::<ConnectionGroup>::new("protocol", "tcp or udp", protocol).html_column(
        2,
        "PROTOCOL",
        |_, group| first(group).map_or_else(String::new, |first| first.protocol.name().to_owned()),
    ),
    Field::<ConnectionGroup>::new("proxy", "proxy that it is reached through", proxy),
    Field::<ConnectionGroup>::new(
        "network_namespace",
        "network namespace, where not that of the recorder",
        |_, group| {
            let inode = first(group).map_or(0, |first| u64::from(first.network_namespace));
            Value::number((inode != 0).then_some(inode))
        },
    ),
    Field::<ConnectionGroup>::new("proxy_protocol", "http or socks", proxy_protocol),
    Field::<ConnectionGroup>::new("addresses", "addresses of the host", addresses_of)
        .text_column(1, "ADDRESSES", |_, group| addresses(group, ADDRESSES))
        .html_column(3, "ADDRESSES", |_, group| addresses(group, HTML_ADDRESSES))
        .empty_first()
        .leave_out(3),
    Field::<ConnectionGroup>::new("tag", "most specific service tag of the first address", tag)
        .text_column(2, "TAG", tag_cell)
        .html_column(4, "TAG", tag_cell),
    Field::<ConnectionGroup>::new("tags", "all service tags of the first address", tags),
    Field::<ConnectionGroup>::new("note", "meaning of that address", note),
    Field::<ConnectionGroup>::new("trees", "trees of the owners", trees)
        .text_column(3, "TREES", trees_cell)
        .html_column(5, "TREES", trees_cell),
    Field::<ConnectionGroup>::new("processes", "owners of the connections", processes)
        .text_column(4, "PROCESSES", owners_cell)
        .html_column(6, "PROCESSES OF", owners_cell)
        .layout(Layout::Long)
        .leave_out(2),
    COUNT,
    OUTCOMES.leave_out(4),
    SENT,
    RECEIVED,
];

/// Connections by owner.
pub(super) static PROCESS: [Field<ConnectionGroup>; 8] = [
    Field::<ConnectionGroup>::new("process", "owner of the connections", |context, group| {
        Value::process(context, group.first_owner())
    })
    .process()
    .column(0, "PROCESS", |context, group| {
        owner(context, group).map_or_else(String::new, |owner| {
            format!("{} [{}]", name(owner), owner.id.pid)
        })
    }),
    Field::<ConnectionGroup>::shown_only("tree", "tree of the owner").column(
        1,
        "TREE",
        |context, group| {
            owner(context, group)
                .map_or_else(String::new, |owner| escape::text(owner.tree.as_bytes()))
        },
    ),
    Field::<ConnectionGroup>::shown_only("user", "user of the owner")
        .column(2, "USER", |context, group| {
            owner(context, group)
                .map_or_else(String::new, |owner| super::user_of(context.model, owner))
        })
        .leave_out(2),
    Field::<ConnectionGroup>::new("destinations", "hosts and ports", |_, group| {
        Value::Texts(group.destinations.iter().map(written).collect())
    })
    .column(8, "DESTINATIONS", |_, group| {
        let destinations: Vec<String> = group.destinations.iter().map(written).collect();
        destinations.join(", ")
    }),
    COUNT,
    OUTCOMES.leave_out(3),
    SENT,
    RECEIVED,
];

const COUNT: Field<ConnectionGroup> =
    Field::<ConnectionGroup>::new("connections", "number of connections", count)
        .text_column(5, "COUNT", |_, group| group.count.to_string())
        .html_column(7, "COUNT", |_, group| grouped(group.count))
        .layout(Layout::Number);

const OUTCOMES: Field<ConnectionGroup> =
    Field::<ConnectionGroup>::new("outcomes", "number of connections by state", outcomes_of)
        .text_column(6, "OUTCOMES", |_, group| outcomes(group))
        .html_column(8, "OUTCOMES", |_, group| outcomes(group));

const SENT: Field<ConnectionGroup> =
    Field::<ConnectionGroup>::new("bytes_sent", "payload sent", sent)
        .unit(Unit::Bytes)
        .text_column(7, "SENT/RECEIVED", |_, group| amount(group))
        .html_column(9, "SENT", |_, group| bytes(group.sent))
        .layout(Layout::Number)
        .leave_out(1);

const RECEIVED: Field<ConnectionGroup> =
    Field::<ConnectionGroup>::new("bytes_received", "payload received", received)
        .unit(Unit::Bytes)
        .html_column(10, "RECEIVED", |_, group| bytes(group.received))
        .layout(Layout::Number);

fn first(group: &ConnectionGroup) -> Option<&Destination> {
    group.destinations.first()
}

fn host_cell(destination: &Destination) -> String {
    match &destination.host {
        Host::Named(name) => escape::text(name.as_bytes()),
        Host::Address(address) => address.to_string(),
        Host::Unknown => "?".to_owned(),
    }
}

fn tag_cell(context: Context<'_>, group: &ConnectionGroup) -> String {
    let remote = group.remotes.first();
    let tag = remote.and_then(|remote| name_of(context.model, *remote));
    tag.unwrap_or_else(|| EMPTY.to_owned())
}

fn trees_cell(context: Context<'_>, group: &ConnectionGroup) -> String {
    escape::text(group.trees(context.model).join(", ").as_bytes())
}

fn owners_cell(context: Context<'_>, group: &ConnectionGroup) -> String {
    owner_names(group, context.model).join(", ")
}

/// Returns the fields of groups by their key.
pub(super) fn fields(by: By) -> &'static [Field<ConnectionGroup>] {
    match by {
        By::Destination => &DESTINATION,
        By::Process => &PROCESS,
    }
}

fn owner<'a>(context: Context<'a>, group: &ConnectionGroup) -> Option<&'a Process> {
    Some(context.model.process(group.first_owner()?))
}

pub(super) fn host<'a>(_: Context<'a>, group: &'a ConnectionGroup) -> Value<'a> {
    match group.destinations.first().map(|first| &first.host) {
        Some(Host::Named(name)) => Value::text(&**name),
        Some(Host::Address(_) | Host::Unknown) | None => Value::Nothing,
    }
}

fn names<'a>(context: Context<'a>, group: &'a ConnectionGroup) -> Value<'a> {
    match group.names.is_empty() {
        true => Value::Nothing,
        false => connections::named(context, &group.names),
    }
}

/// Names shown beside the first one; the rest is a number.
const OTHER_NAMES: usize = 3;

/// `api.example:443, also cdn.example`
pub(super) fn labelled(group: &ConnectionGroup) -> String {
    let label = group.destinations.first().map_or_else(String::new, written);
    let all = group.other_names();
    if all.is_empty() {
        return label;
    }
    let shown: Vec<String> = all
        .iter()
        .take(OTHER_NAMES)
        .map(|name| escape::text(name.as_bytes()))
        .collect();
    let rest = match all.len().saturating_sub(OTHER_NAMES) {
        0 => String::new(),
        rest => format!(" and {rest} more"),
    };
    format!("{label}, also {}{rest}", shown.join(", "))
}

pub(super) fn port<'a>(_: Context<'a>, group: &'a ConnectionGroup) -> Value<'a> {
    Value::number(group.destinations.first().map(|first| first.port.into()))
}

pub(super) fn protocol<'a>(_: Context<'a>, group: &'a ConnectionGroup) -> Value<'a> {
    Value::written(
        group
            .destinations
            .first()
            .map(|first| first.protocol.name()),
    )
}

pub(super) fn proxy<'a>(_: Context<'a>, group: &'a ConnectionGroup) -> Value<'a> {
    Value::written(group.destinations.first().and_then(|first| first.through))
}

fn proxy_protocol<'a>(_: Context<'a>, group: &'a ConnectionGroup) -> Value<'a> {
    let first = group.destinations.first();
    let proxied = first.filter(|first| first.through.is_some());
    Value::written(proxied.map(|first| connections::proxy_protocol_name(first.is_socks)))
}

pub(super) fn addresses_of<'a>(_: Context<'a>, group: &'a ConnectionGroup) -> Value<'a> {
    Value::Texts(group.addresses().iter().map(IpAddr::to_string).collect())
}

pub(super) fn tag<'a>(context: Context<'a>, group: &'a ConnectionGroup) -> Value<'a> {
    connections::tag(context.model, group.remotes.first().copied())
}

pub(super) fn tags<'a>(context: Context<'a>, group: &'a ConnectionGroup) -> Value<'a> {
    connections::tags(context, group.remotes.first().copied())
}

pub(super) fn note<'a>(_: Context<'a>, group: &'a ConnectionGroup) -> Value<'a> {
    Value::written(connections::note(group.remotes.first().copied()))
}

pub(super) fn trees<'a>(context: Context<'a>, group: &'a ConnectionGroup) -> Value<'a> {
    let trees = group.trees(context.model).into_iter();
    Value::Texts(trees.map(str::to_owned).collect())
}

pub(super) fn processes<'a>(context: Context<'a>, group: &'a ConnectionGroup) -> Value<'a> {
    let owners = group.owners.iter();
    let owners = owners.map(|index| process_object(context, *index));
    Value::Processes(owners.collect())
}

pub(super) fn count<'a>(_: Context<'a>, group: &'a ConnectionGroup) -> Value<'a> {
    Value::Number(group.count)
}

pub(super) fn outcomes_of<'a>(_: Context<'a>, group: &'a ConnectionGroup) -> Value<'a> {
    Value::Nested(Nested::Outcomes(&group.outcomes))
}

pub(super) fn sent<'a>(_: Context<'a>, group: &'a ConnectionGroup) -> Value<'a> {
    Value::Number(group.sent)
}

pub(super) fn received<'a>(_: Context<'a>, group: &'a ConnectionGroup) -> Value<'a> {
    Value::Number(group.received)
}

/// Limit of the addresses shown of a host.
const ADDRESSES: usize = 3;

/// Addresses of a host on an HTML page: a firewall may need all, but a page has an end.
const HTML_ADDRESSES: usize = 64;

/// Writes the addresses of a host that has a name, or the proxy that it is reached through.
pub(super) fn addresses(group: &ConnectionGroup, limit: usize) -> String {
    let Some(destination) = group.destinations.first() else {
        return "-".to_owned();
    };
    let mut shown: Vec<String> = match destination.host {
        Host::Named(_) => {
            let all = group.addresses();
            let mut shown: Vec<String> = all.iter().take(limit).map(IpAddr::to_string).collect();
            if all.len() > limit {
                shown.push(format!("and {} more", all.len() - limit));
            }
            shown
        }
        Host::Address(_) | Host::Unknown => vec!["-".to_owned()],
    };
    if let Some(proxy) = destination.through {
        let form = if destination.is_socks { " (SOCKS)" } else { "" };
        shown = vec![format!("through {proxy}{form}")];
    }
    shown.join(", ")
}
