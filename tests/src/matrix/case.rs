//! Expands the lines of a table to cases. Each case has a unique remote end, which identifies its
//! row. Expectations are the table's.

use std::net::{IpAddr, SocketAddr};

use super::table::BEFORE;

/// Destinations. Their addresses are those of `actor/wire.rs`.
#[derive(Clone, Copy)]
pub(super) enum Place {
    /// The remote end, with a server of this behaviour.
    Server(&'static str),
    /// The remote end, without a listener on that port.
    NoListener,
    /// A router drops the packets.
    Dropped,
    /// A router finds no neighbour there.
    Lost,
    /// A router reports the host as unreachable.
    UnreachableThere,
    /// A router reports the destination as forbidden.
    ForbiddenThere,
    /// A router reports that it has no route.
    UnknownThere,
    /// The remote end, where a filter has a rule for that port.
    FilteredThere(&'static str),
    /// The remote end, with a filter rule for its port at the local one.
    FilteredHere(&'static str),
    /// A neighbour that does not answer.
    Silent,
    /// This end has no route there.
    Unknown,
    /// This end has a route of type unreachable.
    Unreachable,
    /// This end has a route of type prohibit.
    Forbidden,
    /// This end itself.
    Itself,
}

/// An end of the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Recorded,
    Peer,
}

/// The visibility of its SYN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Syn {
    OnTheWire,
    /// Sent, but not as far as the wire.
    Elsewhere,
    Never,
}

/// The final values of a row.
#[derive(Clone, Copy)]
pub(super) struct End {
    state: &'static str,
    error: &'static str,
    answered: bool,
    bytes: Option<(u64, u64)>,
}

/// Makes an end without the awaited answer.
pub(super) const fn failed(state: &'static str, error: &'static str) -> End {
    End {
        state,
        error,
        answered: false,
        bytes: None,
    }
}

/// Makes an end with an answer, and with bytes sent and received if known.
pub(super) const fn answered(
    state: &'static str,
    error: &'static str,
    bytes: Option<(u64, u64)>,
) -> End {
    End {
        state,
        error,
        answered: true,
        bytes,
    }
}

/// The result in its process.
#[derive(Clone, Copy)]
pub(super) enum Observed {
    /// The row's error, or none.
    That,
    Other(&'static str),
    /// It does not live to see it, or its report is unreliable.
    Nothing,
}

/// A line of a table.
pub(super) struct Line {
    methods: &'static [&'static str],
    deed: &'static str,
    place: Place,
    ends: [End; 2],
    syn: Syn,
    observed: Observed,
}

pub(super) const fn line(
    methods: &'static [&'static str],
    deed: &'static str,
    place: Place,
    ends: [End; 2],
    syn: Syn,
    observed: Observed,
) -> Line {
    Line {
        methods,
        deed,
        place,
        ends,
        syn,
        observed,
    }
}

/// One attempt, and its expected result.
#[derive(Clone, Debug)]
pub(super) struct Case {
    /// Its port, by which actors call it.
    pub(super) name: u16,
    /// The case with the same owner: itself, but for a process's second attempt.
    pub(super) owner: u16,
    /// The actor's input; `None` for a second attempt.
    pub(super) script: Option<String>,
    /// The server's behaviour.
    pub(super) server: Option<&'static str>,
    /// A rule for its port.
    pub(super) filter: Option<(Side, &'static str)>,
    pub(super) remote: SocketAddr,
    pub(super) state: &'static str,
    pub(super) error: &'static str,
    pub(super) answered: bool,
    pub(super) bytes: Option<(u64, u64)>,
    pub(super) syn: Syn,
    /// The error in its process; `None` where it saw no outcome.
    pub(super) observed: Option<&'static str>,
}

/// Expands all cases of a table.
pub(super) fn cases(table: &[Line]) -> Vec<Case> {
    // Ports that no kernel uses by itself.
    let mut port = 20_000;
    let mut cases = Vec::new();
    for line in table {
        for family in ["v4", "v6", "mapped"] {
            for method in line.methods {
                let case = line.case(family, method, port);
                let before = BEFORE.iter().find(|(name, _, _)| name == method);
                if let Some((_, place, end)) = before {
                    cases.push(Case {
                        owner: case.name,
                        ..Case::of(family, *place, *end, port + 1)
                    });
                }
                cases.push(case);
                port += 2;
            }
        }
    }
    cases
}

impl Line {
    fn case(&self, family: &str, method: &str, port: u16) -> Case {
        let end = self.ends[usize::from(family == "v6")];
        let case = Case::of(family, self.place, end, port);
        let socket = if family == "mapped" { "mapped" } else { "own" };
        let (deed, remote) = (self.deed, case.remote);
        Case {
            script: Some(format!("{port} {method} {deed} {socket} {remote}")),
            syn: self.syn,
            observed: match self.observed {
                Observed::That => Some(end.error),
                Observed::Other(error) => Some(error),
                Observed::Nothing => None,
            },
            ..case
        }
    }
}

impl Case {
    fn of(family: &str, place: Place, end: End, port: u16) -> Case {
        let (v4, v6) = place.addresses();
        let address: IpAddr = match family {
            "v6" => v6.parse(),
            _ => v4.parse(),
        }
        .expect("an address");
        Case {
            name: port,
            owner: port,
            script: None,
            server: match place {
                Place::Server(behaviour) => Some(behaviour),
                _ => None,
            },
            filter: match place {
                Place::FilteredHere(verdict) => Some((Side::Recorded, verdict)),
                Place::FilteredThere(verdict) => Some((Side::Peer, verdict)),
                _ => None,
            },
            remote: SocketAddr::new(address, port),
            state: end.state,
            error: end.error,
            answered: end.answered,
            bytes: end.bytes,
            syn: Syn::OnTheWire,
            observed: None,
        }
    }
}

impl Place {
    /// Returns the addresses for v4 and v6.
    fn addresses(self) -> (&'static str, &'static str) {
        match self {
            Place::Server(_)
            | Place::NoListener
            | Place::FilteredThere(_)
            | Place::FilteredHere(_) => ("192.0.2.2", "2001:db8:1::2"),
            Place::Silent => ("192.0.2.77", "2001:db8:1::77"),
            Place::Dropped => ("198.51.100.1", "2001:db8:2::1"),
            Place::UnreachableThere => ("198.51.100.2", "2001:db8:2::2"),
            Place::ForbiddenThere => ("198.51.100.3", "2001:db8:2::3"),
            Place::UnknownThere => ("198.51.100.4", "2001:db8:2::4"),
            Place::Lost => ("198.51.100.200", "2001:db8:4::200"),
            Place::Unknown => ("203.0.113.1", "2001:db8:3::1"),
            Place::Unreachable => ("203.0.113.2", "2001:db8:3::2"),
            Place::Forbidden => ("203.0.113.3", "2001:db8:3::3"),
            Place::Itself => ("127.0.0.1", "::1"),
        }
    }
}
