//! Tests the status of HTTP answers, and requests that ended badly. All of it stays on the
//! loopback.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use crate::harness::{Test, live, record, words};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        live!(the_first_answer_of_a_connection_has_a_status).needs("curl"),
        live!(other_answers_have_no_status),
        live!(requests_that_ended_badly_are_in_the_report).needs("curl"),
    ]
}

/// Answers by the path of each request, until the client is done.
fn serve(mut client: TcpStream) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    let mut bytes = [0; 8192];
    let mut is_first = true;
    loop {
        let length = client.read(&mut bytes)?;
        let request = String::from_utf8_lossy(&bytes[..length]).into_owned();
        if length == 0 {
            return Ok(());
        }
        // Each head of several in one packet gets its answer.
        for head in request.split_inclusive("\r\n\r\n") {
            let path = head.split(' ').nth(1).unwrap_or_default();
            answer(&mut client, path, is_first)?;
            is_first = false;
        }
    }
}

fn answer(client: &mut TcpStream, path: &str, is_first: bool) -> std::io::Result<()> {
    let rest = "Content-Length: 6\r\nX-Secret: hunter2hunter2\r\n\r\nbody-7";
    let pieces: &[&str] = match path {
        "/ok" => &["HTTP/1.1 200 OK\r\n"],
        "/missing" => &["HTTP/1.1 404 Reason-Not-Kept\r\n"],
        // The first answer of a connection differs from the others.
        "/changing" if is_first => &["HTTP/1.1 201 Created\r\n"],
        "/changing" => &["HTTP/1.1 500 Internal Server Error\r\n"],
        "/split" => &["H", "TTP/1.", "1 5", "03", " Busy\r\n"],
        "/continue" => &[
            "HTTP/1.1 100 Continue\r\n\r\n",
            "HTTP/1.1 413 Too Large\r\n",
        ],
        "/banner" => &["SSH-2.0-server\r\n"],
        _ => &["HTTP/1.1 400 Bad Request\r\n"],
    };
    for piece in pieces {
        client.write_all(piece.as_bytes())?;
        if pieces.len() > 1 {
            thread::sleep(Duration::from_millis(30));
        }
    }
    client.write_all(rest.as_bytes())
}

/// Returns the address of a server.
fn server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let address = listener.local_addr().expect("its address").to_string();
    // It ends with the tests, without a join.
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            thread::spawn(move || serve(client));
        }
    });
    address
}

fn the_first_answer_of_a_connection_has_a_status() {
    let server = server();
    let curl = "curl -s --max-time 20 -o /dev/null";
    let to = server.replace(':', "/");
    let pipelined = "GET /changing HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n";
    let script = [
        format!("{curl} http://{server}/ok"),
        format!("{curl} http://{server}/missing"),
        // Two requests in one connection, one after the other, then both at once.
        format!("{curl} http://{server}/changing -o /dev/null http://{server}/changing"),
        format!(
            "exec 3<>/dev/tcp/{to}; printf '{pipelined}{pipelined}' >&3
             read -r -t 5 <&3; exec 3>&-"
        ),
        format!("{curl} http://{server}/split"),
        format!("{curl} -H 'Expect: 100-continue' -d data http://{server}/continue"),
        "true".to_owned(),
    ];
    let trace = record(words(["bash", "-c", &script.join("\n")]));
    let rows = trace.connections(["--tree", "command"]);
    let found: Vec<&Value> = rows.iter().map(|row| &row["http_status"]).collect();
    assert_eq!(json!(found), json!([200, 404, 201, 201, 503, 413]));
    let answers = trace.of_command("http_answer");
    let codes: Vec<u64> = answers
        .iter()
        .map(|answer| answer.number("status"))
        .collect();
    assert_eq!(codes, [200, 404, 201, 201, 503, 413]);
    let text = trace.read("connections", ["--tree", "command"]);
    assert!(text.text().contains("HTTP"), "{}", text.text());
    let csv = trace.read("connections", ["--tree", "command", "--format", "csv"]);
    assert!(
        csv.text()
            .lines()
            .next()
            .is_some_and(|names| names.contains(",http_status,"))
    );
    // Neither reason, headers nor body.
    let all = trace.read("replay", ["--format", "jsonl"]);
    for payload in ["Reason-Not-Kept", "body-7", "X-Secret"] {
        assert!(!all.text().contains(payload), "{payload}");
    }
}

fn other_answers_have_no_status() {
    let server = server();
    let to = server.replace(':', "/");
    let script = format!(
        "exec 3<>/dev/tcp/{to}; echo 'SSH /banner x' >&3; read -r -t 5 <&3; exec 3>&-
         exec 3<>/dev/tcp/{to}; echo 'get /ok HTTP/1.1' >&3; read -r -t 5 <&3; exec 3>&-"
    );
    let trace = record(words(["bash", "-c", &script]));
    let rows = trace.connections(["--tree", "command"]);
    assert_eq!(rows.len(), 2);
    assert!(
        rows.iter().all(|row| row["http_status"].is_null()),
        "{rows:?}"
    );
    assert!(trace.of_command("http_answer").is_empty());
}

fn requests_that_ended_badly_are_in_the_report() {
    let server = server();
    let script = format!(
        "curl -s -o /dev/null http://{server}/ok
         curl -s -o /dev/null http://{server}/missing
         curl -sf -o /dev/null http://{server}/split
         curl -s http://{server}/banner | cat
         curl -s --max-time 2 http://127.0.0.1:9/
         true"
    );
    let trace = record(words(["sh", "-c", &script]));
    let report = trace.read("report", []);
    let text = report.text();
    let section = text.split("Requests that ended badly\n").nth(1);
    let section = section.unwrap_or_else(|| panic!("{text}"));
    let section = section.split("\n\n").next().unwrap_or_default();
    let rows: Vec<Vec<&str>> = section
        .lines()
        .skip(1)
        .map(|row| row.split_whitespace().rev().take(3).collect())
        .collect();
    let host = format!("localhost:{}", server.rsplit(':').next().expect("a port"));
    assert_eq!(rows.len(), 4, "{section}");
    assert_eq!(rows[0], [&host, "-", "404"], "{section}");
    assert_eq!(rows[1], [&host, "22", "503"], "{section}");
    assert_eq!(rows[2][2], "-", "{section}");
    assert_eq!(rows[3][1..], ["7", "-"], "{section}");
}
