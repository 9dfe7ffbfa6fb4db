//! The options of a key as a form. Only what was changed is sent, so that what somebody else has changed meanwhile stays. What the server
//! refuses stands by its field, in the server's words.

use super::super::act::{audit, Act, Question};
use super::super::address::KeyAt;
use super::super::trouble::Reply;
use super::super::visit::{Pairs, Visit};
use super::frame::Frame;
use crate::family::Family;
use crate::options::change;
use axum::http::StatusCode;
use axum::response::Response;
use maud::{html, Markup};
use tsgen_client::{Error, Figure};

/// What a field takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// `30s`, `5m`, or a number of ms.
    Duration,
    Number,
    Text,
    Choice(&'static [&'static str]),
}

/// An option: its word in ALTER is its name in INFO in capitals.
struct Field {
    word: &'static str,
    kind: Kind,
    told: &'static str,
}

const fn field(word: &'static str, kind: Kind, told: &'static str) -> Field {
    Field { word, kind, told }
}

const DELIVERY: &[Field] = &[
    field("LEASE", Kind::Duration, "For how long a claimed entry belongs to its worker."),
    field("MAXDELIVERIES", Kind::Number, "After so many failed deliveries an entry is dead; 0: never."),
    field(
        "BACKOFF",
        Kind::Duration,
        "How long an entry rests after its first failed delivery, doubled with each further one.",
    ),
    field("MAXBACKOFF", Kind::Duration, "How long it rests at most; 0: ten years."),
    field("MAXLEN", Kind::Number, "How many entries the key may hold; 0: no limit."),
    field("SINK", Kind::Text, "A stream that the server appends what is ready to; empty: none."),
    field("SINKMAXLEN", Kind::Number, "To how many entries the stream is trimmed; 0: not at all."),
    field("GROUPLIMIT", Kind::Number, "How many entries of one group may be in hand."),
];
const TSGEN: &[Field] = &[
    field("LATE", Kind::Choice(&["ready", "reject"]), "What becomes of an element that is added below the watermark."),
    field("SOURCEIDLE", Kind::Duration, "After so long without a report a source is left out; 0: never."),
    field("MAXJUMP", Kind::Number, "By how much an advance may raise the watermark at once; 0: no bound."),
    field("REMEMBER", Kind::Duration, "For how long the id of what is done is remembered; 0: not at all."),
    field("REMEMBERMAX", Kind::Number, "How many ids are remembered at most."),
];
const DEBOUNCE: &[Field] = &[
    field("IDLE", Kind::Duration, "How long a group has to be quiet."),
    field("MAXWAIT", Kind::Duration, "How long a group waits at most; 0: no limit."),
    field("MAXITEMS", Kind::Number, "With so many items a group fires; 0: no limit."),
];
const EXPIRY: &[Field] = &[
    field("KEEPEVICTED", Kind::Choice(&["no", "yes"]), "Whether values of evicted keys are kept until their deadline."),
    field("MAXHELD", Kind::Number, "How many bytes of values may be held; 0: no bound."),
];
const TALLY: &[Field] = &[
    field("EVERY", Kind::Duration, "How long a window is open."),
    field("MAXFIELDS", Kind::Number, "With so many fields a window is sealed."),
];

/// What moves a gate by hand. These are sent whenever they are filled in.
const MOVES: [(&str, &str, &str); 4] = [
    ("WATERMARK", "sources external", "Lower the watermark to: elements above it wait again."),
    ("ADDSOURCE", "sources", "Add a source. It holds the watermark until it reports."),
    ("REMSOURCE", "sources", "Remove a source. The watermark may rise."),
    ("SOURCE", "sources", "Set a source back that has reported too much: its name."),
];
/// The timestamp of SOURCE.
const SOURCE_AT: &str = "SOURCE-AT";

/// Options of the key that can be altered.
fn fields(frame: &Frame) -> Vec<&'static Field> {
    let own = match frame.known.family {
        Family::Tsgen => TSGEN,
        Family::Debounce => DEBOUNCE,
        Family::Expiry => EXPIRY,
        Family::Tally => TALLY,
    };
    let gate = frame.info.gate.as_str();
    let is_there = |field: &&Field| match field.word {
        "SOURCEIDLE" => gate == "sources",
        "MAXJUMP" => gate != "clock",
        "MAXLEN" => frame.known.family != Family::Expiry,
        "GROUPLIMIT" => frame.info["grouplimit"].integer() > 0,
        // Of a server that does not know them yet there is nothing to read.
        word => frame.info[word.to_lowercase().as_str()] != Figure::Nil,
    };
    own.iter().chain(DELIVERY).filter(is_there).collect()
}

fn moves(frame: &Frame) -> impl Iterator<Item = &'static (&'static str, &'static str, &'static str)> {
    let gate = if frame.known.family == Family::Tsgen { frame.info.gate.clone() } else { String::new() };
    MOVES.iter().filter(move |(_, gates, _)| gates.split(' ').any(|own| own == gate))
}

/// What stands in a field.
fn value(frame: &Frame, field: &Field) -> String {
    match (&frame.info[field.word.to_lowercase().as_str()], field.kind) {
        (Figure::Integer(ms), Kind::Duration) => duration(*ms),
        (figure, _) => figure.to_string(),
    }
}

/// A length of time as the server takes it: an integer with one unit.
fn duration(ms: i64) -> String {
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s")];
    let unit = units.iter().find(|(length, _)| ms > 0 && ms % length == 0);
    unit.map_or_else(
        || if ms == 0 { "0".to_owned() } else { format!("{ms}ms") },
        |(length, name)| format!("{}{name}", ms / length),
    )
}

/// What was refused: by which field, if it names one, and the server's words.
struct Refusal {
    word: Option<&'static str>,
    text: String,
}

impl Refusal {
    fn of(frame: &Frame, text: &str) -> Self {
        let words: Vec<&str> =
            fields(frame).iter().map(|field| field.word).chain(moves(frame).map(|(word, _, _)| *word)).collect();
        let mut named = text.split([' ', ';', ',']).filter_map(|part| words.iter().find(|word| **word == part));
        let word = named.next().copied();
        let word = word.and_then(|word| {
            let all = DELIVERY.iter().chain(TSGEN).chain(DEBOUNCE).chain(EXPIRY).chain(TALLY).map(|field| field.word);
            all.chain(MOVES.iter().map(|(word, _, _)| *word)).find(|own| *own == word)
        });
        Self { word, text: text.to_owned() }
    }

    fn is_at(&self, word: &str) -> bool {
        self.word == Some(word)
    }
}

pub async fn page(at: KeyAt, visit: Visit) -> Reply {
    let frame = Frame::find(at, visit).await?;
    Ok(whole(&frame, &Pairs::default(), None))
}

fn whole(frame: &Frame, sent: &Pairs, refusal: Option<&Refusal>) -> Response {
    let inner = html! {
        @for field in fields(frame) { (input(frame, field, sent, refusal)) }
        @if moves(frame).next().is_some() {
            fieldset {
                legend { "The gate, by hand" }
                @for (word, _, told) in moves(frame) {
                    (labelled(word, told, refusal, html! {
                        input id=(word) name=(word) value=(sent.get(word)) aria-describedby=(format!("{word}-told"))
                            aria-invalid=[refusal.filter(|refusal| refusal.is_at(word)).map(|_| "true")];
                    }))
                    @if *word == "SOURCE" {
                        (labelled(SOURCE_AT, "The timestamp that it has from now on.", None, html! {
                            input id=(SOURCE_AT) name=(SOURCE_AT) value=(sent.get(SOURCE_AT)) aria-describedby=(format!("{SOURCE_AT}-told"));
                        }))
                    }
                }
            }
        }
        button { "Change" }
    };
    let body = html! {
        @if let Some(refusal) = refusal {
            p.note.bad role="alert" { "Nothing was changed: " (refusal.text) }
        }
        @if frame.visit.may_act() {
            p { "Durations are " code { "250ms" } ", " code { "30s" } ", " code { "5m" } ", " code { "2h" } " or " code { "7d" } ". All of it is done, or nothing." }
            div.options { (frame.visit.form(&frame.path("/options"), inner)) }
        } @else {
            dl { @for field in fields(frame) { dt { (field.word) } dd { (value(frame, field)) " " span.quiet { (field.told) } } } }
        }
    };
    frame.page("/options", false, body)
}

/// A field with its name, what it means, and what the server has said of it.
fn labelled(word: &str, told: &str, refusal: Option<&Refusal>, input: Markup) -> Markup {
    html! {
        div.field {
            label for=(word) { (word) }
            (input)
            span.quiet id=(format!("{word}-told")) { (told) @if let Some(refusal) = refusal.filter(|refusal| refusal.is_at(word)) { " " b.bad { (refusal.text) } } }
        }
    }
}

fn input(frame: &Frame, field: &Field, sent: &Pairs, refusal: Option<&Refusal>) -> Markup {
    let now = value(frame, field);
    let word = field.word;
    let shown = if sent.has(word) { sent.get(word) } else { &now };
    let (told, invalid) = (format!("{word}-told"), refusal.filter(|refusal| refusal.is_at(word)).map(|_| "true"));
    let was = if sent.has(word) { sent.get(&format!("was-{word}")) } else { &now };
    labelled(
        word,
        field.told,
        refusal,
        html! {
            input type="hidden" name=(format!("was-{word}")) value=(was);
            @if let Kind::Choice(choices) = field.kind {
                select id=(word) name=(word) aria-describedby=(told) aria-invalid=[invalid] {
                    @for choice in choices { option value=(choice) selected[*choice == shown] { (choice) } }
                }
            } @else {
                input id=(word) name=(word) value=(shown) aria-describedby=(told) aria-invalid=[invalid]
                    inputmode=[(field.kind == Kind::Number).then_some("numeric")] autocomplete="off";
            }
        },
    )
}

/// The words for ALTER: what differs from what was shown, and what is filled in of the moves.
fn words(frame: &Frame, sent: &Pairs) -> Vec<String> {
    let mut words = Vec::new();
    for field in fields(frame) {
        let (now, was) = (sent.get(field.word).trim(), sent.get(&format!("was-{}", field.word)).trim().to_owned());
        if sent.has(field.word) && now != was {
            words.extend([field.word.to_owned(), now.to_owned()]);
        }
    }
    for (word, _, _) in moves(frame) {
        let given = sent.get(word);
        if !given.is_empty() {
            words.extend([(*word).to_owned(), given.to_owned()]);
            if *word == "SOURCE" {
                words.push(sent.get(SOURCE_AT).trim().to_owned());
            }
        }
    }
    words
}

pub async fn alter(at: KeyAt, act: Act) -> Reply {
    let frame = Frame::find(at, act.visit.clone()).await?;
    let (words, back) = (words(&frame, &act.fields), frame.path("/options"));
    if words.is_empty() {
        return Ok(act.leads(&back, Some("Nothing was changed: all is as it was.")));
    }
    let text = words.join(" ");
    let is_grave = |word: &String| matches!(word.as_str(), "WATERMARK" | "REMSOURCE" | "SOURCE" | "SINK");
    if words.iter().any(is_grave) {
        let question = Question {
            title: "Change the gate or the sink?",
            text: &format!("{text}. What has been let through, or has gone to a stream, does not come back by itself."),
            button: "Change",
            back: &back,
        };
        if let Some(page) = act.ask(&question) {
            return Ok(page);
        }
    }
    let result = change(&frame.known, words).await;
    let refused = match &result {
        Err(error) => error.downcast_ref::<Error>().filter(|error| matches!(error, Error::Refused { .. })),
        Ok(()) => None,
    };
    if let Some(Error::Refused { code, text }) = refused {
        audit(&act.visit, "alter", Some(&frame.at), false, &format!("{code} {text}"));
        let refusal = Refusal::of(&frame, text);
        let refusal = if code == "ERR" { refusal } else { Refusal { text: format!("{code} {text}"), ..refusal } };
        let mut reply = whole(&frame, &act.fields, Some(&refusal));
        *reply.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
        return Ok(reply);
    }
    act.take("alter", Some(&frame.at), &back, async { result.map(|()| format!("Changed: {text}.")) }).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_is_written_as_the_server_takes_it() {
        assert_eq!(
            [0, 1, 1500, 30_000, 90_000, 7_200_000, 86_400_000].map(duration),
            ["0", "1ms", "1500ms", "30s", "90s", "2h", "1d"]
        );
    }
}
