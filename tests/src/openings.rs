//! Tests names that are neither in a first TLS hello nor in a plain lookup: of SOCKS proxies, QUIC
//! and services, and several names of one address. All of it stays on the loopback.

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    thread,
};

use serde_json::{Value, json};

use crate::harness::{Test, Trace, live, record, words};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        live!(a_socks_proxy_is_asked_for_a_host).needs("curl"),
        live!(services_shared_addresses_and_quic)
            .needs("python3")
            .needs("unshare")
            .needs("ip"),
    ]
}

/// Serves one SOCKS client: answers whatever it asks for, then one request of HTTP.
fn serve(mut client: TcpStream) -> std::io::Result<()> {
    let mut bytes = [0; 4096];
    let mut read = |client: &mut TcpStream| -> std::io::Result<Vec<u8>> {
        let length = client.read(&mut bytes)?;
        Ok(bytes[..length].to_vec())
    };
    match read(&mut client)?.as_slice() {
        [5, _, methods @ ..] => {
            if methods.contains(&2) {
                client.write_all(&[5, 2])?;
                read(&mut client)?;
                client.write_all(&[1, 0])?;
            } else {
                client.write_all(&[5, 0])?;
            }
            read(&mut client)?;
            client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])?;
        }
        _ => client.write_all(&[0, 0x5a, 0, 0, 0, 0, 0, 0])?,
    }
    read(&mut client)?;
    client.write_all(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok")
}

/// The way to the proxy, the URL, the destination, and its names with their sources.
type Line = (
    &'static str,
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
);

const TABLE: [Line; 6] = [
    (
        "socks4a://",
        "http://four.vendor.example/",
        "four.vendor.example:80",
        &[
            ("four.vendor.example", "socks"),
            ("four.vendor.example", "http_host"),
        ],
    ),
    (
        "socks4://",
        "http://192.0.2.9:81/",
        "192.0.2.9:81",
        &[("192.0.2.9", "socks")],
    ),
    (
        "socks5h://",
        "http://five.vendor.example/",
        "five.vendor.example:80",
        &[
            ("five.vendor.example", "socks"),
            ("five.vendor.example", "http_host"),
        ],
    ),
    (
        "socks5h://user:hunter2hunter2@",
        "https://tls.vendor.example/",
        "tls.vendor.example:443",
        &[
            ("tls.vendor.example", "socks"),
            ("tls.vendor.example", "sni"),
        ],
    ),
    (
        "socks5://",
        "--resolve inner.vendor.example:8080:192.0.2.7 http://inner.vendor.example:8080/",
        "192.0.2.7:8080",
        &[
            ("192.0.2.7", "socks"),
            ("inner.vendor.example", "http_host"),
        ],
    ),
    (
        "socks5h://",
        "http://[2001:db8::7]/",
        "[2001:db8::7]:80",
        &[("2001:db8::7", "socks")],
    ),
];

fn a_socks_proxy_is_asked_for_a_host() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let proxy = listener.local_addr().expect("its address").to_string();
    // It ends with the tests, without a join.
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            thread::spawn(move || serve(client));
        }
    });
    let lines = TABLE.map(|(way, url, ..)| {
        format!("curl -s --max-time 20 -o /dev/null --proxy {way}{proxy} {url}")
    });
    let script = format!("{}; true", lines.join("; "));
    let trace = record(words(["sh", "-c", &script]));
    let rows = trace.connections(["--tree", "command"]);
    let found: Vec<Value> = rows
        .iter()
        .map(|row| {
            assert_eq!(
                (&row["remote"], &row["proxy"]),
                (&json!(proxy), &json!(true)),
                "{row}"
            );
            assert_eq!(row["proxy_protocol"], "socks", "{row}");
            let of_proxy = row["proxy_names"].as_array().into_iter().flatten();
            for name in of_proxy {
                assert_eq!(name["source"], "hosts", "{row}");
            }
            json!([row["destination"], row["names"]])
        })
        .collect();
    let wanted = TABLE.map(|(_, _, destination, names)| {
        let names = names
            .iter()
            .map(|(name, source)| json!({"name": name, "source": source}));
        json!([destination, names.collect::<Vec<_>>()])
    });
    assert_eq!(found, wanted);
    assert_eq!(
        by_destination(&trace),
        [
            "four.vendor.example:80",
            "192.0.2.9:81",
            "five.vendor.example:80",
            "tls.vendor.example:443",
            "inner.vendor.example:8080",
            "[2001:db8::7]:80",
        ]
        .map(|label| format!("{label} through {proxy} (SOCKS)"))
    );
}

/// Returns the first two columns of the text, without alignment.
fn by_destination(trace: &Trace) -> Vec<String> {
    let ended = trace.read("connections", ["--tree", "command", "--by", "destination"]);
    let rows = ended.text().lines().skip(1);
    rows.map(|row| {
        let cells: Vec<&str> = row.split("  ").filter(|cell| !cell.is_empty()).collect();
        format!("{} {}", cells[0].trim(), cells[1].trim())
    })
    .collect()
}

fn services_shared_addresses_and_quic() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let place = |name: &str, text: &str| {
        let path = directory.path().join(name);
        fs::write(&path, text).expect("a file");
        path.to_str().expect("a plain path").to_owned()
    };
    let scene = place("scene.py", include_str!("openings/scene.py"));
    let [one, two] = [
        place(
            "one",
            include_str!("../../agent-tracer/src/capture/sniff/fixtures/quic-rfc9001.hex"),
        ),
        place(
            "two",
            include_str!("../../agent-tracer/src/capture/sniff/fixtures/quic-rfc9369.hex"),
        ),
    ];
    let script = format!("ip link set lo up && exec python3 {scene} {one} {two}");
    let trace = record(words(["unshare", "--net", "sh", "-c", &script]));
    let rows = trace.connections(["--tree", "command"]);
    let names = |remote: &str| {
        let mut rows = rows.iter().filter(|row| row["remote"] == remote);
        let row = rows
            .next()
            .unwrap_or_else(|| panic!("no row of {remote}: {rows:?}"));
        row["names"].clone()
    };
    let list = |names: &[(&str, &str)]| -> Value {
        let names = names
            .iter()
            .map(|(name, source)| json!({"name": name, "source": source}));
        names.collect()
    };
    // A service leads to its host alone.
    assert_eq!(
        names("127.0.0.9:8001"),
        list(&[("srv1.vendor.example", "dns")])
    );
    assert_eq!(names("127.0.0.7:8001"), Value::Null);
    let both = list(&[
        ("second.vendor.example", "dns"),
        ("first.vendor.example", "dns"),
    ]);
    assert_eq!(names("127.0.0.8:8001"), both);
    for remote in ["127.0.0.5:443", "127.0.0.6:8443"] {
        assert_eq!(names(remote), list(&[("example.com", "sni")]), "{remote}");
    }
    for hello in trace.of_command("tls_hello") {
        assert_eq!(hello.0["alpn"], json!(["alpn"]), "{hello:?}");
    }
    let service = trace.of_command("dns");
    assert_eq!(
        service[0].0["answers"][0]["data"],
        "srv1.vendor.example:8001"
    );
    assert_eq!(service[0].0["additional"].as_array().map(Vec::len), Some(1));
    let groups = trace.lives("connections", ["--tree", "command", "--by", "destination"]);
    let group = groups
        .iter()
        .find(|group| group["host"] == "second.vendor.example")
        .expect("a destination");
    assert_eq!(group["names"], both);
    let shown = by_destination(&trace);
    // It is in another network namespace than the recorder.
    let is_it = |row: &String| {
        row.starts_with("second.vendor.example:8001 (netns ")
            && row.ends_with("), also first.vendor.example 127.0.0.8")
    };
    assert!(shown.iter().any(is_it), "{shown:?}");
}
