//! Sends what it reads through redis-rs and prints the replies; `../runner.rs` tells both formats.
//!
//!     redis-rs-runner PORT 2|3 plain|pipeline|transaction

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, Pipeline, Value};
use serde_json::{json, Value as Json};
use std::io::{self, BufRead, Write};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let args: Vec<String> = std::env::args().collect();
    let [_, port, protocol, mode] = args.as_slice() else { panic!("usage: redis-rs-runner PORT 2|3 MODE") };
    let url = format!("redis://127.0.0.1:{port}/?protocol=resp{protocol}");
    // It gives up on a reply after 500 ms, unless told otherwise.
    let config = AsyncConnectionConfig::new().set_response_timeout(None);
    let client = redis::Client::open(url).expect("a URL");
    let mut redis = client.get_multiplexed_async_connection_with_config(&config).await.expect("connect");

    let mut batch = Vec::new();
    for line in io::stdin().lock().lines() {
        let line = line.expect("a line");
        if !line.is_empty() {
            batch.push(command(&line));
            continue;
        }
        let replies = send(&mut redis, mode, std::mem::take(&mut batch)).await;
        let mut out = io::stdout().lock();
        for reply in &replies {
            writeln!(out, "{}", neutral(reply)).expect("print");
        }
        out.flush().expect("print");
    }
}

async fn send(redis: &mut MultiplexedConnection, mode: &str, batch: Vec<Cmd>) -> Vec<Value> {
    if mode == "plain" {
        let mut replies = Vec::new();
        for command in batch {
            // Errors of the server are replies as others are.
            replies.push(redis.send_packed_command(&command).await.expect("a reply"));
        }
        return replies;
    }
    let mut pipeline = Pipeline::new();
    if mode == "transaction" {
        pipeline.atomic();
    }
    for command in batch {
        pipeline.add_command(command);
    }
    pipeline.ignore_errors().query_async(redis).await.expect("replies")
}

fn command(line: &str) -> Cmd {
    let mut command = Cmd::new();
    for word in line.split(' ') {
        command.arg(unescape(word));
    }
    command
}

fn unescape(word: &str) -> Vec<u8> {
    let mut parts = word.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (hex, rest) = part.split_at(2);
        bytes.push(u8::from_str_radix(hex, 16).expect("two hex digits"));
        bytes.extend_from_slice(rest.as_bytes());
    }
    bytes
}

fn neutral(reply: &Value) -> Json {
    match reply {
        Value::Nil => Json::Null,
        Value::Int(value) => json!(value),
        Value::BulkString(bytes) => json!(bytes.iter().map(|byte| char::from(*byte)).collect::<String>()),
        Value::SimpleString(text) => json!(text),
        Value::Okay => json!("OK"),
        Value::Array(items) => items.iter().map(neutral).collect(),
        Value::Map(pairs) => {
            let pairs: Vec<Json> = pairs.iter().map(|(key, value)| json!([neutral(key), neutral(value)])).collect();
            json!({ "map": pairs })
        }
        Value::ServerError(error) => json!({ "error": format!("{} {}", error.code(), error.details().unwrap_or("")) }),
        other => json!({ "unexpected": format!("{other:?}") }),
    }
}
