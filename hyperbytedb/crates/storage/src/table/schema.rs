//! What there is: databases, their tables, their deletes, and users.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::catalog::database::Database;
use crate::catalog::record::{TableName, User};
use crate::error::{Result, StorageError};
use crate::table::Table;
use crate::table::tombstone::DatabaseTombstone;

/// All databases and tables. Guarded by the engine's lock.
#[derive(Default)]
pub struct Schema {
    pub databases: BTreeMap<String, Database>,
    /// In the order in which they were created.
    pub users: Vec<User>,
    tables: HashMap<String, BTreeMap<(String, String), Arc<Table>>>,
    /// By database.
    tombstones: HashMap<String, Vec<Arc<DatabaseTombstone>>>,
}

impl Schema {
    /// # Errors
    /// When there is no such database.
    pub fn database(&self, name: &str) -> Result<&Database> {
        self.databases
            .get(name)
            .ok_or_else(|| StorageError::DatabaseNotFound(name.to_string()))
    }

    #[must_use]
    pub fn table(&self, name: &TableName) -> Option<&Arc<Table>> {
        // BTreeMap wants the owned key type: two short copies a look-up.
        self.tables
            .get(&name.database)?
            .get(&(name.measurement.clone(), name.policy.clone()))
    }

    /// # Errors
    /// When there is no such user.
    pub fn user(&self, name: &str) -> Result<&User> {
        self.users
            .iter()
            .find(|user| user.name == name)
            .ok_or(StorageError::UserNotFound)
    }

    /// The table of that name, a new one if need be, which meets the tombstones of its
    /// database.
    pub fn table_or_new(&mut self, name: &TableName) -> Arc<Table> {
        let tombstones = self.tombstones.get(&name.database);
        self.tables
            .entry(name.database.clone())
            .or_default()
            .entry((name.measurement.clone(), name.policy.clone()))
            .or_insert_with(|| {
                let table = Table::new(name.clone());
                let concerned = tombstones.into_iter().flatten();
                for stone in concerned.filter(|stone| stone.concerns_table(name)) {
                    table.write().push_tombstone(stone.clone());
                }
                Arc::new(table)
            })
            .clone()
    }

    /// The tombstones of a database.
    #[must_use]
    pub fn tombstones(&self, database: &str) -> &[Arc<DatabaseTombstone>] {
        self.tombstones.get(database).map_or(&[], Vec::as_slice)
    }

    /// The tables of a database that a tombstone concerns.
    #[must_use]
    pub fn concerned(&self, database: &str, stone: &DatabaseTombstone) -> Vec<Arc<Table>> {
        let mut tables = self.tables(Some(database));
        tables.retain(|table| stone.concerns_table(&table.name));
        tables
    }

    /// Adds a tombstone to a database and to the tables that it concerns.
    pub fn push_tombstone(&mut self, database: &str, stone: &Arc<DatabaseTombstone>) {
        for table in self.concerned(database, stone) {
            table.write().push_tombstone(stone.clone());
        }
        let of_database = self.tombstones.entry(database.to_string()).or_default();
        of_database.push(stone.clone());
    }

    /// The numbers of those tombstones of a database that hide nothing which a later one
    /// over whole measurements does not hide as well.
    #[must_use]
    pub fn covered_by(&self, database: &str, later: &DatabaseTombstone) -> Vec<u64> {
        let later = &later.tombstone;
        let is_covered = |stone: &&Arc<DatabaseTombstone>| {
            let stone = &stone.tombstone;
            later.is_unlimited()
                && stone.version < later.version
                && stone.measurements == later.measurements
                && (later.policy.is_none() || later.policy == stone.policy)
        };
        let covered = self.tombstones(database).iter().filter(is_covered);
        covered.map(|stone| stone.tombstone.seq).collect()
    }

    /// Forgets tombstones of a database by their numbers.
    pub fn forget_tombstones(&mut self, database: &str, seqs: &[u64]) {
        if seqs.is_empty() {
            return;
        }
        let is_meant = |stone: &DatabaseTombstone| seqs.contains(&stone.tombstone.seq);
        if let Some(tombstones) = self.tombstones.get_mut(database) {
            tombstones.retain(|stone| !is_meant(stone));
        }
        for table in self.tables(Some(database)) {
            table.write().tombstones.forget(is_meant);
        }
    }

    /// Forgets all tombstones of a database, or those of one policy of it: what they hide
    /// is gone as well.
    pub fn drop_tombstones(&mut self, database: &str, policy: Option<&str>) {
        if let Some(tombstones) = self.tombstones.get_mut(database) {
            let is_other = |stone: &Arc<DatabaseTombstone>| {
                policy.is_some() && stone.tombstone.policy.as_deref() != policy
            };
            tombstones.retain(is_other);
        }
    }

    /// How many tombstones there are.
    #[must_use]
    pub fn tombstone_count(&self) -> usize {
        self.tombstones.values().map(Vec::len).sum()
    }

    /// Takes tables out; they are marked so that holders of old references notice.
    pub fn remove_tables(&mut self, which: impl Fn(&TableName) -> bool) -> Vec<Arc<Table>> {
        let mut removed = Vec::new();
        for tables in self.tables.values_mut() {
            tables.retain(|_, table| {
                let gone = which(&table.name);
                if gone {
                    table.mark_dropped();
                    removed.push(table.clone());
                }
                !gone
            });
        }
        removed
    }

    /// The tables of one measurement, sorted by policy.
    #[must_use]
    pub fn tables_of(&self, database: &str, measurement: &str) -> Vec<Arc<Table>> {
        let Some(tables) = self.tables.get(database) else {
            return Vec::new();
        };
        tables
            .range((measurement.to_owned(), String::new())..)
            .take_while(|((own, _), _)| own == measurement)
            .map(|(_, table)| table.clone())
            .collect()
    }

    /// How many series a database has, over all its policies.
    #[must_use]
    pub fn series_count(&self, database: &str) -> usize {
        let tables = self.tables.get(database).into_iter();
        tables
            .flat_map(BTreeMap::values)
            .map(|table| table.read().series.len())
            .sum()
    }

    /// How many tables a database has.
    #[must_use]
    pub fn table_count(&self, database: &str) -> usize {
        self.tables.get(database).map_or(0, BTreeMap::len)
    }

    /// All tables, or those of one database, sorted by measurement and policy.
    pub fn tables(&self, database: Option<&str>) -> Vec<Arc<Table>> {
        match database {
            Some(name) => self
                .tables
                .get(name)
                .map(|tables| tables.values().cloned().collect())
                .unwrap_or_default(),
            None => self
                .tables
                .values()
                .flat_map(|tables| tables.values().cloned())
                .collect(),
        }
    }
}
