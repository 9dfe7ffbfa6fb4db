//! `make example NAME=…` as its user sees it.

use super::{module, wait_until, workspace, App};
use std::net::TcpStream;
use std::path::Path;

pub struct Example {
    pub app: App,
    /// Where its Redis is.
    pub port: u16,
}

impl Example {
    /// Starts the application of this name and binary; its Redis answers.
    #[track_caller]
    pub fn start(name: &str, binary: &str) -> Self {
        let variables = [format!("TSGEN_MODULE={}", module().display()), format!("EXAMPLE_BINARY={binary}")];
        let script = workspace().join("scripts/example");
        let script = script.to_str().expect("a path in UTF-8");
        // Who starts tests in the background has them ignore Ctrl-C, and a shell cannot trap what is ignored when it starts.
        let app = App::start("env", &["--default-signal=INT", &variables[0], &variables[1], script, name]);
        let line = app.line_with("Redis with the module is on port ");
        let port = line.split([' ', ',']).find_map(|word| word.parse().ok()).expect("a port");
        Self { app, port }
    }

    /// Ctrl-C: the script ends well, and leaves no process and no Redis behind.
    #[track_caller]
    pub fn interrupt(&mut self) {
        let children = format!("/proc/{0}/task/{0}/children", self.app.pid());
        let children = std::fs::read_to_string(children).expect("the processes it has started");
        assert_ne!(children, "");
        self.app.signal("INT");
        assert_eq!(self.app.end().code(), Some(0));
        for pid in children.split_whitespace() {
            wait_until(&format!("process {pid} has ended"), || !Path::new("/proc").join(pid).exists());
        }
        assert!(TcpStream::connect(("127.0.0.1", self.port)).is_err(), "something still listens on {}", self.port);
    }
}
