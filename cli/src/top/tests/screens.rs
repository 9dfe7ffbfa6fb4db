//! What is shown.

use super::*;

#[test]
fn the_list_is_usable_at_any_size() {
    for (columns, lines) in [(80, 24), (40, 12), (132, 10)] {
        World::new(columns, lines).shows(&format!("list-{columns}x{lines}"));
    }
    // And at none it fails, wherever one is.
    for columns in 1..45 {
        for lines in 1..14 {
            let mut world = World::new(columns, lines);
            for keys in ["", "?", "<Esc>/x", "<Esc>p", "n<Enter>", "5", "<Enter>", "<Esc>R", "n6", "2"] {
                world.press(keys);
                if world.asks.iter().any(|(_, ask)| is_page(ask)) {
                    world.answer(is_page, Ok(Answer::Page(letters(30))));
                }
                world.screen();
            }
        }
    }
}

#[test]
fn rows_are_sorted_by_the_letter_of_a_column() {
    let mut world = World::new(80, 24);
    assert_eq!(world.names(), ["mails", "checkouts", "likes", "carts"]);
    assert_eq!(world.press("W").names(), ["carts", "checkouts", "mails", "likes"]);
    assert_eq!(world.press("W").names(), ["likes", "mails", "checkouts", "carts"]);
    assert_eq!(world.press("K").names(), ["carts", "checkouts", "likes", "mails"]);
    assert_eq!(world.press("K").names(), ["mails", "likes", "checkouts", "carts"]);
    assert_eq!(world.press("E").names()[0], "mails");
    assert_eq!(world.press("S").names()[0], "carts");
    assert_eq!(world.press(">").model.list.order.column.title().0, "WAITING");
}

#[test]
fn a_row_stays_selected_wherever_it_moves() {
    let mut world = World::new(80, 24);
    world.press("<Down>");
    let selected = |world: &World| world.model.list.selected.as_ref().expect("a row").key.to_string();
    assert_eq!(selected(&world), "checkouts");
    world.press("K");
    assert_eq!(selected(&world), "checkouts");
    // It goes, and its neighbour is selected.
    let mut rest = rows();
    rest.retain(|row| row.spot.key != Bytes::from("checkouts"));
    world.sees(rest);
    assert_eq!(selected(&world), "likes");
    world.press("<End>");
    assert_eq!(selected(&world), "mails");
    world.sees(Vec::new());
    assert!(world.model.list.selected.is_none() && world.screen().contains("there are no keys of the module"));
    world.press("<Enter>p<Down>");
    assert!(world.model.inside.is_none() && world.model.question.is_none());
}

#[test]
fn rows_are_filtered_while_one_types() {
    let mut world = World::new(80, 24);
    assert_eq!(world.press("/k").names(), ["checkouts", "likes"]);
    assert!(world.screen().contains("2 of 4 keys /k"));
    assert_eq!(world.press("<Backspace>*s").names(), ["mails", "checkouts", "likes", "carts"]);
    // Back to what it was.
    assert_eq!(world.press("<Esc>").names().len(), 4);
    assert_eq!(world.press("/c*s<Enter>").names(), ["checkouts", "carts"]);
    // A letter is a key again.
    assert_eq!(world.press("f").names(), Vec::<String>::new());
    assert!(world.screen().contains("no key matches: Esc shows all"));
    assert_eq!(world.press("f").names(), ["carts"]);
    assert_eq!(world.press("<Esc>").names().len(), 4);
}

#[test]
fn a_key_is_looked_into() {
    let mut world = World::new(80, 24);
    world.press("<Enter>");
    assert_eq!(world.asks.iter().map(|(_, ask)| ask.clone()).collect::<Vec<_>>(), [Ask::Info(spot())]);
    let info = ["gate external", "watermark 10", "waiting 20", "ready 12345"].map(|line| {
        let (name, value) = line.split_once(' ').expect("two words");
        (name.to_owned(), value.to_owned())
    });
    world.answer(is_info, Ok(Answer::Info(info.to_vec()))).shows("key-80x24");
    world.press("5").answer(is_page, Ok(Answer::Page(letters(3)))).shows("dead-80x24");
    world.press("<Down><Enter>").shows("letter-80x24");
    world.press("<Esc>6").answer(is_reasons, Ok(Answer::Reasons(some_reasons()))).shows("reasons-80x24");
    // The letters of one.
    world.press("<Down><Enter>");
    let filter = Filter::Reason(Bytes::from("no such host: a.example"));
    let asked = world.asked();
    assert!(
        asked.contains(&Ask::Page { spot: spot(), state: State::Dead, after: "0".to_owned(), filter }),
        "{asked:?}"
    );
    world.press("<Esc>");
    assert!(world.model.inside.is_none());
    world.press("?").shows("help-80x24");
    world.size = (40, 12);
    world.press("<Esc><Enter>5").answer(is_page, Ok(Answer::Page(letters(3)))).shows("dead-40x12");
}

#[test]
fn a_server_that_goes_away_and_comes_back_is_told_of() {
    let mut world = World::new(80, 24);
    world.happens(Event::Looked(Err("no answer: Connection refused".to_owned())));
    let screen = world.screen();
    assert!(
        screen.contains("no answer for 0ms, this is as of then: no answer: Connection refused")
            && screen.contains("mails"),
        "{screen}"
    );
    world.asks.extend(world.model.on(Event::Looked(Err("still".to_owned())), NOW + 5000));
    assert!(world.screen().contains("no answer for 5s"));
    world.asks.extend(world.model.on(Event::Looked(Ok(Look { rows: rows(), ..Look::default() })), NOW + 65_000));
    assert!(world.screen().contains("the server is back, after 1m05s"));
}

#[test]
fn hostile_names_and_contents_stay_in_their_cells() {
    let name = "\x1b[2J\u{202e}evil\u{200b}\0\r\n".to_owned() + &"x".repeat(65_536);
    for size in [(80, 24), (40, 12)] {
        let mut world = World::new(size.0, size.1);
        world.sees(vec![
            row(&name, Family::Tsgen, [0, 1, 0, 0, 1], Some(0)),
            row("日本語שלום", Family::Tally, [0; 5], None),
        ]);
        let mut page = letters(2);
        page.entries[0].id = Bytes::from(&name);
        page.entries[0].death = Some(Death { reason: Bytes::from(&name), at_ms: NOW });
        page.entries[1] = entry(&name, &name);
        world.press("<Enter>5").answer(is_page, Ok(Answer::Page(page)));
        world.answer(is_info, Ok(Answer::Info(vec![(name.clone(), name.clone())])));
        for keys in [
            "",
            "<Enter>",
            "<PageDown>",
            "<Esc><Down><Enter>",
            "<Esc>1",
            "r",
            "5x",
            "n/\u{202e}\x07",
            "<Esc><Esc>",
            "p",
        ] {
            let screen = world.press(keys).screen();
            let is_obeyed =
                |c: char| (c.is_control() && c != '\n') || ('\u{200b}'..='\u{206f}').contains(&c) && c != '…';
            assert!(!screen.contains(is_obeyed), "{keys}: {screen:?}");
        }
    }
}

#[test]
fn without_colours_nothing_is_lost() {
    let mut terminal = ratatui::Terminal::new(TestBackend::new(80, 24)).expect("a screen");
    let world = World::new(80, 24);
    terminal.draw(|frame| draw(frame, &world.model, Theme { has_colour: false })).expect("drawn");
    let colours = |cell: &ratatui::buffer::Cell| {
        cell.fg != ratatui::style::Color::Reset || cell.bg != ratatui::style::Color::Reset
    };
    assert!(!terminal.backend().buffer().content().iter().any(colours));
}
