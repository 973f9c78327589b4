//! Programs and client libraries of others that tests run against the server.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use crate::node::kill_and_reap;

/// Says that a test cannot run here and why; on a CI machine (`CI=true`) that is a
/// failure, since nobody would see the difference there.
pub fn cannot_run(test: &str, reason: &str) {
    assert!(
        std::env::var("CI").as_deref() != Ok("true"),
        "{test} cannot run: {reason}"
    );
    skip(test, reason);
}

/// Says that a test is left out and why, past the capture of the test runner.
pub fn skip(test: &str, reason: &str) {
    let _unheard = writeln!(std::io::stderr(), "SKIPPED {test}: {reason}");
}

/// Runs a command to its end; panics unless it succeeds. Returns what it printed.
pub fn run(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = printed(&output);
    assert!(
        output.status.success(),
        "{command:?}: {}\n{text}",
        output.status
    );
    text
}

fn printed(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// The `influx` command line client of InfluxDB 1.x.
///
/// # Errors
/// When it is not installed.
pub fn influx() -> Result<PathBuf, String> {
    program("influx", "influxdb-client")
}

/// A program that Debian's `package` brings.
///
/// # Errors
/// When it is not installed.
pub fn program(name: &str, package: &str) -> Result<PathBuf, String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Daemons lie where the PATH of a user may not reach.
    let places = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    places
        .map(|directory| directory.join(name))
        .find(|place| place.is_file())
        .ok_or_else(|| format!("no {name} on the PATH: install {package} (scripts/setup tests)"))
}

/// A process that is killed when it is dropped.
#[derive(Debug)]
pub struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        kill_and_reap(&mut self.0);
    }
}

/// Starts a program that runs until it is dropped; what it prints goes to `log`.
#[must_use]
pub fn start(command: &mut Command, log: &Path) -> Running {
    let log = File::create(log).expect("a log file");
    command
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("the log file again"))
        .stderr(log);
    let child = command.spawn();
    Running(child.unwrap_or_else(|error| panic!("{command:?}: {error}")))
}

/// An address on this machine that nobody listens on, for programs that cannot choose
/// one and tell.
#[must_use]
pub fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    address.to_string()
}

/// A Go program made of one file and of the packages that Debian installs; it is built
/// once.
///
/// # Errors
/// When it cannot be built.
pub fn go(source: &str) -> Result<PathBuf, String> {
    const GOPATH: &str = "/usr/share/gocode";
    let go = program("go", "golang-go")?;
    let text = fs::read_to_string(source).map_err(|error| format!("{source}: {error}"))?;
    let home = prepared("go", &[&text], |place| {
        fs::create_dir_all(place).map_err(|error| error.to_string())?;
        attempt(
            Command::new(go)
                .env("GO111MODULE", "off")
                .env("GOPATH", GOPATH)
                .env("GOFLAGS", "")
                .env("GOTOOLCHAIN", "local")
                .env("CGO_ENABLED", "0")
                .arg("build")
                .arg("-o")
                .arg(place.join("program"))
                .arg(source),
        )
    })?;
    Ok(home.join("program"))
}

/// A Python interpreter with these packages (`name==version`), in a virtual
/// environment that later runs use again.
///
/// # Errors
/// When it cannot be made.
pub fn python(packages: &[&str]) -> Result<PathBuf, String> {
    let home = prepared("python", packages, |place| {
        attempt(Command::new("python3").args(["-m", "venv"]).arg(place))?;
        attempt(
            Command::new(place.join("bin/python"))
                .args([
                    "-m",
                    "pip",
                    "install",
                    "--quiet",
                    "--disable-pip-version-check",
                ])
                .args(packages),
        )
    })?;
    Ok(home.join("bin/python"))
}

/// A directory whose `node_modules` holds these packages (`name@version`).
///
/// # Errors
/// When it cannot be made.
pub fn npm(packages: &[&str]) -> Result<PathBuf, String> {
    prepared("npm", packages, |place| {
        fs::create_dir_all(place).map_err(|error| error.to_string())?;
        attempt(
            Command::new("npm")
                .args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"])
                .arg(place)
                .args(packages),
        )
    })
}

fn attempt(command: &mut Command) -> Result<(), String> {
    let output = command
        .output()
        .map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        Ok(())
    } else {
        Err(format!("{command:?}: {}", printed(&output)))
    }
}

/// A directory that `make` filled, now or in an earlier run. Processes wait for each
/// other; one that fails leaves nothing that looks finished.
fn prepared(
    kind: &str,
    packages: &[&str],
    make: impl FnOnce(&Path) -> Result<(), String>,
) -> Result<PathBuf, String> {
    let mut hasher = DefaultHasher::new();
    packages.hash(&mut hasher);
    let cache = cache_directory();
    let place = cache.join(format!("{kind}-{:016x}", hasher.finish()));
    let text = |error: std::io::Error| format!("{}: {error}", cache.display());
    fs::create_dir_all(&cache).map_err(text)?;
    let lock = File::create(place.with_extension("lock")).map_err(text)?;
    lock.lock().map_err(text)?;
    let stamp = place.join("complete");
    if !stamp.is_file() {
        if place.exists() {
            fs::remove_dir_all(&place).map_err(text)?;
        }
        make(&place)?;
        fs::write(stamp, packages.join("\n")).map_err(text)?;
    }
    Ok(place)
}

/// `$XDG_CACHE_HOME/hyperbytedb/tools`, outside the tree.
fn cache_directory() -> PathBuf {
    let base = std::env::var_os("XDG_CACHE_HOME").map_or_else(
        || {
            std::env::var_os("HOME").map_or_else(std::env::temp_dir, |home| {
                PathBuf::from(home).join(".cache")
            })
        },
        PathBuf::from,
    );
    base.join("hyperbytedb/tools")
}
