//! Limits of records and tables, each with its arithmetic.

/// Bytes of a task's `comm`, NUL included (`TASK_COMM_LEN`).
pub const COMM_BYTES: usize = 16;

/// Bytes of argv that are captured. A longer argv is truncated and marked so.
pub const ARGV_LIMIT: usize = 128 * 1024;

/// argv bytes carried by one [`Arguments`] record.
pub const ARGV_CHUNK: usize = 16 * 1024;

/// argv bytes that travel in the [`Exec`] record itself. Nearly every argv fits; one that
/// does not is sent ahead in [`Arguments`] records.
pub const ARGV_INLINE: usize = 8 * 1024;

/// Longest path taken of each of: file name, interpreter, executable, working directory
/// (`PATH_MAX`).
pub const PATH_LIMIT: usize = 4096;

/// Room after the fixed part of an [`Exec`] record: four paths, then argv. With the fixed
/// part it stays below the 32 KiB that a per-CPU map value may have.
pub const EXEC_PAYLOAD: usize = 4 * PATH_LIMIT + ARGV_INLINE;

/// Size of the ring buffer. An exec is about 300 bytes, so this holds some 28,000 of them,
/// which is seconds of the fastest storm two cores can make.
pub const RING_BYTES: u32 = 8 * 1024 * 1024;

/// Sockets that can be between connect and close at the same time, in both directions: 65,536
/// entries of about 100 bytes are 6.5 MiB of kernel memory.
pub const SOCKET_LIMIT: u32 = 64 * 1024;

/// Pre-existing sockets that can be followed: 32,768 entries of about 64 bytes are 2 MiB of kernel
/// memory.
pub const EARLIER_LIMIT: u32 = 32 * 1024;

/// Limit of UDP peers that are counted at a time. An entry of about 160 bytes is made when needed:
/// 2.5 MiB of kernel memory for 16,384 peers, 40 MiB at most. The recorder removes those that are
/// silent, and the entries of closed sockets.
pub const PEER_LIMIT: u32 = 256 * 1024;

/// UDP peers that were asked for and wait for a first datagram: 16,384 entries of about 160 bytes
/// are 2.5 MiB of kernel memory. A new one replaces the oldest.
pub const ASKED_LIMIT: u32 = 16 * 1024;

/// Threads that can be inside of `connect(2)` at the same time: 8,192 entries of about 64 bytes.
pub const ATTEMPT_LIMIT: u32 = 8 * 1024;

/// Count of a client's first bytes that are emitted. A ClientHello with post-quantum key shares has
/// 1,800 bytes, the head of an HTTP request seldom more than 4,000.
pub const OPENING_LIMIT: u32 = 8 * 1024;

/// Bytes that a SOCKS server sends before the connection inside begins: choice of a method, outcome
/// of a login, reply with an IPv6 address (RFC 1928). First answers of other protocols are longer,
/// and so cost no look at the map. A reply with a name, which is rare, hides the connection inside.
pub const SOCKS_ANSWERS: u64 = 2 + 2 + 4 + 16 + 2;

/// Bytes of an HTTP server's first answer that are emitted: "HTTP/1.1 404", also where a "100
/// Continue", whose 25 bytes say nothing of the outcome, goes before it.
pub const HTTP_ANSWER: u64 = 25 + 15;

/// Clients of SOCKS or HTTP that are remembered as such: 8,192 entries of about 64 bytes.
pub const CLIENT_LIMIT: u32 = 8 * 1024;

/// Datagrams to a peer that are looked at for the first packets of QUIC. A ClientHello with
/// post-quantum key shares takes two.
pub const QUIC_DATAGRAMS: u64 = 8;

/// Payload bytes that one [`Payload`] record carries at most. Longer payloads are sent in several.
pub const PAYLOAD_CHUNK: usize = 2048;

/// Payload bytes that a small [`Payload`] record carries at most.
pub const PAYLOAD_SMALL: usize = 512;

/// Port of DNS servers (RFC 1035).
pub const DNS_PORT: u16 = 53;

/// Bytes of the arguments of a failed exec that are read; the last argument may exceed them.
pub const FAILED_ARGV: usize = 3584;

/// Room after the fixed part of an [`ExecFailed`] record.
pub const FAILED_PAYLOAD: usize = 3 * PATH_LIMIT;

/// Calls of execve(2) that can be under way at the same time.
pub const CALL_LIMIT: u32 = 4096;

/// AF_UNIX sockets that are remembered as reported.
pub const UNIX_LIMIT: u32 = 8 * 1024;

/// Room for the name of an AF_UNIX socket, which has at most 108 bytes (`UNIX_PATH_MAX`). It is a
/// power of two, so that a mask bounds the length for the verifier.
pub const UNIX_PATH: usize = 128;
