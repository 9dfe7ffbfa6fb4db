//! Connections: how many there are, and how long one may take.

use axum::extract::Request;
use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{signal, SignalKind};
use tokio::sync::Semaphore;

/// Connections at a time. Who comes then waits until one ends.
const MOST: usize = 1024;

/// How long a browser may take to say what it wants; and how long a connection may be kept without a request.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The bytes of the head of a request: names of 64 KiB have short addresses, so this is much.
const LARGEST_HEAD: usize = 64 << 10;

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// Serves until SIGTERM or SIGINT. Streams have no end of their own, so what runs then is not waited for.
pub async fn serve(listener: TcpListener, router: Router) -> anyhow::Result<()> {
    let room = Arc::new(Semaphore::new(MOST));
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    loop {
        let permit = room.clone().acquire_owned().await?;
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = term.recv() => return Ok(()),
            _ = int.recv() => return Ok(()),
        };
        let Ok((stream, peer)) = accepted else {
            // Too many open files, mostly: it goes by.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let router = router.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request: Request<Incoming>| {
                let mut request = request.map(axum::body::Body::new);
                request.extensions_mut().insert(Peer(peer));
                let router = TowerToHyperService::new(router.clone());
                async move { hyper::service::Service::call(&router, request).await }
            });
            let mut connection = http1::Builder::new();
            connection.timer(TokioTimer::new()).header_read_timeout(PATIENCE).max_buf_size(LARGEST_HEAD);
            // An error is one of the browser's: it has gone, or does not speak HTTP.
            let _ = connection.serve_connection(TokioIo::new(stream), service).await;
            drop(permit);
        });
    }
}
