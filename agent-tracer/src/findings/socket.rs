//! Names kinds of sockets besides TCP and UDP, by the numbers of socket(2), packet(7) and RFC 1700.

/// Names a socket besides TCP and UDP: "raw icmp", "packet", "sctp", "family 29".
pub fn socket_kind(family: u32, form: u32, protocol: u32) -> String {
    const SOCK_RAW: u32 = 3;
    let name = match family {
        2 | 10 if form == SOCK_RAW => return format!("raw {}", protocol_name(protocol)),
        2 | 10 => return protocol_name(protocol),
        15 => "key",
        17 => "packet",
        29 => "can",
        31 => "bluetooth",
        38 => "alg",
        40 => "vsock",
        44 => "xdp",
        family => return format!("family {family}"),
    };
    name.to_owned()
}

fn protocol_name(protocol: u32) -> String {
    let name = match protocol {
        0 => "ip",
        1 => "icmp",
        2 => "igmp",
        6 => "tcp",
        17 => "udp",
        33 => "dccp",
        41 => "ipv6",
        47 => "gre",
        50 => "esp",
        58 => "icmp6",
        132 => "sctp",
        136 => "udplite",
        255 => "ip",
        protocol => return format!("protocol {protocol}"),
    };
    name.to_owned()
}
