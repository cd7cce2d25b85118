use std::time::Duration;

use whatotp_domain::{
    Locale, MessageTemplate, OtpButton, SenderQuality, TemplateBody, TemplateButton, TemplateCategory, TemplateHeader,
    TemplateId, TemplateStatus, Translation, WabaId,
};

use super::Scene;
use crate::START;
use crate::fixtures::{a_template, at, home, other_account, other_mode};

pub async fn a_template_is_found_by_id_and_by_name_in_its_scope_only(scene: Scene) {
    let template = a_template("order_update", START);
    assert!(scene.store.insert_template(home(), template.clone()).await.unwrap());
    assert_eq!(scene.store.find_template(home(), template.id()).await.unwrap(), Some(template.clone()));
    assert_eq!(named(&scene, None, "order_update").await, Some(template.clone()));
    for stranger in [other_account(), other_mode()] {
        assert_eq!(scene.store.find_template(stranger, template.id()).await.unwrap(), None);
        assert_eq!(scene.store.find_template_named(stranger, None, "order_update").await.unwrap(), None);
    }
    assert_eq!(scene.store.find_template(home(), TemplateId::new(START, [0xFF; 10])).await.unwrap(), None);
    for name in ["order", "ORDER_UPDATE", "order%", "", &template.id().to_string()] {
        assert_eq!(named(&scene, None, name).await, None, "{name}");
    }
}

pub async fn templates_of_every_sort_come_back_as_they_were(scene: Scene) {
    let categories = [TemplateCategory::Authentication, TemplateCategory::Utility, TemplateCategory::Marketing];
    let statuses = [
        TemplateStatus::Draft,
        TemplateStatus::Pending,
        TemplateStatus::Approved,
        TemplateStatus::Rejected,
        TemplateStatus::Paused,
        TemplateStatus::Disabled,
    ];
    let bodies = ["No placeholder, 100 % \"plain\" 'text'\n🙂", "{{2}} before {{1}}", "{{last_name}}, {{first_name}}"];
    for n in 0..24 {
        let body = TemplateBody::parse(bodies[n % 3]).expect("a body");
        // The first translation is the one to fall back on: the order is part of the template.
        let locales = ["zh-Hant-TW", "en", "de"].map(|locale| Locale::parse(locale).expect("a locale"));
        let translations = (n..).zip(locales).map(|(place, locale)| Translation {
            status: statuses[place % 6],
            quality: SenderQuality::ALL[place % 4],
            header: headers()[n % 6].clone(),
            footer: (place % 2 == 0).then(|| "Reply \"STOP\" — or not".to_owned()),
            buttons: buttons()[n % 4..][..n % 6].to_vec(),
            code_expires_after: (place % 3 == 0).then(|| Duration::from_secs(600)),
            ..Translation::of_body(locale, body.clone())
        });
        let id = TemplateId::new(START, [u8::try_from(n).expect("small"); 10]);
        let template = MessageTemplate::new(id, format!("template_{n}"), categories[n % 3], translations.collect());
        let mut template = template.expect("a template");
        if n % 2 == 0 {
            template = template.of_waba(waba(1));
        }
        assert!(scene.store.insert_template(home(), template.clone()).await.unwrap());
        assert_eq!(scene.store.find_template(home(), id).await.unwrap(), Some(template));
    }
}

fn headers() -> [Option<TemplateHeader>; 6] {
    let text = |text| Some(TemplateHeader::Text(TemplateBody::parse(text).expect("a header")));
    let media = [TemplateHeader::Image, TemplateHeader::Video, TemplateHeader::Document].map(Some);
    let [image, video, document] = media;
    [None, text("Hello \"you\""), text("Order {{1}}"), image, video, document]
}

fn buttons() -> Vec<TemplateButton> {
    let mut buttons = vec![
        TemplateButton::Url { label: "Look \"here\"".to_owned(), url: "https://example.com/?a=\"b\"".to_owned() },
        TemplateButton::UrlWithVariable { label: "Track".to_owned(), url: "https://example.com/".to_owned() },
        TemplateButton::QuickReply { label: "Yes".to_owned() },
        TemplateButton::Phone { label: "Ring us".to_owned(), number: "+1 555-010-0000".to_owned() },
        TemplateButton::Other { label: "Something".to_owned() },
    ];
    buttons.extend([OtpButton::CopyCode, OtpButton::OneTap, OtpButton::ZeroTap].map(TemplateButton::Otp));
    buttons.rotate_right(2);
    buttons
}

pub async fn a_name_is_given_once_in_a_scope_and_business_account(scene: Scene) {
    let first = a_template("order_update", START);
    let second = a_template("order_update", at(1));
    assert!(scene.store.insert_template(home(), first.clone()).await.unwrap());
    assert!(!scene.store.insert_template(home(), second.clone()).await.unwrap());
    assert_eq!(named(&scene, None, "order_update").await, Some(first.clone()));
    assert_eq!(scene.store.find_template(home(), second.id()).await.unwrap(), None);
    for scope in [other_account(), other_mode()] {
        let theirs = a_template("order_update", at(2));
        assert!(scene.store.insert_template(scope, theirs.clone()).await.unwrap());
        let found = scene.store.find_template_named(scope, None, "order_update").await.unwrap();
        assert_eq!(found, Some(theirs));
    }
    for number in [1, 2] {
        let of_waba = a_template("order_update", at(3)).of_waba(waba(number));
        assert!(scene.store.insert_template(home(), of_waba.clone()).await.unwrap());
        let again = a_template("order_update", at(4)).of_waba(waba(number));
        assert!(!scene.store.insert_template(home(), again).await.unwrap());
        assert_eq!(named(&scene, Some(&waba(number)), "order_update").await, Some(of_waba));
    }
    assert_eq!(named(&scene, None, "order_update").await, Some(first));
    assert_eq!(named(&scene, Some(&waba(3)), "order_update").await, None);
}

pub async fn a_template_that_is_put_takes_the_place_of_its_name_and_keeps_the_id(scene: Scene) {
    let first = a_template("order_update", START).of_waba(waba(1));
    let bystanders = [
        (home(), a_template("order_update", START)),
        (home(), a_template("order_update", START).of_waba(waba(2))),
        (home(), a_template("order", START).of_waba(waba(1))),
        (other_account(), a_template("order_update", START).of_waba(waba(1))),
        (other_mode(), a_template("order_update", START).of_waba(waba(1))),
    ];
    for (scope, template) in &bystanders {
        scene.store.put_template(*scope, template.clone()).await.unwrap();
    }
    scene.store.put_template(home(), first.clone()).await.unwrap();
    assert_eq!(
        scene.store.find_template(home(), first.id()).await.unwrap(),
        Some(first.clone()),
        "the first is stored"
    );

    let en = Locale::parse("en").expect("a locale");
    let rejected = Translation {
        status: TemplateStatus::Rejected,
        footer: Some("by".to_owned()),
        ..Translation::of_body(en, TemplateBody::parse("Bye {{1}}").expect("a body"))
    };
    let made = |id| {
        let (name, category) = ("order_update".to_owned(), TemplateCategory::Marketing);
        MessageTemplate::new(id, name, category, vec![rejected.clone()]).expect("a template").of_waba(waba(1))
    };
    scene.store.put_template(home(), made(TemplateId::new(at(9), [9; 10]))).await.unwrap();
    let expected = made(first.id());
    assert_eq!(named(&scene, Some(&waba(1)), "order_update").await, Some(expected.clone()));
    assert_eq!(scene.store.find_template(home(), first.id()).await.unwrap(), Some(expected));
    assert_eq!(scene.store.list_templates(home(), None, 10).await.unwrap().len(), 4);
    for (scope, template) in bystanders {
        assert_eq!(scene.store.find_template(scope, template.id()).await.unwrap(), Some(template));
    }
}

pub async fn a_template_is_deleted_once_and_in_its_scope_only(scene: Scene) {
    let (gone, stays) = (a_template("order_update", START), a_template("order", at(1)));
    for template in [&gone, &stays] {
        assert!(scene.store.insert_template(home(), template.clone()).await.unwrap());
    }
    for stranger in [other_account(), other_mode()] {
        assert!(!scene.store.delete_template(stranger, gone.id()).await.unwrap());
    }
    assert_eq!(scene.store.find_template(home(), gone.id()).await.unwrap(), Some(gone.clone()));
    assert!(scene.store.delete_template(home(), gone.id()).await.unwrap());
    assert!(!scene.store.delete_template(home(), gone.id()).await.unwrap());
    assert_eq!(scene.store.find_template(home(), gone.id()).await.unwrap(), None);
    assert_eq!(scene.store.list_templates(home(), None, 10).await.unwrap(), [stays]);
    let again = a_template("order_update", at(2));
    assert!(scene.store.insert_template(home(), again).await.unwrap(), "the name is free again");
}

pub async fn templates_are_listed_newest_first_page_by_page(scene: Scene) {
    let mut expected = Vec::new();
    for second in 0..10 {
        let template = a_template(&format!("template_{}", 9 - second), at(second / 2));
        let template = if second % 2 == 0 { template } else { template.of_waba(waba(1)) };
        assert!(scene.store.insert_template(home(), template.clone()).await.unwrap());
        expected.insert(0, template);
    }
    assert!(scene.store.insert_template(other_mode(), a_template("theirs", at(3))).await.unwrap());
    let mut listed: Vec<MessageTemplate> = Vec::new();
    loop {
        let before = listed.last().map(MessageTemplate::id);
        let page = scene.store.list_templates(home(), before, 3).await.unwrap();
        assert!(page.len() <= 3);
        if page.is_empty() {
            break;
        }
        listed.extend(page);
        assert!(listed.len() <= expected.len(), "the pages go on and on");
    }
    assert_eq!(listed, expected);
    assert_eq!(scene.store.list_templates(other_account(), None, 100).await.unwrap(), []);
}

fn waba(number: u8) -> WabaId {
    WabaId::parse(&format!("2000000000000{number}")).expect("digits")
}

async fn named(scene: &Scene, waba: Option<&WabaId>, name: &str) -> Option<MessageTemplate> {
    scene.store.find_template_named(home(), waba, name).await.expect("find_template_named answers")
}
