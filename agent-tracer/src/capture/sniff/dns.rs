//! Parses answers of DNS: the name asked for, and its addresses. It resolves nothing, and believes
//! only records that the question leads to. Of the additional records it uses the addresses of
//! services (SRV) and the upper bits of the response code.

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

/// Limit of records. A datagram of 4,096 bytes, the usual maximum, has room for 255. A name of 255
/// bytes can take 2, so the records of 64 KiB could need a hundred times that memory.
const ANSWER_LIMIT: usize = 1024;

/// Names from the question to an address. Resolvers give up after 8 to 17.
const CHAIN_LIMIT: usize = 32;

/// An answer. Names are in lower case, without the final dot (the root is `.`). Bytes outside of
/// host names are `\ddd`, as in a zone file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The name that was asked for.
    pub question: String,
    /// The type asked for: `A`, `AAAA`, `HTTPS`, or `TYPE65280` where the number has no name.
    pub kind: String,
    /// The result: `NOERROR`, `NXDOMAIN`, `SERVFAIL`, or a number without a name.
    pub rcode: String,
    /// The server's truncation flag.
    pub truncated: bool,
    /// The answers, in order, of the internet's class alone.
    pub answers: Vec<Answer>,
    /// The addresses of the targets of SRV answers, from the additional section.
    pub additional: Vec<Answer>,
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The owner name of the record.
    pub name: String,
    /// The type of the record, as [`Response::kind`].
    pub kind: String,
    /// The record's data.
    pub data: Data,
    /// Its lifetime in seconds.
    pub ttl: u32,
}

/// Data of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// An address: A, AAAA.
    Address(IpAddr),
    /// A name: CNAME, DNAME, PTR, NS, MX.
    Name(String),
    /// The host and port of a service: SRV.
    Service {
        /// The host; `.` where there is none.
        target: String,
        /// The port.
        port: u16,
    },
    /// The way to a service: HTTPS, SVCB.
    Hints {
        /// The name of the provider, often the record's own; `.` where there is none.
        target: String,
        /// Its addresses. An alias record has neither these nor `alpn`.
        addresses: Vec<IpAddr>,
        /// The protocols offered, escaped as in a hello.
        alpn: Vec<String>,
    },
    /// Anything else: so many bytes.
    Other(usize),
}

/// Reasons against a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It is not even a header.
    #[error("a DNS message of fewer than 12 bytes")]
    NoHeader,
    /// A name or a length in it is invalid.
    #[error("a DNS message whose {0} cannot be read")]
    Part(&'static str),
    /// There are more records than in any answer.
    #[error("a DNS message with more than {ANSWER_LIMIT} answers")]
    TooMany,
}

/// Reads an answer to one question about a name of the internet. Returns `None` for a query, an
/// update, or another count of questions, which no server answers. In a truncated message, missing
/// or damaged bytes behind the last whole record do no harm.
///
/// # Errors
///
/// The message is malformed; then nothing in it is believed.
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
    let mut response = Response {
        question: name(question.qname()),
        kind: question.qtype().to_string(),
        // With the upper bits of EDNS, where they are.
        rcode: message.opt_rcode().to_string(),
        truncated: header.tc(),
        answers,
        additional: Vec::new(),
    };
    response.additional = addresses_of_services(message, &response);
    Ok(Some(response))
}

/// Reads the additional addresses of services, up to a record that is damaged or one too many: the
/// answer is valid without them.
fn addresses_of_services(message: Message<&[u8]>, response: &Response) -> Vec<Answer> {
    let services = response.services();
    if services.is_empty() {
        return Vec::new();
    }
    let records = message.additional().into_iter().flatten();
    records
        .take(ANSWER_LIMIT)
        .map_while(|record| read_record(&record.ok()?).ok())
        .flatten()
        .filter(|record| {
            matches!(record.data, Data::Address(_)) && services.contains(record.name.as_str())
        })
        .collect()
}

/// Returns the first complete message of a TCP stream, without its two bytes of length (RFC 1035
/// 4.2.2), and the bytes consumed.
#[must_use]
pub fn first_message(stream: &[u8]) -> Option<(&[u8], usize)> {
    let (length, rest) = stream.split_first_chunk()?;
    let length = usize::from(u16::from_be_bytes(*length));
    Some((rest.get(..length)?, 2 + length))
}

impl Response {
    /// Returns the addresses of the question's name, over aliases in any order. A failed answer has
    /// none.
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
                Data::Name(_) | Data::Service { .. } | Data::Other(_) => {}
            }
        }
        let mut seen = HashSet::new();
        found.retain(|address| seen.insert(*address));
        found.into_iter()
    }

    /// Returns the hosts of the services that were asked for.
    fn services(&self) -> HashSet<&str> {
        let names = self.names();
        let is_asked_for = |answer: &&Answer| names.contains(&answer.name.as_str());
        let answers = self.answers.iter().filter(is_asked_for);
        answers
            .filter_map(|answer| match &answer.data {
                Data::Service { target, .. } => Some(target.as_str()),
                Data::Name(_) | Data::Hints { .. } | Data::Address(_) | Data::Other(_) => None,
            })
            .collect()
    }

    /// Returns the question's name and its aliases. A circular alias adds nothing.
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
                    Data::Name(_)
                    | Data::Service { .. }
                    | Data::Hints { .. }
                    | Data::Address(_)
                    | Data::Other(_) => {}
                }
            }
        }
        names
    }
}

type Record<'a> = ParsedRecord<'a, &'a [u8]>;

/// Reads a record; `None` for another class.
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
        Rtype::SRV => {
            let service = data::<Srv<_>>(record)?;
            Data::Service {
                target: name(service.target()),
                port: service.port(),
            }
        }
        Rtype::HTTPS => hints(&owner, &data::<Https<_, _>>(record)?)?,
        Rtype::SVCB => hints(&owner, &data::<Svcb<_, _>>(record)?)?,
        Rtype { .. } => Data::Other(usize::from(record.rdlen())),
    };
    // RFC 2181 8: the uppermost bit is ignored.
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
        // RFC 9460 2.4.2: an alias ignores its parameters.
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
