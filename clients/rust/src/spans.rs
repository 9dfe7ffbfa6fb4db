//! A span for each job, linked to that of its producer, for OpenTelemetry.
//!
//! A traced payload is a line `tsgen-headers {"traceparent": …}`, and behind it the payload itself: the same in all libraries. What has no
//! such line is read as it is, so producers may begin or end to trace at any time, if all workers take [`Traced`].

use crate::codec::{Decode, Encode};
use crate::content::{Batch, Content, Expired, Group};
use crate::error::BoxError;
use crate::job::{Failure, Job};
use crate::worker::Handler;
use opentelemetry::global::{get_text_map_propagator, tracer};
use opentelemetry::trace::{FutureExt, Span, SpanContext, SpanKind, Status, TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue};
use std::collections::HashMap;
use std::future::Future;
use std::ops::Deref;

const MARK: &[u8] = b"tsgen-headers ";

/// A payload with the span in which it was added, as the global propagator writes it. It has all that the payload has.
#[derive(Clone, Debug, Default)]
pub struct Traced<T> {
    /// What was added.
    pub payload: T,
    headers: HashMap<String, String>,
}

impl<T> Traced<T> {
    /// In the current span, if there is one.
    pub fn new(payload: T) -> Self {
        let mut headers = HashMap::new();
        get_text_map_propagator(|propagator| propagator.inject(&mut headers));
        Self { payload, headers }
    }
}

impl<T> Deref for Traced<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.payload
    }
}

impl<T: Encode> Encode for Traced<T> {
    fn encode(&self) -> Result<Vec<u8>, BoxError> {
        let payload = self.payload.encode()?;
        if self.headers.is_empty() {
            return Ok(payload);
        }
        Ok([MARK, &serde_json::to_vec(&self.headers)?, b"\n", &payload].concat())
    }
}

impl<T: Decode> Decode for Traced<T> {
    fn decode(bytes: &[u8]) -> Result<Self, BoxError> {
        let (headers, payload) = split(bytes);
        Ok(Self { payload: T::decode(payload)?, headers })
    }
}

/// Headers and payload; no headers if the line is none.
fn split(bytes: &[u8]) -> (HashMap<String, String>, &[u8]) {
    let parts = || {
        let line = bytes.strip_prefix(MARK)?;
        let end = line.iter().position(|byte| *byte == b'\n')?;
        Some((serde_json::from_slice(&line[..end]).ok()?, &line[end + 1..]))
    };
    parts().unwrap_or((HashMap::new(), bytes))
}

/// What a job can carry if it is to have a span: a [`Traced`] payload, whose producer is linked, and what other families deliver.
pub trait Linked: Content {
    /// The span in which it was added, if it is known.
    fn producer(&self) -> Option<SpanContext> {
        None
    }
}

/// The headers, where of the flags in version 0 of W3C's only that of sampling is left: producers set one for random trace ids by now, and
/// propagators that do not know it refuse the header, instead of ignoring the flag.
fn only_sampled(headers: &HashMap<String, String>) -> HashMap<String, String> {
    let mut headers = headers.clone();
    if let Some(parent) = headers.get_mut("traceparent").filter(|it| it.len() == 55 && it.starts_with("00-")) {
        // It takes a sign, too.
        let digits = parent.get(53..).filter(|flags| flags.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let flags = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        if let Some(flags) = flags {
            parent.replace_range(53.., &format!("{:02x}", flags & 1));
        }
    }
    headers
}

impl<T: Decode> Linked for Traced<T> {
    fn producer(&self) -> Option<SpanContext> {
        let headers = only_sampled(&self.headers);
        let context = get_text_map_propagator(|propagator| propagator.extract_with_context(&Context::new(), &headers));
        let producer = context.span().span_context().clone();
        producer.is_valid().then_some(producer)
    }
}

impl<T: Decode> Linked for Group<T> {}
impl Linked for Expired {}
impl Linked for Batch {}

/// A handler with a span around each job, of the global tracer `tsgen`. The span has the error, if there is one; its attributes are those
/// of the messaging conventions.
pub struct Spans<H>(pub H);

impl<T: Linked, H: Handler<T>> Handler<T> for Spans<H> {
    fn handle(&self, job: Job<T>) -> impl Future<Output = Result<(), Failure>> + Send {
        let tracer = tracer("tsgen");
        let mut span = tracer
            .span_builder(format!("process {}", job.key))
            .with_kind(SpanKind::Consumer)
            .with_attributes([
                KeyValue::new("messaging.system", "tsgen"),
                KeyValue::new("messaging.operation.type", "process"),
                KeyValue::new("messaging.destination.name", job.key.to_string()),
                KeyValue::new("messaging.message.id", job.id.to_string()),
                KeyValue::new("tsgen.deliveries", job.deliveries),
            ])
            .start_with_context(&tracer, &Context::new());
        if let Some(producer) = job.payload.producer() {
            span.add_link(producer, Vec::new());
        }
        // The span ends with the last of its contexts.
        let context = Context::new().with_span(span);
        let work = {
            let _current = context.clone().attach();
            self.0.handle(job)
        };
        async move {
            let ended = work.with_context(context.clone()).await;
            if let Err(failure) = &ended {
                let reason = failure.reason();
                let event = vec![KeyValue::new("exception.message", reason.clone())];
                context.span().add_event("exception", event);
                context.span().set_status(Status::error(reason));
            }
            context.span().end();
            ended
        }
    }
}
