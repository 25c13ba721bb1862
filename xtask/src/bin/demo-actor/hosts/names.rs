//! The name server: answers for the demo's own zone and knows no other name.

use std::net::{Ipv4Addr, UdpSocket};
use std::thread;

use anyhow::{Context, Result};
use simple_dns::rdata::{A, RData};
use simple_dns::{CLASS, Packet, QTYPE, RCODE, ResourceRecord, TYPE};

use crate::addresses::{ARCHIVE, CONTENT, DOWNLOAD, SERVICE};

/// Host names (or, after a leading dot, every name below) and their address.
const ZONE: [(&str, Ipv4Addr); 4] = [
    (".oms.opinsights.azure.com", SERVICE),
    ("github.com", DOWNLOAD),
    ("objects.githubusercontent.com", CONTENT),
    ("packages.example", ARCHIVE),
];

/// Serves on port 53 of `address`, from a thread of its own.
pub fn serve(address: Ipv4Addr) -> Result<()> {
    let socket =
        UdpSocket::bind((address, 53)).with_context(|| format!("cannot bind {address}:53"))?;
    thread::spawn(move || {
        let mut query = [0; 1500];
        while let Ok((length, client)) = socket.recv_from(&mut query) {
            // Anything but a question gets no answer.
            if let Ok(reply) = answer(query.get(..length).unwrap_or_default()) {
                socket.send_to(&reply, client).ok();
            }
        }
    });
    Ok(())
}

fn answer(query: &[u8]) -> Result<Vec<u8>> {
    let query = Packet::parse(query)?;
    let mut reply = Packet::new_reply(query.id());
    reply.questions = query.questions.clone();
    let question = query.questions.first().context("no question")?;
    match look_up(&question.qname.to_string()) {
        // Known, but IPv4 only: a question for AAAA gets an empty answer.
        Some(address) if question.qtype == QTYPE::TYPE(TYPE::A) => {
            reply.answers.push(ResourceRecord::new(
                question.qname.clone(),
                CLASS::IN,
                300,
                RData::A(A {
                    address: address.into(),
                }),
            ));
        }
        Some(_) => {}
        None => *reply.rcode_mut() = RCODE::NameError,
    }
    Ok(reply.build_bytes_vec_compressed()?)
}

fn look_up(name: &str) -> Option<Ipv4Addr> {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    ZONE.iter()
        .find(|(known, _)| match known.strip_prefix('.') {
            Some(_) => name.ends_with(known),
            None => name == *known,
        })
        .map(|(_, address)| *address)
}
