//! The program `tracer`: reads the command line, runs it, and answers with an exit status.

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
