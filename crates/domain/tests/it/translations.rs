use std::time::Duration;

use whatotp_domain::{
    MessageTemplate, OtpButton, TemplateBody, TemplateButton, TemplateCategory, TemplateError, TemplateHeader,
    TemplateStatus, Translation, VariableMismatch, Variables, WabaId,
};

use crate::templates::{locale, made_of};

fn body(text: &str) -> TemplateBody {
    TemplateBody::parse(text).unwrap()
}

fn text(code: &str, text: &str) -> Translation {
    Translation::of_body(locale(code), body(text))
}

fn url(label: &str) -> TemplateButton {
    TemplateButton::Url { label: label.to_owned(), url: "https://example.com/".to_owned() }
}

fn url_with_variable(label: &str) -> TemplateButton {
    TemplateButton::UrlWithVariable { label: label.to_owned(), url: "https://example.com/".to_owned() }
}

/// Header, two numbers in the body, and a button after one that needs nothing.
fn order() -> Translation {
    Translation {
        header: Some(TemplateHeader::Text(body("Order {{1}}"))),
        footer: Some("Reply {{STOP}} — this is not a placeholder".to_owned()),
        buttons: vec![url("Shop"), url_with_variable("Track")],
        ..text("en", "Hi {{1}}, it comes on {{2}}.")
    }
}

fn with_status(code: &str, status: TemplateStatus) -> Translation {
    Translation { status, ..text(code, code) }
}

#[test]
fn a_text_alone_is_approved_and_has_nothing_else() {
    let plain = text("en", "Hi {{name}}");
    assert!(plain.is_approved());
    assert_eq!(plain.placeholders(), ["name"]);
    let expected = Translation {
        locale: locale("en"),
        status: TemplateStatus::Approved,
        quality: whatotp_domain::SenderQuality::Unknown,
        header: None,
        body: body("Hi {{name}}"),
        footer: None,
        buttons: Vec::new(),
        code_expires_after: None,
    };
    assert_eq!(plain, expected);
    assert!(!Translation { status: TemplateStatus::Paused, ..plain }.is_approved());
}

#[test]
fn what_has_to_be_filled_in_is_named_by_its_place() {
    assert_eq!(order().placeholders(), ["header_1", "1", "2", "button_1"]);
    for (header, expected) in [
        (TemplateHeader::Text(body("Hello")), None),
        (TemplateHeader::Text(body("Hello {{1}}")), Some("header_1")),
        (TemplateHeader::Text(body("Hello {{shop}}")), Some("shop")),
        (TemplateHeader::Image, Some("header_image")),
        (TemplateHeader::Video, Some("header_video")),
        (TemplateHeader::Document, Some("header_document")),
    ] {
        assert_eq!(header.variable().as_deref(), expected);
        let with_header = Translation { header: Some(header), ..text("en", "Hi {{name}}") };
        let expected: Vec<&str> = expected.into_iter().chain(["name"]).collect();
        assert_eq!(with_header.placeholders(), expected);
    }
    // A name that header and body share is one value.
    let shared =
        Translation { header: Some(TemplateHeader::Text(body("{{name}}!"))), ..text("en", "{{day}}, {{name}}") };
    assert_eq!(shared.placeholders(), ["name", "day"]);
}

#[test]
fn only_an_address_that_ends_in_a_value_needs_one() {
    let other = TemplateButton::Other { label: "Ring us".to_owned() };
    let otp = [OtpButton::CopyCode, OtpButton::OneTap, OtpButton::ZeroTap].map(TemplateButton::Otp);
    for button in otp.into_iter().chain([url("Shop"), other]) {
        assert!(!button.has_variable(), "{button:?}");
        assert_eq!(Translation { buttons: vec![button], ..text("en", "Hi") }.placeholders(), [""; 0]);
    }
    let buttons = vec![url_with_variable("a"), url("b"), url_with_variable("c")];
    assert_eq!(Translation { buttons, ..text("en", "Hi") }.placeholders(), ["button_0", "button_2"]);
    assert_eq!(Translation::button_variable(2), "button_2");
}

#[test]
fn every_part_has_to_be_filled_in_and_nothing_else() {
    let order = made_of("order", vec![order()]).unwrap();
    let values = [("header_1", "17"), ("1", "Ada"), ("2", "Monday"), ("button_1", "17?x=1")];
    assert_eq!(order.check(&Variables::new(values).unwrap()), Ok(()));
    for left_out in 0..values.len() {
        let mut rest = values.to_vec();
        let (name, _) = rest.remove(left_out);
        let mismatch = VariableMismatch { missing: vec![name.to_owned()], unexpected: Vec::new() };
        assert_eq!(order.check(&Variables::new(rest).unwrap()), Err(mismatch));
    }
    let unexpected = values.into_iter().chain([("button_0", "x"), ("header_image", "y")]);
    let mismatch =
        VariableMismatch { missing: Vec::new(), unexpected: vec!["button_0".to_owned(), "header_image".to_owned()] };
    assert_eq!(order.check(&Variables::new(unexpected).unwrap()), Err(mismatch));
}

#[test]
fn a_header_has_one_placeholder_and_every_language_the_same() {
    let two = Translation { header: Some(TemplateHeader::Text(body("{{1}} {{2}}"))), ..text("en", "Hi") };
    assert_eq!(made_of("a", vec![two.clone()]), Err(TemplateError::HeaderPlaceholders));
    let one = text("de", "Hi");
    assert_eq!(made_of("a", vec![one, two]), Err(TemplateError::HeaderPlaceholders), "in any language");

    let image = Translation { header: Some(TemplateHeader::Image), ..text("en", "Hi") };
    let video = Translation { header: Some(TemplateHeader::Video), ..text("de", "Hallo") };
    assert_eq!(made_of("a", vec![image, video]), Err(TemplateError::PlaceholdersDiffer));
    let first = Translation { buttons: vec![url_with_variable("a"), url("b")], ..text("en", "Hi") };
    let second = Translation { buttons: vec![url("b"), url_with_variable("a")], ..text("de", "Hallo") };
    assert_eq!(made_of("a", vec![first.clone(), second]), Err(TemplateError::PlaceholdersDiffer));
    // What needs no value may differ, and so may the order of names.
    let more = Translation {
        buttons: vec![url_with_variable("a"), TemplateButton::Otp(OtpButton::CopyCode)],
        footer: Some("by".to_owned()),
        code_expires_after: Some(Duration::from_secs(600)),
        ..text("de", "Hallo")
    };
    assert!(made_of("a", vec![first, more]).is_ok());
}

#[test]
fn a_template_is_approved_when_any_of_its_languages_is() {
    use TemplateStatus::{Approved, Disabled, Draft, Paused, Pending, Rejected};
    for (statuses, expected) in [
        ([Approved, Rejected, Disabled], Approved),
        ([Rejected, Pending, Approved], Approved),
        ([Pending, Rejected, Paused], Pending),
        ([Rejected, Pending, Draft], Rejected),
    ] {
        let languages = ["en", "de", "fr"].into_iter().zip(statuses);
        let template = made_of("a", languages.map(|(code, status)| with_status(code, status)).collect()).unwrap();
        assert_eq!(template.status(), expected, "{statuses:?}");
        let is_sendable = template.sendable(None, &locale("en")).is_some();
        assert_eq!(is_sendable, expected == Approved, "{statuses:?}");
    }
}

#[test]
fn only_what_is_approved_is_sent_in_the_language_that_fits_best() {
    use TemplateStatus::{Approved, Paused, Pending};
    let languages = [("it", Pending), ("fr", Approved), ("pt-BR", Paused), ("pt", Approved), ("en", Approved)];
    let translations = languages.into_iter().map(|(code, status)| with_status(code, status)).collect();
    let template = made_of("a", translations).unwrap();
    for (wanted, default, shown, sent) in [
        (Some("en"), "fr", "en", "en"),
        (Some("pt-BR"), "en", "pt-BR", "pt"),
        (Some("it"), "en", "it", "en"),
        (Some("de"), "it", "it", "fr"),
        (None, "pt-BR", "pt-BR", "pt"),
        (Some("de"), "ja", "it", "fr"),
    ] {
        let (wanted, default) = (wanted.map(locale), locale(default));
        assert_eq!(template.translation(wanted.as_ref(), &default).locale, locale(shown), "{wanted:?}, {default}");
        let sendable = template.sendable(wanted.as_ref(), &default).unwrap();
        assert_eq!(sendable.locale, locale(sent), "{wanted:?}, {default}");
    }
}

#[test]
fn a_decision_is_about_one_language() {
    let template = made_of("a", vec![with_status("en", TemplateStatus::Pending), order_in("pt-BR")]).unwrap();
    for (code, place) in [("en", 0), ("pt_br", 1)] {
        for status in [TemplateStatus::Approved, TemplateStatus::Rejected, TemplateStatus::Paused] {
            let decided = template.clone().decided(&locale(code), status).unwrap();
            let mut expected: Vec<Translation> = template.translations().cloned().collect();
            expected[place].status = status;
            assert_eq!(decided, made_of("a", expected).unwrap());
        }
    }
    for unknown in ["pt", "de", "en-GB"] {
        assert_eq!(template.clone().decided(&locale(unknown), TemplateStatus::Approved), None, "{unknown}");
    }
}

fn order_in(code: &str) -> Translation {
    Translation { footer: Some("by".to_owned()), ..text(code, "Pedido") }
}

#[test]
fn another_category_or_business_account_changes_nothing_else() {
    let template = made_of("a", vec![order_in("pt-BR"), text("en", "Hi")]).unwrap();
    let parts = |template: &MessageTemplate| {
        (template.id(), template.name().to_owned(), template.translations().cloned().collect::<Vec<_>>())
    };
    let marketing = template.clone().recategorised(TemplateCategory::Marketing);
    assert_eq!((marketing.category(), parts(&marketing)), (TemplateCategory::Marketing, parts(&template)));
    let waba = WabaId::parse("20001").unwrap();
    let theirs = template.clone().of_waba(waba.clone());
    assert_eq!(
        (theirs.waba(), theirs.category(), parts(&theirs)),
        (Some(&waba), template.category(), parts(&template))
    );
    assert_eq!(theirs.recategorised(TemplateCategory::Marketing).waba(), Some(&waba));
}

#[test]
fn every_code_button_has_metas_word() {
    for (button, word) in
        [(OtpButton::CopyCode, "COPY_CODE"), (OtpButton::OneTap, "ONE_TAP"), (OtpButton::ZeroTap, "ZERO_TAP")]
    {
        assert_eq!(button.as_str(), word);
        assert_eq!(OtpButton::parse(word), Some(button));
    }
    assert_eq!(OtpButton::parse("copy_code"), None);
}

#[test]
fn what_only_whatsapps_manager_can_write_is_not_written_here() {
    let plain = text("en", "Hi {{1}}.");
    let header = Some(TemplateHeader::Text(body("Hello {{1}}")));
    assert!(Translation { header, buttons: vec![url("Track")], ..plain.clone() }.is_written_here());
    for medium in [TemplateHeader::Image, TemplateHeader::Video, TemplateHeader::Document] {
        assert!(!Translation { header: Some(medium), ..plain.clone() }.is_written_here());
    }
    for button in [TemplateButton::Other { label: "Shop".to_owned() }, TemplateButton::Otp(OtpButton::CopyCode)] {
        assert!(!Translation { buttons: vec![button], ..plain.clone() }.is_written_here());
    }
}
