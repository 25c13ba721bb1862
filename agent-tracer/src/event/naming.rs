//! Events of host names: answers of DNS servers, the first messages of clients, and /etc/hosts.
//! Names are as sent, in lower case; anything but host name characters is escaped.

use std::net::IpAddr;

use super::connection::endpoint;

/// A DNS server answered. The process is the one that asked, if known.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Dns {
    /// The socket that received the answer, as in [`super::Connect`]; 0 if unknown.
    #[prost(uint64, tag = "1")]
    pub connection: u64,
    /// The name asked for.
    #[prost(string, tag = "2")]
    pub question: String,
    /// The record type asked for: `A`, `AAAA`, `HTTPS` and so on.
    #[prost(string, tag = "3")]
    pub kind: String,
    /// `NOERROR`, `NXDOMAIN`, `SERVFAIL` and so on.
    #[prost(string, tag = "4")]
    pub rcode: String,
    /// The answers, in the order of the message.
    #[prost(message, repeated, tag = "5")]
    pub answers: Vec<DnsAnswer>,
    /// The addresses of the question, of 4 or 16 bytes.
    #[prost(bytes = "vec", repeated, tag = "6")]
    pub addresses: Vec<Vec<u8>>,
    /// The server's truncation flag: more than a datagram holds.
    #[prost(bool, tag = "7")]
    pub truncated: bool,
    /// The addresses of the targets of SRV answers, from the additional section.
    #[prost(message, repeated, tag = "8")]
    pub additional: Vec<DnsAnswer>,
}

impl Dns {
    /// Returns the addresses of the question.
    pub fn leads_to(&self) -> impl Iterator<Item = IpAddr> {
        self.addresses.iter().filter_map(|bytes| address(bytes))
    }

    /// Returns the hosts of the service asked for, each with an address.
    pub fn services(&self) -> impl Iterator<Item = (&str, IpAddr)> {
        let additional = self.additional.iter();
        additional.filter_map(|record| Some((record.name.as_str(), record.data.parse().ok()?)))
    }

    /// Checks whether the name does not exist, or no server could answer.
    pub fn has_failed(&self) -> bool {
        self.rcode != "NOERROR"
    }
}

/// One record of an answer.
#[derive(Clone, PartialEq, prost::Message)]
pub struct DnsAnswer {
    /// The record's owner name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its type.
    #[prost(string, tag = "2")]
    pub kind: String,
    /// The data: an address, a name, or a short description.
    #[prost(string, tag = "3")]
    pub data: String,
    /// Its lifetime in seconds.
    #[prost(uint32, tag = "4")]
    pub ttl: u32,
}

/// A client began a TLS handshake: its ClientHello (RFC 8446 section 4.1.2).
#[derive(Clone, PartialEq, prost::Message)]
pub struct TlsHello {
    /// As in [`super::Connect`].
    #[prost(uint64, tag = "1")]
    pub connection: u64,
    /// The intended host (SNI, RFC 6066 section 3); empty if not given.
    #[prost(string, tag = "2")]
    pub server_name: String,
    /// The protocols that it offers (ALPN, RFC 7301), best first.
    #[prost(string, repeated, tag = "3")]
    pub alpn: Vec<String>,
    /// True for an offered encrypted hello (ECH), which has the true name. Many clients offer a
    /// dummy, which looks the same.
    #[prost(bool, tag = "4")]
    pub encrypted: bool,
    /// True if the stated host is invalid and not kept: an address, several names, or garbage.
    #[prost(bool, tag = "5")]
    pub is_no_host: bool,
}

/// A client sent an HTTP/1 request (RFC 9112), or asked a SOCKS proxy for a connection (RFC 1928).
/// It is the first message, or the first behind such a request.
#[derive(Clone, PartialEq, prost::Message)]
pub struct HttpRequest {
    /// As in [`super::Connect`].
    #[prost(uint64, tag = "1")]
    pub connection: u64,
    /// The method.
    #[prost(string, tag = "2")]
    pub method: String,
    /// The intended host; empty if not given.
    #[prost(string, tag = "3")]
    pub host: String,
    /// The target, without anything behind a question mark.
    #[prost(string, tag = "4")]
    pub target: String,
    /// The destination of a request to a proxy; else empty.
    #[prost(string, tag = "5")]
    pub destination_host: String,
    /// Likewise, its port.
    #[prost(uint32, tag = "6")]
    pub destination_port: u32,
    /// Of a request to a SOCKS proxy its version: `socks4`, `socks4a` or `socks5`; else empty.
    #[prost(string, tag = "7")]
    pub socks: String,
}

/// A server answered an HTTP/1 client for the first time in a connection (RFC 9112 section 4). No
/// interim answer such as 100 (RFC 9110 section 15.2) counts.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct HttpAnswer {
    /// As in [`super::Connect`].
    #[prost(uint64, tag = "1")]
    pub connection: u64,
    /// The status code.
    #[prost(uint32, tag = "2")]
    pub status: u32,
}

/// The content of /etc/hosts: when the recording began, and after each change.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Hosts {
    /// In the order of the file.
    #[prost(message, repeated, tag = "1")]
    pub entries: Vec<HostsEntry>,
}

/// A line of /etc/hosts (hosts(5)).
#[derive(Clone, PartialEq, prost::Message)]
pub struct HostsEntry {
    /// 4 or 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub address: Vec<u8>,
    /// The names, first the canonical one.
    #[prost(string, repeated, tag = "2")]
    pub names: Vec<String>,
}

impl HostsEntry {
    /// Returns the address.
    pub fn ip(&self) -> Option<IpAddr> {
        address(&self.address)
    }
}

/// A malformed message: DNS, ClientHello or HTTP request. It names nothing.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Unreadable {
    /// As in [`super::Connect`]; 0 if unknown.
    #[prost(uint64, tag = "1")]
    pub connection: u64,
    /// The presumed kind of message.
    #[prost(string, tag = "2")]
    pub what: String,
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    endpoint(bytes, 0).map(|end| end.ip())
}
