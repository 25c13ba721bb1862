//! The entry point of the chores: each verb is a file of its own.

mod arch;
mod bench;
mod check;
mod cross;
mod demo;
mod dist;
mod ebpf;
mod fleet;
mod fuzz;
mod reference;
mod soak;
mod systemd;
mod test;
mod vm;

use std::process::ExitCode;

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
    Bench(bench::Arguments),
    Check(check::Arguments),
    #[command(hide = true)]
    Datagrams(bench::DatagramArguments),
    #[command(hide = true)]
    Connects(bench::ConnectArguments),
    Demo(demo::Arguments),
    Dist(dist::Arguments),
    Ebpf(ebpf::Arguments),
    Fleet(fleet::Arguments),
    Fuzz(fuzz::Arguments),
    Reference(reference::Arguments),
    Soak(soak::Arguments),
    #[command(hide = true)]
    Storm(bench::StormArguments),
    #[command(hide = true)]
    Stream(bench::StreamArguments),
    #[command(hide = true)]
    Unpack(bench::UnpackArguments),
    Test(test::Arguments),
    Vm(vm::Arguments),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().verb {
        Verb::Bench(arguments) => bench::run(&arguments),
        Verb::Check(arguments) => check::run(&arguments),
        Verb::Datagrams(arguments) => bench::run_datagrams(&arguments),
        Verb::Connects(arguments) => bench::run_connects(&arguments),
        Verb::Demo(arguments) => demo::run(&arguments),
        Verb::Dist(arguments) => dist::run(&arguments),
        Verb::Ebpf(arguments) => ebpf::run(&arguments),
        Verb::Fleet(arguments) => fleet::run(&arguments),
        Verb::Fuzz(arguments) => fuzz::run(&arguments),
        Verb::Reference(arguments) => reference::run(&arguments),
        Verb::Soak(arguments) => soak::run(&arguments),
        Verb::Storm(arguments) => bench::run_storm(&arguments),
        Verb::Stream(arguments) => bench::run_stream(&arguments),
        Verb::Unpack(arguments) => bench::run_unpack(&arguments),
        Verb::Test(arguments) => test::run(&arguments),
        Verb::Vm(arguments) => vm::run(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
