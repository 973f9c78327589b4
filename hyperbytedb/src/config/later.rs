//! Keys that configuration files of an earlier system of this name may hold and that have
//! no effect in this version. They are taken, so that such a file can be used as it is,
//! and reported, so that nobody relies on them; switches that promise protection or
//! redundancy are refused when they are on.

use serde::{Deserialize, Serialize};

/// Where keys without effect begin: whole sections end with a dot.
pub const WITHOUT_EFFECT: &[&str] = &[
    "flush.max_points_per_batch",
    "flush.wal_batch_size",
    "flush.wal_batch_delay_us",
    "compaction.",
    "chdb.session_data_path",
    "cluster.",
    "hinted_handoff.",
    "storage.s3.",
];

/// Keys below [`WITHOUT_EFFECT`] that do have one.
pub const WITH_EFFECT: &[&str] = &["cluster.node_id", "cluster.enabled", "cluster.secret"];

/// `[compaction]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Compaction {
    pub enabled: bool,
    pub interval_secs: u64,
    pub min_files_to_compact: usize,
    pub target_file_size_mb: usize,
}

impl Default for Compaction {
    fn default() -> Self {
        Self {
            enabled: true,
            interval_secs: 300,
            min_files_to_compact: 4,
            target_file_size_mb: 256,
        }
    }
}

/// `[hinted_handoff]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HintedHandoff {
    pub enabled: bool,
    pub max_hints_per_peer: usize,
    pub max_hint_age_secs: u64,
}

impl Default for HintedHandoff {
    fn default() -> Self {
        Self {
            enabled: true,
            max_hints_per_peer: 100_000,
            max_hint_age_secs: 3600,
        }
    }
}

/// `[cluster]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cluster {
    pub enabled: bool,
    /// 1 to 1023, unique in the cluster.
    pub node_id: u64,
    /// What the nodes share, to know each other's requests by; empty: nothing.
    pub secret: String,
    pub cluster_addr: String,
    pub peers: String,
    pub heartbeat_interval_secs: u64,
    pub heartbeat_miss_threshold: u64,
    pub anti_entropy_enabled: bool,
    pub anti_entropy_interval_secs: u64,
    pub sync_max_concurrent_files: usize,
    pub replication_log_dir: String,
    pub raft_dir: String,
    pub replication_max_retries: u64,
    pub replication_queue_depth: usize,
    pub replication_max_inflight_batches: usize,
    pub replication_max_coalesce_body_bytes: usize,
    pub replicate_receiver_queue_depth: usize,
    pub replicate_receiver_workers: usize,
    pub replication_truncate_stale_peer_multiplier: u64,
    pub raft_heartbeat_interval_ms: u64,
    pub raft_election_timeout_ms: u64,
    pub raft_snapshot_threshold: u64,
    pub replication: Replication,
}

/// `[cluster.replication]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Replication {
    pub mode: String,
    pub ack_timeout_ms: u64,
    pub sync_quorum: SyncQuorum,
}

/// `[cluster.replication.sync_quorum]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SyncQuorum {
    /// `majority` or a number.
    pub min_acks: String,
}

impl Default for Cluster {
    fn default() -> Self {
        Self {
            enabled: false,
            node_id: 1,
            secret: String::new(),
            cluster_addr: "127.0.0.1:8086".into(),
            peers: String::new(),
            heartbeat_interval_secs: 2,
            heartbeat_miss_threshold: 5,
            anti_entropy_enabled: true,
            anti_entropy_interval_secs: 60,
            sync_max_concurrent_files: 4,
            replication_log_dir: "./replication_log".into(),
            raft_dir: "./raft".into(),
            replication_max_retries: 5,
            replication_queue_depth: 8192,
            replication_max_inflight_batches: 8,
            replication_max_coalesce_body_bytes: 8_388_608,
            replicate_receiver_queue_depth: 1024,
            replicate_receiver_workers: 1,
            replication_truncate_stale_peer_multiplier: 2,
            raft_heartbeat_interval_ms: 1000,
            raft_election_timeout_ms: 1000,
            raft_snapshot_threshold: 1000,
            replication: Replication {
                mode: "async".into(),
                ack_timeout_ms: 5000,
                sync_quorum: SyncQuorum {
                    min_acks: "majority".into(),
                },
            },
        }
    }
}
