//! The socket, the batches made of its datagrams, and their way to the write service.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use points::line_protocol::Precision;
use points::{Batch, DecodeOptions, decode};
use socket2::SockRef;
use storage::{Engine, StorageError};
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::batch::Collected;
use crate::monitor::Statistics;
use crate::write::{WriteError, WriteService};

/// The largest datagram that UDP has.
const DATAGRAM_BYTES_MAX: usize = 64 << 10;
/// Bytes of datagrams after which a batch is complete, however few its points are.
const BATCH_BYTES_MAX: usize = 4 << 20;

/// How datagrams become writes.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Address and port.
    pub address: String,
    /// Where points go; it is created when it does not exist.
    pub database: String,
    /// `None` is the default one.
    pub policy: Option<String>,
    pub precision: Precision,
    /// Points that are written at once.
    pub batch_points: usize,
    /// Batches that may wait for the storage engine; what comes then is dropped.
    pub batches_pending: usize,
    /// How long a point waits for others.
    pub batch_timeout: Duration,
    /// Bytes that the system keeps for the socket; 0 = its default.
    pub read_buffer_bytes: usize,
    /// Take `42u`.
    pub unsigned: bool,
}

/// A bound socket.
pub struct Listener {
    socket: UdpSocket,
    settings: Settings,
    statistics: Arc<Statistics>,
}

impl Listener {
    /// Binds the socket and says where.
    ///
    /// # Errors
    /// When the address cannot be had, or the buffer not be set.
    pub async fn bind(settings: Settings, statistics: Arc<Statistics>) -> io::Result<Self> {
        let socket = UdpSocket::bind(&settings.address).await?;
        if settings.read_buffer_bytes > 0 {
            SockRef::from(&socket).set_recv_buffer_size(settings.read_buffer_bytes)?;
        }
        let address = socket.local_addr()?;
        statistics.udp.bound(address);
        tracing::info!(
            "listening on udp://{address} for database {:?}",
            settings.database
        );
        Ok(Self {
            socket,
            settings,
            statistics,
        })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Takes datagrams until `stop`, then stores what has arrived and ends.
    pub async fn run(
        self,
        engine: Arc<Engine>,
        write: WriteService,
        mut stop: oneshot::Receiver<()>,
    ) {
        let (batches, pending) = mpsc::channel(self.settings.batches_pending.max(1));
        let writer = Writer {
            database: self.settings.database.clone(),
            policy: self.settings.policy.clone(),
            engine: engine.clone(),
            write,
            statistics: self.statistics.clone(),
            ready: false,
        };
        let writer = tokio::spawn(writer.run(pending));
        let mut receiver = Receiver {
            listener: self,
            engine,
            collected: Collected::default(),
            collected_bytes: 0,
            batches,
        };
        let mut datagram = vec![0; DATAGRAM_BYTES_MAX];
        let mut due = None;
        loop {
            tokio::select! {
                _stopped = &mut stop => break,
                () = until(due) => receiver.hand_on(),
                received = receiver.listener.socket.recv(&mut datagram) => match received {
                    Ok(length) => receiver.take(&datagram[..length]),
                    Err(error) => receiver.failed(&error).await,
                },
            }
            due = match receiver.collected.points() {
                0 => None,
                _ => {
                    due.or_else(|| Some(Instant::now() + receiver.listener.settings.batch_timeout))
                }
            };
        }
        // What the system holds for the socket was sent before the stop.
        while let Ok(length) = receiver.listener.socket.try_recv(&mut datagram) {
            receiver.take(&datagram[..length]);
        }
        receiver.end().await;
        if let Err(error) = writer.await {
            tracing::warn!(%error, "UDP: the writer broke off");
        }
    }
}

/// Waits for a time; for ever without one.
async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// Makes batches of datagrams.
struct Receiver {
    listener: Listener,
    engine: Arc<Engine>,
    collected: Collected,
    /// Of the datagrams that it came in.
    collected_bytes: usize,
    batches: mpsc::Sender<Batch>,
}

impl Receiver {
    /// Decodes a datagram; what of it cannot be read is counted and left out.
    fn take(&mut self, datagram: &[u8]) {
        let settings = &self.listener.settings;
        let counters = &self.listener.statistics.udp;
        counters.bytes_received.add(datagram.len() as u64);
        let decoded = decode(
            datagram,
            &DecodeOptions {
                precision: settings.precision,
                default_time_ns: self.engine.now_ns(),
                max_points: usize::MAX,
                unsigned: settings.unsigned,
            },
        );
        counters.points_received.add(decoded.points as u64);
        counters.points_dropped.add(decoded.dropped.points as u64);
        if let Some(text) = decoded.error_text() {
            counters.parse_failed.add(decoded.failed_lines as u64);
            tracing::debug!(error = text, "UDP: lines left out");
        }
        self.collected.add(decoded.batch);
        self.collected_bytes += datagram.len();
        let full = self.collected.points() >= self.listener.settings.batch_points;
        if full || self.collected_bytes >= BATCH_BYTES_MAX {
            self.hand_on();
        }
    }

    /// Gives the batch to the writer, or drops it when too many wait: the socket must
    /// not wait for the disk.
    fn hand_on(&mut self) {
        self.collected_bytes = 0;
        let batch = self.collected.take();
        if batch.rows() == 0 {
            return;
        }
        let waiting = &self.listener.statistics.udp.batches_waiting;
        waiting.add(1);
        if let Err(refused) = self.batches.try_send(batch) {
            waiting.end();
            self.dropped(refused.into_inner().rows());
        }
    }

    fn dropped(&self, points: usize) {
        let counters = &self.listener.statistics.udp;
        counters.points_dropped.add(points as u64);
        counters.batches_failed.add(1);
        tracing::warn!(points, "UDP: points dropped, the storage engine is behind");
    }

    async fn failed(&self, error: &io::Error) {
        self.listener.statistics.udp.read_failed.add(1);
        tracing::warn!(%error, "UDP: nothing received");
        // An error that stays must not take a whole core.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    /// The last batch waits for its turn.
    async fn end(mut self) {
        let batch = self.collected.take();
        if batch.rows() == 0 {
            return;
        }
        let waiting = &self.listener.statistics.udp.batches_waiting;
        waiting.add(1);
        if let Err(refused) = self.batches.send(batch).await {
            waiting.end();
            self.dropped(refused.0.rows());
        }
    }
}

/// Stores batches, one after another.
struct Writer {
    database: String,
    policy: Option<String>,
    engine: Arc<Engine>,
    write: WriteService,
    statistics: Arc<Statistics>,
    /// The database exists as far as is known.
    ready: bool,
}

impl Writer {
    async fn run(mut self, mut batches: mpsc::Receiver<Batch>) {
        while let Some(batch) = batches.recv().await {
            self.statistics.udp.batches_waiting.end();
            let points = batch.rows() as u64;
            let stored = match self.prepare().await {
                Ok(()) => {
                    let (database, policy) = (self.database.clone(), self.policy.clone());
                    self.write.store(database, policy, batch).await
                }
                Err(error) => Err(error),
            };
            let counters = &self.statistics.udp;
            match stored {
                Ok(()) => {
                    counters.batches_written.add(1);
                    counters.points_written.add(points);
                }
                Err(WriteError::Partial { reason, dropped }) => {
                    counters.batches_written.add(1);
                    counters
                        .points_written
                        .add(points.saturating_sub(dropped as u64));
                    counters.points_dropped.add(dropped as u64);
                    tracing::warn!(reason, dropped, "UDP: points dropped");
                }
                Err(error) => {
                    // Somebody may have dropped the database.
                    self.ready = false;
                    counters.batches_failed.add(1);
                    counters.points_dropped.add(points);
                    tracing::warn!(%error, points, "UDP: batch not stored");
                }
            }
        }
    }

    /// Creates the database before the first batch.
    async fn prepare(&mut self) -> Result<(), WriteError> {
        if !self.ready {
            let (engine, database) = (self.engine.clone(), self.database.clone());
            let exists = engine.with_schema(|schema| schema.database(&database).is_ok());
            if !exists {
                let created =
                    tokio::task::spawn_blocking(move || engine.create_database(&database, None));
                let created: Result<(), StorageError> =
                    created.await.map_err(|_| WriteError::Interrupted)?;
                created?;
            }
            self.ready = true;
        }
        Ok(())
    }
}
