//! The key that all roles share: where it is, and how it is made.

use tsgen_client::{Error, Key, Options, Server, Tsgen};

#[derive(Clone, clap::Args)]
pub struct Elements {
    /// Where Redis is
    #[arg(long, global = true, default_value = "redis://127.0.0.1:6379", value_parser = Server::at)]
    redis: Server,
    /// The key that holds the elements
    #[arg(long, global = true, default_value = "elements")]
    pub key: String,
    /// All sources of the watermark; what counts is what they were when the key was made
    #[arg(long, global = true, value_delimiter = ',', default_value = "left,right")]
    pub sources: Vec<String>,
}

impl Elements {
    /// Connects, and makes the key if it is not there: whoever comes first makes it.
    pub async fn open(&self) -> Result<(Tsgen, Key<tsgen_client::Elements>), Error> {
        let redis = Tsgen::from(self.redis.clone());
        let elements = redis.elements(&self.key);
        match elements.create(Options::new().sources(&self.sources)).await {
            Err(error) if error.code() != Some("BUSYKEY") => Err(error),
            _ => Ok((redis, elements)),
        }
    }
}
