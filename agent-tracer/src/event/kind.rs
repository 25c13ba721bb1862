//! Declares the event kinds, one row a kind. Enum, tags, names and groups come from these rows.

use super::{
    AddressTagged, Carried, CarriedConnection, CarriedListener, Cgroup, Close, CommandEnded,
    CommandStarted, Compared, Connect, ConnectFailed, ContainerNamed, Counted, Dns, End,
    Established, Exec, ExecFailed, Exit, FileEvent, FileHashed, FilesCompared, FilesElsewhere,
    Fork, Held, Hosts, HttpAnswer, HttpRequest, Inbound, KernelLog, Listen, Lost, Rename,
    SegmentsDeleted, Shutdown, Snapshot, SnapshotSocket, SocketOpened, Sockets, TlsHello, Unit,
    UnitFollowed, Units, UnixConnect, Unreadable, UserChanged, UserNamed,
};

/// Declares [`EventKind`] from its rows.
///
/// A row is `TAG Variant(Message) "name" GROUP [connection]: "meaning";`. The word `connection`
/// marks kinds whose message has a field of that name: the connection of the event.
macro_rules! event_kinds {
    ($(
        $tag:tt $variant:ident($message:ident) $name:literal
        $group:ident $($connection:ident)?: $doc:literal;
    )*) => {
        /// The kinds of events. A new kind gets the next free tag; a tag is never used again.
        #[derive(Clone, PartialEq, prost::Oneof)]
        pub enum EventKind {
            $(
                #[doc = $doc]
                #[prost(message, tag = $tag)]
                $variant($message),
            )*
        }

        impl EventKind {
            /// The name of every kind, in the order of the groups.
            pub const NAMES: &[&str] = &[$($name),*];

            /// The tag, name, group and meaning of every kind.
            pub const TABLE: &[KindRow] = &[$(KindRow {
                tag: $tag,
                name: $name,
                group: KindGroup::$group,
                meaning: $doc,
            }),*];

            /// Returns the name of the kind in filters and in jsonl.
            pub fn name(&self) -> &'static str {
                match self {
                    $(EventKind::$variant(_) => $name,)*
                }
            }

            /// Returns the protobuf tag of the kind in a trace.
            pub fn tag(&self) -> u32 {
                match self {
                    $(EventKind::$variant(_) => const { number($tag) },)*
                }
            }

            /// Returns the one connection of the event.
            fn connection(&self) -> Option<u64> {
                match self {
                    $(EventKind::$variant(_message) => {
                        None::<u64>$(.or(Some(_message.$connection)))?
                    })*
                }
            }
        }
    };
}

/// Reads a tag. One that is not a number does not compile.
const fn number(tag: &str) -> u32 {
    match u32::from_str_radix(tag, 10) {
        Ok(number) => number,
        Err(_) => panic!("not a number"),
    }
}

/// Describes one kind of event.
#[derive(Clone, Copy, Debug)]
pub struct KindRow {
    /// Its protobuf tag in a trace, in decimal.
    pub tag: &'static str,
    /// Its name in filters and in jsonl.
    pub name: &'static str,
    /// The subject that it belongs to.
    pub group: KindGroup,
    /// Its meaning, in a sentence.
    pub meaning: &'static str,
}

/// Sorts event kinds by subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KindGroup {
    /// Processes and what they run.
    Processes,
    /// Connections and listeners.
    Connections,
    /// Names of hosts and addresses.
    Names,
    /// Units, files and settings.
    Machine,
    /// The recording itself.
    Recording,
}

event_kinds! {
    "10" Fork(Fork) "fork" Processes: "A process came to be.";
    "11" Exec(Exec) "exec" Processes: "A process became another program.";
    "12" Exit(Exit) "exit" Processes: "The last thread of a process ended.";
    "13" Rename(Rename) "rename" Processes: "A thread changed its comm.";
    "43" UserChanged(UserChanged) "user_changed" Processes: "A process got other user ids.";
    "44" ExecFailed(ExecFailed) "exec_failed" Processes: "A call of execve(2) failed.";
    "26" Cgroup(Cgroup) "cgroup" Processes: "A process was moved to a cgroup.";
    "14" Connect(Connect) "connect" Connections connection: "A process asked for a connection.";
    "15" Established(Established) "established" Connections connection: "The peer answered.";
    "16" ConnectFailed(ConnectFailed) "connect_failed" Connections connection: "An attempt failed.";
    "25" Shutdown(Shutdown) "shutdown" Connections connection: "The owner's side is done sending.";
    "17" Close(Close) "close" Connections connection: "A connection or a listener ended.";
    "33" Listen(Listen) "listen" Connections connection: "A process began to listen for TCP.";
    "34" Bind(Listen) "bind" Connections connection: "A process bound a UDP socket.";
    "35" Counted(Counted) "counted" Connections connection: "Datagrams of a UDP socket so far.";
    "45" SocketOpened(SocketOpened) "socket_opened" Connections: "A process opened another socket.";
    "46" Inbound(Inbound) "inbound" Connections connection: "A peer connected to a listener.";
    "47" UnixConnect(UnixConnect) "unix_connect" Connections: "A process sent over AF_UNIX.";
    "48" Held(Held) "held" Connections connection: "Processes hold a listener at the end.";
    "36" Dns(Dns) "dns" Names connection: "A DNS server answered.";
    "37" TlsHello(TlsHello) "tls_hello" Names connection: "A client began a TLS handshake.";
    "38" HttpRequest(HttpRequest) "http_request" Names connection: "A request of HTTP or SOCKS.";
    "50" HttpAnswer(HttpAnswer) "http_answer" Names connection: "A server answered over HTTP.";
    "40" Unreadable(Unreadable) "unreadable" Names connection: "Bytes that no parser understood.";
    "28" Unit(Unit) "unit" Machine: "Something happened to a unit.";
    "29" File(FileEvent) "file" Machine: "A process changed a file.";
    "52" FileHashed(FileHashed) "file_hashed" Machine: "Content of an executed or native download.";
    "18" Snapshot(Snapshot) "snapshot" Machine: "The processes that ran at the start.";
    "27" Units(Units) "units" Machine: "The units that were loaded at the start.";
    "31" Sockets(Sockets) "sockets" Machine: "The sockets that existed at the start.";
    "39" Hosts(Hosts) "hosts" Names: "The content of /etc/hosts.";
    "41" Compared(Compared) "compared" Machine: "What differs at the end.";
    "42" FilesCompared(FilesCompared) "files_compared" Machine: "Which files differ.";
    "51" FilesElsewhere(FilesElsewhere) "files_elsewhere" Machine: "Which other files changed.";
    "32" AddressTagged(AddressTagged) "address_tagged" Names: "The service tags of an address.";
    "19" UserNamed(UserNamed) "user_named" Machine: "The name of a user id.";
    "49" ContainerNamed(ContainerNamed) "container_named" Machine: "The name of a container.";
    "20" CommandStarted(CommandStarted) "command_started" Recording: "The recorded command starts.";
    "21" CommandEnded(CommandEnded) "command_ended" Recording: "The recorded command ended.";
    "30" UnitFollowed(UnitFollowed) "unit_followed" Recording: "The recording follows a unit.";
    "53" Carried(Carried) "carried" Recording: "What an earlier segment of the recording knew.";
    "54" SegmentsDeleted(SegmentsDeleted) "segments_deleted" Recording: "Old segments are deleted.";
    "22" Lost(Lost) "lost" Recording: "Events that happened and are not in the trace.";
    "23" KernelLog(KernelLog) "kernel_log" Recording: "A line that a kernel program logged.";
    "24" End(End) "end" Recording: "The recording ended well.";
}

impl EventKind {
    /// Iterates over the connections of the event.
    pub fn connections(&self) -> impl Iterator<Item = u64> {
        let several: &[SnapshotSocket] = if let EventKind::Sockets(sockets) = self {
            &sockets.sockets
        } else {
            &[]
        };
        let several = several.iter().map(|socket| socket.connection);
        let (open, listening): (&[CarriedConnection], &[CarriedListener]) =
            if let EventKind::Carried(carried) = self {
                (&carried.connections, &carried.listeners)
            } else {
                (&[], &[])
            };
        let open = open.iter().map(|connection| connection.connection);
        let listening = listening.iter().map(|listener| listener.connection);
        let one = self.connection().into_iter();
        one.chain(several).chain(open).chain(listening)
    }
}
