//! Certificates that are replaced while the server runs.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use rustls::ServerConfig;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::tls::{TlsContent, TlsError, TlsFiles};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// The certificates in force.
#[derive(Debug)]
pub struct Certificates {
    files: TlsFiles,
    state: RwLock<State>,
}

#[derive(Debug)]
struct State {
    config: Arc<ServerConfig>,
    /// What was last made a configuration of, or refused.
    tried: TlsContent,
    /// What the last look found, when that was something new: it is used when the next
    /// look finds the same, so that no half-written file is.
    seen: Option<TlsContent>,
}

impl Certificates {
    /// Loads them for the first time.
    ///
    /// # Errors
    /// Naming the file that cannot be used.
    pub fn load(files: TlsFiles) -> Result<Self, TlsError> {
        let tried = files.read()?;
        let config = Arc::new(files.parse(&tried)?);
        Ok(Self {
            files,
            state: RwLock::new(State {
                config,
                tried,
                seen: None,
            }),
        })
    }

    /// What new connections use.
    #[must_use]
    pub fn config(&self) -> Arc<ServerConfig> {
        self.state.read().config.clone()
    }

    /// Uses the files as they are now. Those that cannot be used change nothing.
    pub fn reload(&self) {
        match self.files.read() {
            Ok(content) => self.apply(content),
            Err(error) => tracing::error!(%error, "the certificates in force stay"),
        }
    }

    /// Looks whether the files have changed, and to what, for longer than one look.
    pub fn look(&self) {
        // A file that is missing is on its way to be replaced, or `reload` says so.
        let Ok(content) = self.files.read() else {
            return;
        };
        let settled = {
            let mut state = self.state.write();
            let settled = content != state.tried && state.seen.as_ref() == Some(&content);
            state.seen = Some(content.clone());
            settled
        };
        if settled {
            self.apply(content);
        }
    }

    fn apply(&self, content: TlsContent) {
        let parsed = self.files.parse(&content);
        let mut state = self.state.write();
        state.tried = content;
        match parsed {
            Ok(config) => {
                state.config = Arc::new(config);
                tracing::info!("new certificates are in force");
            }
            Err(error) => tracing::error!(%error, "the certificates in force stay"),
        }
    }
}

/// Keeps certificates new: on SIGHUP, and when the files change. Without any, SIGHUP says
/// so and does nothing else: whatever renews certificates must not end a node that has
/// none. Never ends.
pub async fn watch(certificates: Option<Arc<Certificates>>) {
    let mut hangup = match signal(SignalKind::hangup()) {
        Ok(signal) => Some(signal),
        Err(error) => {
            tracing::warn!(%error, "SIGHUP does not reload the certificates");
            None
        }
    };
    let Some(certificates) = certificates else {
        loop {
            received(&mut hangup).await;
            tracing::info!("SIGHUP: there are no certificates to reload (server.tls_enabled)");
        }
    };
    loop {
        let told = tokio::select! {
            () = received(&mut hangup) => true,
            () = tokio::time::sleep(LOOK) => false,
        };
        let own = certificates.clone();
        let looked = tokio::task::spawn_blocking(move || match told {
            true => own.reload(),
            false => own.look(),
        });
        if let Err(error) = looked.await {
            tracing::error!(%error, "the certificates could not be looked at");
        }
    }
}

async fn received(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}
