//! A node: the real binary in a directory of its own.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::binary;
use crate::client::Client;
use crate::wait;

/// Time that a start may take, replay included.
const START_LIMIT: Duration = Duration::from_secs(60);
/// Time that a clean stop may take.
const STOP_LIMIT: Duration = Duration::from_secs(60);
/// What the server prints before its address when it listens.
const LISTENING: &str = "listening on http";

/// A directory with the data, the configuration and the log of one node. It is removed
/// at the end, unless the test failed.
#[derive(Debug)]
pub struct Sandbox {
    directory: Option<TempDir>,
    settings: Vec<(String, String, String)>,
}

/// A running process.
#[derive(Debug)]
pub struct Node {
    child: Child,
    client: Client,
}

/// What a process that ended by itself left.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    /// What it printed, standard output and error together.
    pub output: String,
}

impl Default for Sandbox {
    fn default() -> Self {
        Self::new()
    }
}

impl Sandbox {
    #[must_use]
    pub fn new() -> Self {
        let directory = tempfile::Builder::new()
            .prefix("hyperbytedb-test-")
            .tempdir()
            .expect("a temporary directory");
        let mut sandbox = Self {
            directory: Some(directory),
            settings: Vec::new(),
        };
        for name in ["data", "wal", "meta"] {
            let place = sandbox.path().join(name);
            sandbox.set("storage", &format!("{name}_dir"), &quoted(&place));
        }
        sandbox.set("server", "bind_address", "\"127.0.0.1\"");
        sandbox.set("server", "port", "0");
        sandbox
    }

    /// Sets a key of the configuration to a TOML value.
    pub fn set(&mut self, section: &str, key: &str, value: &str) {
        self.settings
            .retain(|(of, name, _)| of != section || name != key);
        self.settings
            .push((section.to_string(), key.to_string(), value.to_string()));
    }

    /// As [`Sandbox::set`], in a chain.
    #[must_use]
    pub fn with(mut self, section: &str, key: &str, value: &str) -> Self {
        self.set(section, key, value);
        self
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        self.directory.as_ref().expect("the sandbox").path()
    }

    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.path().join("data")
    }

    #[must_use]
    pub fn wal_dir(&self) -> PathBuf {
        self.path().join("wal")
    }

    /// All files below the data directory whose name ends in `suffix`, sorted.
    #[must_use]
    pub fn data_files(&self, suffix: &str) -> Vec<PathBuf> {
        files_below(&self.data_dir(), suffix)
    }

    /// All that the node printed since the sandbox was made.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read(self.log_path())
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// Where the node takes datagrams; panics when it takes none.
    #[must_use]
    pub fn udp_address(&self) -> String {
        const LISTENING: &str = "listening on udp://";
        let log = self.log();
        let (_, address) = log.rsplit_once(LISTENING).expect("a UDP listener");
        let address = address.split_whitespace().next().unwrap_or_default();
        address.to_string()
    }

    fn log_path(&self) -> PathBuf {
        self.path().join("node.log")
    }

    /// Starts the node and waits until it is ready.
    #[must_use]
    pub fn start(&self) -> Node {
        let offset = fs::metadata(self.log_path()).map_or(0, |found| found.len());
        let mut child = self.spawn();
        let url = wait::within(START_LIMIT, || {
            if let Some(status) = child.try_wait().expect("the state of the node") {
                panic!("the node ended at its start ({status}):\n{}", self.log());
            }
            listening_url(&self.log_path(), offset)
        });
        let Some(url) = url else {
            kill_and_reap(&mut child);
            panic!("the node said nothing about listening:\n{}", self.log());
        };
        let node = Node {
            child,
            client: Client::new(&url),
        };
        if url.starts_with("https:") {
            // It says so when it answers; the plain client cannot ask.
            return node;
        }
        let ready = wait::within(START_LIMIT, || {
            let health = node.client.send("GET", "/health", &[], ());
            health.ok().filter(|reply| reply.status == 200)
        });
        assert!(
            ready.is_some(),
            "the node did not become ready:\n{}",
            self.log()
        );
        node
    }

    /// Starts the process and waits for nothing.
    #[must_use]
    pub fn spawn(&self) -> Child {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log_path())
            .expect("the log file");
        let config = self.write_config();
        let mut command = self.command(&["serve", "--config", &config.to_string_lossy()]);
        command
            .stdout(log.try_clone().expect("the log file again"))
            .stderr(log)
            .spawn()
            .expect("the node as a process")
    }

    /// Runs the node where it is expected to end by itself.
    #[must_use]
    pub fn run_to_end(&self) -> Ended {
        let offset = self.log().len();
        let mut child = self.spawn();
        let status = wait::within(START_LIMIT, || {
            child.try_wait().expect("the state of the node")
        });
        let Some(status) = status else {
            kill_and_reap(&mut child);
            panic!("the node did not end:\n{}", self.log());
        };
        Ended {
            status,
            output: self.log()[offset..].to_string(),
        }
    }

    /// The binary with arguments, in the sandbox, without settings from outside.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary::hyperbytedb());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("HYPERBYTEDB__") {
                command.env_remove(name);
            }
        }
        command
            .args(arguments)
            .current_dir(self.path())
            .stdin(Stdio::null());
        command
    }

    /// Writes the configuration file and returns its place.
    pub fn write_config(&self) -> PathBuf {
        let mut sections: Vec<&str> = Vec::new();
        for (section, _, _) in &self.settings {
            if !sections.contains(&section.as_str()) {
                sections.push(section);
            }
        }
        let mut text = String::new();
        for section in sections {
            text.push_str(&format!("[{section}]\n"));
            for (_, key, value) in self.settings.iter().filter(|(of, _, _)| of == section) {
                text.push_str(&format!("{key} = {value}\n"));
            }
        }
        let place = self.path().join("node.toml");
        fs::write(&place, text).expect("the configuration file");
        place
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(directory) = self.directory.take()
        {
            eprintln!(
                "kept: {} (node.log, data, wal, meta)",
                directory.keep().display()
            );
        }
    }
}

impl Node {
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    #[must_use]
    pub fn url(&self) -> &str {
        self.client.url()
    }

    /// Address and port.
    #[must_use]
    pub fn address(&self) -> &str {
        self.url().rsplit('/').next().unwrap_or_default()
    }

    /// Bytes of memory that it uses, as the kernel counts them.
    #[must_use]
    pub fn resident_bytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("the state of the process");
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
        kilobytes.expect("VmRSS in kB") << 10
    }

    /// The port it listens on.
    #[must_use]
    pub fn port(&self) -> &str {
        self.url().rsplit(':').next().unwrap_or_default()
    }

    /// The process's number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills it as kill -9 does.
    pub fn kill(mut self) {
        kill_and_reap(&mut self.child);
    }

    /// Asks it to stop (SIGTERM) and waits for its end; panics unless it ends well.
    pub fn stop(self) {
        self.signal("TERM");
        self.stopped();
    }

    /// Sends a signal, by the shell: the standard library knows only SIGKILL.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("sh")
            .arg("-c")
            .arg(format!("kill -{name} {}", self.child.id()))
            .status()
            .expect("a shell");
        assert!(sent.success(), "no signal could be sent");
    }

    /// Waits for its end; panics unless it ends well.
    pub fn stopped(mut self) {
        let status = wait::until("the node stops", STOP_LIMIT, || {
            self.child.try_wait().expect("the state of the node")
        });
        assert!(status.success(), "the node stopped with {status}");
    }

    /// Whether it still runs.
    #[must_use]
    pub fn is_running(&mut self) -> bool {
        self.child
            .try_wait()
            .expect("the state of the node")
            .is_none()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        kill_and_reap(&mut self.child);
    }
}

/// Kills a process as kill -9 does and waits for its end.
pub fn kill_and_reap(child: &mut Child) {
    // It may have ended already, which is as good.
    let _gone = child.kill();
    let _status = child.wait();
}

/// The address in the first complete line behind `offset` that names one.
fn listening_url(log: &Path, offset: u64) -> Option<String> {
    let mut file = File::open(log).ok()?;
    file.seek(SeekFrom::Start(offset)).ok()?;
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    let complete = &text[..=text.rfind('\n')?];
    let line = complete.lines().find(|line| line.contains(LISTENING))?;
    let (_, rest) = line.split_once(LISTENING)?;
    let (secure, address) = rest.split_once("://")?;
    let end = address
        .find(|c: char| !(c.is_ascii_digit() || c == '.' || c == ':'))
        .unwrap_or(address.len());
    Some(format!("http{secure}://{}", &address[..end]))
}

/// All files below a directory whose name ends in `suffix`, sorted.
#[must_use]
pub fn files_below(directory: &Path, suffix: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_path_buf()];
    while let Some(directory) = open.pop() {
        // What vanishes while it is listed is not there.
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if path.to_string_lossy().ends_with(suffix) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// A path as a TOML string.
#[must_use]
pub fn quoted(path: &Path) -> String {
    format!("'{}'", path.display())
}
