//! Chores of the project: `cargo run -p xtask -- SUBCOMMAND`. One module and one line in `COMMANDS` per subcommand.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod generate;
mod mappings;
mod profile_tables;
mod rules;
mod search_parameters;

use std::process::ExitCode;

/// A subcommand: its name, one line of help, and what it does with the arguments after its name.
struct Command {
    name: &'static str,
    help: &'static str,
    run: fn(&[String]) -> Result<(), String>,
}

const COMMANDS: &[Command] = &[
    Command {
        name: "generate",
        help: "[--check]  write (or compare) docs/ and the table of adapters in the README",
        run: generate::run,
    },
    Command {
        name: "profile-tables",
        help: "[--check] [--fhir DIR] [--r4 DIR]  write (or compare) the tables of crates/profile/data",
        run: profile_tables::run,
    },
    Command {
        name: "search-parameters",
        help: "[--check] DIR  write (or compare) crates/record/data from R4's published definitions",
        run: search_parameters::run,
    },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((name, rest)) = arguments.split_first() else { return usage() };
    let Some(command) = COMMANDS.iter().find(|c| c.name == name) else { return usage() };
    match (command.run)(rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{name}: {message}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    eprintln!("usage: cargo run -p xtask -- SUBCOMMAND");
    for command in COMMANDS {
        eprintln!("  {} {}", command.name, command.help);
    }
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    /// A test, so that nothing is built for it alone. With GENERATE set it writes.
    #[test]
    fn what_is_generated_is_in_step() {
        let look = ["--check".to_owned()];
        let arguments: &[String] = if std::env::var_os("GENERATE").is_some() { &[] } else { &look };
        super::generate::run(arguments)
            .expect("GENERATE=1 cargo test --workspace --bin xtask, and look at the difference");
    }
}
