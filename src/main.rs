//! The `anygrad` program: reads the command line, runs one verb, turns its outcome into an exit code.

#![deny(unsafe_code)]

mod cli;

fn main() -> std::process::ExitCode {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("off")).init();
    cli::run()
}
