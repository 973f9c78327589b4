//! The steps between a request and its commit: what of a batch is taken, and its rows.

use points::Batch;
use tokio::sync::oneshot;

use crate::catalog::database::Policy;
use crate::catalog::record::TableName;
use crate::clock::Version;
use crate::error::Result;
use crate::state::EngineState;
use crate::table::TableInner;
use crate::wal::{Origin, encode_entry};
use crate::write::group_commit::{Commit, WriteReport};
use crate::write::limits;
use crate::write::prepare::{Prepared, prepare};
use crate::write::validate::{Dropped, drop_conflicts, drop_expired};

/// What of a batch is to be stored.
pub(crate) enum Admitted {
    Rows(AdmittedRows),
    /// Nothing, and why.
    Nothing(Dropped),
}

/// Rows that are to be stored.
pub(crate) struct AdmittedRows {
    /// Without its version.
    pub entry: Vec<u8>,
    /// Of the policy.
    created: Version,
    rows: Vec<Prepared>,
    dropped: Dropped,
}

impl AdmittedRows {
    pub fn into_commit(
        self,
        origin: Origin,
        reply: oneshot::Sender<Result<WriteReport>>,
    ) -> Commit {
        Commit {
            entry: self.entry,
            origin,
            created: self.created,
            rows: self.rows,
            dropped: self.dropped,
            reply,
        }
    }
}

/// The version that made a policy what entries of the log refer to: its own or its
/// database's, whichever is later. `None` when there is no such policy.
pub(crate) fn created(state: &EngineState, database: &str, policy: &str) -> Option<Version> {
    let schema = state.schema.read();
    let database = schema.databases.get(database)?;
    let policy = database.policies.iter().find(|own| own.name == policy)?;
    Some(policy.created.max(database.created))
}

fn resolve(state: &EngineState, database: &str, policy: Option<&str>) -> Result<(Version, Policy)> {
    let schema = state.schema.read();
    let database = schema.database(database)?;
    let policy = database.policy(policy)?.clone();
    Ok((policy.created.max(database.created), policy))
}

/// Takes what may be stored of a batch, of which `dropped` was left out before, and
/// prepares it.
///
/// # Errors
/// When the database or policy does not exist.
pub(crate) fn admit(
    state: &EngineState,
    database: &str,
    policy: Option<&str>,
    (mut batch, mut dropped): (Batch, Dropped),
    origin: Origin,
) -> Result<Admitted> {
    let (created, policy) = resolve(state, database, policy)?;
    let names = (database, policy.name.as_str());
    let version = match origin {
        // It was written to a database or policy of this name that was dropped.
        Origin::Replicated { version, .. } if version <= created => {
            return Ok(Admitted::Nothing(dropped));
        }
        Origin::Replicated { version, .. } => Some(version),
        Origin::Local | Origin::Forwarded => None,
    };
    if origin == Origin::Local {
        drop_expired(
            &mut batch,
            policy.cutoff(state.clock.now_ns()),
            &mut dropped,
        );
        limits::refuse_new_tables(state, names, &mut batch, &mut dropped);
        limits::refuse_new_series(state, names, &mut batch, &mut dropped);
        register_bare_series(state, names, &mut batch);
        let duration = policy.shard_duration_ns;
        refuse_conflicts(state, names, duration, &mut batch, &mut dropped);
    }
    if batch.tables.iter().all(|table| table.times.is_empty()) {
        return Ok(Admitted::Nothing(dropped));
    }
    let entry = encode_entry(database, &policy.name, origin, &batch);
    Ok(Admitted::Rows(AdmittedRows {
        entry,
        created,
        rows: prepare(state, names, batch, version),
        dropped,
    }))
}

/// InfluxDB's index knows the series of a point whose only field was called time,
/// although the point is not stored.
fn register_bare_series(state: &EngineState, names: (&str, &str), batch: &mut Batch) {
    let is_bare = |part: &points::Table| part.times.is_empty();
    if !batch.tables.iter().any(is_bare) {
        return;
    }
    let (bare, tables) = std::mem::take(&mut batch.tables)
        .into_iter()
        .partition(is_bare);
    batch.tables = tables;
    // What is not stored has no rows to keep.
    let _no_rows = prepare(state, names, Batch { tables: bare }, None);
}

fn refuse_conflicts(
    state: &EngineState,
    (database, policy): (&str, &str),
    shard_duration_ns: i64,
    batch: &mut Batch,
    dropped: &mut Dropped,
) {
    let mut tables = std::mem::take(&mut batch.tables);
    tables.sort_by(|a, b| a.measurement.cmp(&b.measurement));
    for part in tables.chunk_by_mut(|a, b| a.measurement == b.measurement) {
        let name = TableName {
            database: database.to_string(),
            policy: policy.to_string(),
            measurement: part[0].measurement.clone(),
        };
        let table = state.schema.read().table(&name).cloned();
        match table {
            Some(table) => drop_conflicts(&table.read(), shard_duration_ns, part, dropped),
            None => drop_conflicts(&TableInner::default(), shard_duration_ns, part, dropped),
        }
    }
    tables.retain(|table| !table.times.is_empty());
    batch.tables = tables;
}
