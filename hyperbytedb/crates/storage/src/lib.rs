//! The storage engine: a log that makes writes durable, memtables that make them
//! visible, Parquet files that keep them, and a catalog that is the truth of what
//! exists.
//!
//! Reading order: `engine` (the door), `prepare` and `writer` (a write),
//! `memtable` and `maintenance` (what becomes of it), `parquet` (files), `view`
//! (a read), `merge` (the law that decides between several values of one point),
//! `recovery` (start), `ddl` (schema changes and deletes).
//!
//! The engine knows neither HTTP nor gRPC nor InfluxQL.

mod cardinality;
mod clock;
mod config;
mod ddl;
mod delete;
mod disk;
pub mod effects;
mod engine;
mod error;
mod file_part;
mod files;
mod flush;
mod kv;
mod maintenance;
mod memtable;
mod merge;
mod merge_part;
mod meta;
pub mod metrics;
pub mod object;
pub mod parquet;
mod prepare;
mod present;
mod records;
mod recovery;
mod rows;
mod run;
mod run_part;
mod schema;
mod series;
mod series_filter;
#[cfg(test)]
mod series_laws;
mod series_order;
mod shared;
mod status;
mod table;
mod tag_index;
mod view;
mod wal;
mod windows;
mod writer;

pub use clock::{HybridClock, SystemClock, Version, WallClock};
pub use config::{EngineConfig, Sync};
pub use ddl::DeleteRequest;
pub use delete::{SeriesPredicate, Tombstone};
pub use disk::DiskFull;
pub use engine::{Doors, Engine, WriteReport, WriteRequest};
pub use error::{Result, StorageError};
pub use file_part::{FilePart, Presence};
pub use files::{FileEntry, tag_column};
pub use flush::FileLayout;
pub use merge_part::{MergePart, Overlaps};
pub use parquet::write::tag_array;
pub use prepare::{Dropped, Origin};
pub use records::{ContinuousQuery, Privilege, Subscription, User};
pub use rows::{Column, ColumnId, Rows, Versions};
pub use run::Run;
pub use run_part::RunPart;
pub use schema::{Database, Policy, PolicyChange, Schema, shard_duration_for};
pub use series::{SeriesId, SeriesIndex, pairs as pairs_of_key};
pub use series_filter::{SeriesFilter, ValuePattern};
pub use shared::Positions;
pub use status::{Contents, EngineStatus};
pub use table::{ColumnDef, Table, TableInner, TableName};
pub use tag_index::SeriesSet;
pub use view::ReadView;
