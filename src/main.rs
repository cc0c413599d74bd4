//! Arguments, runtime, exit code: all else is in the library.

fn main() -> std::process::ExitCode {
    holdpoint::cli::main()
}
