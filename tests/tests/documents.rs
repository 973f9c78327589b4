//! What README promises exists, and what exists is in README.

use std::fs;

use process_tests::Sandbox;

fn readme() -> String {
    fs::read_to_string(process_tests::beside("../README.md")).expect("README.md")
}

/// All keys of the configuration with their defaults, as the binary prints them.
fn defaults() -> Vec<(String, String)> {
    let shown = Sandbox::new()
        .command(&["config", "show"])
        .output()
        .expect("config show");
    assert!(shown.status.success());
    let mut section = String::new();
    let mut keys = Vec::new();
    for line in String::from_utf8_lossy(&shown.stdout).lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']').to_string();
        } else if let Some((key, value)) = line.split_once(" = ") {
            keys.push((
                format!("{section}.{key}"),
                value.trim_matches('"').to_string(),
            ));
        }
    }
    assert!(keys.len() > 20, "{keys:?}");
    keys
}

/// The first cell of a row of a table.
fn name_of(row: &str) -> &str {
    row.split('|').nth(1).unwrap_or_default()
}

#[test]
fn the_readme_has_every_key_with_its_default() {
    let readme = readme();
    let rows: Vec<&str> = readme
        .lines()
        .filter(|line| line.starts_with("| `"))
        .collect();
    for (key, default) in defaults() {
        let quoted = format!("`{key}`");
        let Some(row) = rows.iter().find(|row| name_of(row).contains(&quoted)) else {
            panic!("{key} is not in README.md");
        };
        let shown = match default.as_str() {
            "" => "| empty |".to_string(),
            value => format!("| `{value}` |"),
        };
        assert!(
            row.contains(&shown),
            "{key} is {default:?}, but README.md has: {row}"
        );
    }
}

#[test]
fn the_readme_has_no_key_that_does_not_exist() {
    let keys: Vec<String> = defaults().into_iter().map(|(key, _)| key).collect();
    for row in readme().lines().filter(|line| line.starts_with("| `")) {
        for name in name_of(row).split('`').filter(|name| name.contains('.')) {
            assert!(keys.iter().any(|key| key == name), "README.md has {name}");
        }
    }
}
