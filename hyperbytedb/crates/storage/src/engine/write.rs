//! A write at the engine's door.

use points::Batch;
use tokio::sync::oneshot;
use tracing::Instrument;

use crate::engine::Engine;
use crate::error::{Result, StorageError};
use crate::wal::Origin;
use crate::write::admit::{Admitted, admit};
use crate::write::group_commit::{Commit, WriteReport};
use crate::write::pressure::wait_for_room;
use crate::write::validate::Dropped;

/// A write.
#[derive(Debug, Clone)]
pub struct WriteRequest {
    pub database: String,
    /// The default policy when absent or empty.
    pub policy: Option<String>,
    pub batch: Batch,
    pub origin: Origin,
}

impl Engine {
    /// Stores a batch: durable (as `sync` says) and visible when this returns.
    ///
    /// # Errors
    /// When the database or policy does not exist, memory or a disk is full, or the log
    /// cannot be written. Nothing is stored then.
    pub async fn write(&self, request: WriteRequest) -> Result<WriteReport> {
        if let Some(full) = self.disk_full() {
            return Err(full.into());
        }
        if !wait_for_room(&self.state).await {
            crate::metrics::write_refused();
            return Err(StorageError::Full {
                bytes: self.unflushed_bytes(),
                limit: self.state.config.cache_bytes_max,
            });
        }
        let WriteRequest {
            database,
            policy,
            batch,
            origin,
        } = request;
        let batch = (batch, Dropped::default());
        match admit(&self.state, &database, policy.as_deref(), batch, origin)? {
            Admitted::Nothing(dropped) => Ok(WriteReport { rows: 0, dropped }),
            Admitted::Rows(rows) => {
                let (reply, answer) = oneshot::channel();
                self.commit(rows.into_commit(origin, reply), answer).await
            }
        }
    }

    async fn commit(
        &self,
        commit: Commit,
        answer: oneshot::Receiver<Result<WriteReport>>,
    ) -> Result<WriteReport> {
        let stopped = || StorageError::Stopped("it is shutting down".into());
        let (rows, bytes) = (commit.row_count(), commit.entry.len());
        let waiting = tracing::debug_span!("commit", rows, bytes);
        let commits = self.commits.as_ref().ok_or_else(stopped)?;
        // The queue is emptied once per fsync: waiting here is the back-pressure.
        commits.send(commit).map_err(|_| stopped())?;
        let answer = answer.instrument(waiting).await;
        answer.unwrap_or_else(|_| Err(stopped()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::record::{MeasurementScope, SeriesPredicate, TableName};
    use crate::config::EngineConfig;
    use crate::ddl::delete::Delete;
    use points::line_protocol::{DecodeOptions, decode};

    const ALWAYS: (i64, i64) = (i64::MIN, i64::MAX);

    fn engine(directory: &tempfile::TempDir) -> Engine {
        let engine = Engine::open(EngineConfig::in_directory(directory.path())).unwrap();
        engine.create_database("db", None).unwrap();
        engine
    }

    fn request(lines: &str) -> WriteRequest {
        WriteRequest {
            database: "db".into(),
            policy: None,
            batch: decode(lines.as_bytes(), &DecodeOptions::default()).batch,
            origin: Origin::Local,
        }
    }

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_time().build().unwrap().block_on(future)
    }

    fn drop_series(engine: &Engine) {
        let delete = Delete {
            database: "db",
            policy: None,
            measurements: &MeasurementScope::One("m".into()),
            series: &SeriesPredicate::Equal("host".into(), "a".into()),
            time: ALWAYS,
            version: None,
        };
        engine.delete(&delete).unwrap();
    }

    /// Writes a point of host a after `meanwhile` came between its preparation and its
    /// commit, and returns how many rows of live series are seen then.
    fn write_around(engine: &Engine, meanwhile: impl FnOnce()) -> Result<usize> {
        let WriteRequest { batch, origin, .. } = request("m,host=a v=2 2");
        let batch = (batch, Dropped::default());
        let Admitted::Rows(rows) = admit(&engine.state, "db", None, batch, origin)? else {
            panic!("nothing is to be stored");
        };
        meanwhile();
        let (reply, answer) = oneshot::channel();
        block_on(engine.commit(rows.into_commit(origin, reply), answer))?;
        let name = TableName {
            database: "db".into(),
            policy: "autogen".into(),
            measurement: "m".into(),
        };
        let view = engine.read_view(&name, ALWAYS)?;
        let view = view.map(|view| view.of(view.series()));
        let rows = view.map_or(0, |view| {
            view.rows(&[0])
                .map(|rows| rows.map_or(0, |rows| rows.len()))
                .sum()
        });
        Ok(rows)
    }

    #[test]
    fn a_write_that_races_a_delete_of_its_series_is_seen() {
        let directory = tempfile::tempdir().unwrap();
        let engine = engine(&directory);
        block_on(engine.write(request("m,host=a v=1 1\nm,host=b v=1 1"))).unwrap();
        let seen = write_around(&engine, || drop_series(&engine)).unwrap();
        assert_eq!(seen, 2, "of host b and the new one of host a");
        let seen = write_around(&engine, || {
            drop_series(&engine);
            engine.flush().unwrap();
        });
        assert_eq!(seen.unwrap(), 2);
    }

    #[test]
    fn a_write_that_races_a_drop_of_its_measurement_or_database_is_stored_once_or_refused() {
        let directory = tempfile::tempdir().unwrap();
        let engine = engine(&directory);
        let drop_measurement = || assert!(engine.drop_measurement("db", "m").unwrap());
        assert_eq!(write_around(&engine, drop_measurement).unwrap(), 1);
        let recreate = || {
            engine.drop_database("db").unwrap();
            engine.create_database("db", None).unwrap();
        };
        assert_eq!(write_around(&engine, recreate).unwrap(), 1);
        let refused = write_around(&engine, || engine.drop_database("db").unwrap());
        assert!(matches!(refused, Err(StorageError::DatabaseNotFound(_))));
    }

    #[test]
    fn a_write_to_a_database_that_is_dropped_meanwhile_leaves_no_measurement_behind() {
        let directory = tempfile::tempdir().unwrap();
        let engine = engine(&directory);
        engine.drop_database("db").unwrap();
        let name = TableName {
            database: "db".into(),
            policy: "autogen".into(),
            measurement: "m".into(),
        };
        assert!(engine.state.table_or_new(&name).is_dropped());
        engine.create_database("db", None).unwrap();
        assert!(engine.with_schema(|schema| schema.tables(Some("db")).is_empty()));
    }
}
