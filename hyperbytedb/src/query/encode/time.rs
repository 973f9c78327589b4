//! Times as text.

use chrono_tz::Tz;

use super::number::integer;
use crate::query::window::zone_offset;

const NANOS: i64 = 1_000_000_000;

/// The digits of a number below `10^N`, with zeros in front.
fn digits<const N: usize>(mut value: u64) -> [u8; N] {
    let mut text = [b'0'; N];
    for digit in text.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
    text
}

fn two(value: u64) -> [u8; 2] {
    digits(value)
}

/// Year, month and day of a number of days since 1970-01-01.
fn civil(days: i64) -> (i64, u64, u64) {
    // Eras of 400 years that begin on a first of March.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month.unsigned_abs(), day.unsigned_abs())
}

/// Appends a time in RFC 3339 with as many decimals as needed, in UTC or with the
/// offset of a zone.
pub(super) fn rfc3339(time: i64, timezone: Option<Tz>, out: &mut Vec<u8>) {
    let offset = timezone.map_or(0, |zone| zone_offset(zone, time)) / NANOS;
    let local = time.div_euclid(NANOS) + offset;
    let nanos = time.rem_euclid(NANOS).unsigned_abs();
    let (year, month, day) = civil(local.div_euclid(86_400));
    let second_of_day = local.rem_euclid(86_400).unsigned_abs();
    let [y0, y1, y2, y3] = digits(year.unsigned_abs());
    let [[m0, m1], [d0, d1]] = [two(month), two(day)];
    let [h0, h1] = two(second_of_day / 3600);
    let [i0, i1] = two(second_of_day / 60 % 60);
    let [s0, s1] = two(second_of_day % 60);
    out.extend_from_slice(&[
        y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, b'T', h0, h1, b':', i0, i1, b':', s0, s1,
    ]);
    if nanos > 0 {
        out.push(b'.');
        out.extend_from_slice(&digits::<9>(nanos));
        while out.last() == Some(&b'0') {
            out.pop();
        }
    }
    if offset == 0 {
        out.push(b'Z');
        return;
    }
    out.push(if offset < 0 { b'-' } else { b'+' });
    let minutes = offset.unsigned_abs() / 60;
    out.extend_from_slice(&two(minutes / 60));
    out.push(b':');
    out.extend_from_slice(&two(minutes % 60));
}

/// Appends a time as a number of units, truncated towards zero.
pub(super) fn epoch(time: i64, divisor: i64, out: &mut Vec<u8>) {
    integer(time / divisor, out);
}

#[cfg(test)]
mod tests {
    use super::rfc3339;

    fn text(time: i64, zone: Option<&str>) -> String {
        let mut out = Vec::new();
        let zone = zone.map(|name| name.parse().expect("a zone"));
        rfc3339(time, zone, &mut out);
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn times_have_only_the_decimals_they_need() {
        assert_eq!(text(0, None), "1970-01-01T00:00:00Z");
        assert_eq!(text(1_500_000_000, None), "1970-01-01T00:00:01.5Z");
        assert_eq!(text(1, None), "1970-01-01T00:00:00.000000001Z");
        assert_eq!(text(-1, None), "1969-12-31T23:59:59.999999999Z");
        assert_eq!(text(951_827_696_000_000_000, None), "2000-02-29T12:34:56Z");
        assert_eq!(text(i64::MIN + 2, None), "1677-09-21T00:12:43.145224194Z");
        assert_eq!(text(i64::MAX - 1, None), "2262-04-11T23:47:16.854775806Z");
    }

    #[test]
    fn zones_show_their_offset() {
        let winter = 1_546_300_800_000_000_000;
        assert_eq!(
            text(winter, Some("America/New_York")),
            "2018-12-31T19:00:00-05:00"
        );
        assert_eq!(text(winter, Some("Europe/London")), "2019-01-01T00:00:00Z");
        assert_eq!(
            text(winter, Some("Asia/Kolkata")),
            "2019-01-01T05:30:00+05:30"
        );
    }
}
