//! Times as text.

use chrono_tz::Tz;

use super::number::{integer, unsigned};
use crate::query::window::zone_offset;

const NANOS: i64 = 1_000_000_000;

fn padded(value: u64, width: u32, out: &mut Vec<u8>) {
    let mut scale = 10_u64.pow(width - 1);
    while scale > 1 && value < scale {
        out.push(b'0');
        scale /= 10;
    }
    unsigned(value, out);
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
    padded(year.unsigned_abs(), 4, out);
    out.push(b'-');
    padded(month, 2, out);
    out.push(b'-');
    padded(day, 2, out);
    out.push(b'T');
    padded(second_of_day / 3600, 2, out);
    out.push(b':');
    padded(second_of_day / 60 % 60, 2, out);
    out.push(b':');
    padded(second_of_day % 60, 2, out);
    if nanos > 0 {
        out.push(b'.');
        padded(nanos, 9, out);
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
    padded(minutes / 60, 2, out);
    out.push(b':');
    padded(minutes % 60, 2, out);
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
