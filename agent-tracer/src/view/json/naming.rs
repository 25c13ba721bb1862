//! Events of names as JSON objects.

use serde::ser::SerializeMap;
use serde_json::json;

use crate::event::{Dns, Hosts, HttpRequest, TlsHello};

pub(super) fn dns<M: SerializeMap>(map: &mut M, dns: &Dns) -> Result<(), M::Error> {
    map.serialize_entry("question", &dns.question)?;
    map.serialize_entry("type", &dns.kind)?;
    map.serialize_entry("rcode", &dns.rcode)?;
    if dns.truncated {
        map.serialize_entry("truncated", &true)?;
    }
    let answers: Vec<_> = dns
        .answers
        .iter()
        .map(|answer| {
            json!({
                "name": answer.name,
                "type": answer.kind,
                "ttl": answer.ttl,
                "data": answer.data,
            })
        })
        .collect();
    map.serialize_entry("answers", &answers)?;
    let addresses: Vec<_> = dns.leads_to().collect();
    map.serialize_entry("addresses", &addresses)
}

pub(super) fn hello<M: SerializeMap>(map: &mut M, hello: &TlsHello) -> Result<(), M::Error> {
    if !hello.server_name.is_empty() {
        map.serialize_entry("sni", &hello.server_name)?;
    }
    if hello.is_no_host {
        map.serialize_entry("sni_is_no_host", &true)?;
    }
    map.serialize_entry("alpn", &hello.alpn)?;
    map.serialize_entry("encrypted_hello_offered", &hello.encrypted)
}

pub(super) fn request<M: SerializeMap>(map: &mut M, request: &HttpRequest) -> Result<(), M::Error> {
    map.serialize_entry("method", &request.method)?;
    if !request.host.is_empty() {
        map.serialize_entry("host", &request.host)?;
    }
    map.serialize_entry("target", &request.target)?;
    if !request.destination_host.is_empty() {
        let (host, port) = (&request.destination_host, request.destination_port);
        map.serialize_entry("destination", &format!("{host}:{port}"))?;
    }
    Ok(())
}

pub(super) fn hosts<M: SerializeMap>(map: &mut M, hosts: &Hosts) -> Result<(), M::Error> {
    let entries: Vec<_> = hosts
        .entries
        .iter()
        .map(|entry| json!({"address": entry.ip(), "names": entry.names}))
        .collect();
    map.serialize_entry("entries", &entries)
}
