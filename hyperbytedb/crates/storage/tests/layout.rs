//! The folders of the crate use each other in one direction. Cargo cannot say so within a
//! crate, so this reads the `use` lines.

// A test that cannot go on has failed.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// From the ground up: a folder uses those of rows before its own.
const LEVELS: [&[&str]; 7] = [
    &[
        "clock", "config", "disk", "effects", "error", "metrics", "series", "worker",
    ],
    &["kv", "rows"],
    &["catalog", "files", "memtable", "wal"],
    &["parquet", "table"],
    &["read", "state"],
    &["ddl", "flush", "purge", "write"],
    &["engine"],
];

/// What uses a neighbour of its row: a handle names the catalog's entry of its file, paths
/// its names; errors tell versions and full disks.
const EXCEPTIONS: [(&str, &str); 4] = [
    ("files", "catalog"),
    ("error", "clock"),
    ("error", "disk"),
    ("worker", "error"),
];

fn level_of(module: &str) -> usize {
    let level = LEVELS.iter().position(|row| row.contains(&module));
    level.unwrap_or_else(|| panic!("{module} has no place in LEVELS"))
}

/// The modules of the crate that a file uses.
fn used_by(text: &str) -> BTreeSet<String> {
    // Tests may use what they like.
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let after = code.split("crate::").skip(1);
    let name = |rest: &str| -> String {
        rest.chars()
            .take_while(|letter| letter.is_ascii_lowercase() || *letter == '_')
            .collect()
    };
    after.map(name).filter(|name| !name.is_empty()).collect()
}

fn visit(directory: &Path, module: Option<&str>, wrong: &mut Vec<String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let module = module.unwrap_or(&name);
        if path.is_dir() {
            visit(&path, Some(module), wrong);
            continue;
        }
        if module == "lib" || name == "tests" {
            continue;
        }
        for used in used_by(&fs::read_to_string(&path).unwrap()) {
            let pair = (module, used.as_str());
            let allowed =
                used == module || level_of(&used) < level_of(module) || EXCEPTIONS.contains(&pair);
            if !allowed {
                wrong.push(format!("{} uses {used}", path.display()));
            }
        }
    }
}

#[test]
fn folders_use_what_stands_below_them() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    visit(&source, None, &mut wrong);
    assert!(wrong.is_empty(), "{wrong:#?}");
}
