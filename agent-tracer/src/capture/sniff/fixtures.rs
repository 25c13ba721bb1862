//! Holds bytes as programs sent them, for tests: in hex, below a line about their origin.

/// First messages of real clients.
pub(super) const HELLOS: [&str; 7] = [
    include_str!("fixtures/hello-openssl.hex"),
    include_str!("fixtures/hello-openssl-no-name.hex"),
    include_str!("fixtures/hello-openssl-records.hex"),
    include_str!("fixtures/hello-curl.hex"),
    include_str!("fixtures/hello-node.hex"),
    include_str!("fixtures/hello-rustls.hex"),
    include_str!("fixtures/hello-browser.hex"),
];

/// Requests of curl 7.88 to a proxy and a server.
pub(super) const REQUESTS: [&str; 3] = [
    "GET /path/a?token=secret HTTP/1.1\r\nHost: plain.example.com:56603\r\nUser-Agent: \
     curl/7.88.1\r\nAccept: */*\r\n\r\n",
    "GET http://Target.Example.com:8080/x?k=v HTTP/1.1\r\nHost: \
     Target.Example.com:8080\r\nProxy-Authorization: Basic \
     dXNlcjpwdw==\r\nAuthorization: Basic dTpw\r\nUser-Agent: curl/7.88.1\r\nAccept: \
     */*\r\nProxy-Connection: \
     Keep-Alive\r\n\r\n",
    "CONNECT target.example.com:443 HTTP/1.1\r\nHost: \
     target.example.com:443\r\nProxy-Authorization: Basic \
     dXNlcjpwdw==\r\nUser-Agent: curl/7.88.1\r\nProxy-Connection: Keep-Alive\r\n\r\n",
];

pub(super) fn bytes(hex: &str) -> Vec<u8> {
    let digits: String = hex.lines().filter(|line| !line.starts_with('#')).collect();
    digits
        .as_bytes()
        .chunks(2)
        .map(|pair| {
            let pair = std::str::from_utf8(pair).expect("hex is text");
            u8::from_str_radix(pair, 16).expect("hex")
        })
        .collect()
}

/// Returns all first messages.
pub(super) fn client_messages() -> Vec<Vec<u8>> {
    let hellos = HELLOS.iter().map(|hex| bytes(hex));
    let requests = REQUESTS.iter().map(|text| text.as_bytes().to_vec());
    hellos.chain(requests).collect()
}
