//! The terminal: taken over at the beginning, and as it was at the end, however that comes.

use anyhow::{bail, Context};
use crossterm::cursor::Show;
use crossterm::execute;
use crossterm::terminal::{disable_raw_mode, enable_raw_mode, EnterAlternateScreen, LeaveAlternateScreen};
use ratatui::backend::CrosstermBackend;
use std::io::{stdin, stdout, IsTerminal, Stdout};
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether it has to be given back. A terminal that is given back twice puts its cursor where it once was, upon what has been written since.
static IS_TAKEN: AtomicBool = AtomicBool::new(false);

pub struct Terminal {
    pub screen: ratatui::Terminal<CrosstermBackend<Stdout>>,
}

/// An error if there is no terminal.
pub fn must_be_one() -> anyhow::Result<()> {
    if !stdin().is_terminal() || !stdout().is_terminal() {
        bail!("top needs a terminal to draw on: `tsgen ls --watch` prints rows anywhere");
    }
    Ok(())
}

impl Terminal {
    pub fn take() -> anyhow::Result<Self> {
        enable_raw_mode().context("the terminal")?;
        IS_TAKEN.store(true, Ordering::SeqCst);
        // From here on it is given back if anything fails, and before the message of a panic.
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            give_back();
            hook(panic);
        }));
        let taken = execute!(stdout(), EnterAlternateScreen)
            .and_then(|()| ratatui::Terminal::new(CrosstermBackend::new(stdout())));
        match taken {
            Ok(screen) => Ok(Self { screen }),
            Err(error) => {
                give_back();
                Err(error).context("the terminal")
            }
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        give_back();
    }
}

/// There is nobody to tell if it fails: the terminal may be gone.
fn give_back() {
    if !IS_TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    let _ = execute!(stdout(), LeaveAlternateScreen, Show);
    let _ = disable_raw_mode();
}
