//! A terminal of a size of our choice: tmux, with a shell in it. What is typed goes in, and the screen is read as a person sees it.

use crate::harness::*;
use std::path::PathBuf;
use std::process::{Command, Output};

pub struct Tmux {
    socket: PathBuf,
    /// The server of tmux, in the foreground: it cannot outlive its test, and what runs in it cannot outlive the server.
    _server: Process,
    _folder: tempfile::TempDir,
}

impl Tmux {
    /// Starts a shell with these variables, and TSGEN, the program.
    #[track_caller]
    pub fn start(columns: u16, lines: u16, environment: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = folder.path().join("tmux");
        let mut server = mortal("tmux");
        server.args(["-u", "-D", "-f", "/dev/null", "-S"]).arg(&socket).env("LC_ALL", "C.UTF-8").env("TERM", "xterm");
        server.env_remove("NO_COLOR").env_remove("TMUX").env_remove("ENV").env("RUST_BACKTRACE", "0");
        server.env("TSGEN", env!("CARGO_BIN_EXE_tsgen")).envs(environment.iter().copied());
        let server = Process::spawn(&mut server).expect("start tmux (apt-get install tmux)");
        let tmux = Self { socket, _server: server, _folder: folder };
        // Its socket is there before it listens.
        let options = ["set-option", "-g", "status", "off", ";", "set-option", "-g", "remain-on-exit", "on"];
        wait_until("tmux listens", || tmux.socket.exists() && tmux.ask(&options).status.success());
        let (columns, lines) = (columns.to_string(), lines.to_string());
        tmux.tell(&["new-session", "-d", "-x", &columns, "-y", &lines, "exec sh"]);
        tmux.until("a prompt", |screen| !screen.trim().is_empty());
        tmux
    }

    fn ask(&self, args: &[&str]) -> Output {
        let mut command = Command::new("tmux");
        let command = command.arg("-u").arg("-S").arg(&self.socket).args(args).env("LC_ALL", "C.UTF-8");
        command.output().expect("run tmux")
    }

    #[track_caller]
    fn tell(&self, args: &[&str]) -> String {
        let output = self.ask(args);
        assert!(output.status.success(), "tmux {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Types a line, and Enter.
    #[track_caller]
    pub fn types(&self, line: &str) -> &Self {
        self.tell(&["send-keys", "-l", "--", line]);
        self.press(&["Enter"])
    }

    /// Presses keys, by the names that tmux has for them: `R`, `Enter`, `Escape`, `Down`.
    #[track_caller]
    pub fn press(&self, keys: &[&str]) -> &Self {
        self.tell(&[&["send-keys", "--"], keys].concat());
        self
    }

    #[track_caller]
    pub fn resize(&self, columns: u16, lines: u16) -> &Self {
        self.tell(&["resize-window", "-x", &columns.to_string(), "-y", &lines.to_string()]);
        self
    }

    /// What is on the screen.
    #[track_caller]
    pub fn screen(&self) -> String {
        self.tell(&["capture-pane", "-p"])
    }

    /// The same with the sequences that make colours.
    #[track_caller]
    pub fn coloured(&self) -> String {
        self.tell(&["capture-pane", "-p", "-e"])
    }

    /// Whether a program has the screen for itself, and whether there is a cursor.
    #[track_caller]
    pub fn modes(&self) -> String {
        self.tell(&["display-message", "-p", "#{alternate_on} #{cursor_flag}"]).trim().to_owned()
    }

    /// Waits until the screen is as it should be, and has it.
    #[track_caller]
    pub fn until(&self, what: &str, is_it: impl Fn(&str) -> bool) -> String {
        let mut screen = String::new();
        let deadline = std::time::Instant::now() + PATIENCE;
        loop {
            screen.clear();
            screen.push_str(&self.screen());
            if is_it(&screen) {
                return screen;
            }
            assert!(std::time::Instant::now() < deadline, "{what} is not to be seen:\n{screen}");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    #[track_caller]
    pub fn shows(&self, text: &str) -> String {
        self.until(text, |screen| screen.contains(text))
    }
}
