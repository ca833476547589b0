//! Flags in, exit code out. What happens in between is in `cli`.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use cedarpost::cli::{self, Exit};
use cedarpost::config::{Environment, Flags};

fn main() -> ExitCode {
    let flags = match Flags::of_process() {
        Ok(flags) => flags,
        Err(error) => return explain(&error),
    };
    let environment = Environment::of_process();
    let terminal = io::stderr().is_terminal();
    let color = terminal && !environment.refuses_color();
    match cli::run(flags.command, environment) {
        Ok(exit) => exit.into(),
        Err(error) => {
            let (text, exit) = cli::report(&error, terminal, color);
            // Nobody is left to tell when standard error is gone.
            let _ = io::stderr().write_all(text.as_bytes());
            exit.into()
        }
    }
}

/// Prints what clap has to say: help that was asked for, or what is wrong with the command line.
fn explain(error: &clap::Error) -> ExitCode {
    let exit = if error.use_stderr() { Exit::Usage } else { Exit::Done };
    // Nobody is left to tell when standard output or error is gone.
    let _ = error.print();
    exit.into()
}
