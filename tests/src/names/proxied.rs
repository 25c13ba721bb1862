//! Runs the same clients through a proxy: all their traffic goes to one address, which must not be
//! named after any of the services.

use super::clients::Client;

/// The address of the proxy.
pub(super) const PROXY: &str = "192.0.2.99:3128";

/// The value in the environment.
pub(super) const URL: &str = "http://proxy.names.test:3128";

/// The proxy's own name, with its source.
pub(super) const OWN: (&str, &str) = ("proxy.names.test", "dns");

/// A client that asks a proxy for a host and a port: by CONNECT, or by a full URL.
macro_rules! through {
    ($name:literal, $line:literal, $program:literal, $host:literal, $port:literal) => {
        Client {
            name: $name,
            line: $line,
            program: $program,
            to: concat!($host, ":", $port),
            names: &[($host, "connect")],
        }
    };
}

/// All of them look the proxy up.
pub(super) const PROXIED: &[Client] = &[
    through!(
        "curl",
        "curl -sS --fail --cacert $CA https://curl.names.test/",
        "curl",
        "curl.names.test",
        443
    ),
    through!(
        "wget",
        "wget -nv -O - --ca-certificate=$CA https://wget.names.test/",
        "wget",
        "wget.names.test",
        443
    ),
    through!(
        "requests",
        "$PYTHON get.py https://requests.names.test/ $CA",
        "python3",
        "requests.names.test",
        443
    ),
    through!(
        "ruby that asks by itself",
        "ruby get.rb https://ruby.names.test/ $CA",
        "ruby",
        "ruby.names.test",
        443
    ),
    through!(
        "node",
        "node get.js https://node.names.test/ $https_proxy",
        "node",
        "node.names.test",
        443
    ),
    through!(
        "openssl",
        "openssl s_client -CAfile $CA -verify_return_error -proxy proxy.names.test:3128 \
         -connect openssl.names.test:443 -servername openssl.names.test",
        "openssl",
        "openssl.names.test",
        443
    ),
    through!(
        "git",
        "git ls-remote https://git.names.test/repository.git",
        "git-remote-http",
        "git.names.test",
        443
    ),
    through!(
        "curl without TLS",
        "curl -sS --fail http://curl-plain.names.test/",
        "curl",
        "curl-plain.names.test",
        80
    ),
    through!(
        "curl to another port",
        "curl -sS --fail http://curl-port.names.test:8080/",
        "curl",
        "curl-port.names.test",
        8080
    ),
    through!(
        "wget without TLS",
        "wget -nv -O - http://wget-plain.names.test/",
        "wget",
        "wget-plain.names.test",
        80
    ),
    through!(
        "requests without TLS",
        "$PYTHON get.py http://requests-plain.names.test/ $CA",
        "python3",
        "requests-plain.names.test",
        80
    ),
    through!(
        "ruby without TLS",
        "ruby get.rb http://ruby-plain.names.test/ $CA",
        "ruby",
        "ruby-plain.names.test",
        80
    ),
    through!("apt", "apt-get update", "http", "apt.names.test", 80),
];

/// A client with the proxy's address, which looks up nothing.
pub(super) const BY_ADDRESS: Client = through!(
    "a proxy that is an address",
    "https_proxy=http://192.0.2.99:3128 curl -sS --fail --cacert $CA https://six.names.test/",
    "curl",
    "six.names.test",
    443
);

/// A client with a later request to the proxy itself, when it has answered for all the services.
pub(super) const ASKS_IT: Client = Client {
    name: "what is asked of the proxy itself",
    line: "curl -sS --fail --noproxy '*' http://proxy.names.test:3128/",
    program: "curl",
    to: PROXY,
    names: &[OWN, ("proxy.names.test", "http_host")],
};
