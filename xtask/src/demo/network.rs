//! Two network namespaces and the wire between them: the "VM", where the
//! installer runs, and the remote side, which holds every address it talks to.
//! Neither has a way out: nothing here touches a namespace it did not make.

use std::fs::File;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsRawFd;

use anyhow::{Context, Result, bail};
use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage,
    NetlinkPayload,
};
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::link::{
    InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use nix::net::if_::if_nametoindex;
use nix::sched::{CloneFlags, setns, unshare};

use super::addresses::{ARCHIVE, CONTENT, DOWNLOAD, METADATA, PLATFORM, SERVICE};

/// The "VM" on which the installer runs.
pub const VIRTUAL_MACHINE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 4);
/// The other end of the VM's only wire: its default route.
const ROUTER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
/// The prefix the two above share.
const SUBNET_BITS: u8 = 24;
/// Every address the remote side answers on.
const FAR_SIDE: [Ipv4Addr; 6] = [SERVICE, METADATA, PLATFORM, DOWNLOAD, CONTENT, ARCHIVE];

/// The wire's ends; the VM's is named as on a real VM.
const LOCAL_END: &str = "eth0";
const REMOTE_END: &str = "remote0";

/// The two namespaces, held open so that they live as long as this value.
pub struct Network {
    local: File,
    remote: File,
}

impl Network {
    /// Makes both namespaces and joins them. The calling thread (the only one)
    /// ends up in the VM's namespace and stays there.
    pub fn create() -> Result<Self> {
        let remote = new_namespace()?;
        bring_up("lo")?;
        let local = new_namespace()?;
        bring_up("lo")?;

        create_wire(&remote)?;
        let network = Self { local, remote };
        network.in_remote(|| {
            add_address(REMOTE_END, ROUTER, SUBNET_BITS)?;
            for address in FAR_SIDE {
                add_address(REMOTE_END, address, 32)?;
            }
            bring_up(REMOTE_END)
        })?;
        add_address(LOCAL_END, VIRTUAL_MACHINE, SUBNET_BITS)?;
        bring_up(LOCAL_END)?;
        add_default_route(ROUTER)?;
        Ok(network)
    }

    /// Runs `work` in the remote side's namespace: a process it spawns stays there.
    pub fn in_remote<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        enter(&self.remote)?;
        let outcome = work();
        enter(&self.local)?;
        outcome
    }
}

fn new_namespace() -> Result<File> {
    unshare(CloneFlags::CLONE_NEWNET)
        .context("cannot make a network namespace: does this kernel (or container) forbid it?")?;
    // Not /proc/self: this thread's own entry is what unshare changed.
    File::open("/proc/thread-self/ns/net").context("cannot hold on to the network namespace")
}

fn enter(namespace: &File) -> Result<()> {
    setns(namespace, CloneFlags::CLONE_NEWNET).context("cannot enter a network namespace")
}

fn create_wire(remote: &File) -> Result<()> {
    let mut peer = LinkMessage::default();
    peer.attributes = vec![
        LinkAttribute::IfName(REMOTE_END.to_owned()),
        LinkAttribute::NetNsFd(remote.as_raw_fd()),
    ];
    let mut link = LinkMessage::default();
    link.attributes = vec![
        LinkAttribute::IfName(LOCAL_END.to_owned()),
        LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::Veth),
            LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(peer))),
        ]),
    ];
    request(
        RouteNetlinkMessage::NewLink(link),
        NLM_F_CREATE | NLM_F_EXCL,
    )
    .context("cannot make a veth pair: the kernel needs the module `veth`")
}

fn bring_up(interface: &str) -> Result<()> {
    let mut link = LinkMessage::default();
    link.header.index = index_of(interface)?;
    link.header.flags = LinkFlags::Up;
    link.header.change_mask = LinkFlags::Up;
    request(RouteNetlinkMessage::SetLink(link), 0)
        .with_context(|| format!("cannot bring {interface} up"))
}

fn add_address(interface: &str, address: Ipv4Addr, prefix_bits: u8) -> Result<()> {
    let mut message = AddressMessage::default();
    message.header.family = AddressFamily::Inet;
    message.header.prefix_len = prefix_bits;
    message.header.index = index_of(interface)?;
    message.attributes = vec![
        AddressAttribute::Local(IpAddr::V4(address)),
        AddressAttribute::Address(IpAddr::V4(address)),
    ];
    request(
        RouteNetlinkMessage::NewAddress(message),
        NLM_F_CREATE | NLM_F_EXCL,
    )
    .with_context(|| format!("cannot give {interface} the address {address}"))
}

fn add_default_route(gateway: Ipv4Addr) -> Result<()> {
    let mut route = RouteMessage::default();
    route.header.address_family = AddressFamily::Inet;
    route.header.table = RouteHeader::RT_TABLE_MAIN;
    route.header.protocol = RouteProtocol::Static;
    route.header.scope = RouteScope::Universe;
    route.header.kind = RouteType::Unicast;
    route.attributes = vec![RouteAttribute::Gateway(RouteAddress::Inet(gateway))];
    request(
        RouteNetlinkMessage::NewRoute(route),
        NLM_F_CREATE | NLM_F_EXCL,
    )
    .context("cannot add the default route")
}

fn index_of(interface: &str) -> Result<u32> {
    if_nametoindex(interface).with_context(|| format!("no network interface {interface}"))
}

/// Sends one request to the current namespace and waits for its acknowledgement.
fn request(message: RouteNetlinkMessage, flags: u16) -> Result<()> {
    // A socket belongs to the namespace it was made in, hence one a request.
    let mut socket = Socket::new(NETLINK_ROUTE)?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;

    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_ACK | flags;
    let mut message = NetlinkMessage::new(header, NetlinkPayload::from(message));
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    socket.send(&bytes, 0)?;

    let (answer, _) = socket.recv_from_full()?;
    let answer = NetlinkMessage::<RouteNetlinkMessage>::deserialize(&answer)
        .context("the kernel's answer makes no sense")?;
    let NetlinkPayload::Error(acknowledgement) = answer.payload else {
        bail!("the kernel answered something else than an acknowledgement");
    };
    match acknowledgement.code {
        None => Ok(()),
        Some(_) => Err(acknowledgement.to_io().into()),
    }
}
