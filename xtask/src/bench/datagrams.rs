//! Sends many small datagrams over the loopback. Each is counted when it leaves and when it
//! arrives, which is most of its cost. A typical installer does not do this.

use std::{net::UdpSocket, thread, time::Instant};

use anyhow::{Context, Result, bail};

use super::{
    Bench,
    pairs::{self, Load, Peers},
    row::Row,
};

const ALL: u64 = 200_000;
const BYTES: usize = 64;

/// Sends datagrams and prints the time; called by `bench`
#[derive(clap::Args)]
pub struct Arguments {
    datagrams: u64,
}

/// Measures the datagrams under each recorder that counts them.
pub fn measure(bench: &Bench) -> Result<Vec<Row>> {
    let load = Load {
        part: "datagrams",
        what: "200,000 datagrams of 64 bytes over the loopback".to_owned(),
        words: vec!["datagrams".to_owned(), ALL.to_string()],
        peers: Peers::default(),
        goal: Some(1.10),
        check: &|trace, _| {
            let rows = pairs::connections(&bench.tracer, trace, "udp")?;
            match rows.as_slice() {
                // The last one, which is empty, ends the receiver.
                [row] if row["datagrams_sent"] == ALL + 1 => Ok(()),
                other => bail!("the recording has not the one peer: {other:?}"),
            }
        },
    };
    Ok(vec![pairs::measure(bench, &load)?])
}

/// Sends the datagrams, and prints the nanoseconds until the last one is sent. Datagrams for which
/// the receiver has no room are lost, as on any machine.
pub fn run(arguments: &Arguments) -> Result<()> {
    let own = UdpSocket::bind("127.0.0.1:0").context("cannot bind")?;
    let address = own.local_addr()?;
    let receiver = thread::spawn(move || {
        let mut datagram = [0; BYTES];
        // An empty one is the last.
        while own.recv(&mut datagram).is_ok_and(|bytes| bytes > 0) {}
    });
    let sender = UdpSocket::bind("127.0.0.1:0").context("cannot bind")?;
    sender.connect(address).context("cannot connect")?;
    let datagram = [0x5a; BYTES];
    let start = Instant::now();
    for _ in 0..arguments.datagrams {
        sender.send(&datagram).context("cannot send")?;
    }
    println!("{}", start.elapsed().as_nanos());
    // Retry until there is room again.
    thread::sleep(std::time::Duration::from_millis(100));
    sender.send(&[]).context("cannot send")?;
    receiver.join().map_err(|_| anyhow::anyhow!("no receiver"))
}
