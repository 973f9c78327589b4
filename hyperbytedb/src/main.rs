//! `hyperbytedb`: see `hyperbytedb --help`.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    hyperbytedb::cli::run()
}
