//! What the section `tsgen` of INFO tells is in the table of docs/recipes/monitoring.md.

use super::{files, read};

/// What is in quotes behind these words.
fn named<'a>(text: &'a str, words: &[&'static str]) -> Vec<&'a str> {
    let behind = |word: &&'static str| text.split(*word).skip(1).filter_map(|rest| rest.split('"').next());
    words.iter().flat_map(behind).collect()
}

#[test]
fn those_of_info_are_in_the_table_of_monitoring() {
    let (page, info, families) =
        (read("docs/recipes/monitoring.md"), read("src/server/info.rs"), files("src", "/family.rs"));
    let mut told = named(&info, &["number(section, c\"", "numbers(section, c\"", "section.text(c\""]);
    told.extend(families.values().flat_map(|text| named(text, &["Figure::Number(c\"", "Figure::Text(c\""])));
    assert!(told.len() >= 15 && told.contains(&"version") && told.contains(&"watchers"), "{told:?}");
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| `tsgen_")).collect();
    told.retain(|name| !rows.iter().any(|row| row.contains(&format!("`tsgen_{name}`"))));
    assert!(told.is_empty(), "not in docs/recipes/monitoring.md: {told:?}");
}
