//! `tsgen top`: all keys in a view that fills the terminal and keeps itself up to date; into a key, and what an operator does about it.
//!
//! The view itself ([`Model`]) knows neither terminal nor server: events go in, and what it wants to be asked or done comes out. This file
//! is what is around it.

mod content;
mod draw;
mod inside;
mod list;
mod model;
mod rows;
mod server;
mod talk;
mod terminal;
mod text;
mod ways;

#[cfg(test)]
mod tests;

use crate::args::{Common, Top};
use crate::bytes::Bytes;
use crate::keys::Known;
use crate::sentence::sentence;
use crate::servers::Servers;
use crate::watch::{KeyId, Options, Picture, Watch};
use crate::{table, Outcome};
use anyhow::Context;
use crossterm::event::{Event as Typed, EventStream, KeyEventKind};
use draw::Theme;
use futures_util::StreamExt;
use model::Model;
use rows::{Row, Spot};
use std::sync::Arc;
use talk::{Answer, Ask, Event, Look};
use terminal::Terminal;
use tokio::signal::unix::{signal, SignalKind};
use tokio::task::JoinSet;
use tsgen_client::Name;
use ways::Ways;

/// What is being asked, each with the number of its question.
type Asked = JoinSet<(u64, Result<Answer, String>)>;

pub async fn run(common: &Common, top: &Top) -> anyhow::Result<Outcome> {
    let servers = Servers::of(common)?;
    terminal::must_be_one()?;
    // Who cannot be reached at all is said as by any other command, before the screen is taken.
    servers.check().await?;
    let address = servers.masters().await?.join(" ");
    let mut watch = Watch::start(servers.again().await, Options { every: top.every, ..Options::default() });
    let ways = Arc::new(Ways::new(servers));
    let (mut terminated, mut hung_up) = (signal(SignalKind::terminate())?, signal(SignalKind::hangup())?);
    let mut model = Model::new(address, top.read_only);
    let theme = Theme::of_environment();
    let mut asked = Asked::new();
    let mut terminal = Terminal::take()?;
    let mut typed = EventStream::new();
    model.on(Event::Height(terminal.screen.size()?.height), table::now());
    loop {
        terminal.screen.draw(|frame| draw::draw(frame, &model, theme)).context("the terminal")?;
        watch.look_at(model.in_view().into_iter().map(|spot| KeyId { db: spot.db, key: spot.key }));
        let event = tokio::select! {
            typed = typed.next() => match typed {
                Some(Ok(Typed::Key(key))) if key.kind != KeyEventKind::Release => Event::Key(key),
                Some(Ok(Typed::Resize(_, height))) => Event::Height(height),
                Some(Ok(_)) => continue,
                // The terminal has gone.
                Some(Err(_)) | None => return Ok(Outcome::Done),
            },
            picture = watch.changed() => Event::Looked(look(&picture)),
            Some(answer) = asked.join_next() => match answer {
                Ok((serial, answer)) => Event::Answered(serial, answer),
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            },
            _ = terminated.recv() => return Ok(Outcome::Done),
            _ = hung_up.recv() => return Ok(Outcome::Done),
        };
        #[cfg(debug_assertions)]
        panic_if_planted(&event);
        for (serial, ask) in model.on(event, table::now()) {
            match ask {
                Ask::Quit => return Ok(Outcome::Done),
                Ask::Look => watch.soon(),
                ask => {
                    let (ways, picture) = (ways.clone(), watch.now());
                    asked.spawn(async move { (serial, answer(&ways, &picture, &ask).await) });
                }
            }
        }
    }
}

/// For the one test that wants to see what a panic leaves behind. Not in a program that is shipped.
#[cfg(debug_assertions)]
fn panic_if_planted(event: &Event) {
    let is_planted = std::env::var_os("TSGEN_PLANTED_PANIC").is_some();
    if is_planted && matches!(event, Event::Key(key) if key.code == crossterm::event::KeyCode::Char('!')) {
        panic!("planted");
    }
}

/// Asks the master that has the key.
async fn answer(ways: &Ways, picture: &Picture, ask: &Ask) -> Result<Answer, String> {
    let answered = async {
        let spot = server::spot(ask).context("a question without a key")?;
        let id = KeyId { db: spot.db, key: spot.key.clone() };
        let row = picture.row(&id).context("the key is gone")?;
        let tsgen = ways.to(row).await?;
        let known = Known { tsgen, family: spot.family, name: Name(spot.key.0.clone()) };
        let answered = server::answer(&known, ask).await;
        if answered.is_err() {
            ways.forget(row);
        }
        answered
    };
    answered.await.map_err(|error: anyhow::Error| sentence(&error))
}

/// What the model needs of a picture. An error if no server answers.
fn look(picture: &Picture) -> Result<Look, String> {
    let troubles = picture.troubles();
    if !picture.is_reached() {
        return Err(troubles.into_iter().next().unwrap_or_else(|| "no server is known".to_owned()));
    }
    let warning = (!troubles.is_empty()).then(|| troubles.join("; "));
    Ok(Look { rows: picture.rows.iter().map(|row| of(row)).collect(), unseen: picture.unseen, warning })
}

fn of(row: &crate::watch::Row) -> Row {
    let info = &row.info;
    Row {
        spot: Spot { db: row.id.db, key: Bytes(row.id.key.0.clone()), family: row.family },
        waiting: info.waiting,
        ready: info.ready,
        leased: info.leased,
        delayed: info.delayed,
        dead: info.dead,
        oldest: info.oldest_ready_age,
        is_paused: info.paused,
        delivered: row.rates.map(|rates| rates.delivered),
        acked: row.rates.map(|rates| rates.acked),
    }
}
