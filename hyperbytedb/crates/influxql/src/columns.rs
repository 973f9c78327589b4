//! Names of the columns of a result.

use std::collections::HashMap;

use crate::ast::{Expr, Field, SelectStatement};
use crate::depth::deeper;
use crate::reduce::reduce_field;

/// The names of the columns of a `SELECT`, `time` (or its alias) first.
///
/// Aliases are kept as they are; other columns are called after their function
/// or column, an expression after those in it joined by `_` (`max(a) - min(b)`
/// is `max_min`), and the second of a name gets `_1` appended. `top` and
/// `bottom` add a column for each tag they name unless there is an `INTO`.
/// Wildcards must have been expanded: as they stand they have no name.
pub fn column_names(select: &SelectStatement) -> Vec<String> {
    let mut time = "time";
    let mut columns: Vec<(Option<&str>, String)> = Vec::new();
    // Constant parts are folded before names are made: `sin(1) + sin(v)` is `sin`.
    for field in &select.fields {
        if matches!(&field.expr, Expr::VarRef { name, .. } if name == "time") {
            time = field.alias.as_deref().unwrap_or(time);
            continue;
        }
        columns.push((
            field.alias.as_deref(),
            expr_name(&reduce_field(&field.expr)),
        ));
        if select.target.is_none() {
            let tags = extra_columns(&field.expr);
            columns.extend(tags.map(|name| (None, name.to_string())));
        }
    }
    let mut names = vec![time.to_string()];
    names.extend(unique_names(&columns));
    names
}

/// Aliases take their names first, so that generated ones give way to them.
fn unique_names(columns: &[(Option<&str>, String)]) -> Vec<String> {
    let mut used: HashMap<String, usize> = HashMap::new();
    for alias in columns.iter().filter_map(|(alias, _)| *alias) {
        used.insert(alias.to_string(), 1);
    }
    let mut names = Vec::with_capacity(columns.len());
    for (alias, name) in columns {
        if let Some(alias) = alias {
            names.push((*alias).to_string());
            continue;
        }
        let mut unique = name.clone();
        if let Some(mut count) = used.get(name).copied() {
            unique = loop {
                let candidate = format!("{name}_{count}");
                count += 1;
                if !used.contains_key(&candidate) {
                    break candidate;
                }
            };
            used.insert(name.clone(), count);
        }
        *used.entry(unique.clone()).or_default() += 1;
        names.push(unique);
    }
    names
}

/// The tags named by `top(field, tag, …, n)`.
fn extra_columns(expr: &Expr) -> impl Iterator<Item = &str> {
    let args = match expr {
        Expr::Call { name, args } if name == "top" || name == "bottom" => args.as_slice(),
        _ => &[],
    };
    args.iter().skip(1).filter_map(|arg| match arg {
        Expr::VarRef { name, .. } => Some(name.as_str()),
        _ => None,
    })
}

impl Field {
    /// The alias, or the name InfluxDB makes up; empty for literals and wildcards.
    pub fn name(&self) -> String {
        match &self.alias {
            Some(alias) => alias.clone(),
            None => expr_name(&self.expr),
        }
    }
}

fn expr_name(expr: &Expr) -> String {
    match expr {
        Expr::Paren(inner) => deeper(|| expr_name(inner)),
        Expr::Binary { .. } => {
            let mut names = Vec::new();
            collect_names(expr, &mut names);
            names.join("_")
        }
        Expr::Call { name, .. } | Expr::VarRef { name, .. } => name.clone(),
        Expr::Distinct(_) => "distinct".to_string(),
        _ => String::new(),
    }
}

fn collect_names<'a>(expr: &'a Expr, names: &mut Vec<&'a str>) {
    match expr {
        Expr::VarRef { name, .. } | Expr::Call { name, .. } => names.push(name),
        Expr::Binary { lhs, rhs, .. } => {
            deeper(|| {
                collect_names(lhs, names);
                collect_names(rhs, names);
            });
        }
        Expr::Paren(inner) => deeper(|| collect_names(inner, names)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ast::Statement;

    fn names(text: &str) -> Vec<String> {
        let Ok(Statement::Select(select)) = crate::parse_statement(text) else {
            panic!("{text}");
        };
        column_names(&select)
    }

    #[test]
    fn as_influxdb_names_them() {
        for (text, expected) in [
            (
                "SELECT v + n, max(v) - min(v) FROM m",
                vec!["time", "v_n", "max_min"],
            ),
            ("SELECT v, v, v FROM m", vec!["time", "v", "v_1", "v_2"]),
            (
                "SELECT v, v AS v_1, v FROM m",
                vec!["time", "v", "v_1", "v_2"],
            ),
            ("SELECT v, v AS v FROM m", vec!["time", "v_1", "v"]),
            ("SELECT time AS ts, mean(v) FROM m", vec!["ts", "mean"]),
            (
                "SELECT top(v, host, 2), v FROM m",
                vec!["time", "top", "host", "v"],
            ),
            ("SELECT top(v, host, 2) INTO x FROM m", vec!["time", "top"]),
            ("SELECT sin(1) + sin(v) FROM m", vec!["time", "sin"]),
            ("SELECT DISTINCT v FROM m", vec!["time", "distinct"]),
            (
                "SELECT (v), -v, 2 * (a + max(b + c)) FROM m",
                vec!["time", "v", "v_1", "a_max"],
            ),
        ] {
            assert_eq!(names(text), expected, "{text}");
        }
    }
}
