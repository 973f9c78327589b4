//! What README promises exists, and what exists is in README; keys of the configuration that any
//! text names exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

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

/// The files below a directory with one of some endings.
fn files_below(directory: &Path, endings: &[&str], found: &mut Vec<PathBuf>) {
    let entries =
        fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    for entry in entries {
        let path = entry.expect("an entry of a directory").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            files_below(&path, endings, found);
        } else if endings.iter().any(|ending| name.ends_with(ending)) {
            found.push(path);
        }
    }
}

/// The texts of a program: what stands in quotation marks, and comments.
fn texts_of(program: &str) -> String {
    let mut texts = String::new();
    let mut rest = program;
    while let Some(next) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            let length = rest.find('\n').unwrap_or(rest.len());
            texts.push_str(&rest[2..length]);
            texts.push('\n');
            length
        } else if next == 'r' && (rest.starts_with("r\"") || rest.starts_with("r#\"")) {
            let (begin, end) = if rest.starts_with("r#") {
                (3, "\"#")
            } else {
                (2, "\"")
            };
            let length = rest[begin..].find(end).map_or(rest.len(), |at| begin + at);
            texts.push_str(&rest[begin..length]);
            texts.push('\n');
            (length + end.len()).min(rest.len())
        } else if next == '"' {
            let mut escaped = false;
            let is_end = |c: char| {
                let ends = c == '"' && !escaped;
                escaped = c == '\\' && !escaped;
                ends
            };
            let length = rest[1..].find(is_end).map_or(rest.len(), |at| 1 + at);
            texts.push_str(&rest[1..length]);
            texts.push('\n');
            (length + 1).min(rest.len())
        } else if rest.starts_with("'\"'") || rest.starts_with("'\\\"'") {
            rest[1..].find('\'').map_or(1, |at| at + 2)
        } else {
            next.len_utf8()
        };
        rest = &rest[length..];
    }
    texts
}

/// What looks like a key of one of the sections.
fn keys_in<'a>(text: &'a str, sections: &BTreeSet<&str>) -> Vec<&'a str> {
    /// Endings of files, which are named in the same way.
    const FILES: [&str; 9] = ["rs", "md", "py", "toml", "pem", "key", "json", "sock", "go"];
    let is_of_path = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    let is_of_key = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '.';
    let words = text.split_inclusive(|c| !is_of_path(c));
    let paths = words.filter_map(|word| {
        let path = word.trim_end_matches(|c| !is_of_path(c));
        let is_call = word.len() > path.len() && word.ends_with('(');
        let path = path.trim_end_matches('.');
        let (section, key) = path.split_once('.')?;
        let ending = key.rsplit('.').next().unwrap_or_default();
        let is_key = sections.contains(section) && !is_call && !FILES.contains(&ending);
        let is_key = is_key && key.chars().all(is_of_key);
        is_key.then_some(path)
    });
    paths.collect()
}

#[test]
fn every_key_that_a_text_names_exists() {
    let keys: Vec<String> = defaults().into_iter().map(|(key, _)| key).collect();
    let sections: BTreeSet<&str> = keys
        .iter()
        .filter_map(|key| key.split('.').next())
        .collect();
    let root = process_tests::beside("..");
    let mut files = Vec::new();
    for directory in ["docs", "hyperbytedb", "observability"] {
        files_below(&root.join(directory), &[".rs", ".md"], &mut files);
    }
    // These make mistakes on purpose.
    files.retain(|file| !file.ends_with("config/tests.rs"));
    files.extend(["README.md", "ARCHITECTURE.md", "CHANGELOG.md"].map(|name| root.join(name)));
    let mut named = 0;
    let mut missing = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("a file of the repository");
        let is_program = file.extension().is_some_and(|ending| ending == "rs");
        let text = if is_program { texts_of(&text) } else { text };
        for key in keys_in(&text, &sections) {
            named += 1;
            let exists = keys.iter().any(|own| own == key)
                || keys.iter().any(|own| own.starts_with(&format!("{key}.")));
            if !exists {
                missing.push(format!("{}: {key}", file.display()));
            }
        }
    }
    assert!(named > 100, "only {named} keys are named");
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}
