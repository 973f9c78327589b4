//! How the fields of spans and events look in text logs: `name=value`, without colours.

use std::error::Error;
use std::fmt::{self, Debug};

use tracing::field::{Field, Visit};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::Writer;

/// Writes what `tracing_subscriber` writes by itself to a file, in a fraction of the time:
/// each request has a span, whose fields are written whether or not a line is logged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PlainFields;

impl<'writer> FormatFields<'writer> for PlainFields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut line = Line {
            writer,
            is_empty: true,
            written: Ok(()),
        };
        fields.record(&mut line);
        line.written
    }
}

struct Line<'writer> {
    writer: Writer<'writer>,
    is_empty: bool,
    written: fmt::Result,
}

impl Line<'_> {
    fn write(&mut self, field: &Field, value: impl FnOnce(&mut Writer<'_>) -> fmt::Result) {
        if self.written.is_err() {
            return;
        }
        self.written = self
            .begin(field.name())
            .and_then(|()| value(&mut self.writer));
    }

    fn begin(&mut self, name: &str) -> fmt::Result {
        if !std::mem::replace(&mut self.is_empty, false) {
            self.writer.write_char(' ')?;
        }
        if name == "message" {
            return Ok(());
        }
        self.writer.write_str(name)?;
        self.writer.write_char('=')
    }
}

/// Whether it looks the same between quotes, so that nothing in it can pass for something
/// else.
fn is_plain(text: &str) -> bool {
    text.bytes()
        .all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\'))
}

impl Visit for Line<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            return self.record_debug(field, &format_args!("{value}"));
        }
        self.write(field, |writer| {
            if !is_plain(value) {
                return write!(writer, "{value:?}");
            }
            writer.write_char('"')?;
            writer.write_str(value)?;
            writer.write_char('"')
        });
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.write(field, |writer| write!(writer, "{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.write(field, |writer| write!(writer, "{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::Registry;
    use tracing_subscriber::fmt::MakeWriter;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Log {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    /// What the given layer logs of some spans and events.
    fn lines(plain: bool) -> String {
        let log = Log::default();
        let layer = tracing_subscriber::fmt::layer()
            .with_ansi(false)
            .without_time()
            .with_writer(log.clone());
        let subscriber: Box<dyn tracing::Subscriber + Send + Sync> = match plain {
            true => Box::new(Registry::default().with(layer.fmt_fields(PlainFields))),
            false => Box::new(Registry::default().with(layer)),
        };
        tracing::subscriber::with_default(subscriber, || {
            let forged = "a\" path=\"/b";
            let path = "/wr\u{1b}ite\nline";
            let span =
                tracing::info_span!("request", id = forged, path, status = tracing::field::Empty);
            let _inside = span.enter();
            span.record("status", 204);
            let error: &(dyn Error + 'static) = &std::fmt::Error;
            tracing::info!(
                ratio = 0.5,
                error,
                count = 3_u64,
                on = true,
                "done {}",
                "so"
            );
            tracing::warn!(shown = %"a b", debugged = ?Some("x"), empty = "");
        });
        let bytes = log.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn lines_are_those_of_the_library() {
        let plain = lines(true);
        assert_eq!(plain, lines(false));
        assert!(plain.contains(r#"id="a\" path=\"/b""#), "{plain}");
        assert_eq!(plain.lines().count(), 2);
    }
}
