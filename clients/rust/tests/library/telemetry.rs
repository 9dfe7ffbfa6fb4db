//! What a worker tells Prometheus and OpenTelemetry.

use crate::connected;
use opentelemetry::global::{set_text_map_propagator, set_tracer_provider, tracer};
use opentelemetry::trace::{SpanKind, Status, TraceContextExt, Tracer};
use opentelemetry::KeyValue;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use serde_json::{json, Value};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tsgen_client::{Dead, Failure, Job, Metrics, Raw, Spans, Traced, Worker};

#[tokio::test]
async fn jobs_are_counted_and_measured_by_key_and_outcome() {
    let (_server, t) = connected("resp3").await;
    for id in ["a", "b", "c"] {
        t.delay_queue("mails").add(id, "x", Duration::ZERO).await.expect("it is added");
    }
    let registry = prometheus::Registry::new();
    let metrics = Metrics::new(&registry).expect("it has none yet");
    assert!(Metrics::new(&registry).is_err());
    let handler = |job: Job<String>| async move {
        match job.id.as_str() {
            Some("b") => Err(Dead::because("no such address")),
            _ => Ok(()),
        }
    };
    Worker::new(&t, "mails").hooks(metrics).run_until_empty(handler).await.expect("it ends");
    let text = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).expect("a text");
    for line in [
        r#"tsgen_jobs_running{key="mails"} 0"#,
        r#"tsgen_jobs_total{key="mails",outcome="done"} 2"#,
        r#"tsgen_jobs_total{key="mails",outcome="failed"} 1"#,
        r#"tsgen_job_seconds_count{key="mails"} 3"#,
    ] {
        assert!(text.lines().any(|told| told == line), "{line} is missing in:\n{text}");
    }
}

/// The one test that has the tracer of the process.
#[tokio::test]
async fn spans_are_linked_to_those_of_their_producers() {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    set_tracer_provider(provider.clone());
    set_text_map_propagator(TraceContextPropagator::new());
    let (_server, t) = connected("resp3").await;
    let mails = t.delay_queue("mails");

    let produced = tracer("test")
        .in_span("produce", |context| (Traced::new(json!({ "n": 1 })), context.span().span_context().span_id()));
    mails.add("a", &produced.0, Duration::ZERO).await.expect("it is added");
    // What was added by somebody who does not trace, or only begins like it, is what it is.
    mails.add("plain", &json!({ "n": 2 }), Duration::ZERO).await.expect("it is added");
    mails.add("odd", &Raw(b"tsgen-headers {\n5".to_vec()), Duration::ZERO).await.expect("it is added");
    // Of a producer that sets more flags than propagators here may know: random trace id, and one to come.
    let flagged = format!("tsgen-headers {{\"traceparent\":\"00-{:032x}-{:016x}-07\"}}\n{{\"n\":3}}", 1, 2);
    mails.add("flagged", &Raw(flagged.into_bytes()), Duration::ZERO).await.expect("it is added");
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = seen.clone();
    let handler = move |job: Job<Traced<Value>>| {
        told.lock().expect("a list").push(job.payload.payload.clone());
        async move {
            tokio::task::yield_now().await;
            tracer("test").in_span(format!("inside {}", job.id), |_| {});
            match job.payload["n"].as_i64() {
                Some(2) => Err(Failure::from(Dead::because("no such address"))),
                _ => Ok(()),
            }
        }
    };
    Worker::new(&t, "mails").run_until_empty(Spans(handler)).await.expect("it ends");
    assert_eq!(*seen.lock().expect("a list"), [1, 2, 3].map(|n| json!({ "n": n })));
    assert_eq!(mails.dead(5, 0).await.expect("a list").len(), 2);

    provider.force_flush().expect("it is told");
    let spans = exporter.get_finished_spans().expect("spans");
    let named = |name: &str| -> Vec<&SpanData> { spans.iter().filter(|span| span.name == name).collect() };
    let [first, second, third] = named("process mails")[..] else { panic!("{spans:?}") };
    let links = |span: &SpanData| span.links.iter().map(|link| link.span_context.span_id()).collect::<Vec<_>>();
    assert_eq!((links(first), links(second)), (vec![produced.1], vec![]));
    assert_eq!(links(third), [opentelemetry::trace::SpanId::from(2)]);
    assert_eq!((&first.span_kind, &first.status), (&SpanKind::Consumer, &Status::Unset));
    assert_eq!(second.status, Status::error("no such address"));
    for attribute in [
        KeyValue::new("messaging.system", "tsgen"),
        KeyValue::new("messaging.destination.name", "mails"),
        KeyValue::new("messaging.message.id", "a"),
        KeyValue::new("tsgen.deliveries", 1),
    ] {
        assert!(first.attributes.contains(&attribute), "{attribute:?} is missing in {:?}", first.attributes);
    }
    // What a handler does is inside.
    assert_eq!(named("inside a")[0].parent_span_id, first.span_context.span_id());
}
