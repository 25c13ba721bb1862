//! Builds two network namespaces and the wire between them. Tests record in the local one. The
//! remote one has the servers, and routes to addresses that are unreachable for different reasons.
//! Neither has a way out. The traffic is the caller's.

use std::{
    ffi::OsString,
    fs::File,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    os::fd::AsRawFd,
    process::{Child, ChildStdin, Command, ExitCode, Stdio},
    thread,
};

use nix::sched::{CloneFlags, setns, unshare};

use super::peer;

/// Addresses at both ends, and the local end's unreachable ones. All are reserved for
/// documentation.
///
/// A silent neighbour is given up after three tenths of a second instead of three seconds, and a
/// peer after one more SYN. Routes have their own sources: to each source a router answers five
/// undeliverable packets at a time, and then one a second (`ip_error`).
const LOCAL: &str = "
echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad
echo 1 >/proc/sys/net/ipv4/tcp_syn_retries
ip link add local0 type veth
ip link set veth0 name remote0
ip link set remote0 netns $1
ip link set lo up
ip link set local0 up
for last in 1 12 13 14; do ip addr add 192.0.2.$last/24 dev local0; done
ip addr add 2001:db8:1::1/64 dev local0
echo 100 >/proc/sys/net/ipv4/neigh/local0/retrans_time_ms
echo 100 >/proc/sys/net/ipv6/neigh/local0/retrans_time_ms
ip route add 198.51.100.1 via 192.0.2.2 src 192.0.2.1
ip route add 198.51.100.2 via 192.0.2.2 src 192.0.2.12
ip route add 198.51.100.3 via 192.0.2.2 src 192.0.2.13
ip route add 198.51.100.4 via 192.0.2.2 src 192.0.2.14
ip route add 198.51.100.128/25 via 192.0.2.2 src 192.0.2.1
ip route add 2001:db8:2::/64 via 2001:db8:1::2
ip route add 2001:db8:4::/64 via 2001:db8:1::2
ip route add unreachable 203.0.113.2
ip route add prohibit 203.0.113.3
ip -6 route add unreachable 2001:db8:3::2/128
ip -6 route add prohibit 2001:db8:3::3/128
";

/// The router drops packets to `…1`, reports `…2` as unreachable, forbids `…3`, and has no route to
/// `…4`. It answers before the local end's `connect(2)` has returned. An empty network beside it
/// makes it answer later.
///
/// No kind of ICMP is limited. A limit of 0 would let all pass, but use up the budget of `ip_error`
/// for that source: both count in `inet_peer.rate_tokens`.
const REMOTE: &str = "
ip link set lo up
ip link set remote0 up
ip link add side0 type veth
ip link set side0 up
ip link set veth0 up
ip addr add 198.51.100.129/25 dev side0
ip addr add 2001:db8:4::1/64 dev side0
echo 100 >/proc/sys/net/ipv4/neigh/side0/retrans_time_ms
echo 100 >/proc/sys/net/ipv6/neigh/side0/retrans_time_ms
ip addr add 192.0.2.2/24 dev remote0
ip addr add 2001:db8:1::2/64 dev remote0
echo 1 >/proc/sys/net/ipv4/ip_forward
echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
echo 0 >/proc/sys/net/ipv4/icmp_ratemask
echo 0 >/proc/sys/net/ipv6/icmp/ratelimit
ip route add blackhole 198.51.100.1
ip route add unreachable 198.51.100.2
ip route add prohibit 198.51.100.3
ip -6 route add blackhole 2001:db8:2::1/128
ip -6 route add unreachable 2001:db8:2::2/128
ip -6 route add prohibit 2001:db8:2::3/128
";

/// `SERVER PORT…`: makes both namespaces, with these servers at the remote end, prints its process,
/// and stays until its stdin ends.
pub(super) fn local(servers: &[OsString]) -> ExitCode {
    let mut remote = Remote::start(servers);
    remote.says("here");
    unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace");
    configure(LOCAL, Some(&remote.child.id().to_string()));
    remote.stdin.write_all(b"wired\n").expect("a word to it");
    remote.says("ready");
    println!("{}", remote.child.id());
    wait_for_end_of_stdin();
    // It ends when its stdin does.
    drop(remote.stdin);
    remote.child.wait().expect("the remote end ends");
    ExitCode::SUCCESS
}

struct Remote {
    child: Child,
    stdin: ChildStdin,
    said: BufReader<std::process::ChildStdout>,
}

impl Remote {
    fn start(servers: &[OsString]) -> Remote {
        let own = std::env::current_exe().expect("the path of this program");
        let mut child = Command::new(own)
            .args([crate::harness::ACT, "remote"])
            .args(servers)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the remote end");
        Remote {
            stdin: child.stdin.take().expect("its stdin"),
            said: BufReader::new(child.stdout.take().expect("its stdout")),
            child,
        }
    }

    fn says(&mut self, word: &str) {
        let mut line = String::new();
        self.said.read_line(&mut line).expect("what it says");
        assert_eq!(line.trim_end(), word, "the remote end");
    }
}

/// `SERVER PORT…`: runs the remote end, for the local one alone.
pub(super) fn remote(servers: &[OsString]) -> ExitCode {
    unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace");
    configure("echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad", None);
    println!("here");
    let mut wired = [0; 6];
    std::io::stdin().read_exact(&mut wired).expect("a wire");
    configure(REMOTE, None);
    for pair in servers.chunks(2) {
        let [name, port] = pair else {
            return ExitCode::FAILURE;
        };
        let port: u16 = super::number(Some(port));
        if name == "echo" {
            peer::echo(port);
            continue;
        }
        let behaviour = peer::Behaviour::of(name).expect("a behaviour");
        let listener = TcpListener::bind(("::", port)).expect("a listener");
        thread::spawn(move || peer::serve(&listener, behaviour));
    }
    println!("ready");
    wait_for_end_of_stdin();
    ExitCode::SUCCESS
}

/// Moves to the network of another process.
pub(super) fn network_of(process: &OsString) {
    let mut path = OsString::from("/proc/");
    path.push(process);
    path.push("/ns/net");
    let namespace = File::open(path).expect("a network namespace");
    assert!(namespace.as_raw_fd() >= 0);
    setns(namespace, CloneFlags::CLONE_NEWNET).expect("root may");
}

/// Runs a setup script. A failing line ends this process: half a network would fail tests for no
/// reason.
fn configure(script: &str, argument: Option<&str>) {
    let status = Command::new("sh")
        .args(["-ec", script, "sh"])
        .args(argument)
        // This side's stdin and stdout are for words with the other.
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .expect("a shell");
    assert!(status.success(), "the network is as it has to be");
}

fn wait_for_end_of_stdin() {
    let mut rest = Vec::new();
    std::io::stdin()
        .read_to_end(&mut rest)
        .expect("the end of its stdin");
}
