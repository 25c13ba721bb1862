//! Names to addresses by raw UDP, as pure-ruby resolvers do: no call into the C
//! library that anything could hook. One question, one try, IPv4 only.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, PacketFlag, QCLASS, QTYPE, Question, TYPE};

/// The state of the socket of a query.
#[derive(Clone, Copy)]
pub enum SocketMode {
    /// As the C library does: connect the socket, then send.
    Connected,
    /// As ruby's resolver does: send to an address from an unconnected socket.
    Unconnected,
}

/// The first address of `host`, which may already be one.
pub fn address(host: &str, mode: SocketMode) -> Result<Ipv4Addr> {
    if let Ok(address) = host.parse() {
        return Ok(address);
    }
    // Any id serves: the remote side is the demo's own.
    let id = std::process::id() as u16;
    let mut query = Packet::new_query(id);
    query.set_flags(PacketFlag::RECURSION_DESIRED);
    query.questions.push(Question::new(
        Name::new(host)?,
        QTYPE::TYPE(TYPE::A),
        QCLASS::CLASS(CLASS::IN),
        false,
    ));
    let answer = exchange(&query.build_bytes_vec()?, mode)?;
    let answer = Packet::parse(&answer)?;
    answer
        .answers
        .iter()
        .find_map(|record| match &record.rdata {
            RData::A(record) => Some(Ipv4Addr::from(record.address)),
            _ => None,
        })
        .with_context(|| format!("{host} has no address: {:?}", answer.rcode()))
}

fn exchange(query: &[u8], mode: SocketMode) -> Result<Vec<u8>> {
    let server = SocketAddr::new(name_server()?, 53);
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    socket.set_read_timeout(Some(Duration::from_secs(2)))?;
    match mode {
        SocketMode::Connected => {
            socket.connect(server)?;
            socket.send(query)?;
        }
        SocketMode::Unconnected => {
            socket.send_to(query, server)?;
        }
    }
    let mut answer = vec![0; 1500];
    let length = socket
        .recv(&mut answer)
        .with_context(|| format!("{server} does not answer"))?;
    answer.truncate(length);
    Ok(answer)
}

fn name_server() -> Result<IpAddr> {
    let text = std::fs::read_to_string("/etc/resolv.conf")?;
    for line in text.lines() {
        if let Some(address) = line.strip_prefix("nameserver ") {
            return Ok(address.trim().parse()?);
        }
    }
    bail!("/etc/resolv.conf names no server")
}
