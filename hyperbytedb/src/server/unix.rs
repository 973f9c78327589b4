//! The unix socket that local agents write to.

use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream as Probe;
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

/// A listening unix socket; its file goes with it.
pub struct UnixSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl UnixSocket {
    /// Listens at a path, whose directory is made. A socket that an earlier process left
    /// there is replaced.
    ///
    /// # Errors
    /// When another process answers there, something else lies there, or the system
    /// refuses.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref().to_path_buf();
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        match fs::symlink_metadata(&path) {
            Ok(found) if found.file_type().is_socket() => {
                if Probe::connect(&path).is_ok() {
                    return Err(io::ErrorKind::AddrInUse.into());
                }
                fs::remove_file(&path)?;
            }
            Ok(_) => return Err(io::ErrorKind::AlreadyExists.into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let listener = UnixListener::bind(&path)?;
        Ok(Self { listener, path })
    }

    /// The next connection; without a socket there never is one.
    ///
    /// # Errors
    /// When the system has no room for it.
    pub async fn accept(socket: Option<&Self>) -> io::Result<UnixStream> {
        match socket {
            Some(socket) => socket.listener.accept().await.map(|(stream, _peer)| stream),
            None => std::future::pending().await,
        }
    }
}

impl Drop for UnixSocket {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(%error, path = %self.path.display(), "unix socket not removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_socket_left_behind_is_replaced_and_one_in_use_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("run/db.sock");
        let first = UnixSocket::bind(&path).unwrap();
        let in_use = UnixSocket::bind(&path).err().unwrap();
        assert_eq!(in_use.kind(), io::ErrorKind::AddrInUse);
        drop(first);
        assert!(!path.exists());
        // As a killed process leaves it.
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let again = UnixSocket::bind(&path).unwrap();
        drop(again);
        fs::write(&path, "a file").unwrap();
        let other = UnixSocket::bind(&path).err().unwrap();
        assert_eq!(other.kind(), io::ErrorKind::AlreadyExists);
    }
}
