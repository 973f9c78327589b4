//! Random and mutated bodies. `FUZZ_ITERATIONS` and `FUZZ_SEED` set how many
//! and which.

use super::*;

/// A generator of numbers that needs no crate.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

const PARTS: [&[u8]; 32] = [
    b"m",
    b",",
    b" ",
    b"=",
    b"\"",
    b"\\",
    b"\n",
    b"\t",
    b"\0",
    b"\r",
    b"#",
    b"1",
    b"i",
    b"u",
    b".",
    b"-",
    b"+",
    b"e",
    b"t",
    b"true",
    b"time",
    b"\\\"",
    b"\\ ",
    b"\\,",
    b"\\=",
    b"\xff",
    "é".as_bytes(),
    b"a=1i",
    b",a=b",
    b" v=1 1\n",
    b"m,a=b v=\"x\",w=2 3\n",
    b"9223372036854775808",
];

const SEEDS: [&[u8]; 4] = [
    b"cpu,host=a,region=b value=1i,other=2.5,on=t 1000000000\ncpu,host=b value=2i 5\n",
    b"m\\ x,t\\,k=v\\=w f\\ k=\"a \\\"b\\\" \\\\ c\",g=1u -5\n",
    b"m v=\"line\nbreak\",w=1 1\n# comment\n\n m v=2\n",
    b"m a=1,b=2i,c=3u,d=t,e=\"s\" 1\nm a=1i,b=2u,c=t,d=\"s\",e=3 2\nm f=1 3\n",
];

fn body(random: &mut Random) -> Vec<u8> {
    if random.below(4) == 0 {
        let count = random.below(24);
        let part = |_| PARTS[random.below(PARTS.len())];
        return (0..count).flat_map(part).copied().collect();
    }
    let mut body = SEEDS[random.below(SEEDS.len())].to_vec();
    for _ in 0..1 + random.below(4) {
        let at = random.below(body.len() + 1);
        let end = (at + random.below(4)).min(body.len());
        let part = PARTS[random.below(PARTS.len())];
        match random.below(3) {
            0 => drop(body.splice(at..at, part.iter().copied())),
            1 => drop(body.splice(at..end, part.iter().copied())),
            _ => drop(body.drain(at..end)),
        }
    }
    body
}

/// Checks what holds for every body.
fn check(body: &[u8]) {
    let decoded = decode(body, &DecodeOptions::default());
    let rows = decoded.batch.rows();
    assert_eq!(decoded.lines, decoded.points + decoded.failed_lines);
    assert!(rows + decoded.dropped.points <= decoded.points);
    for table in &decoded.batch.tables {
        assert_eq!(table.series_of_row.len(), table.rows());
        for tags in &table.series {
            assert!(tags.0.windows(2).all(|pair| pair[0].0 < pair[1].0));
            assert!(tags.0.iter().all(|(_, value)| !value.is_empty()));
        }
        for column in &table.fields {
            assert_eq!(column.values.len(), table.rows());
            if let Some(present) = &column.present {
                assert_eq!(present.len(), table.rows());
            }
        }
    }
    // Strings are UTF-8, or this would panic.
    assert_eq!(points(&decoded.batch).len(), rows);
    let bytes = decoded.batch.encode();
    assert_eq!(Batch::decode(&bytes).as_ref(), Ok(&decoded.batch));
}

#[test]
fn any_body_is_decoded_without_a_panic() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let iterations = number("FUZZ_ITERATIONS").unwrap_or(200_000);
    let clock = std::time::UNIX_EPOCH
        .elapsed()
        .map_or(0, |time| time.as_nanos() as u64);
    let seed = number("FUZZ_SEED").unwrap_or(clock);
    println!("FUZZ_SEED={seed}");
    let mut random = Random(seed);
    for _ in 0..iterations {
        let body = body(&mut random);
        check(&body);
    }
}
