//! Which server: one, that which Sentinels name, or a cluster. And connections to it.

use crate::call::Command;
use crate::error::Error;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::{ClusterClient, ClusterClientBuilder, ClusterConfig};
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{Route, RoutingInfo, SingleNodeRoutingInfo, SlotAddr};
use redis::sentinel::{SentinelClient, SentinelNodeConnectionInfo, SentinelServerType};
use redis::{AsyncConnectionConfig, IntoConnectionInfo, Value};
use std::sync::Arc;
use std::time::Duration;

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(5);

/// What to connect to. Make one of an URL, or of a client of redis-rs, for certificates and what else it can be told.
#[derive(Clone)]
pub struct Server(Arc<Kind>);

enum Kind {
    One(redis::Client),
    Sentinel(tokio::sync::Mutex<SentinelClient>),
    Cluster(ClusterClient),
}

impl From<redis::Client> for Server {
    fn from(client: redis::Client) -> Self {
        Self(Arc::new(Kind::One(client)))
    }
}

impl From<SentinelClient> for Server {
    fn from(client: SentinelClient) -> Self {
        Self(Arc::new(Kind::Sentinel(tokio::sync::Mutex::new(client))))
    }
}

impl TryFrom<ClusterClientBuilder> for Server {
    type Error = Error;
    /// Of the builder, for redis-rs must not repeat commands here: a CLAIM would be sent twice.
    fn try_from(builder: ClusterClientBuilder) -> Result<Self, Error> {
        Ok(Self(Arc::new(Kind::Cluster(builder.retries(0).build()?))))
    }
}

impl Server {
    /// `redis://user:password@host:port/database?protocol=resp3`, `rediss://…` and `unix://…` as redis-rs takes them;
    /// `sentinel://user:password@host:port,host:port/master` (the credentials are those of the master); `cluster://host:port,host:port`.
    /// An empty one is `redis://localhost:6379`. `rediss`, `sentinels` and `clusters` are by TLS, and need the feature `tls`; for
    /// certificates of your own there are the builders of redis-rs.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if it is something else.
    pub fn at(url: &str) -> Result<Self, Error> {
        let url = if url.is_empty() { "redis://localhost:6379" } else { url };
        let (scheme, rest) = url.split_once("://").unwrap_or(("redis", url));
        let (scheme, transport) = match scheme {
            "sentinels" | "clusters" => (&scheme[..scheme.len() - 1], "rediss"),
            _ => (scheme, "redis"),
        };
        if !matches!(scheme, "sentinel" | "cluster") {
            return Ok(redis::Client::open(url)?.into());
        }
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (user, rest) = rest.rsplit_once('@').unwrap_or(("", rest));
        let (hosts, master) = rest.split_once('/').unwrap_or((rest, ""));
        let at = if user.is_empty() { "" } else { "@" };
        let full = |host: &str| format!("{transport}://{user}{at}{host}/?{query}");
        if scheme == "cluster" {
            return ClusterClientBuilder::new(hosts.split(',').map(full)).try_into();
        }
        if master.is_empty() {
            return Err(Error::Invalid(
                "sentinel://host:port,host:port/master: the name of the master is missing".into(),
            ));
        }
        let settings = full("localhost").into_connection_info()?.redis_settings().clone();
        let sentinels = hosts.split(',').map(|host| format!("{transport}://{host}")).collect();
        let master_info = SentinelNodeConnectionInfo::default().set_redis_connection_info(settings);
        #[cfg(feature = "tls")]
        let master_info = match transport {
            "rediss" => master_info.set_tls_mode(redis::TlsMode::Secure),
            _ => master_info,
        };
        // A String: without TLS redis-rs takes nothing else.
        let master = String::from(master);
        Ok(SentinelClient::build(sentinels, master, Some(master_info), SentinelServerType::Master)?.into())
    }

    /// A connection of its own. A reply that takes longer than `patience` is an error.
    pub(crate) async fn connect(&self, patience: Duration) -> Result<Connection, Error> {
        let config =
            AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT)).set_response_timeout(Some(patience));
        Ok(match &*self.0 {
            Kind::One(client) => Connection::One(client.get_multiplexed_async_connection_with_config(&config).await?),
            Kind::Sentinel(client) => {
                Connection::One(client.lock().await.get_async_connection_with_config(&config).await?)
            }
            Kind::Cluster(client) => {
                let config = ClusterConfig::new().set_connection_timeout(CONNECT).set_response_timeout(patience);
                Connection::Cluster(client.get_async_connection_with_config(config).await?)
            }
        })
    }
}

/// A connection; its clones are the same one. It ends when the last of them goes.
#[derive(Clone)]
pub(crate) enum Connection {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Connection {
    /// Whether it is of no use after this error. One to a cluster looks after itself.
    pub fn is_over(&self, error: &Error) -> bool {
        match self {
            // A master that is none any more will not be one again soon: Sentinels know who is.
            Self::One(_) => {
                matches!(error, Error::Unanswered(_)) || matches!(error.code(), Some("READONLY" | "MASTERDOWN"))
            }
            Self::Cluster(_) => false,
        }
    }

    pub async fn send(&mut self, command: &Command) -> Result<Value, Error> {
        let cmd = command.packed();
        let reply = match self {
            Self::One(connection) => connection.req_packed_command(&cmd).await,
            Self::Cluster(connection) => connection.route_command(cmd, RoutingInfo::SingleNode(route(command))).await,
        };
        Ok(reply?.extract_error()?)
    }

    /// Commands of one key as one write: all or none of them are done.
    pub async fn transact(&mut self, commands: &[Command]) -> Result<(), Error> {
        let mut pipeline = redis::Pipeline::new();
        pipeline.cmd("MULTI");
        for command in commands {
            pipeline.add_command(command.packed());
        }
        pipeline.cmd("EXEC");
        let count = commands.len() + 2;
        let replies = match (self, commands.first()) {
            (_, None) => return Ok(()),
            (Self::One(connection), _) => connection.req_packed_commands(&pipeline, 0, count).await?,
            (Self::Cluster(connection), Some(first)) => {
                connection.route_pipeline(pipeline, 0, count, route(first)).await?
            }
        };
        // The first error is the reason; that of EXEC only says that there was one.
        for reply in replies {
            reply.extract_error()?;
        }
        Ok(())
    }
}

fn route(command: &Command) -> SingleNodeRoutingInfo {
    match command.key.and_then(|place| command.words.0.get(place)) {
        Some(key) => SingleNodeRoutingInfo::SpecificNode(Route::with_key(key, SlotAddr::Master)),
        None => SingleNodeRoutingInfo::Random,
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, Server};

    #[test]
    fn without_a_url_it_is_the_local_server() {
        let server = Server::at("").expect("a server");
        let Kind::One(client) = &*server.0 else { panic!("one server") };
        assert_eq!(client.get_connection_info().addr().to_string(), "localhost:6379");
    }
}
