//! Sends as much as possible over one connection on the loopback: measures the cost per packet.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    thread,
    time::Instant,
};

use anyhow::{Context, Result, bail};

use super::{
    Bench,
    pairs::{self, Load, Peers},
    row::Row,
};

const GIB: u64 = 1 << 30;
const AT_ONCE: usize = 256 * 1024;

/// Sends bytes over a connection and prints the time; called by `bench`
#[derive(clap::Args)]
pub struct Arguments {
    bytes: u64,
}

/// Measures the stream under each recorder that counts bytes.
pub fn measure(bench: &Bench) -> Result<Vec<Row>> {
    let gibibytes = bench.choose(4, 2);
    let bytes = gibibytes * GIB;
    let load = Load {
        part: "stream",
        what: format!("{gibibytes} GiB over one loopback connection, 256 KiB a write"),
        words: vec!["stream".to_owned(), bytes.to_string()],
        peers: Peers::default(),
        goal: Some(1.01),
        check: &|trace, _| {
            let rows = pairs::connections(&bench.tracer, trace, "tcp")?;
            match rows.as_slice() {
                [row] if row["bytes_sent"] == bytes => Ok(()),
                other => bail!("the recording has not the one connection: {other:?}"),
            }
        },
    };
    Ok(vec![pairs::measure(bench, &load)?])
}

/// Sends and receives, and prints the nanoseconds from before the connection to the last byte.
pub fn run(arguments: &Arguments) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").context("cannot listen")?;
    let address = listener.local_addr()?;
    let receiver = thread::spawn(move || -> Result<u64> {
        let (mut client, _) = listener.accept().context("there is no connection")?;
        let mut buffer = vec![0; AT_ONCE];
        let mut received = 0;
        loop {
            match client.read(&mut buffer).context("cannot receive")? {
                0 => return Ok(received),
                bytes => received += bytes as u64,
            }
        }
    });
    let buffer = vec![0x5a; AT_ONCE];
    let start = Instant::now();
    let mut server = TcpStream::connect(address).context("cannot connect")?;
    let mut left = arguments.bytes;
    while left > 0 {
        let part = buffer
            .len()
            .min(usize::try_from(left).unwrap_or(usize::MAX));
        server
            .write_all(buffer.get(..part).unwrap_or_default())
            .context("cannot send")?;
        left -= part as u64;
    }
    drop(server);
    let received = receiver
        .join()
        .map_err(|_| anyhow::anyhow!("no receiver"))??;
    println!("{}", start.elapsed().as_nanos());
    if received != arguments.bytes {
        bail!("{received} bytes arrived of {}", arguments.bytes);
    }
    Ok(())
}
