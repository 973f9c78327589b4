//! Conditions on the tags of series, and the series that fulfil them.

use regex::Regex;
use regex_syntax::hir::literal::{ExtractKind, Extractor};
use regex_syntax::hir::{Hir, Look};

use crate::series::tag_index::{SeriesSet, TagValues};
use crate::series::{SeriesIndex, pairs};

/// A condition on tags. A tag that a series lacks is the empty value.
#[derive(Debug, Clone)]
pub enum SeriesFilter {
    /// Every series, or none.
    Const(bool),
    Equal {
        key: String,
        value: String,
    },
    Match {
        key: String,
        pattern: ValuePattern,
    },
    /// Two tags have the same value.
    EqualKeys(String, String),
    Not(Box<SeriesFilter>),
    And(Vec<SeriesFilter>),
    Or(Vec<SeriesFilter>),
}

/// A regular expression, and what every value that it matches begins with.
#[derive(Debug, Clone)]
pub struct ValuePattern {
    regex: Regex,
    /// Sorted, none the beginning of another; `None` when values of any beginning may
    /// match.
    prefixes: Option<Vec<String>>,
}

/// Series up to which trying each is quicker than going through the values of a tag.
const FEW: u64 = if cfg!(test) { 4 } else { 256 };

impl ValuePattern {
    #[must_use]
    pub fn new(regex: Regex) -> Self {
        let prefixes = prefixes_of(regex.as_str());
        Self { regex, prefixes }
    }

    #[must_use]
    pub fn is_match(&self, value: &str) -> bool {
        self.regex.is_match(value)
    }

    /// The values that match and are not empty, with their series: only those that can
    /// match are tried.
    fn visit(
        &self,
        values: &TagValues,
        matched: &mut dyn FnMut(&crate::series::tag_index::Postings),
    ) {
        match &self.prefixes {
            None => {
                for (value, postings) in values.iter() {
                    if self.regex.is_match(value) {
                        matched(postings);
                    }
                }
            }
            Some(prefixes) => {
                for prefix in prefixes {
                    for (value, postings) in values.with_prefix(prefix) {
                        if self.regex.is_match(value) {
                            matched(postings);
                        }
                    }
                }
            }
        }
    }
}

/// What the text begins with wherever the pattern matches, if it must match from the
/// beginning on: `^(a1|b2)$` is the way dashboards say "one of these".
fn prefixes_of(pattern: &str) -> Option<Vec<String>> {
    let hir: Hir = regex_syntax::parse(pattern).ok()?;
    if !hir.properties().look_set_prefix().contains(Look::Start) {
        return None;
    }
    let mut extractor = Extractor::new();
    extractor.kind(ExtractKind::Prefix);
    let found = extractor.extract(&hir);
    let mut prefixes = found
        .literals()?
        .iter()
        .map(|literal| String::from_utf8(literal.as_bytes().to_vec()).ok())
        .collect::<Option<Vec<String>>>()?;
    prefixes.sort();
    // Sorted, a prefix stands right before those that it begins.
    prefixes.dedup_by(|next, kept| next.starts_with(kept.as_str()));
    let tells_nothing = prefixes.iter().any(String::is_empty);
    (!tells_nothing).then_some(prefixes)
}

impl SeriesFilter {
    /// The opposite.
    #[must_use]
    pub fn negated(self) -> Self {
        match self {
            SeriesFilter::Const(value) => SeriesFilter::Const(!value),
            SeriesFilter::Not(inner) => *inner,
            other => SeriesFilter::Not(Box::new(other)),
        }
    }

    /// The condition itself or its opposite.
    #[must_use]
    pub fn negated_unless(self, positive: bool) -> Self {
        if positive { self } else { self.negated() }
    }

    /// Whether a series with these tags passes; `value` tells the value of a tag, the
    /// empty one if there is none.
    pub fn matches<'v>(&self, value: &dyn Fn(&str) -> &'v str) -> bool {
        match self {
            SeriesFilter::Const(all) => *all,
            SeriesFilter::Equal { key, value: wanted } => value(key) == wanted,
            SeriesFilter::Match { key, pattern } => pattern.is_match(value(key)),
            SeriesFilter::EqualKeys(left, right) => value(left) == value(right),
            SeriesFilter::Not(inner) => !inner.matches(value),
            SeriesFilter::And(parts) => parts.iter().all(|part| part.matches(value)),
            SeriesFilter::Or(parts) => parts.iter().any(|part| part.matches(value)),
        }
    }

    /// Whether the series with this key passes.
    #[must_use]
    pub fn matches_key(&self, key: &[u8]) -> bool {
        let tags: Vec<_> = pairs(key).collect();
        self.matches(&|wanted| {
            let found = tags.iter().find(|(tag, _)| tag == wanted);
            found.map_or("", |(_, value)| value)
        })
    }

    /// Lower is narrower and cheaper to find out.
    fn cost(&self) -> u8 {
        match self {
            SeriesFilter::Const(_) => 0,
            SeriesFilter::Equal { .. } => 1,
            SeriesFilter::Match { pattern, .. } if pattern.prefixes.is_some() => 2,
            SeriesFilter::And(parts) => parts.iter().map(SeriesFilter::cost).min().unwrap_or(0),
            SeriesFilter::Or(parts) => parts.iter().map(SeriesFilter::cost).max().unwrap_or(0),
            SeriesFilter::Not(_) => 3,
            SeriesFilter::Match { .. } | SeriesFilter::EqualKeys(..) => 4,
        }
    }
}

impl SeriesIndex {
    /// The live series that pass a filter.
    #[must_use]
    pub fn select(&self, filter: &SeriesFilter) -> SeriesSet {
        match filter {
            SeriesFilter::Const(true) => self.live().clone(),
            SeriesFilter::Const(false) => SeriesSet::new(),
            SeriesFilter::Equal { key, value } => self.equal(key, value),
            SeriesFilter::Match { key, pattern } => self.matching(key, pattern),
            SeriesFilter::EqualKeys(left, right) => self.equal_keys(left, right),
            SeriesFilter::Not(inner) => self.live() - self.select(inner),
            SeriesFilter::And(parts) => self.all_of(parts),
            SeriesFilter::Or(parts) => {
                let mut any = SeriesSet::new();
                for part in parts {
                    any |= self.select(part);
                }
                any
            }
        }
    }

    fn all_of(&self, parts: &[SeriesFilter]) -> SeriesSet {
        let mut parts: Vec<&SeriesFilter> = parts.iter().collect();
        parts.sort_by_key(|part| part.cost());
        let mut parts = parts.into_iter();
        let Some(first) = parts.next() else {
            return self.live().clone();
        };
        let mut all = self.select(first);
        for part in parts {
            if all.len() <= FEW {
                all = all
                    .into_iter()
                    .filter(|id| part.matches_key(self.key(*id)))
                    .collect();
            } else {
                all &= self.select(part);
            }
        }
        all
    }

    /// The series that lack a tag.
    fn without(&self, key: &str) -> SeriesSet {
        match self.index().values(key) {
            None => self.live().clone(),
            Some(values) => self.live() - values.series(),
        }
    }

    fn equal(&self, key: &str, value: &str) -> SeriesSet {
        let mut found = if value.is_empty() {
            self.without(key)
        } else {
            SeriesSet::new()
        };
        if let Some(values) = self.index().values(key)
            && let Some(postings) = values.get(value)
        {
            postings.add_to(&mut found);
        }
        found
    }

    fn matching(&self, key: &str, pattern: &ValuePattern) -> SeriesSet {
        let mut found = if pattern.is_match("") {
            self.without(key)
        } else {
            SeriesSet::new()
        };
        let Some(values) = self.index().values(key) else {
            return found;
        };
        // Lone series are sorted together: a set is made quicker of rising numbers.
        let mut lone = Vec::new();
        pattern.visit(values, &mut |postings| match postings {
            crate::series::tag_index::Postings::One(id) => lone.push(*id),
            postings => postings.add_to(&mut found),
        });
        lone.sort_unstable();
        found.extend(lone);
        found
    }

    fn equal_keys(&self, left: &str, right: &str) -> SeriesSet {
        if left == right {
            return self.live().clone();
        }
        let mut found = self.without(left) & self.without(right);
        let (Some(left), Some(right)) = (self.index().values(left), self.index().values(right))
        else {
            return found;
        };
        for (value, postings) in left.iter() {
            if let Some(other) = right.get(value) {
                let mut series = SeriesSet::new();
                postings.add_to(&mut series);
                found |= other.common(&series);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_from_the_beginning_tells_what_values_begin_with() {
        let prefixes = |pattern| prefixes_of(pattern);
        let some = |list: &[&str]| Some(list.iter().map(|text| (*text).to_owned()).collect());
        assert_eq!(prefixes("^(b2|a1)$"), some(&["a1", "b2"]));
        assert_eq!(prefixes("^a(b|bc)"), some(&["ab"]));
        assert_eq!(prefixes("a"), None);
        assert_eq!(prefixes("^a|b"), None);
        assert_eq!(prefixes("^a*"), None);
        assert_eq!(prefixes("(?m)^a"), None);
        assert_eq!(prefixes("^$"), None);
    }

    #[test]
    fn only_values_that_can_match_are_tried() {
        let mut index = SeriesIndex::default();
        for i in 0..20_000 {
            let tags = points::TagSet(vec![("host".into(), format!("host{i:05}"))]);
            index.insert(&crate::series::encode_key(&tags));
        }
        let pattern = ValuePattern::new(Regex::new("^(host00017|host1999.)$").unwrap());
        let values = index.index().values("host").unwrap();
        let mut tried = 0;
        for prefix in pattern.prefixes.as_ref().unwrap() {
            tried += values.with_prefix(prefix).count();
        }
        assert_eq!(tried, 11);
        let filter = SeriesFilter::Match {
            key: "host".into(),
            pattern,
        };
        assert_eq!(index.select(&filter).len(), 11);
    }
}
