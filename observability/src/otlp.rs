//! Spans for OpenTelemetry: a layer that notes what each span was and hands it on when
//! it closes. A root span starts a trace; the others belong to that of their parent.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::time::{SystemTime, UNIX_EPOCH};

use ::tracing::field::{Field, Visit};
use ::tracing::span::{Attributes, Id, Record};
use ::tracing::{Event, Level, Subscriber};
use serde_json::{Value, json};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use crate::otlp_export::Spans;

/// Longest text of an attribute.
const TEXT_BYTES_MAX: usize = 1024;

/// A span that has ended, in OTLP's JSON.
pub(crate) type Ended = Value;

/// A span that is open.
struct Open {
    name: &'static str,
    trace: u128,
    id: u64,
    parent: Option<u64>,
    started_ns: u128,
    attributes: Vec<Value>,
    failed: bool,
}

/// See the module.
pub(crate) struct OtlpLayer {
    spans: Spans,
    /// Traces whose number is below it are sent.
    below: u64,
    random: RandomState,
}

impl OtlpLayer {
    pub(crate) fn new(spans: Spans, ratio: f64) -> Self {
        Self {
            spans,
            below: match ratio {
                ratio if ratio >= 1.0 => u64::MAX,
                ratio => (ratio.max(0.0) * u64::MAX as f64) as u64,
            },
            random: RandomState::new(),
        }
    }

    /// A number that differs from span to span and from process to process, never 0.
    fn number(&self, of: u64, salt: u8) -> u64 {
        self.random.hash_one((of, now_ns(), salt)).max(1)
    }
}

fn now_ns() -> u128 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_nanos())
}

impl<S> Layer<S> for OtlpLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else {
            return;
        };
        let of_parent = span.parent().map(|parent| {
            let extensions = parent.extensions();
            extensions.get::<Open>().map(|open| (open.trace, open.id))
        });
        let number = id.into_u64();
        let (trace, parent) = match of_parent {
            Some(Some((trace, parent))) => (trace, Some(parent)),
            // Its trace is not sent.
            Some(None) => return,
            None => {
                let low = self.number(number, 0);
                if low > self.below {
                    return;
                }
                let high = self.number(number, 1);
                (u128::from(high) << 64 | u128::from(low), None)
            }
        };
        let mut open = Open {
            name: attributes.metadata().name(),
            trace,
            id: self.number(number, 2),
            parent,
            started_ns: now_ns(),
            attributes: Vec::new(),
            failed: false,
        };
        attributes.record(&mut Fields(&mut open.attributes));
        span.extensions_mut().insert(open);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(open) = span.extensions_mut().get_mut::<Open>()
        {
            values.record(&mut Fields(&mut open.attributes));
        }
    }

    /// An error inside a span makes it one that failed.
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        if *event.metadata().level() == Level::ERROR
            && let Some(span) = context.event_span(event)
            && let Some(open) = span.extensions_mut().get_mut::<Open>()
        {
            open.failed = true;
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        if let Some(span) = context.span(&id)
            && let Some(open) = span.extensions_mut().remove::<Open>()
        {
            self.spans.hand_on(ended(open));
        }
    }
}

fn ended(open: Open) -> Ended {
    let mut span = json!({
        "traceId": format!("{:032x}", open.trace),
        "spanId": format!("{:016x}", open.id),
        "name": open.name,
        // 2 = a server's, 1 = an internal one.
        "kind": if open.parent.is_none() { 2 } else { 1 },
        "startTimeUnixNano": open.started_ns.to_string(),
        "endTimeUnixNano": now_ns().to_string(),
        "attributes": open.attributes,
        "status": if open.failed { json!({ "code": 2 }) } else { json!({}) },
    });
    if let Some(parent) = open.parent {
        span["parentSpanId"] = json!(format!("{parent:016x}"));
    }
    span
}

/// Takes a span's fields as attributes.
struct Fields<'a>(&'a mut Vec<Value>);

impl Fields<'_> {
    fn push(&mut self, field: &Field, value: Value) {
        self.0.push(json!({ "key": field.name(), "value": value }));
    }

    fn text(&mut self, field: &Field, text: &str) {
        let end = text.floor_char_boundary(TEXT_BYTES_MAX);
        self.push(field, json!({ "stringValue": text[..end] }));
    }
}

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.push(field, json!({ "intValue": value.to_string() }));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.push(field, json!({ "intValue": value.to_string() }));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.push(field, json!({ "doubleValue": value }));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.push(field, json!({ "boolValue": value }));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field, &format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    fn spans_at(ratio: f64, run: impl FnOnce()) -> Vec<Value> {
        let (spans, ended) = Spans::new(16);
        let layer = OtlpLayer::new(spans, ratio);
        let subscriber = tracing_subscriber::registry().with(layer);
        ::tracing::subscriber::with_default(subscriber, run);
        ended.try_iter().collect()
    }

    #[test]
    fn a_child_belongs_to_the_trace_of_its_parent() {
        let ended = spans_at(1.0, || {
            let outer = ::tracing::info_span!("outer", id = "x", count = 3_u64);
            outer.in_scope(|| {
                ::tracing::info_span!("inner").in_scope(|| ::tracing::error!("no"));
            });
        });
        let (inner, outer) = (&ended[0], &ended[1]);
        assert_eq!(
            (&inner["name"], &outer["name"]),
            (&json!("inner"), &json!("outer"))
        );
        assert_eq!(inner["traceId"], outer["traceId"]);
        assert_eq!(inner["parentSpanId"], outer["spanId"]);
        assert_eq!(outer.get("parentSpanId"), None);
        assert_eq!(inner["status"]["code"], 2);
        assert_eq!(outer["attributes"][0]["value"]["stringValue"], "x");
        assert_eq!(outer["attributes"][1]["value"]["intValue"], "3");
    }

    #[test]
    fn a_ratio_of_zero_sends_nothing_and_children_follow_their_root() {
        let nested = || {
            let outer = ::tracing::info_span!("outer");
            outer.in_scope(|| ::tracing::info_span!("inner").in_scope(|| {}));
        };
        assert!(spans_at(0.0, nested).is_empty());
        for _ in 0..50 {
            assert!(matches!(spans_at(0.5, nested).len(), 0 | 2));
        }
    }

    #[test]
    fn a_full_queue_drops_spans_and_counts_them() {
        let (spans, ended) = Spans::new(2);
        for _ in 0..5 {
            spans.hand_on(json!({}));
        }
        assert_eq!(ended.try_iter().count(), 2);
        assert_eq!(spans.dropped.load(std::sync::atomic::Ordering::Relaxed), 3);
    }
}
