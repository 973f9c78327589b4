use std::io::Write;

use super::*;

fn load_text(text: &str) -> Result<Config, ConfigError> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    load(Some(file.path()))
}

#[test]
fn an_empty_file_gives_the_defaults() {
    assert_eq!(load_text("").unwrap(), Config::default());
}

#[test]
fn all_mistakes_are_reported_at_once_each_with_its_key() {
    let error = load_text(
        "[server]\nprt = 1\nport = \"x\"\n[flush]\ninterval_secs = true\n[nosuch]\na = 1\n",
    )
    .unwrap_err();
    let text = error.to_string();
    for part in [
        "server.prt: unknown key; did you mean server.port?",
        "server.port: expected a number, found text",
        "flush.interval_secs: expected a number, found true or false",
        "nosuch: unknown key",
    ] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
    let error = load_text("[wal]\nsync = \"never\"\n[server]\ntls_enabled = true\n").unwrap_err();
    // Two files have to be named.
    assert_eq!(error.0.len(), 3);
}

#[test]
fn what_is_shown_can_be_loaded() {
    let mut config = Config::default();
    config.server.port = 9999;
    assert_eq!(load_text(&config.to_toml()).unwrap(), config);
}

#[test]
fn a_missing_file_is_named() {
    let error = load(Some(Path::new("/nowhere/node.toml"))).unwrap_err();
    assert!(error.to_string().contains("/nowhere/node.toml"));
}

#[test]
fn a_key_without_effect_is_taken_and_told() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let text = "[compaction]\ninterval_secs = 60\n[cluster]\nnode_id = 3\nraft_dir = \"r\"\n[cluster.replication]\nmode = \"async\"\n";
    file.write_all(text.as_bytes()).unwrap();
    let (config, notes) = load_with_notes(Some(file.path())).unwrap();
    assert_eq!(config.cluster.node_id, 3);
    assert_eq!(
        notes,
        [
            "cluster.raft_dir: has no effect in this version",
            "cluster.replication.mode: has no effect in this version",
            "compaction.interval_secs: has no effect in this version",
        ]
    );
}
