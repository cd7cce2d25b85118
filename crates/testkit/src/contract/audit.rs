use std::time::Duration;

use whatotp_domain::{Actor, AuditAction, EventId};
use whatotp_ports::{Appended, AuditCheck, AuditFilter, AuditRecord};
use whatotp_vault::{AuditHead, AuditPoint};

use super::Scene;
use super::scene::race;
use crate::fixtures::{an_account, an_audit_entry, at};
use crate::{START, test_keyring};

pub async fn an_entry_of_the_audit_log_comes_back_as_it_was(scene: Scene) {
    let key = test_keyring().audit_key();
    assert_eq!(scene.store.audit_head().await.unwrap(), None);
    let mut expected: Vec<AuditRecord> = Vec::new();
    let mut last = AuditPoint::START;
    for (second, action) in (0..).zip(AuditAction::ALL) {
        let mut text = an_audit_entry(*action, at(second));
        text.actor = [Actor::System, Actor::CommandLine][usize::from(second % 2 == 0)].to_string();
        text.account = (second % 3 == 0).then(|| an_account(1).id.to_string());
        "\"two\" — né, 嗨, ''".clone_into(&mut text.detail);
        last = key.link(&last, &text);
        assert_eq!(scene.store.append_audit(text.clone(), &key).await.unwrap(), Appended::Whole(last));
        expected.push(AuditRecord { point: last, text });
    }
    assert_eq!(scene.store.audit_after(0, 1_000).await.unwrap(), expected);
    assert_eq!(scene.store.audit_after(3, 2).await.unwrap(), expected[3..5]);
    let head = AuditHead { anchor: AuditPoint::START, newest: last };
    assert_eq!(scene.store.audit_head().await.unwrap(), Some((head, key.seal(&head))));
    expected.reverse();
    assert_eq!(scene.store.list_audit(&AuditFilter::default(), None, 1_000).await.unwrap(), expected);
}

pub async fn the_audit_log_is_listed_page_by_page_and_filtered(scene: Scene) {
    let key = test_keyring().audit_key();
    let (created, revoked) = (AuditAction::KeyCreated, AuditAction::KeyRevoked);
    let mut all = Vec::new();
    for second in 0..12 {
        let mut text = an_audit_entry([created, revoked][usize::from(second % 2 == 0)], at(second));
        text.account = [None, Some(1), Some(2)][usize::try_from(second % 3).expect("small")]
            .map(|number| an_account(number).id.to_string());
        scene.store.append_audit(text.clone(), &key).await.unwrap();
        all.insert(0, text);
    }
    let one = Some(an_account(1).id);
    let none = AuditFilter::default;
    for filter in [
        none(),
        AuditFilter { account: one, ..none() },
        AuditFilter { actions: vec![created], ..none() },
        AuditFilter { actions: vec![created, revoked], ..none() },
        AuditFilter { from: Some(at(3)), until: Some(at(9)), ..none() },
        AuditFilter { account: one, actions: vec![revoked], from: Some(at(2)), until: Some(at(11)) },
        AuditFilter { actions: vec![AuditAction::UserLogin], ..none() },
    ] {
        let fits = |text: &&whatotp_domain::AuditText| {
            filter.account.is_none_or(|account| text.account == Some(account.to_string()))
                && (filter.actions.is_empty() || filter.actions.iter().any(|action| action.as_str() == text.action))
                && filter.from.is_none_or(|from| text.at >= from)
                && filter.until.is_none_or(|until| text.at < until)
        };
        let expected: Vec<_> = all.iter().filter(fits).cloned().collect();
        let (mut listed, mut before): (Vec<_>, Option<EventId>) = (Vec::new(), None);
        loop {
            let page = scene.store.list_audit(&filter, before, 3).await.unwrap();
            assert!(page.len() <= 3);
            let Some(last) = page.last() else { break };
            before = last.text.event_id();
            listed.extend(page.into_iter().map(|record| record.text));
            assert!(listed.len() <= expected.len(), "the pages go on and on");
        }
        assert_eq!(listed, expected, "{filter:?}");
    }
}

pub async fn racing_entries_of_the_audit_log_are_one_chain(scene: Scene) {
    const ENTRIES: u32 = 100;
    let key = test_keyring().audit_key();
    let appends = (0..ENTRIES).map(|number| {
        let (store, key) = (scene.store.clone(), key.clone());
        let text = an_audit_entry(AuditAction::UserLogin, at(u64::from(number)));
        async move { store.append_audit(text, &key).await.unwrap() }
    });
    let mut numbers: Vec<i64> = race(appends)
        .await
        .into_iter()
        .map(|appended| match appended {
            Appended::Whole(point) => point.seq,
            Appended::Broken(point) => panic!("nobody has tampered with {point:?}"),
        })
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=i64::from(ENTRIES)).collect::<Vec<_>>(), "no gap, and nothing twice");
    assert_is_whole(&scene, u64::from(ENTRIES)).await;
}

pub async fn the_audit_log_is_whole_while_it_is_written_and_purged(scene: Scene) {
    let key = test_keyring().audit_key();
    for second in 0..50 {
        scene.store.append_audit(an_audit_entry(AuditAction::UserLogin, at(second)), &key).await.unwrap();
    }
    let calls = (0..60_u64).map(|number| {
        let (store, key) = (scene.store.clone(), key.clone());
        async move {
            match number % 3 {
                0 => {
                    let text = an_audit_entry(AuditAction::UserLogout, at(100 + number));
                    assert!(matches!(store.append_audit(text, &key).await.unwrap(), Appended::Whole(_)));
                }
                1 => assert!(store.purge_audit(at(30), 2, &key).await.unwrap().is_whole),
                _ => {
                    let check = AuditCheck::of(&*store, &key).await.unwrap();
                    assert!(matches!(check, AuditCheck::Whole { .. }), "{check:?}");
                }
            }
        }
    });
    race(calls).await;
    assert_is_whole(&scene, 50 + 20 - 30).await;
}

pub async fn old_entries_of_the_audit_log_are_purged_and_the_rest_is_whole(scene: Scene) {
    let key = test_keyring().audit_key();
    let purge = |before, limit| scene.store.purge_audit(before, limit, &key);
    assert_eq!(purge(at(3), 10).await.unwrap().deleted, 0, "there is nothing yet");
    for second in 0..5 {
        scene.store.append_audit(an_audit_entry(AuditAction::UserLogin, at(second)), &key).await.unwrap();
    }
    for (limit, deleted) in [(2, 2), (10, 1), (10, 0)] {
        let purged = purge(at(3), limit).await.unwrap();
        assert_eq!((purged.deleted, purged.is_whole), (deleted, true));
    }
    let left = scene.store.audit_after(0, 10).await.unwrap();
    assert_eq!(left.iter().map(|record| record.point.seq).collect::<Vec<_>>(), [4, 5]);
    assert_is_whole(&scene, 2).await;
    assert_eq!(purge(START.plus(Duration::from_secs(3_600)), 10).await.unwrap().deleted, 2);
    assert_is_whole(&scene, 0).await;
    let after = scene.store.append_audit(an_audit_entry(AuditAction::UserLogin, at(9)), &key).await.unwrap();
    assert!(matches!(after, Appended::Whole(AuditPoint { seq: 6, .. })), "{after:?}");
    assert_is_whole(&scene, 1).await;
}

async fn assert_is_whole(scene: &Scene, expected: u64) {
    let check = AuditCheck::of(&*scene.store, &test_keyring().audit_key()).await.unwrap();
    let AuditCheck::Whole { entries, .. } = check else { panic!("{check:?}") };
    assert_eq!(entries, expected);
}
