//! The one function that decides, against what the generator of statements knows.

use std::collections::BTreeMap;
use std::sync::Arc;

use influxql::parse_query;
use proptest::prelude::*;
use storage::Privilege;

use super::*;
use crate::auth::Person;

fn person(admin: bool, privileges: &[(&str, Privilege)]) -> Identity {
    let privileges = privileges.iter().map(|(name, p)| ((*name).to_string(), *p));
    Identity::Person(Arc::new(Person {
        name: "me".into(),
        admin,
        privileges: privileges.collect(),
    }))
}

fn refusal(identity: &Identity, text: &str, database: &str) -> String {
    let query = parse_query(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    match authorize(identity, &query, database) {
        Ok(()) => String::new(),
        Err(forbidden) => forbidden.to_string(),
    }
}

#[test]
fn statements_need_what_influxdb_asks_for() {
    let reader = person(false, &[("r", Privilege::Read)]);
    let writer = person(false, &[("r", Privilege::Write)]);
    let all = person(false, &[("r", Privilege::All)]);
    let nothing = person(false, &[("r", Privilege::None)]);
    let admin = person(true, &[]);
    // Who may: reader, writer, all, nothing.
    for (text, may) in [
        ("SELECT v FROM m", "r-a-"),
        ("SELECT v INTO n FROM m", "--a-"),
        ("EXPLAIN ANALYZE SELECT v FROM m", "r-a-"),
        ("SHOW MEASUREMENTS", "r-a-"),
        ("SHOW TAG VALUES ON r WITH KEY = k", "r-a-"),
        ("SHOW SERIES EXACT CARDINALITY", "r-a-"),
        ("SHOW RETENTION POLICIES", "r-a-"),
        ("SHOW QUERIES", "r-a-"),
        ("SHOW DATABASES", "rwan"),
        ("DELETE FROM m WHERE time > 0", "-wa-"),
        ("DROP SERIES FROM m", "-wa-"),
        ("DROP CONTINUOUS QUERY q ON r", "-wa-"),
        (
            "CREATE CONTINUOUS QUERY q ON r BEGIN SELECT mean(v) INTO n FROM m GROUP BY time(1m) END",
            "r-a-",
        ),
        ("DROP MEASUREMENT m", "----"),
        ("CREATE DATABASE r", "----"),
        ("SHOW USERS", "----"),
        ("SHOW GRANTS FOR me", "----"),
        ("SET PASSWORD FOR me = 'x'", "----"),
        ("GRANT ALL TO me", "----"),
        ("KILL QUERY 1", "----"),
        ("SHOW STATS", "----"),
        ("SHOW SUBSCRIPTIONS", "----"),
        ("SHOW MEASUREMENTS ON *.*", "----"),
        ("SHOW DATABASES; DROP DATABASE r", "----"),
    ] {
        for (identity, letter) in [(&reader, 'r'), (&writer, 'w'), (&all, 'a'), (&nothing, 'n')] {
            let refusal = refusal(identity, text, "r");
            assert_eq!(
                refusal.is_empty(),
                may.contains(letter),
                "{letter}: {text}: {refusal}"
            );
        }
        assert_eq!(refusal(&admin, text, "r"), "", "{text}");
        assert_eq!(refusal(&Identity::Server, text, "r"), "", "{text}");
        assert!(!refusal(&Identity::Nobody, text, "r").is_empty(), "{text}");
    }
}

#[test]
fn the_first_statement_of_all_creates_an_admin() {
    let first = |text: &str| refusal(&Identity::Nobody, text, "");
    let create = "CREATE USER me WITH PASSWORD 'x' WITH ALL PRIVILEGES";
    assert_eq!(first(create), "");
    assert_eq!(first(&format!("{create}; SHOW DATABASES")), "");
    assert!(first(&format!("SHOW DATABASES; {create}")).contains("create admin user first"));
    assert!(first("CREATE USER me WITH PASSWORD 'x'").contains("create admin user first"));
}

#[test]
fn a_refusal_names_the_statement_without_its_password() {
    let text = refusal(
        &person(false, &[]),
        "CREATE USER you WITH PASSWORD 'sesame'",
        "",
    );
    assert_eq!(
        text,
        "error authorizing query: me not authorized to execute statement 'CREATE USER you WITH PASSWORD [REDACTED]', requires admin privilege"
    );
    let text = refusal(
        &person(false, &[]),
        "SELECT * FROM (SELECT * FROM x..m)",
        "r",
    );
    assert!(text.ends_with("requires READ on x"), "{text}");
}

#[test]
fn writes_say_who_may_not() {
    let reader = person(false, &[("r", Privilege::Read)]);
    assert_eq!(may_read(&reader, "r"), Ok(()));
    let refused = may_write(&reader, "r").unwrap_err().to_string();
    assert_eq!(
        refused,
        "\"me\" user is not authorized to write to database \"r\""
    );
    let refused = may_write(&Identity::Nobody, "r").unwrap_err().to_string();
    assert_eq!(refused, "user is required to write to database \"r\"");
    assert_eq!(may_write(&Identity::Server, "r"), Ok(()));
}

/// A statement with the databases that it reads and writes.
#[derive(Debug, Clone)]
struct Made {
    text: String,
    reads: Vec<u8>,
    writes: Vec<u8>,
}

fn source() -> impl Strategy<Value = Made> {
    let table = (0_u8..4).prop_map(|db| Made {
        text: format!("d{db}..m"),
        reads: vec![db],
        writes: vec![],
    });
    table.prop_recursive(4, 12, 3, |inner| {
        prop::collection::vec(inner, 1..3).prop_map(|inner| {
            let texts: Vec<&str> = inner.iter().map(|made| made.text.as_str()).collect();
            Made {
                text: format!("(SELECT v FROM {})", texts.join(", ")),
                reads: inner.iter().flat_map(|made| made.reads.clone()).collect(),
                writes: vec![],
            }
        })
    })
}

fn statement() -> impl Strategy<Value = Made> {
    let sources = prop::collection::vec(source(), 1..3);
    (sources, prop::option::of(0_u8..4), 0..4).prop_map(|(sources, into, kind)| {
        let from: Vec<&str> = sources.iter().map(|made| made.text.as_str()).collect();
        let from = from.join(", ");
        let mut reads: Vec<u8> = sources.iter().flat_map(|made| made.reads.clone()).collect();
        let target = into.map(|db| format!(" INTO d{db}..n")).unwrap_or_default();
        let text = match (kind, into) {
            (0, Some(_)) => {
                reads.push(0);
                format!(
                    "CREATE CONTINUOUS QUERY q ON d0 BEGIN SELECT mean(v){target} FROM {from} GROUP BY time(1m) END"
                )
            }
            (1, None) => format!("EXPLAIN SELECT v FROM {from}"),
            _ => format!("SELECT v{target} FROM {from}"),
        };
        // A continuous query may name its own database as its target.
        let writes = into.into_iter().filter(|db| !(kind == 0 && *db == 0));
        Made {
            text,
            reads,
            writes: writes.collect(),
        }
    })
}

proptest! {
    #[test]
    fn no_statement_reaches_a_database_without_a_grant(
        made in prop::collection::vec(statement(), 1..3),
        grants in prop::collection::btree_map(0_u8..4, 0_u8..4, 0..5),
    ) {
        let privilege = |n: &u8| match n {
            0 => Privilege::None,
            1 => Privilege::Read,
            2 => Privilege::Write,
            _ => Privilege::All,
        };
        let privileges: BTreeMap<String, Privilege> =
            grants.iter().map(|(db, n)| (format!("d{db}"), privilege(n))).collect();
        let identity = Identity::Person(Arc::new(Person {
            name: "me".into(),
            admin: false,
            privileges,
        }));
        let held = |db: &u8, enough: [u8; 2]| grants.get(db).is_some_and(|n| enough.contains(n));
        let may = made.iter().all(|one| {
            one.reads.iter().all(|db| held(db, [1, 3])) && one.writes.iter().all(|db| held(db, [2, 3]))
        });
        let text: Vec<&str> = made.iter().map(|one| one.text.as_str()).collect();
        let text = text.join("; ");
        let query = parse_query(&text).unwrap();
        prop_assert_eq!(authorize(&identity, &query, "d9").is_ok(), may, "{}", text);
    }
}
