//! Lists real clients: their commands, and the expected names of their connections, with source and
//! reason. Addresses are those of `zone.json`; some hosts have their own, so that no other lookup
//! names it.

/// A client, and its connection under test.
pub(super) struct Client {
    pub(super) name: &'static str,
    /// For the shell, see `script`.
    pub(super) line: &'static str,
    /// Prefix of the file name of the program that connects.
    pub(super) program: &'static str,
    /// Destination: address and port; through a proxy, the destination asked of it.
    pub(super) to: &'static str,
    /// All the names that the connection has, and how each is known.
    pub(super) names: &'static [(&'static str, &'static str)],
}

/// Clients without a proxy.
pub(super) const DIRECT: &[Client] = &[
    Client {
        name: "curl",
        line: "curl -sS --fail --cacert $CA https://curl.names.test/",
        program: "curl",
        to: "192.0.2.10:443",
        names: &[("curl.names.test", "dns"), ("curl.names.test", "sni")],
    },
    Client {
        name: "curl without TLS",
        line: "curl -sS --fail http://curl-plain.names.test/",
        program: "curl",
        to: "192.0.2.11:80",
        names: &[
            ("curl-plain.names.test", "dns"),
            ("curl-plain.names.test", "http_host"),
        ],
    },
    Client {
        name: "curl to another port",
        line: "curl -sS --fail http://curl-port.names.test:8080/",
        program: "curl",
        to: "192.0.2.12:8080",
        names: &[
            ("curl-port.names.test", "dns"),
            ("curl-port.names.test", "http_host"),
        ],
    },
    Client {
        name: "curl with TLS 1.2",
        line: "curl -sS --fail --tls-max 1.2 --cacert $CA https://curl-old.names.test/",
        program: "curl",
        to: "192.0.2.13:443",
        names: &[
            ("curl-old.names.test", "dns"),
            ("curl-old.names.test", "sni"),
        ],
    },
    Client {
        name: "wget",
        line: "wget -nv -O - --ca-certificate=$CA https://wget.names.test/",
        program: "wget",
        to: "192.0.2.14:443",
        names: &[("wget.names.test", "dns"), ("wget.names.test", "sni")],
    },
    Client {
        name: "wget without TLS",
        line: "wget -nv -O - http://wget-plain.names.test/",
        program: "wget",
        to: "192.0.2.15:80",
        names: &[
            ("wget-plain.names.test", "dns"),
            ("wget-plain.names.test", "http_host"),
        ],
    },
    Client {
        name: "requests",
        line: "$PYTHON get.py https://requests.names.test/ $CA",
        program: "python3",
        to: "192.0.2.16:443",
        names: &[
            ("requests.names.test", "dns"),
            ("requests.names.test", "sni"),
        ],
    },
    Client {
        name: "requests without TLS",
        line: "$PYTHON get.py http://requests-plain.names.test/ $CA",
        program: "python3",
        to: "192.0.2.17:80",
        names: &[
            ("requests-plain.names.test", "dns"),
            ("requests-plain.names.test", "http_host"),
        ],
    },
    Client {
        name: "ruby that asks by itself",
        line: "ruby get.rb https://ruby.names.test/ $CA",
        program: "ruby",
        to: "192.0.2.18:443",
        names: &[("ruby.names.test", "dns"), ("ruby.names.test", "sni")],
    },
    Client {
        name: "ruby without TLS",
        line: "ruby get.rb http://ruby-plain.names.test/ $CA",
        program: "ruby",
        to: "192.0.2.19:80",
        names: &[
            ("ruby-plain.names.test", "dns"),
            ("ruby-plain.names.test", "http_host"),
        ],
    },
    Client {
        name: "node",
        line: "node get.js https://node.names.test/",
        program: "node",
        to: "192.0.2.20:443",
        names: &[("node.names.test", "dns"), ("node.names.test", "sni")],
    },
    Client {
        name: "openssl",
        line: "openssl s_client -CAfile $CA -verify_return_error -alpn http/1.1,acme-tls/1 \
               -connect openssl.names.test:443 -servername openssl.names.test",
        program: "openssl",
        to: "192.0.2.21:443",
        names: &[("openssl.names.test", "dns"), ("openssl.names.test", "sni")],
    },
    Client {
        name: "openssl for another name than it looked up",
        line: "openssl s_client -CAfile $CA -verify_return_error \
               -connect openssl-front.names.test:443 -servername hidden.names.test",
        program: "openssl",
        to: "192.0.2.22:443",
        names: &[
            ("openssl-front.names.test", "dns"),
            ("hidden.names.test", "sni"),
        ],
    },
    Client {
        name: "git",
        line: "git ls-remote https://git.names.test/repository.git",
        program: "git-remote-http",
        to: "192.0.2.23:443",
        names: &[("git.names.test", "dns"), ("git.names.test", "sni")],
    },
    Client {
        name: "apt",
        line: "apt-get update",
        program: "http",
        to: "192.0.2.24:80",
        names: &[("apt.names.test", "dns"), ("apt.names.test", "http_host")],
    },
    Client {
        name: "a host of IPv6 alone",
        line: "curl -sS --fail --cacert $CA https://six.names.test/",
        program: "curl",
        to: "[2001:db8::25]:443",
        names: &[("six.names.test", "dns"), ("six.names.test", "sni")],
    },
    Client {
        name: "a host of both versions",
        line: "wget -nv -O - --ca-certificate=$CA https://both.names.test/",
        program: "wget",
        to: "[2001:db8::26]:443",
        names: &[("both.names.test", "dns"), ("both.names.test", "sni")],
    },
    Client {
        name: "an alias of an alias",
        line: "curl -sS --fail http://alias.names.test/",
        program: "curl",
        to: "192.0.2.27:80",
        names: &[
            ("alias.names.test", "dns"),
            ("alias.names.test", "http_host"),
        ],
    },
    Client {
        name: "an answer that came over TCP",
        line: "curl -sS --fail http://big.names.test/",
        program: "curl",
        to: "192.0.2.28:80",
        names: &[("big.names.test", "dns"), ("big.names.test", "http_host")],
    },
    Client {
        name: "a record for HTTPS",
        line: "$PYTHON service.py service.names.test 192.0.2.53 $CA",
        program: "python3",
        to: "192.0.2.29:443",
        names: &[("service.names.test", "dns"), ("service.names.test", "sni")],
    },
    Client {
        name: "an address that another process looked up",
        line: "bash -c 'exec 3<>\"/dev/tcp/$0/80\"' \
               \"$(getent ahostsv4 other.names.test | head -n 1 | cut -d ' ' -f 1)\"",
        program: "bash",
        to: "192.0.2.30:80",
        names: &[("other.names.test", "dns_other")],
    },
    Client {
        name: "a greeting in pieces",
        line: "$PYTHON pieces.py pieces.names.test $CA",
        program: "python3",
        to: "192.0.2.31:443",
        names: &[("pieces.names.test", "dns"), ("pieces.names.test", "sni")],
    },
    Client {
        name: "a name of /etc/hosts",
        line: "curl -sS --fail http://filed.names.test/",
        program: "curl",
        to: "192.0.2.40:80",
        names: &[
            ("filed.names.test", "hosts"),
            ("filed.names.test", "http_host"),
        ],
    },
];

/// Hosts that have no address; the clients have to fail.
pub(super) const NOWHERE: &[&str] = &[
    "! curl -sS --fail http://nowhere.names.test/",
    "! curl -sS --fail http://broken.names.test/",
];

/// Expected lookups: question, type, outcome and the data of one answer.
pub(super) const LOOKUPS: &[(&str, &str, &str, &str)] = &[
    ("curl.names.test", "A", "NOERROR", "192.0.2.10"),
    ("ruby.names.test", "A", "NOERROR", "192.0.2.18"),
    ("six.names.test", "AAAA", "NOERROR", "2001:db8::25"),
    ("six.names.test", "A", "NOERROR", ""),
    ("alias.names.test", "A", "NOERROR", "step.names.test"),
    ("alias.names.test", "A", "NOERROR", "192.0.2.27"),
    ("big.names.test", "A", "NOERROR", "192.0.2.28"),
    ("service.names.test", "HTTPS", "NOERROR", ""),
    ("_http._tcp.apt.names.test", "SRV", "NXDOMAIN", ""),
    ("nowhere.names.test", "A", "NXDOMAIN", ""),
    ("broken.names.test", "A", "SERVFAIL", ""),
];

/// Expected TLS hellos: destination, server name, and offered protocols.
pub(super) const HELLOS: &[(&str, &str, &[&str])] = &[
    ("192.0.2.10:443", "curl.names.test", &["h2", "http/1.1"]),
    ("192.0.2.13:443", "curl-old.names.test", &["h2", "http/1.1"]),
    ("192.0.2.16:443", "requests.names.test", &["http/1.1"]),
    (
        "192.0.2.21:443",
        "openssl.names.test",
        &["http/1.1", "acme-tls/1"],
    ),
    ("192.0.2.22:443", "hidden.names.test", &[]),
    ("[2001:db8::25]:443", "six.names.test", &["h2", "http/1.1"]),
];

/// Expected requests: destination, host, and target.
pub(super) const REQUESTS: &[(&str, &str, &str)] = &[
    ("192.0.2.11:80", "curl-plain.names.test", "/"),
    ("192.0.2.15:80", "wget-plain.names.test", "/"),
    ("192.0.2.17:80", "requests-plain.names.test", "/"),
    ("192.0.2.19:80", "ruby-plain.names.test", "/"),
    ("192.0.2.24:80", "apt.names.test", "/apt/./InRelease"),
    ("192.0.2.40:80", "filed.names.test", "/"),
];
