//! The command line.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

use crate::app::{App, AppError};
use crate::config::{self, Config};

/// How long threads of requests that were left running are waited for at the end.
const LEAVE: Duration = Duration::from_secs(1);

/// A time-series database that speaks InfluxDB 1.x.
#[derive(Debug, Parser)]
#[command(name = "hyperbytedb", version, disable_version_flag = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Configuration file (TOML); the defaults without it.
    #[arg(long, short, global = true)]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the database (what happens without a command, too).
    Serve,
    /// Look at the configuration without running.
    Config {
        #[command(subcommand)]
        what: ConfigCommand,
    },
    /// Print the version.
    Version,
}

#[derive(Debug, Clone, Copy, Subcommand)]
enum ConfigCommand {
    /// Report every mistake.
    Check,
    /// Print all keys with the values that are in force.
    Show,
}

/// Runs the command of this process.
#[must_use]
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(Command::Version) = arguments.command {
        print(&format!("hyperbytedb {}\n", env!("CARGO_PKG_VERSION")));
        return ExitCode::SUCCESS;
    }
    let (config, notes) = match config::load_with_notes(arguments.config.as_deref()) {
        Ok(loaded) => loaded,
        Err(error) => return fail(&error),
    };
    match arguments.command {
        Some(Command::Config { what }) => {
            match what {
                ConfigCommand::Check => {
                    for note in &notes {
                        print(&format!("note: {note}\n"));
                    }
                    print("the configuration is good\n");
                }
                ConfigCommand::Show => print(&config.to_toml()),
            }
            ExitCode::SUCCESS
        }
        _ => serve(config, &notes),
    }
}

fn serve(config: Config, notes: &[String]) -> ExitCode {
    if let Err(error) = observability::tracing::init(&config.tracing()) {
        return fail(&error);
    }
    for note in notes {
        tracing::warn!("{note}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };
    let served: Result<(), AppError> = runtime.block_on(async {
        App::start(config).await?.run().await;
        Ok(())
    });
    // What was left running has had its time: the log has what was acknowledged.
    runtime.shutdown_timeout(LEAVE);
    served.map_or_else(|error| fail(&error), |()| ExitCode::SUCCESS)
}

fn print(text: &str) {
    // A reader that has gone (a closed pipe) is no reason to fail.
    let _gone = std::io::stdout().write_all(text.as_bytes());
}

fn fail(error: &dyn std::fmt::Display) -> ExitCode {
    let _gone = writeln!(std::io::stderr(), "hyperbytedb: {error}");
    ExitCode::FAILURE
}
