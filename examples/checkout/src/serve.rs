//! The HTTP side. An order is one `SET … NX EX`; nothing else is needed for somebody to learn of its end.
//!
//! | request | reply |
//! |---|---|
//! | `POST /checkout {"id": "7", "expire": 20}` | 201; 400 if the body is wrong, 409 if the order is there already |
//! | `GET /checkout/7` | 200 with its value and what is left of its time; 404 |
//! | `DELETE /checkout/7` | 204: it has been paid, and will not be written off; 404: there is none, or it was too late |
//!
//! Any of them: 503 while Redis does not answer. It may or may not have been done then; GET tells.

use crate::orders::{key, Orders};
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{header, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::Router;
use redis::aio::ConnectionManager;
use redis::{cmd, pipe, RedisError};
use serde_json::{json, Map, Value};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// How long an order is held if the request does not say, in seconds.
const DEFAULT_EXPIRE: u64 = 20;
const MAX_EXPIRE: u64 = 86_400;
/// The longest id, in bytes.
const MAX_ID: usize = 200;
/// The longest body of a request, in bytes.
const MAX_BODY: usize = 4096;

#[derive(clap::Args)]
pub struct Serve {
    /// The address to serve at; port 0: any that is free
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: String,
}

impl Serve {
    /// Serves until told to stop, and then answers what it has begun to.
    pub async fn run(&self, orders: &Orders, stop: CancellationToken) -> Result<(), Box<dyn std::error::Error>> {
        let app = Router::new()
            .route("/checkout", post(place))
            .route("/checkout/{id}", get(show).delete(settle))
            .fallback(async || Refusal::new(StatusCode::NOT_FOUND, None, "there is no such page"))
            .method_not_allowed_fallback(async || {
                Refusal::new(StatusCode::METHOD_NOT_ALLOWED, None, "this page does not take that method")
            })
            .layer(DefaultBodyLimit::max(MAX_BODY))
            .with_state(orders.connection()?);
        let listener = TcpListener::bind(&self.listen).await?;
        println!("listening on http://{}", listener.local_addr()?);
        axum::serve(listener, app).with_graceful_shutdown(stop.cancelled_owned()).await?;
        println!("stopped");
        Ok(())
    }
}

/// POST /checkout
async fn place(State(mut redis): State<ConnectionManager>, body: Result<Bytes, BytesRejection>) -> Answer {
    let order = Order::parse(&body?)?;
    let value = json!({ "placed_at": unix_ms(), "expire": order.expire }).to_string();
    let mut set = cmd("SET");
    set.arg(key(&order.id)).arg(value).arg("NX").arg("EX").arg(order.expire);
    if set.query_async::<Option<()>>(&mut redis).await?.is_none() {
        return Err(Refusal::new(StatusCode::CONFLICT, Some("id"), "this order is in checkout already"));
    }
    Ok(reply(StatusCode::CREATED, json!({ "id": order.id, "expire": order.expire })))
}

/// GET /checkout/:id
async fn show(State(mut redis): State<ConnectionManager>, id: Id) -> Answer {
    let Path(id) = id?;
    // In one transaction, so that both are of the same order.
    let key = key(&id);
    let (value, ttl_ms): (Option<Vec<u8>>, i64) = pipe().atomic().get(&key).pttl(&key).query_async(&mut redis).await?;
    let value = value.ok_or_else(unknown)?;
    let value: Value = serde_json::from_slice(&value).unwrap_or_else(|_| String::from_utf8_lossy(&value).into());
    Ok(reply(StatusCode::OK, json!({ "id": id, "value": value, "ttl_ms": (ttl_ms >= 0).then_some(ttl_ms) })))
}

/// DELETE /checkout/:id
async fn settle(State(mut redis): State<ConnectionManager>, id: Id) -> Answer {
    let Path(id) = id?;
    let is_there: bool = cmd("DEL").arg(key(&id)).query_async(&mut redis).await?;
    if !is_there {
        return Err(unknown());
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// What a POST asks for.
struct Order {
    id: String,
    expire: u64,
}

impl Order {
    /// Takes the fields one by one, so that each refusal can name the field and what it takes.
    fn parse(body: &[u8]) -> Result<Self, Refusal> {
        let Ok(mut fields) = serde_json::from_slice::<Map<String, Value>>(body) else {
            return Err(Refusal::new(StatusCode::BAD_REQUEST, None, "the body must be a JSON object"));
        };
        let refuse = |field: &str, error: String| Refusal::new(StatusCode::BAD_REQUEST, Some(field), &error);
        let id = match fields.remove("id") {
            Some(Value::String(id)) if (1..=MAX_ID).contains(&id.len()) => id,
            None => return Err(refuse("id", "id is missing".to_owned())),
            Some(_) => return Err(refuse("id", format!("id must be a string of 1 to {MAX_ID} bytes"))),
        };
        let expire = match fields.remove("expire").map(|value| value.as_u64()) {
            None => DEFAULT_EXPIRE,
            Some(Some(seconds)) if (1..=MAX_EXPIRE).contains(&seconds) => seconds,
            Some(_) => {
                return Err(refuse("expire", format!("expire must be an integer from 1 to {MAX_EXPIRE}, in seconds")))
            }
        };
        match fields.keys().next() {
            Some(unknown) => Err(refuse(unknown, "there is no such field; there are id and expire".to_owned())),
            None => Ok(Self { id, expire }),
        }
    }
}

type Answer = Result<Response, Refusal>;
/// The id in the path, if it is UTF-8.
type Id = Result<Path<String>, PathRejection>;

/// An error reply: `{"field": "expire", "error": "expire must be …"}`.
struct Refusal {
    status: StatusCode,
    body: Value,
}

impl Refusal {
    fn new(status: StatusCode, field: Option<&str>, error: &str) -> Self {
        let body = match field {
            Some(field) => json!({ "field": field, "error": error }),
            None => json!({ "error": error }),
        };
        Self { status, body }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        reply(self.status, self.body)
    }
}

impl From<RedisError> for Refusal {
    fn from(error: RedisError) -> Self {
        println!("503: {error}");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, None, "the orders cannot be reached; try again")
    }
}

/// A body that is too large, or breaks off.
impl From<BytesRejection> for Refusal {
    fn from(rejection: BytesRejection) -> Self {
        Self::new(rejection.status(), None, &rejection.body_text())
    }
}

impl From<PathRejection> for Refusal {
    fn from(rejection: PathRejection) -> Self {
        Self::new(rejection.status(), Some("id"), &rejection.body_text())
    }
}

fn unknown() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, Some("id"), "this order is not in checkout")
}

fn reply(status: StatusCode, body: Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], format!("{body}\n")).into_response()
}

fn unix_ms() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since_epoch.as_millis().try_into().unwrap_or(u64::MAX)
}
