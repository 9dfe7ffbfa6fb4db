#[tokio::main]
async fn main() -> redis::RedisResult<()> {
    let url = std::env::var("REDIS_URL").unwrap_or("redis://localhost:6379".to_owned());
    // A multiplexed connection gives up on a reply after 500 ms, unless told otherwise.
    let config = redis::AsyncConnectionConfig::new().set_response_timeout(None);
    let mut redis = redis::Client::open(url)?.get_multiplexed_async_connection_with_config(&config).await?;
    loop {
        let mut claim = redis::cmd("TSGEN.CLAIM");
        claim.arg("orders").arg("worker-1").arg("BLOCK").arg(20_000);
        let entries: Vec<(i64, i64, String, i64, Vec<u8>)> = claim.query_async(&mut redis).await?;
        for (token, _deliveries, name, _timestamp, payload) in entries {
            println!("{name}: {}", String::from_utf8_lossy(&payload)); // your work
            redis::cmd("TSGEN.ACK").arg("orders").arg(token).query_async::<()>(&mut redis).await?;
        }
    }
}
