//! Parses the head of an HTTP/1 request for the intended host, direct or through a proxy. It reads
//! no body. It refuses what RFC 9112 has a server refuse: an ambiguous head names nothing.

mod answer;

use std::str;

use super::{
    client_message::Progress,
    host::{self, Authority},
};

pub use answer::Answer;

/// Longer than any registered method (17) or any in use; a text without a space is given up then.
const METHOD_LIMIT: usize = 32;

/// As many as servers commonly take.
const HEADER_LIMIT: usize = 100;

/// The line and the Host of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Any token.
    pub method: String,
    /// The target as sent, without its usual secrets. A query or fragment is `?…` or `#…`; a user
    /// in front of a host is `…@`. The path stays, though it can hold a secret. Invisible bytes are
    /// `\ddd`. An unreadable authority is `…` with all that follows, since the end of a password in
    /// it is unknown.
    pub target: String,
    /// The intended host, with its port if given. A host in the target precedes the Host header
    /// (RFC 9112 3.2.2). `None` where it is missing or invalid.
    pub host: Option<String>,
    /// True for a request to a proxy: one with CONNECT, or with a URL as its target.
    pub is_proxy: bool,
    /// The destination that a proxy is asked for: host (an IPv6 address without brackets) and port.
    pub destination: Option<(String, u16)>,
}

/// Reads the request at the start of a stream.
pub(super) fn read(stream: &[u8]) -> Progress<Request> {
    match begins(stream) {
        Begins::No => return Progress::Other,
        Begins::Perhaps => return Progress::Perhaps,
        Begins::Yes => {}
    }
    let mut headers = [httparse::EMPTY_HEADER; HEADER_LIMIT];
    let mut head = httparse::Request::new(&mut headers);
    match head.parse(stream) {
        Ok(httparse::Status::Complete(_)) => {
            request(&head).map_or(Progress::Broken, Progress::Whole)
        }
        Ok(httparse::Status::Partial) => Progress::Begun,
        Err(_) => Progress::Broken,
    }
}

enum Begins {
    No,
    Perhaps,
    Yes,
}

/// Checks whether a stream begins with a method, a target and ` HTTP/1.`. Many protocols begin with
/// one word, and some with two.
fn begins(stream: &[u8]) -> Begins {
    let is_token = |byte: &u8| {
        byte.is_ascii_alphanumeric() || memchr::memchr(*byte, b"!#$%&'*+-.^_`|~").is_some()
    };
    let method = stream.iter().take_while(|byte| is_token(byte)).count();
    if method > METHOD_LIMIT {
        return Begins::No;
    }
    let rest = match stream.get(method..) {
        None | Some([]) => return Begins::Perhaps,
        Some([b' ', rest @ ..]) if method > 0 => rest,
        Some([..]) => return Begins::No,
    };
    let is_of_target = |byte: &u8| !byte.is_ascii_control() && *byte != b' ';
    let target = rest.iter().take_while(|byte| is_of_target(byte)).count();
    let rest = rest.get(target..).unwrap_or_default();
    const VERSION: &[u8] = b" HTTP/1.";
    if rest.is_empty() {
        Begins::Perhaps
    } else if target == 0 {
        Begins::No
    } else if rest.starts_with(VERSION) {
        Begins::Yes
    } else if VERSION.starts_with(rest) {
        Begins::Perhaps
    } else {
        Begins::No
    }
}

fn request(head: &httparse::Request<'_, '_>) -> Option<Request> {
    let method = head.method?;
    let mut hosts = head
        .headers
        .iter()
        .filter(|header| header.name.eq_ignore_ascii_case("host"));
    let header = hosts.next().map(|header| header.value.trim_ascii());
    // RFC 9112 3.2: a server refuses more than one.
    if hosts.next().is_some() {
        return None;
    }
    let target = Target::read(method, head.path?)?;
    let authority = match &target.form {
        TargetForm::Local => header.and_then(Authority::parse),
        TargetForm::Url { authority, .. } | TargetForm::Connect(authority) => authority.clone(),
    };
    let (is_proxy, port) = match &target.form {
        TargetForm::Local => (false, None),
        TargetForm::Connect(_) => (true, None),
        TargetForm::Url { port, .. } => (true, *port),
    };
    let destination = authority
        .as_ref()
        .filter(|_| is_proxy)
        .and_then(|to| Some((to.host.clone(), to.port.or(port)?)));
    Some(Request {
        method: method.to_owned(),
        target: target.shown,
        host: authority.map(|authority| authority.to_string()),
        is_proxy,
        destination,
    })
}

/// The target, in the forms of RFC 9112 3.2.
struct Target {
    form: TargetForm,
    shown: String,
}

enum TargetForm {
    /// A path, or `*`.
    Local,
    /// A URL, and the port of its scheme.
    Url {
        authority: Option<Authority>,
        port: Option<u16>,
    },
    /// `host:port`, as the target of a tunnel.
    Connect(Option<Authority>),
}

impl Target {
    /// Parses a target; `None` for an unknown form.
    fn read(method: &str, target: &str) -> Option<Target> {
        if method == "CONNECT" {
            // RFC 9110 9.3.6: CONNECT has no default port.
            let authority = Authority::parse(target.as_bytes()).filter(|to| to.port.is_some());
            let shown = authority.as_ref().map(Authority::to_string);
            return Some(Target {
                form: TargetForm::Connect(authority),
                shown: shown.unwrap_or_else(|| "…".to_owned()),
            });
        }
        if target == "*" || target.starts_with('/') {
            return Some(Target {
                form: TargetForm::Local,
                shown: without_query(target),
            });
        }
        let (scheme, rest) = target.split_once("://")?;
        let is_scheme =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        if !scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            || !scheme.bytes().all(is_scheme)
        {
            return None;
        }
        let scheme = scheme.to_ascii_lowercase();
        let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end)?;
        let (user, host) = match authority.rsplit_once('@') {
            Some((_, host)) => ("…@", host),
            None => ("", authority),
        };
        let authority = Authority::parse(host.as_bytes());
        let shown = match &authority {
            Some(host) => format!("{scheme}://{user}{host}{}", without_query(path)),
            None => format!("{scheme}://…"),
        };
        let port = match scheme.as_str() {
            "http" | "ws" => Some(80),
            "https" | "wss" => Some(443),
            "ftp" => Some(21),
            _ => None,
        };
        Some(Target {
            form: TargetForm::Url { authority, port },
            shown,
        })
    }
}

/// Escapes a path, with a mark in place of its query or fragment.
fn without_query(path: &str) -> String {
    let end = path.find(['?', '#']).unwrap_or(path.len());
    let (kept, cut) = path.split_at_checked(end).unwrap_or((path, ""));
    let mut shown = host::escaped(kept.as_bytes());
    if let Some(first) = cut.chars().next() {
        shown.push(first);
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests;
