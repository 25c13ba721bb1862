//! Names the facts that a header has.

/// The facts that a recorder provides, by their names in a header.
pub const FACTS: [&str; 22] = [
    "fork",
    "exec",
    "exit",
    "rename",
    "users",
    "cgroup",
    "attempt",
    "route",
    "connect",
    "outcome",
    "listen",
    "inbound",
    "datagrams",
    "names",
    "failed exec",
    "raw sockets",
    "other sockets",
    "AF_UNIX",
    "files",
    "units",
    "earlier",
    "earlier UDP",
];

/// The facts by their descriptions, which headers have in place of the names.
const DESCRIPTIONS: [(&str, &str); 23] = [
    ("fork", "fork"),
    (
        "exec",
        "exec with arguments, interpreter, working directory",
    ),
    ("exit", "exit code or signal"),
    ("rename", "process and thread names"),
    ("users", "changes of user without an exec"),
    ("cgroup", "cgroups and systemd units of processes"),
    ("attempt", "attempts to connect that send nothing"),
    ("route", "why an attempt sends nothing"),
    ("connect", "TCP connect with its owner"),
    ("outcome", "TCP outcome, close, byte counts"),
    ("listen", "TCP listeners with their owner"),
    ("inbound", "TCP connections that listeners get"),
    ("datagrams", "UDP sockets, their peers and datagram counts"),
    ("names", "host names: DNS, TLS and HTTP"),
    ("failed exec", "execs that fail, with arguments and error"),
    (
        "raw sockets",
        "raw, ICMP and SCTP sockets, with their owner",
    ),
    (
        "other sockets",
        "packet sockets and those of other families",
    ),
    ("AF_UNIX", "connections over AF_UNIX to a name"),
    ("files", "who changes files"),
    ("units", "what systemd starts, and what for"),
    (
        "earlier",
        "TCP connections and listeners that were there before",
    ),
    ("earlier UDP", "UDP sockets that were there before"),
    // Of older recorders.
    ("earlier", "TCP connections that were there before"),
];

/// Returns the name of a fact, given its text in a header.
pub(in crate::policy) fn fact_name(text: &str) -> &str {
    let mut descriptions = DESCRIPTIONS.iter();
    let known = descriptions.find(|(_, description)| *description == text);
    known.map_or(text, |(name, _)| name)
}
