//! `CREATE`, `DROP` and `SHOW SUBSCRIPTIONS`.

use influxql::ast::CreateSubscription;
use storage::{Engine, Subscription};
use url::Url;

use super::rows::{Rows, text};
use crate::query::error::QueryError;
use crate::query::output::SeriesChunk;
use crate::query::value::Value;

/// Stores a subscription.
///
/// # Errors
/// For a destination that is no `http`, `https` or `udp` address with a port, and when
/// database or policy do not exist or the policy has one of that name.
pub fn create(create: &CreateSubscription, engine: &Engine) -> Result<(), QueryError> {
    for destination in &create.destinations {
        check_destination(destination)?;
    }
    let subscription = Subscription {
        name: create.name.clone(),
        policy: create.retention_policy.clone(),
        mode: create.mode.clone(),
        destinations: create.destinations.clone(),
    };
    Ok(engine.create_subscription(&create.database, subscription)?)
}

/// InfluxDB wants the port written out, the usual one, too.
fn check_destination(destination: &str) -> Result<(), QueryError> {
    let invalid = || QueryError::Invalid(format!("invalid subscription URL: {destination}"));
    let url = Url::parse(destination).map_err(|_| invalid())?;
    let authority = destination
        .split_once("://")
        .map(|(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or_default())
        .ok_or_else(invalid)?;
    let port = authority.rsplit_once(':').map(|(_, port)| port);
    let has_port = port.is_some_and(|port| port.parse::<u16>().is_ok());
    if !matches!(url.scheme(), "http" | "https" | "udp") || !has_port {
        return Err(invalid());
    }
    Ok(())
}

/// A table for each database that has some.
pub fn show(engine: &Engine) -> Vec<SeriesChunk> {
    const COLUMNS: [&str; 4] = ["retention_policy", "name", "mode", "destinations"];
    engine.with_schema(|schema| {
        let databases = schema.databases.values();
        let tables = databases.filter(|database| !database.subscriptions.is_empty());
        let tables = tables.map(|database| {
            let mut rows = Rows::new(&database.name, &COLUMNS);
            for subscription in &database.subscriptions {
                rows.push(vec![
                    text(&subscription.policy),
                    text(&subscription.name),
                    text(&subscription.mode),
                    Value::Texts(subscription.destinations.clone()),
                ]);
            }
            rows.finish()
        });
        tables.collect()
    })
}

#[cfg(test)]
mod tests {
    use super::check_destination;

    #[test]
    fn destinations_need_a_known_scheme_and_a_port() {
        for good in ["http://x:80", "https://[::1]:443/w", "udp://127.0.0.1:9"] {
            assert!(check_destination(good).is_ok(), "{good}");
        }
        for bad in ["nourl", "http://x", "ftp://x:1", "udp://x:99999", "http://"] {
            let error = check_destination(bad).unwrap_err().to_string();
            assert_eq!(error, format!("invalid subscription URL: {bad}"));
        }
    }
}
