use proptest::prelude::*;
use whatotp_domain::{
    Locale, MessageTemplate, TemplateBody, TemplateCategory, TemplateError, TemplateId, TemplateStatus, Timestamp,
    Translation, VariableMismatch, Variables,
};

fn template(name: &str, translations: &[(&str, &str)]) -> Result<MessageTemplate, TemplateError> {
    let translations = translations
        .iter()
        .map(|(code, body)| Ok(Translation::of_body(locale(code), TemplateBody::parse(body)?)))
        .collect::<Result<_, _>>()?;
    made_of(name, translations)
}

pub(crate) fn made_of(name: &str, translations: Vec<Translation>) -> Result<MessageTemplate, TemplateError> {
    let id = TemplateId::new(Timestamp::from_unix_ms(0), [0; 10]);
    MessageTemplate::new(id, name.into(), TemplateCategory::Utility, translations)
}

pub(crate) fn locale(text: &str) -> Locale {
    Locale::parse(text).unwrap()
}

#[test]
fn it_keeps_what_it_was_made_of() {
    let order =
        template("order_update", &[("en", "Hi {{name}}, {{order}} is on its way."), ("de", "{{order}}, {{name}}")])
            .unwrap();
    assert_eq!(
        (order.name(), order.status(), order.category()),
        ("order_update", TemplateStatus::Approved, TemplateCategory::Utility)
    );
    assert_eq!(order.placeholders(), ["name", "order"]);
    assert_eq!(order.locales().map(Locale::as_str).collect::<Vec<_>>(), ["en", "de"]);
    assert_eq!(order.exactly(&locale("de")).map(|found| found.body.as_str()), Some("{{order}}, {{name}}"));
    assert_eq!(order.exactly(&locale("de-AT")), None);
    assert_eq!(order.waba(), None);
}

#[test]
fn a_template_that_whatsapp_would_refuse_is_refused() {
    let long = "a".repeat(513);
    for name in ["", "Order", "order-update", "order update", "ordér", &long] {
        assert_eq!(template(name, &[("en", "Hi")]), Err(TemplateError::Name), "{name}");
    }
    assert!(template(&long[1..], &[("en", "Hi")]).is_ok());
    assert_eq!(template("a", &[]), Err(TemplateError::NoTranslation));
    assert_eq!(template("a", &[("pt-BR", "x"), ("en", "x"), ("pt_br", "y")]), Err(TemplateError::DuplicateLocale));
    assert_eq!(template("a", &[("en", "{{x}}"), ("de", "{{y}}")]), Err(TemplateError::PlaceholdersDiffer));
    assert_eq!(template("a", &[("en", "{{1}}"), ("de", "keine")]), Err(TemplateError::PlaceholdersDiffer));
}

#[test]
fn the_translation_falls_back_from_wanted_to_default_to_first() {
    let greeting = template("a", &[("fr", "Salut"), ("pt", "Oi"), ("en", "Hi"), ("zh-Hant", "嗨")]).unwrap();
    for (wanted, default, expected) in [
        (Some("pt-BR"), "en", "pt"),
        (Some("zh-Hant-TW"), "en", "zh-Hant"),
        (Some("de"), "en-GB", "en"),
        (None, "en", "en"),
        (Some("de"), "it", "fr"),
    ] {
        let found = greeting.translation(wanted.map(locale).as_ref(), &locale(default));
        assert_eq!(found.locale.as_str(), expected, "{wanted:?}, {default}");
        assert_eq!(greeting.exactly(&found.locale), Some(found));
        assert_eq!(greeting.sendable(wanted.map(locale).as_ref(), &locale(default)), Some(found), "all are approved");
    }
}

#[test]
fn a_mismatch_names_what_is_missing_and_what_is_unexpected() {
    let order = template("a", &[("en", "{{name}} {{order}} {{at}}")]).unwrap();
    let variables = Variables::new([("order", "1"), ("z", "2"), ("b", "3")]).unwrap();
    let mismatch =
        VariableMismatch { missing: vec!["name".into(), "at".into()], unexpected: vec!["b".into(), "z".into()] };
    assert_eq!(order.check(&variables), Err(mismatch));
}

#[test]
fn a_value_is_not_expanded_again() {
    let body = TemplateBody::parse("{{1}}{{2}}").unwrap();
    let variables = Variables::new([("1", "{{2}}"), ("2", "{{1}}")]).unwrap();
    assert_eq!(body.render(&variables).unwrap(), "{{2}}{{1}}");
}

#[test]
fn every_category_and_status_has_a_word_of_its_own() {
    for category in [TemplateCategory::Authentication, TemplateCategory::Utility, TemplateCategory::Marketing] {
        assert_eq!(TemplateCategory::parse(category.as_str()), Some(category));
    }
    for status in [
        TemplateStatus::Draft,
        TemplateStatus::Pending,
        TemplateStatus::Approved,
        TemplateStatus::Rejected,
        TemplateStatus::Paused,
        TemplateStatus::Disabled,
    ] {
        assert_eq!(TemplateStatus::parse(status.as_str()), Some(status));
    }
    assert_eq!(TemplateStatus::parse("APPROVED"), None);
}

/// The placeholders of a text, found character by character; `None` when a brace is out of place.
fn naive_placeholders(text: &str) -> Option<Vec<String>> {
    let characters: Vec<char> = text.chars().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at < characters.len() {
        if characters[at] == '{' && characters.get(at + 1) == Some(&'{') {
            let name: String = characters[at + 2..].iter().take_while(|c| **c != '}').collect();
            at += 2 + name.chars().count();
            if characters.get(at) != Some(&'}') || characters.get(at + 1) != Some(&'}') {
                return None;
            }
            at += 2;
            found.push(name);
        } else if characters[at] == '{' || characters[at] == '}' {
            return None;
        } else {
            at += 1;
        }
    }
    let named = |name: &String| {
        name.chars().next().is_some_and(|c| c.is_ascii_lowercase())
            && name.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '_'))
    };
    if found.iter().all(named) {
        let mut once = Vec::new();
        for name in found {
            if !once.contains(&name) {
                once.push(name);
            }
        }
        return Some(once);
    }
    let wanted: Vec<String> = (1..=found.len()).map(|n| n.to_string()).filter(|n| found.contains(n)).collect();
    let gapless = wanted.iter().enumerate().all(|(at, n)| *n == (at + 1).to_string());
    (gapless && found.iter().all(|n| wanted.contains(n))).then_some(wanted)
}

/// Texts in which braces, and whole placeholders, are common.
fn bodies() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        6 => r"[a-zé ]{0,6}",
        3 => r"\{\{[1-4]\}\}",
        3 => r"\{\{[a-c]\}\}",
        1 => r"[{}]{1,3}",
        1 => r"\{\{[ a-cA1_0]{0,3}\}\}",
    ];
    proptest::collection::vec(piece, 1..6).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn placeholders_are_what_a_naive_reading_finds(text in bodies()) {
        prop_assume!(!text.trim().is_empty());
        let found = TemplateBody::parse(&text).ok().map(|body| body.placeholders().to_vec());
        prop_assert_eq!(found, naive_placeholders(&text));
    }

    #[test]
    fn check_wants_every_value_and_no_other_and_render_every_value(
        text in bodies(),
        values in proptest::collection::btree_map("[1-4a-c]", r"[a-z{}0-9]{1,8}|\{\{[1-4a-c]\}\}", 0..5),
    ) {
        let Ok(made) = template("a", &[("en", &text)]) else { return Ok(()) };
        let variables = Variables::new(values.clone()).unwrap();
        let body = &made.translation(None, &locale("en")).body;
        let mut wanted = made.placeholders();
        wanted.sort();
        prop_assert_eq!(made.check(&variables).is_ok(), wanted.iter().eq(values.keys()));
        // What is too much does no harm here: it may be another part's.
        prop_assert_eq!(body.render(&variables).is_some(), wanted.iter().all(|name| values.contains_key(name)));
    }

    #[test]
    fn render_inserts_each_value_once(
        pieces in proptest::collection::vec(("[a-z ]{1,4}", 1_usize..=3), 1..6),
        values in proptest::collection::vec(r"\{\{[1-3]\}\}|[a-z{}]{1,6}", 3),
    ) {
        // All three are used, so that the numbers have no gap.
        let uses = pieces.iter().map(|(text, n)| (text.as_str(), *n)).chain([("x", 1), ("y", 2), ("z", 3)]);
        let text = uses.clone().map(|(text, n)| format!("{text}{{{{{n}}}}}")).collect::<Vec<_>>().concat();
        let expected = uses.map(|(text, n)| format!("{text}{}", values[n - 1])).collect::<Vec<_>>().concat();
        let variables = Variables::new((1..=3).map(|n| (n.to_string(), values[n - 1].clone()))).unwrap();
        prop_assert_eq!(TemplateBody::parse(&text).unwrap().render(&variables), Some(expected));
    }
}
