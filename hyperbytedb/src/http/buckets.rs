//! `GET /api/v2/buckets`: each policy of each database as a bucket of InfluxDB 2.x.

use hyper::StatusCode;
use serde_json::{Value, json};
use storage::{Database, Engine, Policy};

use super::Answer;
use super::error::HttpError;
use super::ping::json;
use super::request::Parameters;
use super::target::Target;
use crate::auth::Identity;

const NS_PER_SECOND: i64 = 1_000_000_000;
/// Buckets of an answer, when the client does not say.
const LIMIT: usize = 100;

/// All buckets that `identity` may know of, or the one that `name` or `id` names; `offset` and `limit` page through
/// them.
///
/// # Errors
/// For a name that names no database, and numbers that are none.
pub fn list(
    parameters: &Parameters,
    identity: &Identity,
    engine: &Engine,
) -> Result<Answer, HttpError> {
    let wanted = parameters.get("name").or(parameters.get("id"));
    let wanted = wanted.map(Target::of_bucket_name).transpose()?;
    let offset = number(parameters, "offset")?.unwrap_or(0);
    let limit = match number(parameters, "limit")? {
        None => LIMIT,
        Some(0) => usize::MAX,
        Some(limit) => limit,
    };
    let buckets: Vec<Value> = engine.with_schema(|schema| {
        let databases = schema.databases.values();
        let databases = databases.filter(|database| identity.sees(&database.name));
        let all = databases.flat_map(|database| {
            let policies = database.policies.iter();
            policies.map(move |policy| (database, policy))
        });
        all.filter(|(database, policy)| is_wanted(wanted.as_ref(), database, policy))
            .skip(offset)
            .take(limit)
            .map(|(database, policy)| bucket(database, policy))
            .collect()
    });
    Ok(json(StatusCode::OK, &json!({ "buckets": buckets })))
}

fn is_wanted(wanted: Option<&Target>, database: &Database, policy: &Policy) -> bool {
    wanted.is_none_or(|wanted| {
        let name = wanted.policy.as_deref().unwrap_or(&database.default_policy);
        wanted.database == database.name && name == policy.name
    })
}

fn bucket(database: &Database, policy: &Policy) -> Value {
    let name = format!("{}/{}", database.name, policy.name);
    json!({
        "id": name,
        "name": name,
        "orgID": "",
        "rp": policy.name,
        "schemaType": "implicit",
        "type": "user",
        "retentionRules": [{
            "type": "expire",
            "everySeconds": policy.duration_ns / NS_PER_SECOND,
            "shardGroupDurationSeconds": policy.shard_duration_ns / NS_PER_SECOND,
        }],
    })
}

fn number(parameters: &Parameters, name: &str) -> Result<Option<usize>, HttpError> {
    let Some(text) = parameters.get(name) else {
        return Ok(None);
    };
    let parsed = text.parse::<usize>().map_err(|error| {
        HttpError::Parameter(format!(
            "list buckets parameter is not an integer - {name}={text:?}: {error}"
        ))
    })?;
    Ok(Some(parsed))
}
