//! The only door for chores: each verb is a file of its own.

mod demo;
mod ebpf;

use clap::{Parser, Subcommand};

/// Chores of the tracer project.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Demo(demo::Arguments),
    Ebpf(ebpf::Arguments),
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().verb {
        Verb::Demo(arguments) => demo::run(&arguments),
        Verb::Ebpf(arguments) => ebpf::run(&arguments),
    }
}
