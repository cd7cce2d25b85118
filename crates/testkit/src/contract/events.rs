use whatotp_domain::{EventKind, LogEvent};
use whatotp_ports::EventFilter;

use super::Scene;
use crate::START;
use crate::fixtures::{a_log_event, an_account, at};

pub async fn events_of_every_kind_come_back_as_they_were(scene: Scene) {
    let mut expected = Vec::new();
    for (second, kind) in (0..).zip(EventKind::ALL) {
        let mut new = a_log_event("sender 1", at(second));
        // When it happened, and when it was stored, are not the same.
        new.event.at = at(1000 - second);
        new.event.kind = kind;
        new.event.account = (second % 2 == 0).then(|| an_account(1).id);
        assert!(scene.store.append_event(new.clone()).await.unwrap());
        expected.insert(0, new.event);
    }
    assert_eq!(scene.store.list_events(None, 100).await.unwrap(), expected, "newest first");
}

pub async fn events_are_listed_page_by_page(scene: Scene) {
    let mut expected = Vec::new();
    for second in 0..10 {
        let new = a_log_event(&format!("sender {second}"), at(second / 3));
        scene.store.append_event(new.clone()).await.unwrap();
        expected.insert(0, new.event);
    }
    let mut listed: Vec<LogEvent> = Vec::new();
    loop {
        let page = scene.store.list_events(listed.last().map(|event| event.id), 4).await.unwrap();
        assert!(page.len() <= 4);
        if page.is_empty() {
            break;
        }
        listed.extend(page);
        assert!(listed.len() <= expected.len(), "the pages go on and on");
    }
    assert_eq!(listed, expected);
}

pub async fn events_are_filtered(scene: Scene) {
    let mut all = Vec::new();
    for second in 0..12 {
        let mut new = a_log_event("sender 1", at(second));
        new.event.kind = [EventKind::SenderQuality, EventKind::FellBack][usize::from(second % 2 == 0)];
        new.event.account =
            [None, Some(an_account(1).id), Some(an_account(2).id)][usize::try_from(second % 3).expect("small")];
        scene.store.append_event(new.clone()).await.unwrap();
        all.insert(0, new.event);
    }
    let none = EventFilter::default;
    let account = Some(an_account(1).id);
    for filter in [
        none(),
        EventFilter { account, ..none() },
        EventFilter { kind: Some(EventKind::FellBack), ..none() },
        EventFilter { kind: Some(EventKind::Erased), ..none() },
        EventFilter { account, kind: Some(EventKind::FellBack), from: Some(at(2)), until: Some(at(10)) },
    ] {
        for before in [None, Some(all[4].id)] {
            let fits = |event: &&LogEvent| {
                filter.account.is_none_or(|account| event.account == Some(account))
                    && filter.kind.is_none_or(|kind| event.kind == kind)
                    && filter.from.is_none_or(|from| event.at >= from)
                    && filter.until.is_none_or(|until| event.at < until)
                    && before.is_none_or(|before| event.id < before)
            };
            let expected: Vec<_> = all.iter().filter(fits).take(5).cloned().collect();
            assert_eq!(scene.store.find_events(&filter, before, 5).await.unwrap(), expected, "{filter:?}");
        }
    }
}

pub async fn an_event_that_is_told_twice_is_stored_once(scene: Scene) {
    let first = a_log_event("sender 1", START);
    let mut again = a_log_event("sender 1", at(60));
    again.fingerprint = first.fingerprint;
    let other = a_log_event("sender 1", START);
    assert!(scene.store.append_event(first.clone()).await.unwrap());
    assert!(!scene.store.append_event(again).await.unwrap());
    assert!(scene.store.append_event(other.clone()).await.unwrap(), "the same words may be other news");
    assert_eq!(scene.store.list_events(None, 10).await.unwrap(), [other.event, first.event]);
}

pub async fn old_events_are_purged(scene: Scene) {
    for second in 0..5 {
        scene.store.append_event(a_log_event("sender 1", at(second))).await.unwrap();
    }
    let purge = |limit| scene.store.purge_events(at(3), limit);
    assert_eq!(purge(2).await.unwrap(), 2, "not more than asked for");
    assert_eq!(purge(10).await.unwrap(), 1);
    assert_eq!(purge(10).await.unwrap(), 0);
    let left = scene.store.list_events(None, 10).await.unwrap();
    assert_eq!(left.iter().map(|event| event.at).collect::<Vec<_>>(), [at(4), at(3)]);
}
