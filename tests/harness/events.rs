//! Keyspace events, in the order in which a subscriber gets them.

use super::{Client, Server};

/// The events published since the last call, in order, for all keys, each as `key event`. A marker event ends the wait.
pub struct Events {
    subscriber: Client,
    marks: usize,
}

impl Events {
    #[track_caller]
    pub fn subscribe(server: &Server) -> Self {
        server.client().ok("CONFIG SET notify-keyspace-events KEd$");
        let mut subscriber = server.client();
        assert_eq!(subscriber.call(&[b"PSUBSCRIBE", b"__keyspace@*__:*"]), "['psubscribe' '__keyspace@*__:*' 1]");
        Self { subscriber, marks: 0 }
    }

    /// `c` must be allowed to write.
    #[track_caller]
    pub fn take(&mut self, c: &mut Client) -> Vec<String> {
        self.marks += 1;
        let mark = format!("mark:{}", self.marks);
        c.ok(&format!("SET {mark} 1"));
        let mut events = Vec::new();
        loop {
            let message = self.subscriber.read();
            let (channel, event) = (message.items()[2].text(), message.items()[3].text());
            let key = channel.split_once(':').expect("a key").1.to_owned();
            if key == mark {
                return events;
            }
            events.push(format!("{key} {event}"));
        }
    }
}
