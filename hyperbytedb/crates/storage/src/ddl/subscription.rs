//! CREATE and DROP SUBSCRIPTION.

use crate::catalog::record::Subscription;
use crate::ddl::save;
use crate::error::{Result, StorageError};
use crate::state::EngineState;

pub(crate) fn create_subscription(
    state: &EngineState,
    database: &str,
    subscription: Subscription,
) -> Result<()> {
    let _positions = state.positions.lock();
    let mut record = state.schema.read().database(database)?.clone();
    record.policy(Some(&subscription.policy))?;
    let is_same = |existing: &Subscription| {
        existing.policy == subscription.policy && existing.name == subscription.name
    };
    if record.subscriptions.iter().any(is_same) {
        return Err(StorageError::SubscriptionExists);
    }
    record.subscriptions.push(subscription);
    save(state, record)
}

pub(crate) fn drop_subscription(
    state: &EngineState,
    database: &str,
    policy: &str,
    name: &str,
) -> Result<()> {
    let _positions = state.positions.lock();
    let mut record = state.schema.read().database(database)?.clone();
    record.policy(Some(policy))?;
    let before = record.subscriptions.len();
    record
        .subscriptions
        .retain(|existing| existing.policy != policy || existing.name != name);
    if record.subscriptions.len() == before {
        return Err(StorageError::SubscriptionNotFound);
    }
    save(state, record)
}
