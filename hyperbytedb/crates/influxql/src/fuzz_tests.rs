//! Mutated texts must give a tree or an error, never a panic, and what they
//! give must print and parse again.

use std::time::SystemTime;

use crate::ast::Statement;
use crate::{
    column_names, normalise, parse_query, redact_passwords, reduce_field, split_condition,
    validate_select,
};

const ITERATIONS: u64 = 200_000;

const SEEDS: &[&str] = &[
    "SELECT mean(\"v\") AS x, max(v) - min(v), top(v, host, 3) INTO db.rp.:MEASUREMENT FROM db.rp./c.*/, (SELECT * FROM m) WHERE time > now() - 1h30m AND (host =~ /a\\/b/ OR n <> -5) GROUP BY time(5m, -1m), *, /t/ fill(previous) ORDER BY time DESC LIMIT 1 OFFSET 2 SLIMIT 3 SOFFSET 4 tz('Europe/Berlin')",
    "SELECT -a + 2 * (b - 3.5) % c & 4 | 5 ^ 6, DISTINCT v, *::tag, f::float FROM \"a b\"..m -- x",
    "SELECT derivative(mean(v), 1s), holt_winters(sum(v), 2, 1), log(v, 2) FROM m WHERE time >= '2000-01-01 00:00:00.5' AND time < '2000-01-02T00:00:00+01:00' AND v > 9223372036854775808 GROUP BY time(1d, '2000-01-01')",
    "SHOW TAG VALUES EXACT CARDINALITY ON d FROM m WITH KEY IN (a, \"b\") WHERE x = 'y' GROUP BY z LIMIT 1",
    "SHOW MEASUREMENTS ON *.* WITH MEASUREMENT =~ /x/ ORDER BY DESC; SHOW TAG KEYS WITH KEY !~ /k/; SHOW FIELD KEYS FROM m",
    "CREATE DATABASE d WITH DURATION 1w REPLICATION 1 SHARD DURATION 1d FUTURE LIMIT 1h PAST LIMIT 2h NAME \"n\"",
    "CREATE RETENTION POLICY p ON d DURATION INF REPLICATION 1 DEFAULT; ALTER RETENTION POLICY p ON d SHARD DURATION 1h DEFAULT",
    "CREATE CONTINUOUS QUERY c ON d RESAMPLE EVERY 10s FOR 1m BEGIN SELECT count(v) INTO t FROM m GROUP BY time(5s) END",
    "CREATE USER u WITH PASSWORD 'p\\'w' WITH ALL PRIVILEGES; SET PASSWORD FOR u = 'x'; GRANT ALL ON d TO u; REVOKE READ ON d FROM u",
    "CREATE SUBSCRIPTION s ON d.p DESTINATIONS ANY 'udp://a:1', 'b'; DROP SUBSCRIPTION s ON d.p; KILL QUERY 4 ON h",
    "DELETE FROM m WHERE time < 5ms AND h = $p; DROP SERIES FROM /x/; DROP SHARD 3; EXPLAIN ANALYZE SELECT $\"q r\" FROM m",
];

const SNIPPETS: &[&str] = &[
    "(",
    ")",
    "'",
    "\"",
    "/",
    "\\",
    ".",
    "..",
    ":",
    "::",
    ",",
    ";",
    "$",
    "-",
    "--",
    "/*",
    "*/",
    "=~",
    "!~",
    "<>",
    " ",
    "\n",
    "\r\n",
    "\0",
    "é",
    "µ",
    "1",
    "0.5",
    "1h",
    "99999999999999999999",
    "SELECT",
    "FROM",
    "WHERE",
    "time",
    "AND",
    "OR",
    "GROUP BY",
    "fill(",
    "now()",
    "[",
    "{2}",
    "\\x",
    "-(",
    "abs(",
    "v +",
    "(v / ",
    "a = b AND ",
];

/// One text of so many has a snippet so many times in a row.
const DEEP_EVERY: usize = 5_000;
const DEEP: usize = 10_000;

/// Xorshift: the seed alone gives the whole run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % (limit.max(1) as u64)).unwrap_or(0)
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }

    fn mutated(&mut self) -> String {
        let mut chars: Vec<char> = self.pick(SEEDS).chars().collect();
        for _ in 0..=self.below(4) {
            let at = self.below(chars.len() + 1);
            let to = (at + self.below(12)).min(chars.len());
            match self.below(4) {
                0 => drop(chars.drain(at..to)),
                1 => drop(chars.splice(at..at, self.pick(SNIPPETS).chars())),
                2 => drop(chars.splice(at..to, self.pick(SNIPPETS).chars())),
                _ => {
                    let other: Vec<char> = self.pick(SEEDS).chars().collect();
                    let from = self.below(other.len());
                    chars.truncate(at);
                    chars.extend(&other[from..]);
                }
            }
        }
        if self.below(DEEP_EVERY) == 0 {
            let at = self.below(chars.len() + 1);
            let deep = self.pick(SNIPPETS).repeat(DEEP);
            chars.splice(at..at, deep.chars());
        }
        chars.into_iter().collect()
    }
}

fn exercise(text: &str) {
    redact_passwords(text);
    let Ok(query) = parse_query(text) else {
        return;
    };
    let printed = query.to_string();
    if !printed.contains("[REDACTED]") {
        let again = parse_query(&printed).map(|query| query.to_string());
        assert_eq!(again.as_deref(), Ok(printed.as_str()));
    }
    for statement in &query.statements {
        normalise(statement);
        if let Statement::Select(select) = statement {
            column_names(select);
            select.interval_at(7);
            let _refused = validate_select(select);
            let _refused = split_condition(select.condition.as_ref(), 7, select.zone());
            for field in &select.fields {
                reduce_field(&field.expr);
            }
        }
    }
}

#[test]
fn mutated_texts_do_not_panic() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let iterations = number("FUZZ_ITERATIONS").unwrap_or(ITERATIONS);
    let seed = number("FUZZ_SEED").unwrap_or_else(|| {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        since.map_or(1, |since| since.as_nanos() as u64)
    });
    println!("FUZZ_SEED={seed}");
    let mut random = Random(seed.max(1));
    for _ in 0..iterations {
        let text = random.mutated();
        let outcome = std::panic::catch_unwind(|| exercise(&text));
        let shown: String = text.chars().take(2_000).collect();
        assert!(outcome.is_ok(), "{shown:?}");
    }
}
