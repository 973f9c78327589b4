//! A remote write as a batch of points.

use std::collections::BTreeMap;

use points::{Batch, FieldColumn, Table, TagSet, Values};

use super::messages::{TimeSeries, WriteRequest};
use super::{NAME_LABEL, VALUE_FIELD};

/// The measurement of series without a name, as in InfluxDB.
const UNNAMED: &str = "prom_metric_not_specified";

/// The samples as points, times in nanoseconds, and how many could not be: InfluxDB
/// has no NaN or infinity, and no times past the year 2262.
#[must_use]
pub fn batch_of(request: WriteRequest) -> (Batch, usize) {
    let mut tables: BTreeMap<String, Part> = BTreeMap::new();
    let mut dropped = 0;
    for series in request.timeseries {
        let name = series.labels.iter().find(|label| label.name == NAME_LABEL);
        let name = name.map_or(UNNAMED, |label| label.value.as_str());
        let part = tables.entry(name.to_string()).or_default();
        dropped += part.add(series);
    }
    let tables = tables.into_iter().map(|(measurement, part)| Table {
        measurement,
        series: part.series,
        series_of_row: part.series_of_row,
        times: part.times,
        fields: vec![FieldColumn {
            name: VALUE_FIELD.to_string(),
            values: Values::Float(part.values),
            present: None,
        }],
    });
    let tables = tables.filter(|table| !table.times.is_empty()).collect();
    (Batch { tables }, dropped)
}

/// The rows of one measurement.
#[derive(Default)]
struct Part {
    series: Vec<TagSet>,
    series_of_row: Vec<u32>,
    times: Vec<i64>,
    values: Vec<f64>,
}

impl Part {
    /// Adds the samples of a series; gives the number of those left out.
    fn add(&mut self, series: TimeSeries) -> usize {
        let labels: BTreeMap<String, String> = series
            .labels
            .into_iter()
            .filter(|label| !label.value.is_empty())
            .map(|label| (label.name, label.value))
            .collect();
        let number = u32::try_from(self.series.len()).unwrap_or(u32::MAX);
        let before = self.times.len();
        let all = series.samples.len();
        for sample in series.samples {
            let Some(time) = sample.timestamp.checked_mul(1_000_000) else {
                continue;
            };
            if sample.value.is_finite() {
                self.series_of_row.push(number);
                self.times.push(time);
                self.values.push(sample.value);
            }
        }
        let added = self.times.len() - before;
        if added > 0 {
            self.series.push(TagSet(labels.into_iter().collect()));
        }
        all - added
    }
}

#[cfg(test)]
mod tests {
    use super::super::messages::{Label, Sample};
    use super::*;

    fn series(labels: &[(&str, &str)], samples: &[(f64, i64)]) -> TimeSeries {
        let label = |(name, value): &(&str, &str)| Label {
            name: (*name).to_string(),
            value: (*value).to_string(),
        };
        let sample = |(value, timestamp): &(f64, i64)| Sample {
            value: *value,
            timestamp: *timestamp,
        };
        TimeSeries {
            labels: labels.iter().map(label).collect(),
            samples: samples.iter().map(sample).collect(),
        }
    }

    #[test]
    fn names_are_measurements_and_labels_tags() {
        let timeseries = vec![
            series(&[("__name__", "up"), ("job", "a"), ("e", "")], &[(1.0, 2)]),
            series(&[("job", "b"), ("__name__", "up")], &[(0.0, 3), (1.0, 4)]),
            series(&[("job", "b")], &[(f64::NAN, 3), (5.0, i64::MAX)]),
        ];
        let (batch, dropped) = batch_of(WriteRequest { timeseries });
        assert_eq!(dropped, 2);
        assert_eq!(batch.tables.len(), 1);
        let table = &batch.tables[0];
        assert_eq!(table.measurement, "up");
        assert_eq!(table.times, [2_000_000, 3_000_000, 4_000_000]);
        assert_eq!(table.series_of_row, [0, 1, 1]);
        let tag = |name: &str, value: &str| (name.to_string(), value.to_string());
        assert_eq!(
            table.series[0],
            TagSet(vec![tag("__name__", "up"), tag("job", "a")])
        );
    }
}
