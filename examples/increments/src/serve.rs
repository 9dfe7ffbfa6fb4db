//! The HTTP side: one route, and an answer that is 200 only if the increment has been counted.

use crate::increment::{Increment, Invalid};
use crate::tally::{Outcome, Rules, Tally, Writer};
use anyhow::bail;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, DefaultBodyLimit, State};
use axum::http::{header, HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::Router;
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tsgen_client::Error;

/// How long a client waits for Redis before it is told that Redis is away.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long requests that have been begun are waited for at the end.
const GRACE: Duration = Duration::from_secs(10);

/// An increment has some 70 bytes.
const LONGEST_BODY: usize = 4096;

#[derive(clap::Args)]
pub struct Serve {
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// A header in which a proxy that you trust names the client, such as x-forwarded-for; without it, clients are peer addresses
    #[arg(long)]
    client_header: Option<HeaderName>,
    #[command(flatten)]
    rules: Rules,
}

struct Door {
    writer: Writer,
    client_header: Option<HeaderName>,
}

impl Serve {
    /// Serves until told to stop, and answers what has been begun.
    pub async fn run(self, tally: Tally, stop: CancellationToken) -> anyhow::Result<()> {
        let writer = Writer::new(&tally, self.rules)?;
        let Some(prepared) = stop.run_until_cancelled(prepare(&writer)).await else { return Ok(()) };
        prepared?;

        let listener = TcpListener::bind(self.listen).await?;
        println!("listening on http://{}", listener.local_addr()?);
        let door = Arc::new(Door { writer: writer.clone(), client_header: self.client_header });
        let routes = Router::new().route("/increment", post(increment)).layer(DefaultBodyLimit::max(LONGEST_BODY));
        let service = routes.with_state(door).into_make_service_with_connect_info::<SocketAddr>();
        let stopped = stop.clone();
        let serving = axum::serve(listener, service).with_graceful_shutdown(stop.cancelled_owned());
        tokio::select! {
            served = async { serving.await } => served?,
            () = async { stopped.cancelled().await; sleep(GRACE).await } => println!("some clients were too slow"),
        }

        // So that workers need not wait until the window ends. If it fails nothing is lost: it ends anyway.
        match timeout(PATIENCE, writer.seal()).await {
            Ok(Ok(())) => println!("stopped"),
            _ => println!("stopped; Redis is away, and what it has summed is ready when it is back"),
        }
        Ok(())
    }
}

/// Redis may start last, but not without what is needed.
async fn prepare(writer: &Writer) -> anyhow::Result<()> {
    loop {
        match timeout(PATIENCE, writer.create()).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(Error::Refused { text, .. })) if text.starts_with("unknown command") => {
                bail!("this Redis does not know TALLY: is the module tsgen loaded?")
            }
            Ok(Err(error)) => println!("waiting for Redis: {error}"),
            Err(_) => println!("waiting for Redis"),
        }
        sleep(PATIENCE / 4).await;
    }
}

async fn increment(
    State(door): State<Arc<Door>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let increment = match Increment::parse(&body) {
        Ok(increment) => increment,
        Err(Invalid { field: Some(field), error }) => {
            return answer(StatusCode::BAD_REQUEST, &json!({ "field": field, "error": error }))
        }
        Err(Invalid { field: None, error }) => return refuse(StatusCode::BAD_REQUEST, &error),
    };
    let client = door.client(peer, &headers);
    match timeout(PATIENCE, door.writer.count(&client, &increment)).await {
        Ok(Ok(Outcome::Counted)) => answer(StatusCode::OK, &json!({ "counted": increment.value })),
        Ok(Ok(Outcome::TooSoon(length))) => {
            let seconds = length.as_millis().div_ceil(1000) as u64;
            let error = format!("too many increments; the next one is taken in {seconds} s");
            ([(header::RETRY_AFTER, seconds)], refuse(StatusCode::TOO_MANY_REQUESTS, &error)).into_response()
        }
        Ok(Err(error)) => door.unavailable(&error.to_string()),
        Err(_) => door.unavailable("no answer in time"),
    }
}

impl Door {
    /// Whose increments are limited together.
    fn client(&self, peer: SocketAddr, headers: &HeaderMap) -> String {
        // Of a list, the last one is what the trusted proxy has added itself; those before it anybody can make up.
        let named =
            self.client_header.as_ref().and_then(|name| headers.get_all(name).iter().next_back()?.to_str().ok());
        let last = named.and_then(|names| names.rsplit(',').next()).map(str::trim);
        last.filter(|name| !name.is_empty()).map_or_else(|| peer.ip().to_string(), str::to_owned)
    }

    /// Redis could not be asked, or its reply was lost: whoever repeats an increment that had been counted after all counts it twice.
    fn unavailable(&self, why: &str) -> Response {
        println!("Redis: {why}");
        refuse(StatusCode::SERVICE_UNAVAILABLE, "Redis is away; the increment may or may not have been counted")
    }
}

fn refuse(status: StatusCode, error: &str) -> Response {
    answer(status, &json!({ "error": error }))
}

fn answer(status: StatusCode, body: &serde_json::Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], format!("{body}\n")).into_response()
}
