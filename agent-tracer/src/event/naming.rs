//! Events of what hosts are called: answers of DNS servers, what clients say of themselves in the first bytes of a
//! connection, and /etc/hosts. Names are as they were sent, in lower case, anything but host name characters escaped.

use std::net::IpAddr;

use super::connection::endpoint;

/// A DNS server answered. The process is the one that asked, where that is known.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Dns {
    /// The socket that the answer came to, as in [`super::Connect`]; 0 where it is not known.
    #[prost(uint64, tag = "1")]
    pub connection: u64,
    /// The name that was asked for.
    #[prost(string, tag = "2")]
    pub question: String,
    /// The type of record that was asked for: `A`, `AAAA`, `HTTPS` and so on.
    #[prost(string, tag = "3")]
    pub kind: String,
    /// `NOERROR`, `NXDOMAIN`, `SERVFAIL` and so on.
    #[prost(string, tag = "4")]
    pub rcode: String,
    /// What was answered, in the order of the message.
    #[prost(message, repeated, tag = "5")]
    pub answers: Vec<DnsAnswer>,
    /// Addresses, of 4 or 16 bytes, that the question leads to.
    #[prost(bytes = "vec", repeated, tag = "6")]
    pub addresses: Vec<Vec<u8>>,
    /// Whether the server said that there is more than fits a datagram.
    #[prost(bool, tag = "7")]
    pub truncated: bool,
}

impl Dns {
    /// The addresses that the question leads to.
    pub fn leads_to(&self) -> impl Iterator<Item = IpAddr> {
        self.addresses.iter().filter_map(|bytes| address(bytes))
    }

    /// Whether there is no such name, or nobody could say.
    pub fn has_failed(&self) -> bool {
        self.rcode != "NOERROR"
    }
}

/// One record of an answer.
#[derive(Clone, PartialEq, prost::Message)]
pub struct DnsAnswer {
    /// Whose it is.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its type.
    #[prost(string, tag = "2")]
    pub kind: String,
    /// What it says: an address, a name, or in short what else it is.
    #[prost(string, tag = "3")]
    pub data: String,
    /// For how many seconds it holds.
    #[prost(uint32, tag = "4")]
    pub ttl: u32,
}

/// A client began a TLS handshake: its ClientHello (RFC 8446 section 4.1.2).
#[derive(Clone, PartialEq, prost::Message)]
pub struct TlsHello {
    /// As in [`super::Connect`].
    #[prost(uint64, tag = "1")]
    pub connection: u64,
    /// The host that it wants (SNI, RFC 6066 section 3); empty where it does not say.
    #[prost(string, tag = "2")]
    pub server_name: String,
    /// The protocols that it offers (ALPN, RFC 7301), best first.
    #[prost(string, repeated, tag = "3")]
    pub alpn: Vec<String>,
    /// Whether it offers an encrypted hello (ECH), in which the true name is; many offer one that is empty, which cannot be told apart.
    #[prost(bool, tag = "4")]
    pub encrypted: bool,
    /// Whether what it says is the host is none: an address, several names, or garbage. It is not kept.
    #[prost(bool, tag = "5")]
    pub is_no_host: bool,
}

/// A client sent an HTTP/1 request (RFC 9112): the first of a connection.
#[derive(Clone, PartialEq, prost::Message)]
pub struct HttpRequest {
    /// As in [`super::Connect`].
    #[prost(uint64, tag = "1")]
    pub connection: u64,
    /// The method.
    #[prost(string, tag = "2")]
    pub method: String,
    /// The host that it wants; empty where it does not say.
    #[prost(string, tag = "3")]
    pub host: String,
    /// What it wants of it, without what follows a question mark.
    #[prost(string, tag = "4")]
    pub target: String,
    /// Of a request to a proxy: the host that the proxy is to talk to, else empty.
    #[prost(string, tag = "5")]
    pub destination_host: String,
    /// Likewise, its port.
    #[prost(uint32, tag = "6")]
    pub destination_port: u32,
}

/// /etc/hosts, as it stood: when the recording began, and whenever it was changed.
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
    /// The address.
    pub fn ip(&self) -> Option<IpAddr> {
        address(&self.address)
    }
}

/// Something that was seen and made no sense: a DNS message, a ClientHello or an HTTP request that breaks the rules of
/// its protocol. It names nothing.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Unreadable {
    /// As in [`super::Connect`]; 0 where it is not known.
    #[prost(uint64, tag = "1")]
    pub connection: u64,
    /// What it seemed to be.
    #[prost(string, tag = "2")]
    pub what: String,
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    endpoint(bytes, 0).map(|end| end.ip())
}
