//! Tests the names of connections. Real clients with their own resolvers and TLS libraries connect
//! to hosts of the test's network, directly or through a proxy, and each connection must have
//! exactly the expected names. Without the clients' packages these tests are skipped.

mod clients;
mod proxied;
mod short_lived;
mod stage;

use std::{collections::BTreeSet, fmt::Write, fs};

use serde_json::Value;

use crate::harness::{Event, Recording, Test, Trace, live, words};
use clients::Client;
use stage::{NEEDED, PYTHON, Stage};

/// Recorded clients, besides the stage's own needs.
const CLIENTS: [&str; 6] = ["apt-get", "bash", "curl", "node", "ruby", "wget"];
const REQUESTS: &str = "/usr/lib/python3/dist-packages/requests/__init__.py";

pub(crate) fn tests() -> Vec<Test> {
    let on_stage = |test: Test| NEEDED.into_iter().fold(test, Test::needs);
    let with_clients = |test: Test| {
        CLIENTS
            .into_iter()
            .fold(on_stage(test), Test::needs)
            .needs_package(REQUESTS, "python3-requests is not installed")
    };
    vec![
        with_clients(live!(real_clients)),
        with_clients(live!(the_same_through_a_proxy)),
        on_stage(live!(a_process_that_connects_and_ends_within_a_millisecond)),
    ]
}

fn real_clients() {
    let lines = || clients::DIRECT.iter().map(|client| client.line);
    let trace = play(lines().chain(clients::NOWHERE.iter().copied()), None);
    let rows = trace.connections(["--tree", "command"]);
    let mut wrong = Vec::new();
    for client in clients::DIRECT {
        let own = rows.iter().filter(|row| row["remote"] == client.to);
        let own: Vec<&Value> = own.collect();
        wrong.extend(misnamed(client, &own));
        let proxied = |row: &&&Value| row["proxy"] == true || row["destination"].is_string();
        let proxied = own.iter().filter(proxied);
        wrong.extend(
            proxied.map(|row| format!("{}: there is no proxy: {}", client.name, brief(row))),
        );
    }
    // A client with a choice of addresses asks the kernel about each by a UDP socket, and sends
    // nothing.
    let expected: BTreeSet<&str> = clients::DIRECT.iter().map(|client| client.to).collect();
    for row in &rows {
        let remote = row["remote"].as_str().unwrap_or_default();
        if !expected.contains(remote) && !is_to_nameserver(row) {
            wrong.push(format!("no client connects there: {}", brief(row)));
        }
    }
    wrong.extend(named_nameserver(&rows));
    wrong.extend(missing_lookups(&trace));
    wrong.extend(missing_heads(&trace));
    none(&wrong);
}

fn the_same_through_a_proxy() {
    let (by_address, asks_it) = (&proxied::BY_ADDRESS, &proxied::ASKS_IT);
    let lines = proxied::PROXIED.iter().map(|client| client.line);
    let trace = play(
        lines.chain([by_address.line, asks_it.line]),
        Some(proxied::URL),
    );
    let rows = trace.connections(["--tree", "command"]);
    let of = |wanted: &dyn Fn(&Value) -> bool| -> Vec<&Value> {
        rows.iter().filter(|row| wanted(row)).collect()
    };
    let mut wrong = Vec::new();
    let (name, source) = proxied::OWN;
    let looked_up = proxied::PROXIED.iter().map(|client| (client, source));
    for (client, source) in looked_up.chain([(by_address, "dns_other")]) {
        let own = of(&|row| row["destination"] == client.to);
        wrong.extend(misnamed(client, &own));
        for row in own {
            let is_through_it = row["remote"] == proxied::PROXY
                && row["proxy"] == true
                && names(row, "proxy_names") == BTreeSet::from([(name, source)]);
            if !is_through_it {
                wrong.push(format!(
                    "{}: not through the proxy: {}",
                    client.name,
                    brief(row)
                ));
            }
        }
    }
    let to_itself = of(&|row| row["remote"] == asks_it.to && row["proxy"].is_null());
    wrong.extend(misnamed(asks_it, &to_itself));
    // No client looked up a service, so any skipped name would show here.
    for row in &rows {
        let is_known = row["remote"] == proxied::PROXY || is_to_nameserver(row);
        if !is_known {
            wrong.push(format!("goes past the proxy: {}", brief(row)));
        }
    }
    wrong.extend(named_nameserver(&rows));
    none(&wrong);
}

/// Records all these lines as one script. Each must do its part.
#[track_caller]
fn play<'a>(lines: impl Iterator<Item = &'a str>, proxy: Option<&str>) -> Trace {
    let stage = Stage::set();
    let place = stage.path("");
    let home = place.display();
    let mut script = format!("cd {home}\n");
    let mut count = 0;
    for (at, line) in lines.enumerate() {
        count = at + 1;
        // In braces: a negation in front of the line stays one.
        writeln!(script, "{{ {line}; }} >{at}.log 2>&1 </dev/null").expect("a line");
        writeln!(script, "echo $? >{at}.status").expect("a line");
    }
    fs::write(stage.path("script.sh"), &script).expect("the script");
    let mut command = words(["env", "-i"]);
    let path = std::env::var("PATH").unwrap_or_default();
    command.extend([
        format!("PATH={path}").into(),
        format!("HOME={home}/home").into(),
        format!("CA={home}/ca.pem").into(),
        format!("PYTHON={PYTHON}").into(),
        format!("NODE_EXTRA_CA_CERTS={home}/ca.pem").into(),
        format!("GIT_SSL_CAINFO={home}/ca.pem").into(),
        format!("APT_CONFIG={home}/apt.conf").into(),
        "GIT_CONFIG_NOSYSTEM=1".into(),
    ]);
    if let Some(url) = proxy {
        command.push(format!("http_proxy={url}").into());
        command.push(format!("https_proxy={url}").into());
    }
    command.extend(["sh".into(), stage.path("script.sh").into()]);
    let recorded = Recording::of(command)
        .through(stage.inside())
        .lingers(500)
        .run();
    for at in 0..count {
        let read = |kind: &str| {
            let text = fs::read(stage.path(&format!("{at}.{kind}"))).unwrap_or_default();
            String::from_utf8_lossy(&text).into_owned()
        };
        let line = script.lines().nth(1 + 2 * at).unwrap_or_default();
        assert_eq!(read("status"), "0\n", "{line}: {}", read("log"));
    }
    recorded.trace()
}

/// Lists the errors in the connections of a client.
fn misnamed(client: &Client, rows: &[&Value]) -> Vec<String> {
    let Client { name, to, .. } = client;
    if rows.is_empty() {
        return vec![format!("{name}: no connection to {to}")];
    }
    let expected: BTreeSet<(&str, &str)> = client.names.iter().copied().collect();
    let wrong = |row: &&Value| {
        let exe = row["process"]["exe"].as_str().unwrap_or_default();
        let file = exe.rsplit('/').next().unwrap_or_default();
        let is_right = names(row, "names") == expected
            && file.starts_with(client.program)
            && row["protocol"] == "tcp"
            && row["state"] == "closed";
        (!is_right).then(|| format!("{name}: not {expected:?}: {}", brief(row)))
    };
    rows.iter().filter_map(wrong).collect()
}

/// Returns the names of a connection, each with its source.
fn names<'a>(row: &'a Value, list: &str) -> BTreeSet<(&'a str, &'a str)> {
    let names = row[list].as_array().map(Vec::as_slice);
    names
        .unwrap_or_default()
        .iter()
        .map(|name| {
            let text = |key: &str| name[key].as_str().unwrap_or_default();
            (text("name"), text("source"))
        })
        .collect()
}

/// Describes a connection in a few words.
fn brief(row: &Value) -> String {
    let exe = &row["process"]["exe"];
    let keys = [
        "protocol",
        "local",
        "remote",
        "names",
        "proxy",
        "proxy_names",
        "destination",
        "state",
        "error",
    ];
    let parts: Vec<String> = keys
        .iter()
        .filter(|key| !row[**key].is_null())
        .map(|key| format!("{key} {}", row[*key]))
        .collect();
    format!("{} {exe} {}", row["process"]["pid"], parts.join(" "))
}

fn is_to_nameserver(row: &Value) -> bool {
    row["remote"] == "192.0.2.53:53"
}

/// Lists rows named after the shared name server.
fn named_nameserver(rows: &[Value]) -> Vec<String> {
    let named = |row: &&Value| is_to_nameserver(row) && !names(row, "names").is_empty();
    let named = rows.iter().filter(named);
    named
        .map(|row| format!("a name without a client: {}", brief(row)))
        .collect()
}

fn missing_lookups(trace: &Trace) -> Vec<String> {
    let events = trace.of_command("dns");
    let has = |(question, kind, code, data): &(&str, &str, &str, &str)| {
        events.iter().any(|event| {
            let answers = event.0["answers"].as_array().map(Vec::as_slice);
            let answers = answers.unwrap_or_default();
            event.text("question") == *question
                && event.text("type") == *kind
                && event.text("rcode") == *code
                && (data.is_empty() || answers.iter().any(|answer| answer["data"] == *data))
        })
    };
    let missing = clients::LOOKUPS.iter().filter(|lookup| !has(lookup));
    missing
        .map(|lookup| format!("no answer to a lookup: {lookup:?}"))
        .collect()
}

/// Lists the first messages that are missing.
fn missing_heads(trace: &Trace) -> Vec<String> {
    let of = |kind: &str, remote: &str| -> Vec<&Event> {
        let events = trace.of_command(kind).into_iter();
        events.filter(|event| event.remote() == remote).collect()
    };
    let mut missing = Vec::new();
    for (remote, name, offer) in clients::HELLOS {
        let own = of("tls_hello", remote);
        let said = own.iter().any(|event| {
            let offered = event.0["alpn"].as_array().map(Vec::as_slice);
            event.text("sni") == *name && offered.unwrap_or_default() == *offer
        });
        if !said {
            missing.push(format!("no greeting for {name}, {offer:?}: {own:?}"));
        }
    }
    for (remote, host, target) in clients::REQUESTS {
        let own = of("http_request", remote);
        let said = own.iter().any(|event| {
            event.text("method") == "GET"
                && event.text("host") == *host
                && event.text("target") == *target
        });
        if !said {
            missing.push(format!("no request to {host} for {target}: {own:?}"));
        }
    }
    missing
}

/// Fails with the list of all errors.
#[track_caller]
fn none(wrong: &[String]) {
    assert!(
        wrong.is_empty(),
        "{} are wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

fn a_process_that_connects_and_ends_within_a_millisecond() {
    short_lived::judge();
}
