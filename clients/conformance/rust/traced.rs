//! Adds traced jobs, or works on such: what the suite pairs with the other languages. `traces.rs` tells what it prints.
//!
//! `traced redis://… add ID KEY… | work KEY`

use opentelemetry::global::{set_text_map_propagator, set_tracer_provider, tracer};
use opentelemetry::trace::{SpanContext, TraceContextExt, Tracer};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
use serde_json::{json, Value};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tsgen_client::{Failure, Job, Spans, Traced, Tsgen, Worker};

fn names(of: &SpanContext) -> String {
    format!("{}-{}", of.trace_id(), of.span_id())
}

async fn add(tsgen: &Tsgen, id: &str, keys: &[String]) -> Result<(), tsgen_client::Error> {
    for key in keys {
        let (payload, producer) = tracer("test").in_span("produce", |context| {
            (Traced::new(json!({ "to": "Zoë ☃" })), names(context.span().span_context()))
        });
        tsgen.delay_queue(key.as_str()).add(id, &payload, Duration::ZERO).await?;
        println!("produced {key} {producer}");
    }
    Ok(())
}

async fn work(tsgen: &Tsgen, key: &str, exporter: &InMemorySpanExporter) -> Result<(), tsgen_client::Error> {
    let seen = Arc::new(Mutex::new(HashMap::new()));
    let told = seen.clone();
    let note = move |job: Job<Traced<Value>>| {
        let to = job.payload["to"].as_str().unwrap_or_default().to_owned();
        told.lock().expect("a map").insert(job.id.to_string(), to);
        async { Ok::<(), Failure>(()) }
    };
    Worker::new(tsgen, key).run_until_empty(Spans(note)).await?;
    for span in exporter.get_finished_spans().expect("spans") {
        let id = span.attributes.iter().find(|pair| pair.key.as_str() == "messaging.message.id");
        let id = id.expect("an id").value.to_string();
        let links: Vec<_> = span.links.iter().map(|link| names(&link.span_context)).collect();
        println!("linked {id} {} {}", links.join(","), seen.lock().expect("a map")[&id]);
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), tsgen_client::Error> {
    let exporter = InMemorySpanExporter::default();
    set_tracer_provider(SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build());
    set_text_map_propagator(TraceContextPropagator::new());
    let args: Vec<String> = std::env::args().skip(1).collect();
    let tsgen = Tsgen::connect(&args[0]).await?;
    match args[1].as_str() {
        "add" => add(&tsgen, &args[2], &args[3..]).await,
        _ => work(&tsgen, &args[2], &exporter).await,
    }
}
