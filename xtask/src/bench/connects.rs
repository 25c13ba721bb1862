//! The load: many short connections over the loopback, one after the other.

use std::{
    io::Read,
    net::{TcpListener, TcpStream},
    thread,
    time::Instant,
};

use anyhow::{Context, Result, bail};

use super::{
    Bench,
    pairs::{self, Load, Peers},
    recorders::{BPFTRACE_CONNECTS, Recorder},
    row::Row,
};

/// Makes connections and prints the time; called by `bench`
#[derive(clap::Args)]
pub struct Arguments {
    connections: u64,
}

/// Measures the connections under each recorder.
pub fn measure(bench: &Bench) -> Result<Vec<Row>> {
    let connections = bench.choose(20_000, 10_000);
    let few = bench.choose(5_000, 2_000);
    let load = Load {
        part: "connects",
        what: format!("{connections} connections over the loopback"),
        words: words(connections),
        peers: Peers {
            recorders: vec![Recorder::Strace, Recorder::StraceSeccomp, BPFTRACE_CONNECTS],
            words: words(few),
            what: format!("of {few}"),
        },
        goal: Some(1.03),
        check: &|trace, _| {
            let rows = pairs::connections(&bench.tracer, trace, "tcp")?.len() as u64;
            if rows != connections {
                bail!("the recording has {rows} of {connections} connections");
            }
            Ok(())
        },
    };
    Ok(vec![pairs::measure(bench, &load)?])
}

/// Returns the words that make this program the load.
pub fn words(connections: u64) -> Vec<String> {
    vec!["connects".to_owned(), connections.to_string()]
}

/// Makes the connections one after the other, and prints the nanoseconds. The server closes first,
/// so the ports of the client are free again at once.
pub fn run(arguments: &Arguments) -> Result<()> {
    let own = TcpListener::bind("127.0.0.1:0").context("cannot listen")?;
    let address = own.local_addr()?;
    let all = arguments.connections;
    let server = thread::spawn(move || {
        for _ in 0..all {
            drop(own.accept());
        }
    });
    let start = Instant::now();
    for _ in 0..all {
        let mut client = TcpStream::connect(address).context("cannot connect")?;
        // Ends when the server has closed.
        let _ = client.read(&mut [0]).context("cannot read")?;
    }
    println!("{}", start.elapsed().as_nanos());
    server.join().map_err(|_| anyhow::anyhow!("no server"))
}
