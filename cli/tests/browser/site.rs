//! `tsgen web` at a server of the test's own.

use crate::harness::*;
use crate::tab::Tab;

pub struct Site {
    pub server: Server,
    pub app: App,
    /// `http://127.0.0.1:port`.
    pub origin: String,
}

impl Site {
    /// Starts both.
    #[track_caller]
    pub fn start() -> Self {
        Self::with(Server::start(&[]), &[])
    }

    /// Starts it at a server, with these options.
    #[track_caller]
    pub fn with(server: Server, options: &[&str]) -> Self {
        let args = [&["web", "--listen", "127.0.0.1:0"], options].concat();
        let app = App::start_with(env!("CARGO_BIN_EXE_tsgen"), &args, &[("REDIS_URL", server.url().into())]);
        let line = app.line_with("http://");
        let (_, rest) = line.split_once("http://").expect("an address");
        let origin = format!("http://{}", rest.split('/').next().expect("a host"));
        Self { server, app, origin }
    }

    /// A tab that shows nothing yet.
    pub fn tab(&self) -> Tab {
        Tab::open(&self.origin)
    }

    /// A tab with this page.
    #[track_caller]
    pub fn at(&self, path: &str) -> Tab {
        let tab = self.tab();
        tab.go(path);
        tab
    }
}
