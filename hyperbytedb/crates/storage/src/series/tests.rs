//! The index of series and tags against a plain list of tag sets.

use std::collections::{BTreeMap, BTreeSet};

use points::TagSet;
use proptest::prelude::*;
use regex::Regex;

use crate::series::filter::{SeriesFilter, ValuePattern};
use crate::series::tag_index::SeriesSet;
use crate::series::{KEYS_READ, SeriesId, SeriesIndex, encode_key};

type Tags = BTreeMap<String, String>;

const KEYS: [&str; 3] = ["a", "b", "c"];
const PATTERNS: [&str; 8] = ["", "x", "^x", "^(x1|y2)$", "^x.*2$", "^$", "[12]$", "^xx|y"];

fn tags() -> impl Strategy<Value = Tags> {
    prop::collection::btree_map(
        prop::sample::select(KEYS.to_vec()).prop_map(str::to_owned),
        "[xy]{1,2}[0-9]{0,2}",
        0..4,
    )
}

/// Series written (true) and dropped (false).
fn steps() -> impl Strategy<Value = Vec<(bool, Tags)>> {
    let few = || prop::collection::vec((prop::bool::weighted(0.7), tags()), 0..60);
    // Enough series of one value for sets instead of lists, and to be dropped again.
    let many = (0_u32..400, 0_u32..400).prop_map(|(written, dropped)| {
        let series = |n: u32| {
            let tag = |key: &str, value: String| (key.to_owned(), value);
            Tags::from([tag("a", format!("x{n}")), tag("b", format!("y{}", n % 3))])
        };
        let writes = (0..written).map(move |n| (true, series(n)));
        let drops = (0..dropped).map(move |n| (false, series(n)));
        writes.chain(drops).collect::<Vec<_>>()
    });
    (
        few(),
        prop_oneof![4 => Just(Vec::new()).boxed(), 1 => many.boxed()],
        few(),
    )
        .prop_map(|(a, b, c)| [a, b, c].concat())
}

fn filter() -> impl Strategy<Value = SeriesFilter> {
    let key = || prop::sample::select(vec!["a", "b", "c", "d"]).prop_map(str::to_owned);
    let pattern = prop::sample::select(PATTERNS.to_vec());
    let leaf = prop_oneof![
        any::<bool>().prop_map(SeriesFilter::Const),
        (key(), "([xy]{1,2}[0-9]{0,2})?")
            .prop_map(|(key, value)| SeriesFilter::Equal { key, value }),
        (key(), pattern).prop_map(|(key, pattern)| SeriesFilter::Match {
            key,
            pattern: ValuePattern::new(Regex::new(pattern).unwrap()),
        }),
        (key(), key()).prop_map(|(left, right)| SeriesFilter::EqualKeys(left, right)),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(SeriesFilter::negated),
            prop::collection::vec(inner.clone(), 0..3).prop_map(SeriesFilter::And),
            prop::collection::vec(inner, 0..3).prop_map(SeriesFilter::Or),
        ]
    })
}

/// The model: what is alive, and whether a series passes.
struct Model(BTreeSet<Vec<(String, String)>>);

impl Model {
    fn selected(&self, filter: &SeriesFilter) -> Vec<Tags> {
        let tags = self.0.iter().map(|list| list.iter().cloned().collect());
        tags.filter(|tags| passes(filter, tags)).collect()
    }
}

fn passes(filter: &SeriesFilter, tags: &Tags) -> bool {
    let value = |key: &String| tags.get(key).cloned().unwrap_or_default();
    match filter {
        SeriesFilter::Const(all) => *all,
        SeriesFilter::Equal { key, value: wanted } => value(key) == *wanted,
        SeriesFilter::Match { key, pattern } => pattern.is_match(&value(key)),
        SeriesFilter::EqualKeys(left, right) => value(left) == value(right),
        SeriesFilter::Not(inner) => !passes(inner, tags),
        SeriesFilter::And(parts) => parts.iter().all(|part| passes(part, tags)),
        SeriesFilter::Or(parts) => parts.iter().any(|part| passes(part, tags)),
    }
}

fn apply(steps: &[(bool, Tags)]) -> (SeriesIndex, Model) {
    let mut index = SeriesIndex::default();
    let mut model = Model(BTreeSet::new());
    for (write, tags) in steps {
        let list: Vec<_> = tags.clone().into_iter().collect();
        let key = encode_key(&TagSet(list.clone()));
        if *write {
            let (_, new) = index.insert(&key);
            assert_eq!(new, model.0.insert(list));
        } else {
            let found = index.find(&key);
            assert_eq!(found.is_some(), model.0.remove(&list));
            if let Some(id) = found {
                index.drop_series(id);
            }
        }
    }
    (index, model)
}

fn tags_of(index: &SeriesIndex, id: SeriesId) -> Tags {
    index.tags(id).0.into_iter().collect()
}

fn sorted(index: &SeriesIndex, series: &SeriesSet) -> Vec<Tags> {
    let mut found = Vec::new();
    index.visit_sorted(series, &mut |id| {
        found.push(tags_of(index, id));
        true
    });
    found
}

proptest! {
    #[test]
    fn the_index_tells_what_a_list_of_all_series_would(steps in steps(), filter in filter()) {
        let (index, model) = apply(&steps);
        let series = index.select(&filter);
        // The model's order is that of keys: lists of tags compared as lists.
        let mut meant = model.selected(&filter);
        meant.sort_by_key(|tags| tags.clone().into_iter().collect::<Vec<_>>());
        prop_assert_eq!(sorted(&index, &series), meant.clone());
        let keys: BTreeSet<String> = meant.iter().flat_map(|tags| tags.keys().cloned()).collect();
        prop_assert_eq!(index.tag_keys(Some(&series)), keys.into_iter().collect::<Vec<_>>());
        for key in KEYS {
            let values: BTreeSet<String> = meant.iter().filter_map(|tags| tags.get(key).cloned()).collect();
            let mut found = Vec::new();
            index.visit_values(key, Some(&series), &mut |value| {
                found.push(value.to_owned());
                true
            });
            prop_assert_eq!(found, values.into_iter().collect::<Vec<_>>());
        }
        let dimensions = ["b".to_owned(), "d".to_owned(), "a".to_owned()];
        let mut groups: BTreeMap<Vec<String>, Vec<Tags>> = BTreeMap::new();
        for tags in &meant {
            let values = dimensions.iter().map(|key| tags.get(key).cloned().unwrap_or_default());
            groups.entry(values.collect()).or_default().push(tags.clone());
        }
        let found: Vec<_> = index.groups(&series, &dimensions).into_iter().map(|(values, ids)| {
            let set: SeriesSet = ids.into_iter().collect();
            (values, sorted(&index, &set))
        }).collect();
        prop_assert_eq!(found, groups.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn what_no_live_series_has_is_gone(steps in steps()) {
        let (index, model) = apply(&steps);
        prop_assert_eq!(index.len(), model.0.len());
        let pairs: BTreeSet<(String, String)> = model.0.iter().flatten().cloned().collect();
        let mut found = BTreeSet::new();
        for (key, values) in index.index().keys() {
            for (value, postings) in values.iter() {
                prop_assert!(postings.len() > 0);
                found.insert((key.to_owned(), value.to_owned()));
            }
        }
        prop_assert_eq!(found, pairs);
    }
}

/// 20,000 series with a value of their own, in 10 regions.
fn many() -> SeriesIndex {
    let mut index = SeriesIndex::default();
    for n in 0..20_000_u32 {
        let n = n * 7_919 % 20_000;
        let tag = |key: &str, value: String| (key.to_owned(), value);
        let tags = vec![
            tag("host", format!("host{n:05}")),
            tag("region", format!("r{:02}", n % 10)),
        ];
        index.insert(&encode_key(&TagSet(tags)));
    }
    index
}

fn equal(key: &str, value: &str) -> SeriesFilter {
    let (key, value) = (key.to_owned(), value.to_owned());
    SeriesFilter::Equal { key, value }
}

/// How many keys of series something looks at.
fn keys_read(work: impl FnOnce()) -> usize {
    KEYS_READ.set(0);
    work();
    KEYS_READ.get()
}

#[test]
fn filters_look_at_no_series() {
    let index = many();
    let pattern = ValuePattern::new(Regex::new("^r0[1-9]$").unwrap());
    let key = "region".to_owned();
    let matching = SeriesFilter::Match { key, pattern };
    let both = SeriesFilter::And(vec![matching, equal("host", "host00003").negated()]);
    let read = keys_read(|| assert_eq!(index.select(&both).len(), 17_999));
    assert_eq!(read, 0);
    // One series is left to be tried.
    let one = SeriesFilter::And(vec![both, equal("host", "host00004")]);
    let read = keys_read(|| assert_eq!(index.select(&one).len(), 1));
    assert!(read <= 1, "{read}");
}

#[test]
fn the_first_values_are_found_without_looking_at_all() {
    let index = many();
    for series in [None, Some(index.select(&equal("region", "r03")))] {
        let mut seen = 0;
        let read = keys_read(|| {
            index.visit_values("host", series.as_ref(), &mut |_| {
                seen += 1;
                seen < 5
            });
        });
        assert_eq!((seen, read), (5, 0));
    }
    // The values of few series are read off them.
    let one = index.select(&equal("host", "host00003"));
    let read = keys_read(|| index.visit_values("region", Some(&one), &mut |value| value == "r03"));
    assert!(read <= 1, "{read}");
}

#[test]
fn the_first_series_are_found_without_sorting_all() {
    let index = many();
    let mut first = Vec::new();
    let read = keys_read(|| {
        index.visit_sorted(index.live(), &mut |id| {
            first.push(id);
            first.len() < 3
        });
    });
    assert!(read <= 100, "{read}");
    let hosts: Vec<_> = first
        .iter()
        .map(|id| tags_of(&index, *id)["host"].clone())
        .collect();
    assert_eq!(hosts, ["host00000", "host00001", "host00002"]);
}

#[test]
fn groups_of_few_values_look_at_no_series() {
    let index = many();
    let read = keys_read(|| {
        assert_eq!(index.groups(index.live(), &["region".to_owned()]).len(), 10);
    });
    assert_eq!(read, 0);
}
