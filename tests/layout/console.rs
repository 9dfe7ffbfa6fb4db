//! The console knows the options of keys by name: how each is shown on the page of a key, and what a form takes for it.

use super::{files, read};

/// Options that no form has: whether a key pauses is a button, and FAIR stays as it was created.
const WITHOUT_FORM: [&str; 2] = ["paused", "fair"];

/// An option, by its field in F.INFO, as its table has it.
struct Tabled {
    field: String,
    is_duration: bool,
    is_fixed: bool,
}

/// The options of a file that has a table of them.
fn tabled(text: &str) -> impl Iterator<Item = Tabled> + '_ {
    text.split("Option {\n").filter_map(|row| {
        let (_, field) = row.split_once("field: \"")?;
        let (field, rest) = field.split_once('"')?;
        let rest = rest.split("get: ").next()?;
        Some(Tabled {
            field: field.to_owned(),
            is_duration: rest.contains("Duration("),
            is_fixed: rest.contains("is_fixed: true"),
        })
    })
}

/// What stands in the list of this name.
fn list<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    let (_, list) = text.split_once(&format!("const {name}: &[&str] =")).unwrap_or_else(|| panic!("no list {name}"));
    list.split(';').next().unwrap_or_default().split('"').skip(1).step_by(2).collect()
}

#[test]
fn it_shows_every_option_and_has_a_form_for_what_can_be_changed() {
    let [page, figures, forms] =
        ["key", "figures", "options"].map(|page| read(&format!("cli/src/web/pages/{page}.rs")));
    let forms: String = forms.split_whitespace().collect();
    let delivery: Vec<Tabled> = tabled(&read("src/delivery/options.rs")).collect();
    let families = files("src", "/family.rs");
    let gates: Vec<Tabled> = families.values().flat_map(|text| tabled(text)).collect();
    assert!(delivery.len() >= 10 && gates.len() >= 17, "{} and {} options were read", delivery.len(), gates.len());
    let mut missing = Vec::new();
    let shown = list(&page, "OPTIONS");
    missing.extend(
        delivery.iter().filter(|option| !shown.contains(&&*option.field)).map(|option| ("OPTIONS", &option.field)),
    );
    let lengths = list(&figures, "LENGTHS");
    for option in delivery.iter().chain(&gates) {
        let field = &option.field;
        if option.is_duration && !lengths.contains(&&**field) {
            missing.push(("LENGTHS", field));
        }
        let kind = if option.is_duration { "Kind::Duration" } else { "" };
        let in_form = format!("field(\"{}\",{kind}", field.to_uppercase());
        if !option.is_fixed && !WITHOUT_FORM.contains(&&**field) && !forms.contains(&in_form) {
            missing.push(("the form", field));
        }
    }
    assert!(missing.is_empty(), "not in cli/src/web/pages: {missing:?}");
}
