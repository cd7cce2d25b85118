use whatotp_domain::SessionStatus;
use whatotp_ports::{
    LinkPurpose, Resealed, SealedColumn, SealedRow, SealedRowKey, SealedTable, SenderRecord, UserRecord,
};
use whatotp_vault::{Kid, Sealed};

use super::Scene;
use super::sessions::end_with;
use super::tickets::a_sealed_ticket;
use super::users::join;
use crate::START;
use crate::fixtures::{
    ALICE, BOB, CODE_LIFE, a_claim, a_message, a_number, a_sender, a_session, a_user, an_invitation, free_to_send,
    home, other_account, sealed,
};

pub async fn master_keys_are_noted_and_forgotten(scene: Scene) {
    let kid = |text| Kid::parse(text).expect("a test's key id");
    let [first, second] = [kid("00000001"), kid("ffffffff")];
    assert_eq!(scene.store.noted_master_keys().await.unwrap(), []);
    for noted in [second, first, second] {
        scene.store.note_master_key(noted).await.unwrap();
    }
    assert_eq!(scene.store.noted_master_keys().await.unwrap(), [first, second]);
    for _ in 0..2 {
        scene.store.forget_master_key(second).await.unwrap();
        assert_eq!(scene.store.noted_master_keys().await.unwrap(), [first]);
    }
}

pub async fn everything_that_is_sealed_is_found_page_by_page(scene: Scene) {
    let mut expected = Vec::new();
    for number in 1..=3 {
        let sender = SenderRecord { access_token: sealed(&format!("token {number}")), ..a_sender(number) };
        expected.push((
            SealedRowKey::Sender(sender.id.clone()),
            vec![(SealedColumn::AccessToken, sender.access_token.clone())],
        ));
        scene.store.put_sender(sender).await.unwrap();
    }
    for (number, scope) in [home(), other_account(), home(), home()].into_iter().enumerate() {
        let mut new = a_session(&a_number(number)).of(scope).at(START);
        if number == 2 {
            new.record.metadata = None;
        }
        let record = scene.issue(new.clone()).await;
        let metadata = record.metadata.map(|sealed| (SealedColumn::Metadata, sealed));
        let values = [(SealedColumn::Recipient, record.recipient)].into_iter().chain(metadata).collect();
        expected.push((SealedRowKey::Session(scope, record.session.id), values));
        let delivery = SealedRowKey::Delivery(scope, record.delivery);
        expected.push((delivery, vec![(SealedColumn::Recipient, new.delivery.recipient)]));
    }
    let message = a_message(BOB, START);
    let values = [
        (SealedColumn::Recipient, Some(message.recipient.clone())),
        (SealedColumn::Variables, message.variables.clone()),
        (SealedColumn::Metadata, message.metadata.clone()),
    ];
    let values = values.into_iter().filter_map(|(column, value)| Some((column, value?))).collect();
    expected.push((SealedRowKey::Delivery(home(), message.id), values));
    let unanswered = a_claim("unanswered", START);
    scene.store.enqueue(message, Some(unanswered.clone()), START).await.unwrap();
    expected.push((SealedRowKey::Claim(home(), unanswered.key), Vec::new()));
    for key in ["one", "two", "three"] {
        let (claim, answer) = (a_claim(key, START), sealed(key));
        scene.store.keep_answer(&claim, 200, answer.clone()).await.unwrap();
        expected.push((SealedRowKey::Claim(home(), claim.key), vec![(SealedColumn::Answer, answer)]));
    }
    for _ in 0..2 {
        let (ticket, comment) = a_sealed_ticket(&scene).await;
        let (account, id) = (ticket.ticket.account, ticket.ticket.id);
        expected.push((SealedRowKey::Ticket(account, id), vec![(SealedColumn::Subject, ticket.subject)]));
        expected.push((SealedRowKey::Comment(account, id, comment.id), vec![(SealedColumn::Body, comment.body)]));
    }
    for number in 1..=3 {
        let full = a_user(number);
        let user = if number == 2 { UserRecord { totp: None, totp_pending: None, ..full } } else { full };
        let user = join(&scene, user, number).await;
        let values = [
            (SealedColumn::Email, Some(user.email)),
            (SealedColumn::Name, Some(user.name)),
            (SealedColumn::Totp, user.totp),
            (SealedColumn::TotpPending, user.totp_pending),
        ];
        let values = values.into_iter().filter_map(|(column, value)| Some((column, value?))).collect();
        expected.push((SealedRowKey::User(user.account, user.id), values));
    }
    for number in [11, 12] {
        let link = an_invitation(number, START);
        let LinkPurpose::Invitation { account, email, .. } = link.purpose.clone() else { panic!("{link:?}") };
        expected.push((SealedRowKey::Link(account, link.id), vec![(SealedColumn::Email, email)]));
        scene.store.put_link(link).await.unwrap();
    }
    for limit in [1, 2, 3, 100] {
        let mut found = Vec::new();
        for table in SealedTable::ALL {
            found.extend(rows(&scene, table, limit).await);
        }
        assert_eq!(found.len(), expected.len(), "in pages of {limit}");
        for (key, values) in &expected {
            let row = found.iter().find(|row| row.key == *key).unwrap_or_else(|| panic!("{key:?} was left out"));
            assert_eq!(&row.values, values, "{key:?}");
        }
    }
}

pub async fn a_resealed_value_takes_the_place_of_the_old_one_and_of_no_other(scene: Scene) {
    let sender = a_sender(1);
    scene.store.put_sender(sender.clone()).await.unwrap();
    let claim = a_claim("answered", START);
    a_sealed_ticket(&scene).await;
    let record = scene.issue(a_session(ALICE).at(START)).await;
    let message = a_message(BOB, START);
    let id = message.id;
    scene.store.enqueue(message, None, START).await.unwrap();
    scene.store.keep_answer(&claim, 200, sealed("an answer")).await.unwrap();
    join(&scene, a_user(1), 1).await;
    scene.store.put_link(an_invitation(11, START)).await.unwrap();
    let (before, delivery) = (scene.delivery(id).await, scene.delivery(record.delivery).await);

    let mut all = Vec::new();
    for table in SealedTable::ALL {
        all.extend(rows(&scene, table, 100).await);
    }
    let new = |key: &SealedRowKey, column: SealedColumn| sealed(&format!("{:?} {column:?}", key.table()));
    let change = |row: &SealedRow, (column, old): &(SealedColumn, Sealed)| Resealed {
        key: row.key.clone(),
        column: *column,
        old: old.clone(),
        new: new(&row.key, *column),
    };
    let changes: Vec<Resealed> =
        all.iter().flat_map(|row| row.values.iter().map(move |value| change(row, value))).collect();
    assert_eq!(changes.len(), 15, "one of each sort: {changes:?}");
    let other = |change: &Resealed| Resealed { old: sealed("something else"), ..change.clone() };
    assert_eq!(scene.store.reseal(changes.iter().map(other).collect()).await.unwrap(), 0);
    assert_eq!(scene.delivery(id).await, before, "what is not the old value any more is left alone");

    assert_eq!(scene.store.reseal(changes.clone()).await.unwrap(), 15);
    for table in SealedTable::ALL {
        for row in rows(&scene, table, 100).await {
            for (column, value) in &row.values {
                assert_eq!(*value, new(&row.key, *column));
            }
        }
    }
    assert_eq!(scene.store.reseal(changes).await.unwrap(), 0, "it is done already");
    let after = scene.delivery(id).await;
    assert_ne!(after.recipient, before.recipient);
    let sealed_as = |mut record: whatotp_ports::DeliveryRecord| {
        (record.recipient, record.variables, record.metadata) = (sealed(""), None, None);
        record
    };
    assert_eq!(sealed_as(after), sealed_as(before), "nothing else has changed");
    assert_eq!(sealed_as(scene.delivery(record.delivery).await), sealed_as(delivery));
    scene.verify(&record, START).await;
    assert_eq!(scene.store.reseal(Vec::new()).await.unwrap(), 0);
}

pub async fn only_a_pending_session_needs_the_key_of_its_code(scene: Scene) {
    let session = |number| a_session(&a_number(number)).limits(&free_to_send()).at(START);
    let pending = scene.issue(session(0)).await;
    for (number, end) in
        [SessionStatus::Verified, SessionStatus::Locked, SessionStatus::Canceled].into_iter().enumerate()
    {
        let record = scene.issue(session(number + 1)).await;
        end_with(&scene, &record, end).await;
    }
    let rows = rows(&scene, SealedTable::Sessions, 100).await;
    let needed: Vec<_> = rows.iter().filter_map(|row| Some((row.key.clone(), row.code?))).collect();
    let key = SealedRowKey::Session(home(), pending.session.id);
    assert_eq!(needed, [(key, (pending.kid, START.plus(CODE_LIFE)))]);
}

/// Every row of a table, a page at a time.
async fn rows(scene: &Scene, table: SealedTable, limit: u32) -> Vec<SealedRow> {
    let mut rows: Vec<SealedRow> = Vec::new();
    loop {
        let after = rows.last().map(|row| row.key.clone());
        let page = scene.store.sealed_rows(table, after, limit).await.expect("sealed_rows answers");
        assert!(page.len() <= usize::try_from(limit).expect("a small number"));
        if page.is_empty() {
            return rows;
        }
        rows.extend(page);
    }
}
