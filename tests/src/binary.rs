//! Where the binary under test is.

use std::path::PathBuf;

/// The server: `HYPERBYTEDB_BIN` when set, else the binary that the same build put
/// beside the test executables (`target/release/hyperbytedb`).
#[must_use]
pub fn hyperbytedb() -> PathBuf {
    if let Some(given) = std::env::var_os("HYPERBYTEDB_BIN") {
        let given = PathBuf::from(given);
        assert!(
            given.is_file(),
            "HYPERBYTEDB_BIN names {}, which is no file",
            given.display()
        );
        return given;
    }
    let built = profile_directory().join("hyperbytedb");
    assert!(
        built.is_file(),
        "{} does not exist: build it first (cargo build --release), or set HYPERBYTEDB_BIN",
        built.display()
    );
    built
}

/// `target/release` of the build that this test executable (`…/release/deps/NAME`) is of.
fn profile_directory() -> PathBuf {
    let test = std::env::current_exe().expect("the path of the test executable");
    let deps = test
        .parent()
        .expect("a directory around the test executable");
    deps.parent().unwrap_or(deps).to_path_buf()
}
