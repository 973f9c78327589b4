//! The storage engine: a log that makes writes durable, memtables that make them
//! visible, Parquet files that keep them, and a catalog that is the truth of what
//! exists.
//!
//! Reading order: `engine` (the door), `write` and `wal` (a write), `memtable` and
//! `flush` (what becomes of it), `parquet` and `files` (files), `read` (a read),
//! `rows::merge` (the law that decides between several values of one point),
//! `engine::recovery` (start), `ddl` (schema changes and deletes).
//!
//! The engine knows neither HTTP nor gRPC nor InfluxQL.

mod catalog;
mod clock;
mod config;
mod ddl;
mod disk;
pub mod effects;
mod engine;
mod error;
mod files;
mod flush;
mod kv;
mod memtable;
pub mod metrics;
mod parquet;
mod purge;
mod read;
mod rows;
mod series;
mod state;
mod table;
mod wal;
mod worker;
mod write;

pub use catalog::database::{Database, Policy, PolicyChange, shard_duration_for, shard_group};
pub use catalog::file::{FileEntry, tag_column};
pub use catalog::record::{
    ColumnDef, ContinuousQuery, MeasurementScope, Privilege, SeriesPredicate, Subscription,
    TableName, Tombstone, User,
};
pub use clock::{HybridClock, SystemClock, Version, WallClock};
pub use config::{EngineConfig, FileLayout, Sync};
pub use ddl::delete::Delete;
pub use disk::DiskFull;
pub use engine::{Contents, Doors, Engine, EngineStatus, OrderedChanges, WriteRequest};
pub use error::{Result, StorageError};
pub use files::FileHandle;
pub use memtable::run::Run;
pub use parquet::write::tag_array;
pub use read::file_part::{FilePart, Presence};
pub use read::merge_part::{MergePart, Overlaps};
pub use read::run_part::RunPart;
pub use read::view::ReadView;
pub use rows::{Column, ColumnId, Rows, Versions};
pub use series::filter::{SeriesFilter, ValuePattern};
pub use series::tag_index::SeriesSet;
pub use series::{SeriesId, SeriesIndex, pairs as pairs_of_key};
pub use state::Positions;
pub use table::schema::Schema;
pub use table::{Table, TableInner};
pub use wal::Origin;
pub use write::group_commit::WriteReport;
pub use write::validate::Dropped;
