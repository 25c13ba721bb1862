//! The program `tracer`: reads the command line, runs it, and answers with an exit status.

mod cli;

#[global_allocator]
static ALLOCATOR: agent_tracer::memory::Watched = agent_tracer::memory::Watched;

fn main() -> std::process::ExitCode {
    cli::main()
}
