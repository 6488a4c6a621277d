//! `swact`: a router chassis that you can break on purpose.

fn main() -> std::process::ExitCode {
    orchestrator::cli::main()
}
