use proptest::prelude::*;
use serde_json::json;
use whatotp_domain::{
    AccountId, DeliveryError, DeliveryEvent, DeliveryId, DeliveryStatus, EventKind, Locale, TemplateCategory,
    TemplateStatus, WabaId,
};
use whatotp_ports::{Notice, ProviderMessageId, Reference, TemplateDecision};

use super::*;

const RECEIVED: Timestamp = Timestamp::from_unix_ms(1_795_428_000_000);

fn body(changes: &[(&str, Value)]) -> Value {
    let changes: Vec<Value> = changes.iter().map(|(field, value)| json!({"field": field, "value": value})).collect();
    json!({
        "object": "whatsapp_business_account",
        "entry": [{"id": "102290129340398", "time": 1_751_247_548, "changes": changes}],
    })
}

fn parsed(body: &Value) -> Vec<Inbound> {
    parse(body.to_string().as_bytes(), RECEIVED).unwrap()
}

fn of(field: &str, value: Value) -> Vec<Inbound> {
    parsed(&body(&[(field, value)]))
}

fn notice_of(inbound: &Inbound) -> &Notice {
    match inbound {
        Inbound::Template { notice, .. } | Inbound::Notice(notice) => notice,
        Inbound::Status { .. } | Inbound::CodeNotRequested { .. } => panic!("no news: {inbound:?}"),
    }
}

/// The kind, the subject and the text of the one piece of news.
fn news(field: &str, value: Value) -> (EventKind, String, String) {
    let told = of(field, value);
    assert_eq!(told.len(), 1, "{told:?}");
    let notice = notice_of(&told[0]);
    (notice.kind, notice.subject.clone(), notice.detail.clone())
}

fn reference() -> Reference {
    Reference { account: AccountId::new(RECEIVED, [1; 10]), delivery: DeliveryId::new(RECEIVED, [2; 10]) }
}

fn status(word: &str) -> Value {
    json!({"id": "wamid.A", "status": word, "timestamp": "1750030073", "recipient_id": "14155550123"})
}

fn told(status: DeliveryStatus) -> Inbound {
    let at = Timestamp::from_unix_ms(1_750_030_073_000);
    let event = DeliveryEvent { status, at, error: None };
    Inbound::Status { provider_message_id: ProviderMessageId("wamid.A".to_owned()), reference: None, event }
}

#[test]
fn a_status_is_read_with_and_without_what_may_be_missing() {
    for (word, expected) in [
        ("sent", DeliveryStatus::Sent),
        ("delivered", DeliveryStatus::Delivered),
        ("read", DeliveryStatus::Read),
        ("played", DeliveryStatus::Read),
        ("failed", DeliveryStatus::Failed),
    ] {
        assert_eq!(of("messages", json!({"statuses": [status(word)]})), [told(expected)], "{word}");
    }
    let mut whole = status("delivered");
    whole["timestamp"] = json!(1_750_030_073);
    whole["conversation"] = json!({"id": "x", "origin": {"type": "authentication"}});
    whole["pricing"] = json!({"billable": true, "category": "authentication-international"});
    whole["something_new"] = json!([1]);
    let value = json!({
        "messaging_product": "whatsapp", "metadata": {"phone_number_id": 106}, "contacts": [{"user_id": "US.1"}],
        "statuses": [whole],
    });
    assert_eq!(of("messages", value), [told(DeliveryStatus::Delivered)]);
    let bare = json!({"id": "wamid.A", "status": "read", "timestamp": "soon"});
    let Inbound::Status { event, .. } = &of("messages", json!({"statuses": [bare]}))[0] else { panic!("no status") };
    assert_eq!(event.at, RECEIVED);
}

#[test]
fn our_reference_comes_back_and_nobody_elses_does() {
    let with = |data: Value| {
        let mut status = status("sent");
        status["biz_opaque_callback_data"] = data;
        match of("messages", json!({"statuses": [status]})).remove(0) {
            Inbound::Status { reference, .. } => reference,
            other => panic!("no status: {other:?}"),
        }
    };
    assert_eq!(with(json!(reference().to_string())), Some(reference()));
    assert_eq!(with(json!("order-17")), None);
    assert_eq!(with(json!({"a": 1})), None);
}

#[test]
fn a_failure_says_why_without_the_number() {
    let mut failed = status("failed");
    failed["errors"] = json!([{
        "code": 131_026, "title": "Message undeliverable", "message": "Message undeliverable",
        "error_data": {"details": "Message to 14155550123 is undeliverable."}, "href": "https://example.com",
    }]);
    let Inbound::Status { event, .. } = &of("messages", json!({"statuses": [failed]}))[0] else { panic!("no status") };
    let expected = DeliveryError {
        code: 131_026,
        title: "Message undeliverable".to_owned(),
        detail: "Message to *** is undeliverable.".to_owned(),
    };
    assert_eq!(event.error, Some(expected));
}

#[test]
fn a_recipient_says_that_they_did_not_ask() {
    let message = |payload: &str| {
        json!({
            "id": "wamid.B", "from": "14155550123", "timestamp": "1750091045", "type": "button",
            "context": {"from": "15550783881", "id": "wamid.A"}, "button": {"payload": payload, "text": "x"},
        })
    };
    let expected = Inbound::CodeNotRequested {
        provider_message_id: ProviderMessageId("wamid.A".to_owned()),
        at: Timestamp::from_unix_ms(1_750_091_045_000),
    };
    assert_eq!(of("messages", json!({"messages": [message("DID_NOT_REQUEST_CODE")]})), [expected]);
    assert_eq!(of("messages", json!({"messages": [message("Unsubscribe"), {"type": "text"}, 7]})), []);
}

#[test]
fn a_decision_about_a_template_is_told_with_its_reasons() {
    let value = |event: &str| {
        json!({
            "event": event, "message_template_id": 594_425_479_261_596_u64, "message_template_name": "verification_code",
            "message_template_language": "en-US", "reason": "INVALID_FORMAT",
            "rejection_info": {"reason": "The format is wrong.", "recommendation": "Mend it."},
        })
    };
    let told = of("message_template_status_update", value("REJECTED"));
    let [Inbound::Template { waba, name, locale, decision, notice }] = &told[..] else { panic!("{told:?}") };
    assert_eq!((waba, name.as_str()), (&WabaId::parse("102290129340398").unwrap(), "verification_code"));
    assert_eq!(locale, &Locale::parse("en_US").unwrap());
    assert_eq!(*decision, TemplateDecision::Status(TemplateStatus::Rejected));
    assert_eq!((notice.kind, notice.subject.as_str()), (EventKind::TemplateRejected, "verification_code (en-US)"));
    assert_eq!(
        notice.detail,
        "WhatsApp rejected the template. Reason: INVALID_FORMAT. WhatsApp says: The format is wrong. Its advice: Mend it."
    );
    assert_eq!(notice.at, Timestamp::from_unix_ms(1_751_247_548_000));
    for (event, status, kind) in [
        ("APPROVED", TemplateStatus::Approved, EventKind::TemplateApproved),
        ("REINSTATED", TemplateStatus::Approved, EventKind::TemplateApproved),
        ("UNARCHIVED", TemplateStatus::Approved, EventKind::TemplateApproved),
        ("PAUSED", TemplateStatus::Paused, EventKind::TemplatePaused),
        ("DISABLED", TemplateStatus::Disabled, EventKind::TemplateDisabled),
        ("ARCHIVED", TemplateStatus::Disabled, EventKind::TemplateDisabled),
        ("PENDING_DELETION", TemplateStatus::Disabled, EventKind::TemplateDisabled),
        ("PENDING", TemplateStatus::Pending, EventKind::AccountUpdate),
        ("IN_APPEAL", TemplateStatus::Pending, EventKind::AccountUpdate),
        ("LIMIT_EXCEEDED", TemplateStatus::Pending, EventKind::AccountUpdate),
    ] {
        let told = of("message_template_status_update", value(event));
        let [Inbound::Template { decision, notice, .. }] = &told[..] else { panic!("{event}: {told:?}") };
        assert_eq!((*decision, notice.kind), (TemplateDecision::Status(status), kind), "{event}");
    }
    for (event, kind) in [("FLAGGED", EventKind::TemplateQuality), ("LOCKED", EventKind::AccountUpdate)] {
        let told = of("message_template_status_update", value(event));
        assert!(matches!(&told[..], [Inbound::Notice(notice)] if notice.kind == kind), "{event} decides nothing");
    }
    let mut unpaused = value("APPROVED");
    unpaused["other_info"] = json!({"title": "UNPAUSE", "description": "It is over."});
    unpaused["reason"] = json!(null);
    unpaused["rejection_info"] = json!(null);
    assert_eq!(
        news("message_template_status_update", unpaused).2,
        "The pause is over: the template may be sent again. WhatsApp says: It is over."
    );
    let mut disabled = value("DISABLED");
    disabled["disable_info"] = json!({"disable_date": "1751247548"});
    assert!(news("message_template_status_update", disabled).2.ends_with(" Since: 2025-06-30T01:39:08.000Z."));
}

#[test]
fn a_template_has_a_new_category_or_is_going_to() {
    let named = json!({"message_template_name": "welcome", "message_template_language": "pt_BR"});
    let with = |pairs: &[(&str, &str)]| {
        let mut value = named.clone();
        for (name, word) in pairs {
            value[*name] = json!(word);
        }
        value
    };
    let told = of("template_category_update", with(&[("previous_category", "UTILITY"), ("new_category", "MARKETING")]));
    let [Inbound::Template { decision, notice, .. }] = &told[..] else { panic!("{told:?}") };
    assert_eq!(*decision, TemplateDecision::Category(TemplateCategory::Marketing));
    assert_eq!(notice.detail, "The template is charged as marketing instead of UTILITY now.");
    let planned = of("template_category_update", with(&[("correct_category", "MARKETING")]));
    assert!(matches!(&planned[..], [Inbound::Notice(notice)] if notice.kind == EventKind::TemplateRecategorised));
    let quality = with(&[("previous_quality_score", "GREEN"), ("new_quality_score", "RED")]);
    let expected = (
        EventKind::TemplateQuality,
        "welcome (pt-BR)".to_owned(),
        "The template's quality is RED after GREEN.".to_owned(),
    );
    assert_eq!(news("message_template_quality_update", quality), expected);
}

#[test]
fn what_an_operator_should_know_is_said_in_a_sentence_without_numbers() {
    let waba = "102290129340398";
    let sender = "the sender ending in 3881";
    for (field, value, kind, subject, detail) in [
        (
            "phone_number_quality_update",
            json!({"display_phone_number": "15550783881", "event": "DOWNGRADE", "current_limit": "TIER_2K"}),
            EventKind::SenderQuality,
            sender,
            "The sender's messaging limit was lowered. It may message 2K people in 24 hours now.",
        ),
        (
            "business_capability_update",
            json!({"max_daily_conversations_per_business": 10_000, "max_phone_numbers_per_waba": 25}),
            EventKind::SenderQuality,
            waba,
            "The business may message 10000 people in 24 hours now. It may have 25 phone numbers.",
        ),
        (
            "business_capability_update",
            json!({"max_daily_conversation_per_phone": -1}),
            EventKind::SenderQuality,
            waba,
            "The business may message any number of people now.",
        ),
        (
            "account_update",
            json!({"phone_number": "15550783881", "event": "ACCOUNT_VIOLATION", "violation_info": {"violation_type": "ADULT"}}),
            EventKind::AccountUpdate,
            sender,
            "The business account broke a policy of WhatsApp: ADULT.",
        ),
        (
            "account_update",
            json!({"event": "ACCOUNT_RESTRICTION", "restriction_info": [{"restriction_type": "RESTRICTED_BIZ"}]}),
            EventKind::AccountUpdate,
            waba,
            "The business account is restricted: RESTRICTED_BIZ.",
        ),
        (
            "account_update",
            json!({"event": "PARTNER_ADDED"}),
            EventKind::AccountUpdate,
            waba,
            "WhatsApp says: PARTNER_ADDED.",
        ),
        (
            "account_alerts",
            json!({"entity_id": 1, "alert_info": {
                "alert_type": "OBA_APPROVED", "alert_severity": "CRITICAL", "alert_description": "Call +14155550123.",
            }}),
            EventKind::AccountUpdate,
            waba,
            "WhatsApp's alert: OBA_APPROVED (CRITICAL). Call +***.",
        ),
        (
            "security",
            json!({"display_phone_number": "15550783881", "event": "PIN_CHANGED", "requester": "61"}),
            EventKind::AccountUpdate,
            sender,
            "The sender's two-step verification PIN was changed.",
        ),
        (
            "messages",
            json!({"metadata": {"phone_number_id": "106"}, "errors": [{"code": 131_016, "title": "Service unavailable"}]}),
            EventKind::AccountUpdate,
            waba,
            "WhatsApp reports a problem: Service unavailable (131016). ",
        ),
    ] {
        let expected = (kind, subject.to_owned(), detail.to_owned());
        assert_eq!(news(field, value), expected);
    }
}

#[test]
fn the_same_news_has_the_same_fingerprint_and_no_other_has_it() {
    let fingerprint = |body: &Value| notice_of(&parsed(body)[0]).fingerprint;
    let first = body(&[("security", json!({"event": "PIN_CHANGED"}))]);
    assert_eq!(fingerprint(&first), fingerprint(&first));
    let mut later = first.clone();
    later["entry"][0]["time"] = json!(1_751_247_549);
    let mut elsewhere = first.clone();
    elsewhere["entry"][0]["id"] = json!("1");
    let other = body(&[("security", json!({"event": "PIN_RESET_REQUEST"}))]);
    for other in [later, elsewhere, other] {
        assert_ne!(fingerprint(&first), fingerprint(&other));
    }
}

#[test]
fn what_cannot_be_read_loses_nothing_beside_it() {
    let mut webhook = body(&[
        ("messages", json!({"statuses": [7, {}, {"id": 7, "status": "read"}, status("sent"), status("warning")]})),
        ("messages", json!("no object")),
        ("messages", json!({"statuses": null, "messages": {}, "errors": [7]})),
        ("messages", json!({"statuses": "no list"})),
        ("message_template_status_update", json!({"event": "APPROVED"})),
        ("something_new", json!({})),
        ("messages", json!({"statuses": [status("read")]})),
    ]);
    let entries = webhook["entry"].as_array_mut().unwrap();
    entries.extend([
        json!(7),
        json!({"id": "no number", "changes": []}),
        json!({"id": 5, "changes": [7, {"field": 1}]}),
    ]);
    let last = json!({"id": 5, "changes": [{"field": "messages", "value": {"statuses": [status("delivered")]}}]});
    webhook["entry"].as_array_mut().unwrap().push(last);
    assert_eq!(
        parsed(&webhook),
        [told(DeliveryStatus::Sent), told(DeliveryStatus::Read), told(DeliveryStatus::Delivered)]
    );
}

#[test]
fn only_metas_own_bodies_are_webhooks() {
    for body in ["", "{}", "[]", "null", "{\"object\":1}", "<html>", "{\"object\":\"page\",\"entry\":1}"] {
        assert_eq!(parse(body.as_bytes(), RECEIVED), Err(NotAWebhook), "{body}");
    }
    assert_eq!(parse("[".repeat(100_000).as_bytes(), RECEIVED), Err(NotAWebhook));
    let other = br#"{"object":"page","entry":[{"id":"1","changes":[{"field":"messages","value":{}}]}]}"#;
    assert_eq!(parse(other, RECEIVED), Ok(Vec::new()));
    assert_eq!(parse(br#"{"object":"whatsapp_business_account"}"#, RECEIVED), Ok(Vec::new()));
}

/// One change of each kind, each told apart by a number.
fn change() -> impl Strategy<Value = (String, Value)> {
    let word = prop::sample::select(vec!["sent", "delivered", "read", "failed", "new"]);
    let status = (word, 0..9).prop_map(|(word, n)| {
        let status = json!({"id": format!("wamid.{n}"), "status": word, "timestamp": "1750030073"});
        ("messages".to_owned(), json!({"statuses": [status]}))
    });
    let template = prop::sample::select(vec!["APPROVED", "PAUSED", "FLAGGED", "NEW"]).prop_map(|event| {
        let name = json!({"event": event, "message_template_name": "t", "message_template_language": "en"});
        ("message_template_status_update".to_owned(), name)
    });
    let broken = Just(("messages".to_owned(), json!({"statuses": 1})));
    let pin = Just(("security".to_owned(), json!({"event": "PIN_CHANGED"})));
    prop_oneof![4 => status, 2 => template, 1 => broken, 1 => pin]
}

/// What is told, whatever the order and however often.
fn as_set(told: Vec<Inbound>) -> Vec<Inbound> {
    let mut set: Vec<Inbound> = Vec::new();
    for one in told {
        if !set.contains(&one) {
            set.push(one);
        }
    }
    let key = |inbound: &Inbound| match inbound {
        // `Debug` does not show the id.
        Inbound::Status { provider_message_id, .. } => format!("{inbound:?}{}", provider_message_id.0),
        other => format!("{other:?}"),
    };
    set.sort_by_key(key);
    set
}

fn bodies() -> Vec<Value> {
    vec![
        body(&[(
            "messages",
            json!({"statuses": [status("sent"), status("failed")], "messages": [{"type": "button"}]}),
        )]),
        body(&[(
            "message_template_status_update",
            json!({
                "event": "REJECTED", "message_template_name": "t", "message_template_language": "en", "reason": "NONE",
            }),
        )]),
        body(&[("account_update", json!({"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "DISABLE"}}))]),
        body(&[("phone_number_quality_update", json!({"event": "FLAGGED", "display_phone_number": "1555"}))]),
    ]
}

proptest! {
    #[test]
    fn neither_the_order_nor_repetition_nor_packaging_changes_what_is_told(
        changes in prop::collection::vec(change(), 1..8),
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let packed: Vec<_> = changes.iter().map(|(field, value)| (field.as_str(), value.clone())).collect();
        let at_once = as_set(parsed(&body(&packed)));
        // Each at least once, some again, in another order, each in a webhook of its own.
        let again = order.iter().map(|index| index.get(&packed).clone());
        let one_by_one = again.chain(packed.iter().rev().cloned()).flat_map(|change| parsed(&body(&[change])));
        prop_assert_eq!(as_set(one_by_one.collect()), at_once);
    }

    #[test]
    fn a_mutated_body_is_refused_or_read_and_never_panics(
        which in 0_usize..4,
        edits in prop::collection::vec((any::<prop::sample::Index>(), prop_oneof![
            any::<u8>(), prop::sample::select(b"\"{}[]:,019-nul\\".to_vec())
        ], any::<bool>()), 1..6),
    ) {
        let mut bytes = bodies().swap_remove(which).to_string().into_bytes();
        for (index, byte, insert) in edits {
            let at = index.index(bytes.len());
            if insert { bytes.insert(at, byte) } else { bytes[at] = byte }
        }
        for inbound in parse(&bytes, RECEIVED).unwrap_or_default() {
            // Whatever is told can be printed.
            let printed = format!("{inbound:?}");
            prop_assert!(!printed.is_empty());
        }
    }
}
