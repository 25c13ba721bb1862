//! Writes names of hosts: lookups, names that clients send, and names of remote ends.

use std::{net::Ipv6Addr, sync::Arc};

use crate::{
    event::{Dns, HttpRequest, TlsHello},
    model::{Name, NameSource},
};

use super::escape;

/// `api.example A → 192.0.2.1, 192.0.2.2`
pub(super) fn dns(dns: &Dns) -> String {
    let question = format!("{} {}", plain(&dns.question), plain(&dns.kind));
    if dns.has_failed() {
        return format!("{question} {}", plain(&dns.rcode));
    }
    let answers: Vec<String> = dns
        .answers
        .iter()
        .chain(&dns.additional)
        .map(|answer| plain(&answer.data))
        .collect();
    let answers = match (answers.is_empty(), dns.truncated) {
        (true, true) => "more than a datagram holds".to_owned(),
        (true, false) => "no such record".to_owned(),
        (false, _) => answers.join(", "),
    };
    format!("{question} → {answers}")
}

/// `for api.example, offers h2, http/1.1`
pub(super) fn hello(hello: &TlsHello) -> String {
    let mut text = match (hello.server_name.is_empty(), hello.is_no_host) {
        (true, false) => "without a host name".to_owned(),
        (true, true) => "with an invalid host name".to_owned(),
        (false, _) => format!("for {}", plain(&hello.server_name)),
    };
    if !hello.alpn.is_empty() {
        let offers: Vec<String> = hello.alpn.iter().map(|protocol| plain(protocol)).collect();
        text.push_str(&format!(", offers {}", offers.join(", ")));
    }
    if hello.encrypted {
        text.push_str(", an encrypted hello may name another");
    }
    text
}

/// `GET api.example/path`
pub(super) fn request(request: &HttpRequest) -> String {
    let method = plain(&request.method);
    if !request.destination_host.is_empty() {
        let port = u16::try_from(request.destination_port).unwrap_or_default();
        let to = plain(&host_and_port(&request.destination_host, port));
        let form = match request.socks.is_empty() {
            true => String::new(),
            false => format!(" ({})", plain(&request.socks.to_uppercase())),
        };
        return format!("{method} to {to} through a proxy{form}");
    }
    format!(
        "{method} {}{}",
        plain(&request.host),
        plain(&request.target)
    )
}

fn plain(text: &str) -> String {
    escape::text(text.as_bytes())
}

/// `api.example:443`, `[2001:db8::1]:443`; not escaped.
pub(super) fn host_and_port(host: &str, port: u16) -> String {
    match host.parse::<Ipv6Addr>() {
        Ok(address) => format!("[{address}]:{port}"),
        Err(_) => format!("{host}:{port}"),
    }
}

/// Writes the names of the remote end with their sources: `api.example (TLS, DNS)`, or, if they
/// differ, `cdn.example (TLS) ≠ api.example (DNS)`. Without sources, only the most certain name.
pub(super) fn names(names: &[Name], with_sources: bool) -> Option<String> {
    let best = names.first()?;
    if !with_sources {
        return Some(plain(&best.name));
    }
    let mut distinct: Vec<(&Arc<str>, Vec<NameSource>)> = Vec::new();
    for name in names {
        match distinct.iter_mut().find(|(known, _)| **known == name.name) {
            Some((_, sources)) => sources.push(name.source),
            None => distinct.push((&name.name, vec![name.source])),
        }
    }
    let parts: Vec<String> = distinct
        .into_iter()
        .map(|(name, sources)| {
            let sources: Vec<&str> = sources.into_iter().map(in_words).collect();
            format!("{} ({})", plain(name), sources.join(", "))
        })
        .collect();
    Some(parts.join(" ≠ "))
}

fn in_words(source: NameSource) -> &'static str {
    match source {
        NameSource::Sni => "TLS",
        NameSource::HttpHost => "HTTP",
        NameSource::Dns => "DNS",
        NameSource::Hosts => "/etc/hosts",
        NameSource::DnsOther => "DNS of another process",
    }
}
