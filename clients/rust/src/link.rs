//! A connection that is made when it is needed, and made again when it has ended. It repeats nothing.

use crate::call::Command;
use crate::error::Error;
use crate::server::{Connection, Server};
use redis::Value;
use std::time::Duration;
use tokio::sync::Mutex;

pub(crate) struct Link {
    server: Server,
    patience: Duration,
    current: Mutex<Current>,
}

/// The connection, and how many there were before it.
#[derive(Default)]
struct Current {
    nth: u64,
    connection: Option<Connection>,
}

impl Link {
    pub fn new(server: Server, patience: Duration) -> Self {
        Self { server, patience, current: Mutex::default() }
    }

    pub async fn connect(&self) -> Result<(u64, Connection), Error> {
        let mut current = self.current.lock().await;
        let connection = match &current.connection {
            Some(connection) => connection.clone(),
            None => current.connection.insert(self.server.connect(self.patience).await?).clone(),
        };
        Ok((current.nth, connection))
    }

    pub async fn send(&self, command: &Command) -> Result<Value, Error> {
        let (nth, mut connection) = self.connect().await?;
        let answer = connection.send(command).await;
        self.look(nth, &connection, answer.as_ref().err()).await;
        answer
    }

    pub async fn transact(&self, commands: &[Command]) -> Result<(), Error> {
        let (nth, mut connection) = self.connect().await?;
        let answer = connection.transact(commands).await;
        self.look(nth, &connection, answer.as_ref().err()).await;
        answer
    }

    async fn look(&self, nth: u64, connection: &Connection, error: Option<&Error>) {
        if error.is_some_and(|error| connection.is_over(error)) {
            let mut current = self.current.lock().await;
            if current.nth == nth {
                current.forget();
            }
        }
    }

    /// Ends what waits in the server, by closing the connection.
    pub async fn break_off(&self) {
        self.current.lock().await.forget();
    }
}

impl Current {
    fn forget(&mut self) {
        self.connection = None;
        self.nth += 1;
    }
}
