//! What an answer of DNS says: which name was asked for, and which addresses it leads to. It resolves nothing, believes no
//! record that the question does not lead to, and of what is sent along with the answers takes no more than the upper bits of
//! the response code.

use std::{
    collections::{HashSet, VecDeque},
    net::IpAddr,
};

use domain::{
    base::{
        Message, ParsedName, ParsedRecord, ToName,
        iana::{Class, Opcode, Rtype},
        rdata::ParseRecordData,
        wire::ParseError,
    },
    rdata::{
        A, Aaaa, Cname, Dname, Mx, Ns, Ptr, Srv,
        svcb::{
            Https, SvcParams, Svcb, SvcbRdata,
            value::{Alpn, Ipv4Hint, Ipv6Hint},
        },
    },
};

use super::host;

/// A datagram of 4,096 bytes, the most that is commonly asked for, has room for 255. A name of 255 bytes can be written in 2,
/// so the memory for those that 64 KiB have room for would be a hundred times as much.
const ANSWER_LIMIT: usize = 1024;

/// Names from the question to an address. Resolvers give up after 8 to 17.
const CHAIN_LIMIT: usize = 32;

/// An answer. Names in it are in lower case, without the dot at the end (the root is `.`); bytes that no host name has are
/// `\ddd` as in a zone file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The name that was asked for.
    pub question: String,
    /// What was asked for it: `A`, `AAAA`, `HTTPS`, or `TYPE65280` where the number has no name.
    pub kind: String,
    /// How it went: `NOERROR`, `NXDOMAIN`, `SERVFAIL`, or a number without a name.
    pub rcode: String,
    /// Whether the server said that it left something out.
    pub truncated: bool,
    /// The answers, in their order; those of another class than the internet's are left out.
    pub answers: Vec<Answer>,
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The name that it is about.
    pub name: String,
    /// What it says of it, as [`Response::kind`].
    pub kind: String,
    /// What that is.
    pub data: Data,
    /// For how many seconds it holds.
    pub ttl: u32,
}

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// An address: A, AAAA.
    Address(IpAddr),
    /// A name: CNAME, DNAME, PTR, NS, MX, SRV.
    Name(String),
    /// How a service is reached: HTTPS, SVCB.
    Hints {
        /// The name of who offers it, which is often the record's own. `.` where there is none.
        target: String,
        /// Addresses of it. Nothing is in here, nor in `alpn`, where the record is only another name.
        addresses: Vec<IpAddr>,
        /// The protocols offered, escaped as in a hello.
        alpn: Vec<String>,
    },
    /// Anything else: so many bytes.
    Other(usize),
}

/// Why a message cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It is not even a header.
    #[error("a DNS message of fewer than 12 bytes")]
    NoHeader,
    /// A name or a length in it leads nowhere.
    #[error("a DNS message whose {0} cannot be read")]
    Part(&'static str),
    /// There is more in it than in any answer.
    #[error("a DNS message with more than {ANSWER_LIMIT} answers")]
    TooMany,
}

/// Reads an answer. Nothing when the message is none to a single question about a name of the internet: a query, an update,
/// none or several questions, which no server answers. What a server left out, or what came damaged, behind the last whole
/// answer does no harm where the message says that it is truncated.
///
/// # Errors
///
/// It is malformed. Then nothing in it is believed.
pub fn read_answer(message: &[u8]) -> Result<Option<Response>, Malformed> {
    let message = Message::from_octets(message).map_err(|_| Malformed::NoHeader)?;
    let header = message.header();
    if !header.qr() || header.opcode() != Opcode::QUERY || message.header_counts().qdcount() != 1 {
        return Ok(None);
    }
    let in_question = |_: ParseError| Malformed::Part("question");
    let question = message.sole_question().map_err(in_question)?;
    if question.qclass() != Class::IN {
        return Ok(None);
    }
    let mut answers = Vec::new();
    for record in message.answer().map_err(in_question)? {
        if answers.len() == ANSWER_LIMIT {
            return Err(Malformed::TooMany);
        }
        match record.and_then(|record| read_record(&record)) {
            Ok(answer) => answers.extend(answer),
            // RFC 2181 9: it can end in the middle.
            Err(_) if header.tc() => break,
            Err(_) => return Err(Malformed::Part("answers")),
        }
    }
    Ok(Some(Response {
        question: name(question.qname()),
        kind: question.qtype().to_string(),
        // With the upper bits of EDNS, where they are.
        rcode: message.opt_rcode().to_string(),
        truncated: header.tc(),
        answers,
    }))
}

/// The first message of a TCP stream, without the two bytes before it that say its length (RFC 1035 4.2.2), and how many bytes
/// are done with it. Nothing when it is not whole.
#[must_use]
pub fn first_message(stream: &[u8]) -> Option<(&[u8], usize)> {
    let (length, rest) = stream.split_first_chunk()?;
    let length = usize::from(u16::from_be_bytes(*length));
    Some((rest.get(..length)?, 2 + length))
}

impl Response {
    /// The addresses that the question's name leads to, over aliases in whatever order they stand. Of other names none, and
    /// none at all where the server says that it failed.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        let names = self.names();
        let mut found = Vec::new();
        for answer in &self.answers {
            if !names.contains(&answer.name.as_str()) {
                continue;
            }
            match &answer.data {
                Data::Address(address) => found.push(*address),
                Data::Hints { addresses, .. } => found.extend(addresses),
                Data::Name(_) | Data::Other(_) => {}
            }
        }
        let mut seen = HashSet::new();
        found.retain(|address| seen.insert(*address));
        found.into_iter()
    }

    /// The name that was asked for and those that are the same by the answers. An alias that leads back adds none.
    fn names(&self) -> Vec<&str> {
        let mut names = Vec::new();
        if self.rcode != "NOERROR" {
            return names;
        }
        let mut next = VecDeque::from([self.question.as_str()]);
        while let Some(name) = next.pop_front() {
            if names.contains(&name) || names.len() == CHAIN_LIMIT {
                continue;
            }
            names.push(name);
            for answer in self.answers.iter().filter(|answer| answer.name == name) {
                match &answer.data {
                    Data::Name(target) if answer.kind == "CNAME" => next.push_back(target),
                    Data::Hints { target, .. } if target != "." => next.push_back(target),
                    Data::Name(_) | Data::Hints { .. } | Data::Address(_) | Data::Other(_) => {}
                }
            }
        }
        names
    }
}

type Record<'a> = ParsedRecord<'a, &'a [u8]>;

/// Nothing when it is of another class.
fn read_record(record: &Record<'_>) -> Result<Option<Answer>, ParseError> {
    if record.class() != Class::IN {
        return Ok(None);
    }
    let owner = name(&record.owner());
    let data = match record.rtype() {
        Rtype::A => Data::Address(IpAddr::V4(data::<A>(record)?.addr())),
        Rtype::AAAA => Data::Address(IpAddr::V6(data::<Aaaa>(record)?.addr())),
        Rtype::CNAME => Data::Name(name(data::<Cname<_>>(record)?.cname())),
        Rtype::DNAME => Data::Name(name(data::<Dname<_>>(record)?.dname())),
        Rtype::PTR => Data::Name(name(data::<Ptr<_>>(record)?.ptrdname())),
        Rtype::NS => Data::Name(name(data::<Ns<_>>(record)?.nsdname())),
        Rtype::MX => Data::Name(name(data::<Mx<_>>(record)?.exchange())),
        Rtype::SRV => Data::Name(name(data::<Srv<_>>(record)?.target())),
        Rtype::HTTPS => hints(&owner, &data::<Https<_, _>>(record)?)?,
        Rtype::SVCB => hints(&owner, &data::<Svcb<_, _>>(record)?)?,
        Rtype { .. } => Data::Other(usize::from(record.rdlen())),
    };
    // RFC 2181 8: the uppermost bit is none.
    let ttl = i32::try_from(record.ttl().as_secs()).map_or(0, i32::unsigned_abs);
    Ok(Some(Answer {
        name: owner,
        kind: record.rtype().to_string(),
        data,
        ttl,
    }))
}

fn data<'a, D: ParseRecordData<'a, &'a [u8]>>(record: &Record<'a>) -> Result<D, ParseError> {
    let record = record.clone().into_record::<D>()?;
    // Only where a kind does not belong to its parser.
    let record = record.ok_or(ParseError::form_error("another kind"))?;
    Ok(record.into_data())
}

fn hints<Variant>(
    owner: &str,
    record: &SvcbRdata<Variant, &[u8], ParsedName<&[u8]>>,
) -> Result<Data, ParseError> {
    let target = name(record.target());
    if record.is_alias() {
        // RFC 9460 2.4.2: parameters are to be ignored.
        return Ok(Data::Hints {
            target,
            addresses: Vec::new(),
            alpn: Vec::new(),
        });
    }
    let mut addresses = Vec::new();
    let mut alpn = Vec::new();
    let params: &SvcParams<&[u8]> = record.params();
    for v4 in params.iter::<Ipv4Hint<_>>() {
        addresses.extend(v4?.iter().map(IpAddr::V4));
    }
    for v6 in params.iter::<Ipv6Hint<_>>() {
        addresses.extend(v6?.iter().map(IpAddr::V6));
    }
    for protocols in params.iter::<Alpn<_>>() {
        alpn.extend(protocols?.iter().map(host::escaped));
    }
    Ok(Data::Hints {
        target: if target == "." {
            owner.to_owned()
        } else {
            target
        },
        addresses,
        alpn,
    })
}

fn name(name: &impl ToName) -> String {
    let mut text = String::with_capacity(usize::from(name.compose_len()));
    for label in name.iter_labels().filter(|label| !label.is_root()) {
        if !text.is_empty() {
            text.push('.');
        }
        host::push_label(&mut text, label.as_slice());
    }
    if text.is_empty() {
        text.push('.');
    }
    text
}

#[cfg(test)]
mod tests;
