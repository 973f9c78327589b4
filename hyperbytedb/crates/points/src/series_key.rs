//! The names of series: the text InfluxDB shows, and bytes to look them up by.

use crate::batch::TagSet;

impl TagSet {
    /// The series key as `SHOW SERIES` prints it: `cpu,host=a\ b,region=x`.
    ///
    /// Commas and spaces are escaped, in tags `=`, too. A backslash of its own
    /// is not, so that two series may print alike; use
    /// [`encode_series_key`](Self::encode_series_key) to tell series apart.
    pub fn series_key(&self, measurement: &str) -> String {
        series_key(measurement, &self.0)
    }

    /// Bytes that are equal for equal tag sets only: each key and each value,
    /// in order, after its length as four bytes, the highest first.
    pub fn encode_key(&self) -> Vec<u8> {
        let mut key = Vec::with_capacity(self.text_length() + 8 * self.0.len());
        self.push_key(&mut key);
        key
    }

    /// As [`encode_key`](Self::encode_key), the measurement going first as if
    /// it were a key.
    pub fn encode_series_key(&self, measurement: &str) -> Vec<u8> {
        let length = measurement.len() + self.text_length() + 8 * self.0.len() + 4;
        let mut key = Vec::with_capacity(length);
        push_counted(&mut key, measurement);
        self.push_key(&mut key);
        key
    }

    /// Reads what [`encode_key`](Self::encode_key) wrote. `None` for any other
    /// bytes.
    pub fn decode_key(mut key: &[u8]) -> Option<TagSet> {
        let mut tags = Vec::new();
        while !key.is_empty() {
            let name = take_counted(&mut key)?;
            let value = take_counted(&mut key)?;
            tags.push((name.to_owned(), value.to_owned()));
        }
        Some(TagSet(tags))
    }

    fn push_key(&self, key: &mut Vec<u8>) {
        for (name, value) in &self.0 {
            push_counted(key, name);
            push_counted(key, value);
        }
    }

    fn text_length(&self) -> usize {
        let lengths = self
            .0
            .iter()
            .map(|(key, value)| key.len() + value.len() + 2);
        lengths.sum()
    }
}

/// As [`TagSet::series_key`], of tags in their order.
pub fn series_key<T: AsRef<str>>(measurement: &str, tags: &[(T, T)]) -> String {
    let lengths = tags
        .iter()
        .map(|(key, value)| key.as_ref().len() + value.as_ref().len() + 2);
    let mut key = String::with_capacity(measurement.len() + lengths.sum::<usize>());
    push_escaped(&mut key, measurement, &[',', ' ']);
    for (name, value) in tags {
        key.push(',');
        push_escaped(&mut key, name.as_ref(), &[',', ' ', '=']);
        key.push('=');
        push_escaped(&mut key, value.as_ref(), &[',', ' ', '=']);
    }
    key
}

fn push_escaped(out: &mut String, text: &str, escaped: &[char]) {
    // Nearly all texts have none of them, which is seen without a branch for each byte.
    let is_any = |any: bool, byte: u8| any | matches!(byte, b',' | b' ' | b'=');
    if !text.bytes().fold(false, is_any) {
        out.push_str(text);
        return;
    }
    for part in text.split_inclusive(escaped) {
        let plain = part.trim_end_matches(escaped);
        out.push_str(plain);
        if plain.len() < part.len() {
            out.push('\\');
            out.push_str(&part[plain.len()..]);
        }
    }
}

fn push_counted(out: &mut Vec<u8>, text: &str) {
    // A text of 4 GiB would have to come out of a body of that size.
    debug_assert!(u32::try_from(text.len()).is_ok());
    out.extend_from_slice(&(text.len() as u32).to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn take_counted<'a>(key: &mut &'a [u8]) -> Option<&'a str> {
    let (length, rest) = key.split_first_chunk::<4>()?;
    let (text, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    *key = rest;
    str::from_utf8(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(pairs: &[(&str, &str)]) -> TagSet {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        TagSet(pairs.iter().map(owned).collect())
    }

    #[test]
    fn series_keys_print_with_escapes() {
        let set = tags(&[("a,b", "x=y"), ("host", "a  b"), ("q", "\"\\")]);
        assert_eq!(
            set.series_key("c p,u=1"),
            r#"c\ p\,u=1,a\,b=x\=y,host=a\ \ b,q="\"#
        );
        assert_eq!(tags(&[]).series_key("m"), "m");
    }

    #[test]
    fn keys_of_different_tag_sets_differ() {
        let sets = [
            tags(&[]),
            tags(&[("a", "b")]),
            tags(&[("a", "b"), ("c", "d")]),
            tags(&[("ab", "cd")]),
            tags(&[("a", "b\0\0\0\x01c\0\0\0\x01d")]),
        ];
        for (at, set) in sets.iter().enumerate() {
            for other in &sets[at + 1..] {
                assert_ne!(set.encode_key(), other.encode_key());
            }
            assert_eq!(TagSet::decode_key(&set.encode_key()).as_ref(), Some(set));
        }
        assert_ne!(
            tags(&[("a", "b")]).encode_series_key("m"),
            tags(&[("a", "b")]).encode_series_key("n"),
        );
    }

    #[test]
    fn cut_keys_are_no_keys() {
        let key = tags(&[("host", "a")]).encode_key();
        for end in 1..key.len() {
            assert_eq!(TagSet::decode_key(&key[..end]), None, "cut to {end} bytes");
        }
    }
}
