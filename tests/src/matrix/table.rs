//! States the expected result of every attempt, as data. Each line is tried by each of its methods
//! with v4, with v6, and with a v4 address through a v6 socket.

use super::case::{
    End, Line,
    Observed::{Nothing, Other, That},
    Place::{
        Dropped, FilteredHere, FilteredThere, Forbidden, ForbiddenThere, Itself, Lost, NoListener,
        Server, Silent, Unknown, UnknownThere, Unreachable, UnreachableThere,
    },
    Syn::{Elsewhere, Never, OnTheWire},
    answered, failed, line,
};

const DONE: End = answered("closed", "", Some((1000, 5000)));
const EMPTY: End = answered("closed", "", Some((0, 0)));
const GIVEN_UP: End = answered("closed", "", Some(("never mind".len() as u64, 0)));
const RESET: End = answered("closed", "ECONNRESET", Some((1000, 0)));
const OPEN: End = answered("open", "", None);
const CLOSING: End = answered("closing", "", Some((1000, 0)));
const CONNECTING: End = failed("connecting", "");
const ABORTED: End = failed("aborted", "");
const REFUSED: End = failed("refused", "ECONNREFUSED");
const TIMED_OUT: End = failed("timed_out", "ETIMEDOUT");
const NO_HOST: End = failed("unreachable", "EHOSTUNREACH");
const NO_NET: End = failed("unreachable", "ENETUNREACH");
const BLOCKED: End = failed("blocked", "EACCES");

const ONE: &[&str] = &["blocking"];
const BOTH: &[&str] = &["blocking", "nonblocking"];
const RINGS: &[&str] = &["ring", "ring-polled", "ring-worker"];

/// Cases for every machine with two namespaces. Methods and actions are those of
/// `actor/attempt.rs`. The first of two ends is that of v4, where routers answer differently.
#[rustfmt::skip]
pub(super) const PLAIN: [Line; 37] = [
    line(BOTH, "exchange", Server("answer"), [DONE; 2], OnTheWire, That),
    line(BOTH, "close", NoListener, [REFUSED; 2], OnTheWire, That),
    line(BOTH, "close", Dropped, [TIMED_OUT; 2], OnTheWire, That),
    line(BOTH, "close", Lost, [NO_HOST; 2], OnTheWire, That),
    // The first answer comes too soon, while the process is in the system call; the second one
    // counts.
    line(ONE, "close", UnreachableThere, [NO_HOST, NO_NET], OnTheWire, That),
    line(ONE, "close", UnknownThere, [NO_NET; 2], OnTheWire, That),
    line(ONE, "close", ForbiddenThere, [NO_HOST, BLOCKED], OnTheWire, That),
    // The SYN waits for the neighbour's hardware address.
    line(BOTH, "close", Silent, [NO_HOST; 2], Elsewhere, That),
    line(BOTH, "close", Unknown, [NO_NET; 2], Never, That),
    line(BOTH, "close", Unreachable, [NO_HOST; 2], Never, That),
    line(BOTH, "close", Forbidden, [BLOCKED; 2], Never, That),
    line(BOTH, "exchange", Server("reset"), [RESET; 2], OnTheWire, That),
    line(BOTH, "slam", Server("hear"), [EMPTY; 2], OnTheWire, That),
    line(BOTH, "stay", Server("hold"), [OPEN; 2], OnTheWire, That),
    line(BOTH, "half", Server("hold"), [CLOSING; 2], OnTheWire, That),
    // Given up by its own process, by every means.
    line(&["hasty"], "close", Dropped, [ABORTED; 2], OnTheWire, That),
    line(&["interrupted"], "close", Dropped, [ABORTED; 2], OnTheWire, Other("EINTR")),
    line(&["killed"], "close", Dropped, [ABORTED; 2], OnTheWire, Nothing),
    line(&["persistent"], "stay", Dropped, [CONNECTING; 2], OnTheWire, That),
    // Owners that are gone at once.
    line(&["hasty"], "leave", Dropped, [ABORTED; 2], OnTheWire, Nothing),
    line(ONE, "leave", Server("hear"), [EMPTY; 2], OnTheWire, Nothing),
    line(ONE, "leave", NoListener, [REFUSED; 2], OnTheWire, Nothing),
    line(BOTH, "leave", Unknown, [NO_NET; 2], Never, Nothing),
    line(BOTH, "leave", Forbidden, [BLOCKED; 2], Never, Nothing),
    // The thread's next act does not concern an attempt that sent nothing.
    line(&["sounding"], "close", Unknown, [NO_NET; 2], Never, That),
    line(&["sounding"], "close", Unreachable, [NO_HOST; 2], Never, That),
    line(&["sounding"], "close", Forbidden, [BLOCKED; 2], Never, That),
    // Another thread.
    line(&["thread"], "exchange", Server("answer"), [DONE; 2], OnTheWire, That),
    line(&["thread"], "close", Forbidden, [BLOCKED; 2], Never, That),
    // One row, however often it is asked for; and the other methods.
    line(&["repeated"], "exchange", Server("answer"), [DONE; 2], OnTheWire, That),
    line(&["fast"], "read", Server("answer"), [DONE; 2], OnTheWire, That),
    line(&["fast"], "read", Forbidden, [BLOCKED; 2], Never, That),
    // Two rows of one socket; see `BEFORE` for the first.
    line(&["again"], "exchange", Server("answer"), [DONE; 2], OnTheWire, That),
    line(&["redial"], "exchange", Server("answer"), [DONE; 2], OnTheWire, That),
    // The process that connects is the owner, not the one that makes or closes the socket.
    line(&["pass"], "exchange", Server("answer"), [DONE; 2], OnTheWire, That),
    line(&["lend"], "exchange", Server("answer"), [DONE; 2], OnTheWire, That),
    // Both ends at once.
    line(&["itself"], "close", Itself, [EMPTY; 2], Elsewhere, That),
];

/// Known errors: a router's answer to a SYN before `connect(2)` has returned. Since Linux 6.2
/// poll(2) wakes up for it, and `SO_ERROR` takes it away. The process then closes the socket, whose
/// end shows nothing of it.
#[rustfmt::skip]
pub(super) const TOO_SOON: [Line; 3] = [
    line(&["nonblocking"], "close", UnreachableThere, [NO_HOST, NO_NET], OnTheWire, That),
    line(&["nonblocking"], "close", UnknownThere, [NO_NET; 2], OnTheWire, That),
    line(&["nonblocking"], "close", ForbiddenThere, [NO_HOST, BLOCKED], OnTheWire, That),
];

/// Results of the first attempt, for methods that try the next port first with the same socket.
pub(super) const BEFORE: [(&str, super::case::Place, End); 2] = [
    ("again", NoListener, REFUSED),
    ("redial", Server("hear"), GIVEN_UP),
];

/// Cases for io_uring. Its error to the caller is not always right, so the processes' results are
/// not compared. Linux 6.18 may even turn a router's answer into a success, and the process then
/// gives up a pending attempt.
#[rustfmt::skip]
pub(super) const RING: [Line; 5] = [
    line(RINGS, "exchange", Server("answer"), [DONE; 2], OnTheWire, That),
    line(RINGS, "close", NoListener, [REFUSED; 2], OnTheWire, Nothing),
    line(RINGS, "close", Dropped, [TIMED_OUT; 2], OnTheWire, Nothing),
    line(RINGS, "close", Unknown, [NO_NET; 2], Never, Nothing),
    line(RINGS, "close", Forbidden, [BLOCKED; 2], Never, Nothing),
];

const PROHIBIT: &str = "reject with icmpx type admin-prohibited";
const NO_PORT: &str = "reject with icmpx type port-unreachable";
const NO: &str = "reject with tcp reset";

/// Cases for nft(8), at the remote end and at the local one. TCP counts a packet stopped at the
/// local end as sent.
#[rustfmt::skip]
pub(super) const FILTERED: [Line; 8] = [
    line(ONE, "close", FilteredThere(PROHIBIT), [NO_HOST, BLOCKED], OnTheWire, That),
    line(ONE, "close", FilteredThere(NO_PORT), [REFUSED; 2], OnTheWire, That),
    line(BOTH, "close", FilteredThere(NO), [REFUSED; 2], OnTheWire, That),
    line(BOTH, "close", FilteredThere("drop"), [TIMED_OUT; 2], OnTheWire, That),
    line(ONE, "close", FilteredHere(PROHIBIT), [NO_HOST, BLOCKED], Elsewhere, That),
    line(ONE, "close", FilteredHere(NO_PORT), [REFUSED; 2], Elsewhere, That),
    line(BOTH, "close", FilteredHere(NO), [REFUSED; 2], Elsewhere, That),
    line(BOTH, "close", FilteredHere("drop"), [TIMED_OUT; 2], Elsewhere, That),
];
