//! Binaries find the engine library beside themselves (in an image), else where
//! `scripts/setup` put it (in a build tree), without an environment variable.

use std::path::Path;

fn main() {
    println!("cargo:rerun-if-env-changed=CHDB_LIB_DIR");
    println!("cargo:rustc-link-arg=-Wl,-rpath,$ORIGIN");
    let Ok(directory) = std::env::var("CHDB_LIB_DIR") else {
        return;
    };
    let directory = Path::new(&directory);
    let directory = directory
        .canonicalize()
        .unwrap_or_else(|_| directory.into());
    println!("cargo:rustc-link-arg=-Wl,-rpath,{}", directory.display());
}
