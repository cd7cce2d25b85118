use whatotp_domain::{Locale, MessageTemplate, TemplateBody, TemplateCategory, TemplateId, TemplateStatus};
use whatotp_ports::TemplateRef;

use super::Scene;
use crate::START;
use crate::fixtures::{a_template, at, home, other_account, other_mode};

pub async fn a_template_is_found_by_id_and_by_name_in_its_scope_only(scene: Scene) {
    let template = a_template("order_update", START);
    assert!(scene.store.insert_template(home(), template.clone()).await.unwrap());
    for by in [TemplateRef::Id(template.id()), TemplateRef::Name("order_update".to_owned())] {
        assert_eq!(scene.store.find_template(home(), &by).await.unwrap(), Some(template.clone()));
        for stranger in [other_account(), other_mode()] {
            assert_eq!(scene.store.find_template(stranger, &by).await.unwrap(), None);
        }
    }
    for by in [
        TemplateRef::Id(TemplateId::new(START, [0xFF; 10])),
        TemplateRef::Name("order".to_owned()),
        TemplateRef::Name("ORDER_UPDATE".to_owned()),
        TemplateRef::Name("order%".to_owned()),
        TemplateRef::Name(template.id().to_string()),
    ] {
        assert_eq!(scene.store.find_template(home(), &by).await.unwrap(), None, "{by:?}");
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
    for (n, status) in statuses.into_iter().enumerate() {
        let body = TemplateBody::parse(bodies[n % 3]).expect("a body");
        // The first translation is the one to fall back on: the order is part of the template.
        let locales = ["zh-Hant-TW", "en", "de"].map(|locale| Locale::parse(locale).expect("a locale"));
        let translations = locales.into_iter().map(|locale| (locale, body.clone())).collect();
        let (id, name) = (TemplateId::new(START, [u8::try_from(n).expect("small"); 10]), format!("template_{n}"));
        let template = MessageTemplate::new(id, name, categories[n % 3], status, translations).expect("a template");
        assert!(scene.store.insert_template(home(), template.clone()).await.unwrap());
        assert_eq!(scene.store.find_template(home(), &TemplateRef::Id(id)).await.unwrap(), Some(template));
    }
}

pub async fn a_name_is_given_once_in_a_scope(scene: Scene) {
    let first = a_template("order_update", START);
    let second = a_template("order_update", at(1));
    assert!(scene.store.insert_template(home(), first.clone()).await.unwrap());
    assert!(!scene.store.insert_template(home(), second.clone()).await.unwrap());
    let by_name = TemplateRef::Name("order_update".to_owned());
    assert_eq!(scene.store.find_template(home(), &by_name).await.unwrap(), Some(first));
    assert_eq!(scene.store.find_template(home(), &TemplateRef::Id(second.id())).await.unwrap(), None);
    for scope in [other_account(), other_mode()] {
        let theirs = a_template("order_update", at(2));
        assert!(scene.store.insert_template(scope, theirs.clone()).await.unwrap());
        assert_eq!(scene.store.find_template(scope, &by_name).await.unwrap(), Some(theirs));
    }
}

pub async fn templates_are_listed_newest_first_page_by_page(scene: Scene) {
    let mut expected = Vec::new();
    for second in 0..10 {
        let template = a_template(&format!("template_{}", 9 - second), at(second / 2));
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
