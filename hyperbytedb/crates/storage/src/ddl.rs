//! Schema changes and deletes. Each happens under the lock of the log's positions, so
//! that every write is wholly before or wholly after it.

use std::sync::Arc;

use crate::clock::Version;
use crate::delete::{ResolvedTombstone, SeriesPredicate, Tombstone};
use crate::error::{Result, StorageError};
use crate::maintenance::remove_files;
use crate::meta::Changes;
use crate::present::Sources;
use crate::records::User;
use crate::schema::{Database, Policy, PolicyChange};
use crate::shared::Shared;
use crate::table::{Table, TableName};
use crate::tag_index::SeriesSet;

/// Creates a database; one that exists already is left as it is, unless `policy`
/// describes another default policy.
pub(crate) fn create_database(
    shared: &Shared,
    name: &str,
    policy: Option<(&str, &PolicyChange)>,
) -> Result<()> {
    let _positions = shared.positions.lock();
    let existing = shared.schema.read().databases.get(name).cloned();
    if let Some(existing) = existing {
        let Some((policy_name, change)) = policy else {
            return Ok(());
        };
        let wanted = Policy::new(policy_name, change, existing.created)?;
        let same = existing
            .policy(None)
            .is_ok_and(|current| current.name == wanted.name && current.same_as(&wanted));
        return if same {
            Ok(())
        } else {
            Err(StorageError::PolicyConflict)
        };
    }
    let created = shared.clock.next();
    let policy = match policy {
        None => Policy::autogen(created),
        Some((policy_name, change)) => Policy::new(policy_name, change, created)?,
    };
    let database = Database {
        name: name.to_string(),
        created,
        default_policy: policy.name.clone(),
        policies: vec![policy],
        continuous_queries: Vec::new(),
        subscriptions: Vec::new(),
    };
    save(shared, database)
}

pub(crate) fn save(shared: &Shared, database: Database) -> Result<()> {
    let mut changes = Changes::default();
    changes.database(&database);
    shared.meta.commit(changes)?;
    shared
        .schema
        .write()
        .databases
        .insert(database.name.clone(), database);
    Ok(())
}

/// Drops a database with all its points; one that does not exist is no error.
pub(crate) fn drop_database(shared: &Shared, name: &str) -> Result<()> {
    let _positions = shared.positions.lock();
    let mut changes = Changes::default();
    changes.remove_database(name);
    let users = users_without(shared, name);
    for user in users.iter().filter(|(_, changed)| *changed) {
        changes.user(&user.0);
    }
    shared.meta.commit(changes)?;
    let removed = {
        let mut schema = shared.schema.write();
        schema.databases.remove(name);
        schema.users = users.into_iter().map(|(user, _)| user).collect();
        schema.remove_tables(|table| table.database == name)
    };
    discard(shared, &removed);
    Ok(())
}

/// All users without their privileges on a database, and whether they had any.
fn users_without(shared: &Shared, database: &str) -> Vec<(User, bool)> {
    let users = shared.schema.read().users.clone();
    let without = |mut user: User| {
        let had = user.privileges.remove(database).is_some();
        (user, had)
    };
    users.into_iter().map(without).collect()
}

/// Creates a retention policy; the same one again is no error.
pub(crate) fn create_policy(
    shared: &Shared,
    database: &str,
    name: &str,
    change: &PolicyChange,
) -> Result<()> {
    let _positions = shared.positions.lock();
    let mut record = shared.schema.read().database(database)?.clone();
    let policy = Policy::new(name, change, shared.clock.next())?;
    match record
        .policies
        .iter()
        .find(|existing| existing.name == name)
    {
        Some(existing) if existing.same_as(&policy) => {
            if change.default && record.default_policy != name {
                return Err(StorageError::PolicyNotDefault);
            }
            return Ok(());
        }
        Some(_) => return Err(StorageError::PolicyConflict),
        None => record.policies.push(policy),
    }
    if change.default {
        record.default_policy = name.to_string();
    }
    save(shared, record)
}

/// Changes a retention policy.
pub(crate) fn alter_policy(
    shared: &Shared,
    database: &str,
    name: &str,
    change: &PolicyChange,
) -> Result<()> {
    let _positions = shared.positions.lock();
    let mut record = shared.schema.read().database(database)?.clone();
    record.alter_policy(name, change)?;
    save(shared, record)
}

/// Drops a retention policy with its points; one that does not exist is no error.
pub(crate) fn drop_policy(shared: &Shared, database: &str, name: &str) -> Result<()> {
    let _positions = shared.positions.lock();
    let mut record = match shared.schema.read().databases.get(database) {
        Some(record) => record.clone(),
        None => return Ok(()),
    };
    record.policies.retain(|policy| policy.name != name);
    record
        .subscriptions
        .retain(|subscription| subscription.policy != name);
    let mut changes = Changes::default();
    changes.database(&record);
    let of_policy = |table: &TableName| table.database == database && table.policy == name;
    for table in shared.schema.read().tables(Some(database)) {
        if of_policy(&table.name) {
            changes.remove_table(&table.name);
        }
    }
    shared.meta.commit(changes)?;
    let removed = {
        let mut schema = shared.schema.write();
        schema.databases.insert(record.name.clone(), record);
        schema.remove_tables(of_policy)
    };
    discard(shared, &removed);
    Ok(())
}

/// Drops a measurement in all policies of a database; true when there was one.
pub(crate) fn drop_measurement(shared: &Shared, database: &str, measurement: &str) -> Result<bool> {
    let _positions = shared.positions.lock();
    shared.schema.read().database(database)?;
    let is_meant =
        |table: &TableName| table.database == database && table.measurement == measurement;
    let tables: Vec<Arc<Table>> = shared
        .schema
        .read()
        .tables(Some(database))
        .into_iter()
        .filter(|table| is_meant(&table.name))
        .collect();
    let existed = tables.iter().any(|table| !table.read().series.is_empty());
    let tombstone = Tombstone {
        version: shared.clock.next(),
        series: SeriesPredicate::All,
        min_time: i64::MIN,
        max_time: i64::MAX,
    };
    let mut changes = Changes::default();
    for table in &tables {
        changes.remove_table(&table.name);
        changes.tombstone(&table.name, &tombstone);
    }
    shared.meta.commit(changes)?;
    let removed = {
        let mut schema = shared.schema.write();
        let removed = schema.remove_tables(is_meant);
        for old in &removed {
            let table = schema.table_or_new(&old.name);
            let mut inner = table.write();
            inner.tombstones = old.read().tombstones.clone();
            let resolved = ResolvedTombstone::new(tombstone.clone(), &inner.series)?;
            inner.tombstones.0.push(Arc::new(resolved));
        }
        removed
    };
    discard(shared, &removed);
    Ok(existed)
}

/// Forgets the points of tables that are gone from schema and catalog.
fn discard(shared: &Shared, tables: &[Arc<Table>]) {
    for table in tables {
        let mut inner = table.write();
        shared.count_bytes(inner.unflushed_bytes(), 0);
        inner.memtable.take();
        inner.frozen.clear();
        let files = std::mem::take(&mut inner.files);
        drop(inner);
        remove_files(shared, files.iter().map(AsRef::as_ref));
    }
}

/// What a delete is about.
pub struct DeleteRequest<'a> {
    pub table: &'a TableName,
    pub series: &'a SeriesPredicate,
    /// Both included.
    pub time: (i64, i64),
    /// Take the matching series out of the index, too (DROP SERIES).
    pub drop_series: bool,
    /// Of a delete that another node ordered; its own version is the next one.
    pub version: Option<Version>,
}

/// Deletes points; series of which none is left leave the index.
pub(crate) fn delete(shared: &Shared, request: &DeleteRequest<'_>) -> Result<()> {
    let filter = request.series.filter()?;
    let _positions = shared.positions.lock();
    // Where writes of other nodes may come late, a delete must wait for them, whatever
    // is there now.
    let lasting = shared.config.layout.keep_versions;
    let table = if lasting {
        shared.schema.write().table_or_new(request.table)
    } else {
        match shared.schema.read().table(request.table) {
            Some(table) => table.clone(),
            None => return Ok(()),
        }
    };
    let version = match request.version {
        Some(version) => {
            shared.clock.observe(version);
            version
        }
        None => shared.clock.next(),
    };
    let tombstone = Tombstone {
        version,
        series: request.series.clone(),
        min_time: request.time.0,
        max_time: request.time.1,
    };
    let met = table.read().series.select(&filter);
    if met.is_empty() && !lasting {
        return Ok(());
    }
    let mut changes = Changes::default();
    changes.tombstone(&table.name, &tombstone);
    shared.meta.commit(changes)?;
    {
        let mut inner = table.write();
        let resolved = ResolvedTombstone::new(tombstone, &inner.series)?;
        inner.tombstones.0.push(Arc::new(resolved));
        inner.extend_tombstones()?;
        let before = inner.memtable.bytes();
        let tombstones = inner.tombstones.clone();
        inner.memtable.apply_tombstone(&tombstones);
        shared.count_bytes(before, inner.memtable.bytes());
    }
    let empty = if request.drop_series {
        met
    } else {
        without_points(shared, &table, met)?
    };
    forget_series(shared, &table, &empty)
}

/// Takes out of the index what a replay of the log put into it although all its points
/// are deleted.
pub(crate) fn forget_deleted_series(shared: &Shared, table: &Arc<Table>) -> Result<()> {
    let met = {
        let mut inner = table.write();
        inner.extend_tombstones()?;
        let mut met = SeriesSet::new();
        for stone in &inner.tombstones.0 {
            met |= stone.met();
        }
        met & inner.series.live()
    };
    if met.is_empty() {
        return Ok(());
    }
    let empty = without_points(shared, table, met)?;
    forget_series(shared, table, &empty)
}

fn forget_series(shared: &Shared, table: &Table, series: &SeriesSet) -> Result<()> {
    let mut inner = table.write();
    let mut changes = Changes::default();
    for id in series {
        changes.remove_series(&table.name, inner.series.key(id));
        inner.series.drop_series(id);
    }
    drop(inner);
    shared.meta.commit(changes)
}

/// Those of the series that have no visible point any more.
fn without_points(shared: &Shared, table: &Arc<Table>, candidates: SeriesSet) -> Result<SeriesSet> {
    let (runs, files, tombstones) = {
        let inner = table.read();
        let runs: Vec<_> = inner
            .memtable
            .runs()
            .iter()
            .chain(&inner.frozen)
            .cloned()
            .collect();
        (runs, inner.files.clone(), inner.tombstones.clone())
    };
    let sources = Sources {
        table,
        runs: &runs,
        files: &files,
        tombstones: &tombstones,
        store: &shared.store,
        footers: &shared.footers,
        time: (i64::MIN, i64::MAX),
    };
    let present = sources.present(&candidates)?;
    Ok(candidates - present)
}
