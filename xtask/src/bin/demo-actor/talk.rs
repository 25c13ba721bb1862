//! HTTP/1.1 over TCP or TLS, just enough for the replica's clients. They close
//! first, so that it is their side that stays in TIME_WAIT, and they accept any
//! certificate, as the agent's `curl --insecure` does.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};

const PATIENCE: Duration = Duration::from_secs(3);

/// One request.
pub struct Request<'a> {
    /// GET or POST.
    pub method: &'a str,
    /// The host by name, for the Host header and SNI.
    pub host: &'a str,
    /// The path on it.
    pub path: &'a str,
    /// More header lines, each complete but for its end.
    pub headers: &'a [String],
    /// The body.
    pub body: &'a [u8],
}

/// The response.
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The target of a redirect.
    pub location: Option<String>,
    /// The content.
    pub body: Vec<u8>,
}

/// Connects without blocking and waits for the outcome, as ruby and curl do.
pub fn connect(address: Ipv4Addr, port: u16) -> Result<TcpStream> {
    let remote = SocketAddr::from((address, port));
    let stream = TcpStream::connect_timeout(&remote, PATIENCE)
        .with_context(|| format!("cannot connect to {remote}"))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// One request in the clear.
pub fn plain(mut stream: TcpStream, request: &Request) -> Result<Response> {
    exchange(&mut stream, request)
}

/// One request through TLS.
pub fn secure(stream: TcpStream, request: &Request) -> Result<Response> {
    let provider = Arc::new(ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let name = ServerName::try_from(request.host.to_owned())?;
    let connection = ClientConnection::new(Arc::new(config), name)?;
    let mut tls = StreamOwned::new(connection, stream);
    let response = exchange(&mut tls, request)?;
    tls.conn.send_close_notify();
    tls.flush()?;
    Ok(response)
}

fn exchange<S: Read + Write>(stream: &mut S, request: &Request) -> Result<Response> {
    let Request {
        method,
        host,
        path,
        headers,
        body,
    } = request;
    let mut text = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n");
    for header in *headers {
        text.push_str(header);
        text.push_str("\r\n");
    }
    if !body.is_empty() {
        text.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    text.push_str("\r\n");
    stream.write_all(text.as_bytes())?;
    stream.write_all(body)?;
    stream.flush()?;
    read_response(stream)
}

fn read_response<S: Read>(stream: &mut S) -> Result<Response> {
    let mut bytes = Vec::new();
    let mut chunk = vec![0; 64 * 1024];
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let (head, rest) = bytes.split_at(end);
            let head = String::from_utf8_lossy(head).into_owned();
            let mut body = rest.get(4..).unwrap_or_default().to_vec();
            let length = header(&head, "content-length")
                .context("an answer without a length")?
                .parse()?;
            while body.len() < length {
                let count = stream.read(&mut chunk)?;
                if count == 0 {
                    bail!("the answer ends early");
                }
                body.extend_from_slice(chunk.get(..count).unwrap_or_default());
            }
            let status = head.split(' ').nth(1).context("no status")?.parse()?;
            return Ok(Response {
                status,
                location: header(&head, "location"),
                body,
            });
        }
        let count = stream.read(&mut chunk)?;
        if count == 0 {
            bail!("no answer");
        }
        bytes.extend_from_slice(chunk.get(..count).unwrap_or_default());
    }
}

/// The value of a header in the head of a message.
pub fn header(head: &str, name: &str) -> Option<String> {
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name)
            .then(|| value.trim().to_owned())
    })
}

#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
