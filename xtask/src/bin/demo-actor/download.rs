//! wget and curl, as far as the installer calls them. wget connects blocking
//! and follows redirects, curl connects without blocking: as the real ones do.

use std::fs;
use std::net::TcpStream;

use anyhow::{Context, Result, bail};

use crate::resolve::{self, SocketMode};
use crate::talk::{self, Request};

struct Url {
    secure: bool,
    host: String,
    path: String,
}

impl Url {
    fn parse(text: &str) -> Result<Self> {
        let (scheme, rest) = text.split_once("://").context("a URL without a scheme")?;
        let secure = match scheme {
            "http" => false,
            "https" => true,
            other => bail!("cannot speak {other}"),
        };
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        Ok(Self {
            secure,
            host: host.to_owned(),
            path: format!("/{path}"),
        })
    }

    fn get<'a>(&'a self, headers: &'a [String]) -> Request<'a> {
        Request {
            method: "GET",
            host: &self.host,
            path: &self.path,
            headers,
            body: &[],
        }
    }
}

/// Plays `wget [-O FILE] URL`.
pub fn wget(arguments: &[String]) -> Result<()> {
    let mut url = Url::parse(arguments.last().context("wget needs a URL")?)?;
    let agent = ["User-Agent: Wget/1.21.3".to_owned()];
    for _ in 0..3 {
        if url.secure {
            bail!("only http here");
        }
        let address = resolve::address(&url.host, SocketMode::Connected)?;
        let stream = TcpStream::connect((address, 80))?;
        let response = talk::plain(stream, &url.get(&agent))?;
        match (response.status, response.location) {
            (200, _) => {
                let name = value_of(arguments, "-O").or_else(|| url.path.rsplit('/').next());
                fs::write(name.context("no file to write to")?, response.body)?;
                return Ok(());
            }
            (302, Some(location)) => url = Url::parse(&location)?,
            (status, _) => bail!("{}{} answered {status}", url.host, url.path),
        }
    }
    bail!("too many redirects")
}

/// Plays `curl [-H HEADER]… [--data-binary @FILE] [--output FILE] URL`.
pub fn curl(arguments: &[String]) -> Result<()> {
    let url = Url::parse(arguments.last().context("curl needs a URL")?)?;
    let mut headers = vec![
        "User-Agent: curl/7.88.1".to_owned(),
        "Accept: */*".to_owned(),
    ];
    for pair in arguments.windows(2) {
        if let [option, value] = pair
            && option == "-H"
        {
            headers.push(value.clone());
        }
    }
    let body = match value_of(arguments, "--data-binary") {
        Some(file) => fs::read(file.trim_start_matches('@'))?,
        None => Vec::new(),
    };
    let mut request = url.get(&headers);
    request.body = &body;
    if !body.is_empty() {
        request.method = "POST";
    }
    let address = resolve::address(&url.host, SocketMode::Connected)?;
    let response = match url.secure {
        true => talk::secure(talk::connect(address, 443)?, &request)?,
        false => talk::plain(talk::connect(address, 80)?, &request)?,
    };
    if let Some(file) = value_of(arguments, "--output") {
        fs::write(file, response.body)?;
    }
    print!("{}", response.status);
    Ok(())
}

fn value_of<'a>(arguments: &'a [String], option: &str) -> Option<&'a str> {
    let position = arguments.iter().position(|argument| argument == option)?;
    arguments.get(position + 1).map(String::as_str)
}
