//! The remote side: every server the installer and the agent talk to, each on the
//! address the real one has, in a namespace where nothing else is. They answer
//! with what the clients need and never close first.

mod names;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::thread;

use anyhow::{Context, Result};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::addresses::{ARCHIVE, CONTENT, DOWNLOAD, METADATA, PLATFORM, SERVICE, WORKSPACE};
use crate::talk::header;

/// A server's response to any request.
#[derive(Clone)]
struct Answer {
    status: &'static str,
    headers: String,
    body: Arc<Vec<u8>>,
}

impl Answer {
    fn with(body: impl Into<Vec<u8>>) -> Self {
        Self {
            status: "200 OK",
            headers: String::new(),
            body: Arc::new(body.into()),
        }
    }

    fn redirect(to: &str) -> Self {
        Self {
            status: "302 Found",
            headers: format!("Location: {to}\r\n"),
            body: Arc::new(Vec::new()),
        }
    }
}

/// Serves until its standard input ends, as it does with the demo.
pub fn play(bundle: &Path) -> Result<()> {
    let bundle = std::fs::read(bundle).context("cannot read the bundle")?;
    let cdn = "http://objects.githubusercontent.com/github-production-release-asset/omsagent.sh";
    serve_plain(DOWNLOAD, Answer::redirect(cdn))?;
    serve_plain(CONTENT, Answer::with(bundle))?;
    serve_plain(
        METADATA,
        Answer::with(r#"{"compute":{"location":"japaneast"}}"#),
    )?;
    serve_plain(PLATFORM, Answer::with("<Versions/>"))?;
    serve_plain(ARCHIVE, Answer::with("Origin: Debian\n"))?;
    serve_secure(SERVICE, Answer::with("<Topology/>"))?;
    names::serve(PLATFORM)?;

    let mut output = std::io::stdout();
    output.write_all(b"\n")?;
    output.flush()?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

fn serve_plain(address: Ipv4Addr, answer: Answer) -> Result<()> {
    accept(address, 80, move |mut stream| {
        converse(&mut stream, &answer)
    })
}

fn serve_secure(address: Ipv4Addr, answer: Answer) -> Result<()> {
    let name = format!("{WORKSPACE}.oms.opinsights.azure.com");
    let certified = rcgen::generate_simple_self_signed([name])?;
    let key = PrivateKeyDer::Pkcs8(certified.signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // A ticket that arrives after the client's close would reset the connection, and then there
    // would be no TIME_WAIT.
    config.send_tls13_tickets = 0;
    let config = Arc::new(config);
    accept(address, 443, move |stream| {
        let connection = ServerConnection::new(Arc::clone(&config))?;
        let mut tls = StreamOwned::new(connection, stream);
        converse(&mut tls, &answer)?;
        // The client has ended TLS, and closes its socket next: wait for it, or this side gets the
        // TIME_WAIT.
        while tls.sock.read(&mut [0; 64])? > 0 {}
        Ok(())
    })
}

fn accept<W>(address: Ipv4Addr, port: u16, work: W) -> Result<()>
where
    W: Fn(TcpStream) -> Result<()> + Clone + Send + 'static,
{
    let listener = TcpListener::bind((address, port))
        .with_context(|| format!("cannot listen on {address}:{port}"))?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let work = work.clone();
            // A client may go away in the middle.
            thread::spawn(move || work(stream).ok());
        }
    });
    Ok(())
}

/// Answers one request after the other until the client closes.
fn converse<S: Read + Write>(stream: &mut S, answer: &Answer) -> Result<()> {
    while read_request(stream)? {
        let Answer {
            status,
            headers,
            body,
        } = answer;
        let head = format!(
            "HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes())?;
        stream.write_all(body)?;
        stream.flush()?;
    }
    Ok(())
}

/// Reads one request with its body; false when the client has closed.
fn read_request<S: Read>(stream: &mut S) -> Result<bool> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(bytes.get(..end).unwrap_or_default());
            let length = header(&head, "content-length")
                .and_then(|length| length.parse().ok())
                .unwrap_or(0);
            if bytes.len() >= end + 4 + length {
                return Ok(true);
            }
        }
        let count = stream.read(&mut chunk)?;
        if count == 0 {
            return Ok(false);
        }
        bytes.extend_from_slice(chunk.get(..count).unwrap_or_default());
    }
}
