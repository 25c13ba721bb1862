//! Parses a ClientHello for the intended host: server_name and ALPN. It decrypts nothing. It takes
//! a hello as a whole or not at all: the second half may contradict a host in the first.

use tls_parser::{
    SNIType, TlsClientHelloContents, TlsExtension, TlsExtensionType, TlsRecordType,
    parse_tls_extension_alpn_content, parse_tls_extension_sni_content, parse_tls_extension_unknown,
    parse_tls_handshake_client_hello, parse_tls_record_header,
};

use super::{client_message::Progress, host};

/// RFC 8446 5.1, plus the 256 bytes of RFC 5246 6.2.3. Unencrypted records have no use for the
/// latter, but some clients send them.
const RECORD_LIMIT: usize = tls_parser::MAX_RECORD_LEN as usize;

/// The sum of its parts' longest lengths: version and random, session, cipher suites, compressions,
/// extensions.
const HELLO_LIMIT: usize = 34 + 1 + 32 + 2 + 0xffff + 1 + 0xff + 2 + 0xffff;

const CLIENT_HELLO: u8 = 1;

/// RFC 9849: `encrypted_client_hello`.
const ENCRYPTED_HELLO: u16 = 0xfe0d;

/// The first message of a TLS client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The intended host.
    pub server_name: ServerName,
    /// The offered protocols, in order, with invisible bytes as `\ddd`. Those of RFC 8701, which
    /// servers must ignore, are left out.
    pub alpn: Vec<String>,
    /// True for an encrypted hello inside. Then `server_name` can be that of a front, and the
    /// intended host is in the encrypted one. Browsers also send dummies; an observer cannot
    /// distinguish the two.
    pub encrypted_hello_offered: bool,
}

/// The intended host, in clear text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerName {
    /// No extension.
    Absent,
    /// A host name in lower case, without a dot at the end.
    Host(String),
    /// An invalid host name, which is not kept: an address, which RFC 6066 forbids, several names,
    /// or garbage.
    NoHostName,
}

impl ServerName {
    /// Returns the host name, if there is one.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        match self {
            ServerName::Host(name) => Some(name),
            ServerName::Absent | ServerName::NoHostName => None,
        }
    }
}

/// Reads the hello at the start of a stream. It may be spread over records at any byte (RFC 8446
/// 5.1).
pub(super) fn read(stream: &[u8]) -> Progress<Hello> {
    match *stream {
        [] | [0x16] | [0x16, 3] | [0x16, 3, 0..=4] => return Progress::Perhaps,
        [0x16, 3, 0..=4, high, ..] if usize::from(high) << 8 > RECORD_LIMIT => {
            return Progress::Other;
        }
        [0x16, 3, 0..=4, _] => return Progress::Perhaps,
        [0x16, 3, 0..=4, 0, 0, ..] => return Progress::Other,
        [0x16, 3, 0..=4, _, _] => return Progress::Perhaps,
        [0x16, 3, 0..=4, _, _, CLIENT_HELLO, ..] => {}
        [..] => return Progress::Other,
    }
    // At most as long as the stream that it is copied from.
    let mut message = Vec::with_capacity(stream.len());
    let mut rest = stream;
    loop {
        // The only possible error is a short input.
        let Ok((payload, header)) = parse_tls_record_header(rest) else {
            return Progress::Begun;
        };
        let length = usize::from(header.len);
        let continues = header.record_type == TlsRecordType::Handshake
            && header.version.0 >> 8 == 3
            && (1..=RECORD_LIMIT).contains(&length);
        if !continues {
            return Progress::Broken;
        }
        let Some((fragment, after)) = payload.split_at_checked(length) else {
            return Progress::Begun;
        };
        message.extend_from_slice(fragment);
        rest = after;
        match read_handshake(&message) {
            Progress::Perhaps | Progress::Begun => {}
            progress @ (Progress::Other | Progress::Broken | Progress::Whole(_)) => {
                return progress;
            }
        }
    }
}

/// Reads the hello at the start of a handshake without records, as QUIC carries it.
pub(super) fn read_handshake(message: &[u8]) -> Progress<Hello> {
    match message {
        [] => Progress::Perhaps,
        [CLIENT_HELLO, high, middle, low, body @ ..] => {
            let length = usize::from(*high) << 16 | usize::from(*middle) << 8 | usize::from(*low);
            if length > HELLO_LIMIT {
                return Progress::Broken;
            }
            match body.get(..length) {
                Some(body) => hello(body).map_or(Progress::Broken, Progress::Whole),
                None => Progress::Begun,
            }
        }
        [CLIENT_HELLO, ..] => Progress::Begun,
        [..] => Progress::Other,
    }
}

fn hello(body: &[u8]) -> Option<Hello> {
    let (rest, contents) = parse_tls_handshake_client_hello(body).ok()?;
    // Also ensures that the extensions have their stated length: the parser drops them otherwise.
    if !rest.is_empty() || contents.version.0 >> 8 != 3 {
        return None;
    }
    extensions(&contents)
}

/// Parses the needed extensions only: others may be of a kind or version unknown to the parser.
fn extensions(contents: &TlsClientHelloContents<'_>) -> Option<Hello> {
    let mut server_name = None;
    let mut alpn = None;
    let mut encrypted_hello_offered = false;
    let mut rest = contents.ext.unwrap_or_default();
    while !rest.is_empty() {
        let (after, extension) = parse_tls_extension_unknown(rest).ok()?;
        rest = after;
        let TlsExtension::Unknown(kind, data) = extension else {
            return None;
        };
        // RFC 8446 4.2: at most one of a kind; with two, servers differ in their choice.
        match kind {
            TlsExtensionType::ServerName => {
                if server_name.replace(read_server_name(data)?).is_some() {
                    return None;
                }
            }
            TlsExtensionType::ApplicationLayerProtocolNegotiation => {
                if alpn.replace(read_alpn(data)?).is_some() {
                    return None;
                }
            }
            TlsExtensionType(ENCRYPTED_HELLO) => encrypted_hello_offered = true,
            TlsExtensionType(_) => {}
        }
    }
    Some(Hello {
        server_name: server_name.unwrap_or(ServerName::Absent),
        alpn: alpn.unwrap_or_default(),
        encrypted_hello_offered,
    })
}

fn read_server_name(data: &[u8]) -> Option<ServerName> {
    let (rest, extension) = parse_tls_extension_sni_content(data).ok()?;
    let TlsExtension::SNI(list) = extension else {
        return None;
    };
    // The parser stops at an unreadable entry without an error.
    let length: usize = list.iter().map(|(_, name)| 3 + name.len()).sum();
    if !rest.is_empty() || length + 2 != data.len() {
        return None;
    }
    let mut hosts = list.iter().filter(|(kind, _)| *kind == SNIType::HostName);
    Some(match (hosts.next(), hosts.next()) {
        (Some((_, name)), None) => {
            host::name(name).map_or(ServerName::NoHostName, ServerName::Host)
        }
        (Some(_), Some(_)) | (None, _) => ServerName::NoHostName,
    })
}

fn read_alpn(data: &[u8]) -> Option<Vec<String>> {
    let (rest, extension) = parse_tls_extension_alpn_content(data).ok()?;
    let TlsExtension::ALPN(list) = extension else {
        return None;
    };
    let length: usize = list.iter().map(|name| 1 + name.len()).sum();
    if !rest.is_empty() || length + 2 != data.len() {
        return None;
    }
    let reserved = |name: &[u8]| matches!(name, [a, b] if a == b && a & 0xf == 0xa);
    let offered = list.iter().filter(|name| !reserved(name));
    Some(offered.map(|name| host::escaped(name)).collect())
}

#[cfg(test)]
mod tests;
