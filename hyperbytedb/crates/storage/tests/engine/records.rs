//! Continuous queries, subscriptions and users outlive a restart and go with what they
//! belong to.

use storage::{ContinuousQuery, Engine, PolicyChange, Privilege, StorageError, Subscription};

use crate::common::open;

fn query(name: &str, text: &str) -> ContinuousQuery {
    ContinuousQuery {
        name: name.into(),
        text: text.into(),
        owner: None,
    }
}

fn subscription(policy: &str) -> Subscription {
    Subscription {
        name: "s".into(),
        policy: policy.into(),
        mode: "ALL".into(),
        destinations: vec!["http://localhost:1".into()],
    }
}

fn users(engine: &Engine) -> Vec<(String, bool, usize)> {
    engine.with_schema(|schema| {
        let users = schema.users.iter();
        users
            .map(|user| (user.name.clone(), user.admin, user.privileges.len()))
            .collect()
    })
}

#[test]
fn records_outlive_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    {
        let engine = open(directory.path(), |_| {});
        engine
            .create_continuous_query("db", query("b", "one"))
            .unwrap();
        engine
            .create_continuous_query("db", query("a", "two"))
            .unwrap();
        engine
            .create_subscription("db", subscription("autogen"))
            .unwrap();
        engine.create_user("zoe", "h".into(), true).unwrap();
        engine.create_user("amy", "h".into(), false).unwrap();
        engine
            .change_user("amy", |_, user| {
                user.privileges.insert("db".into(), Privilege::Read);
                Ok(())
            })
            .unwrap();
    }
    let engine = open(directory.path(), |_| {});
    engine.with_schema(|schema| {
        let database = schema.database("db").unwrap();
        let names: Vec<_> = database
            .continuous_queries
            .iter()
            .map(|q| &q.name)
            .collect();
        assert_eq!(names, ["b", "a"]);
        assert_eq!(database.subscriptions, [subscription("autogen")]);
    });
    let expected = [("zoe".to_string(), true, 0), ("amy".to_string(), false, 1)];
    assert_eq!(users(&engine), expected);
    engine.drop_user("zoe").unwrap();
    engine.drop_database("db").unwrap();
    drop(engine);
    let engine = open(directory.path(), |_| {});
    assert_eq!(users(&engine), [("amy".to_string(), false, 0)]);
    engine.with_schema(|schema| {
        assert!(schema.database("db").unwrap().continuous_queries.is_empty());
    });
}

#[test]
fn what_exists_or_does_not_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let engine = open(directory.path(), |_| {});
    engine
        .create_continuous_query("db", query("c", "Text"))
        .unwrap();
    engine
        .create_continuous_query("db", query("c", "TEXT"))
        .unwrap();
    assert!(matches!(
        engine.create_continuous_query("db", query("c", "other")),
        Err(StorageError::ContinuousQueryExists)
    ));
    engine.drop_continuous_query("nodb", "c").unwrap();
    assert!(matches!(
        engine.create_subscription("db", subscription("nope")),
        Err(StorageError::PolicyNotFound(_))
    ));
    engine
        .create_policy("db", "p", &PolicyChange::default())
        .unwrap();
    engine.create_subscription("db", subscription("p")).unwrap();
    assert!(matches!(
        engine.create_subscription("db", subscription("p")),
        Err(StorageError::SubscriptionExists)
    ));
    engine.drop_policy("db", "p").unwrap();
    engine
        .create_policy("db", "p", &PolicyChange::default())
        .unwrap();
    assert!(matches!(
        engine.drop_subscription("db", "p", "s"),
        Err(StorageError::SubscriptionNotFound)
    ));
    assert!(matches!(
        engine.change_user("nobody", |_, _| Ok(())),
        Err(StorageError::UserNotFound)
    ));
}
