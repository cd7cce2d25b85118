//! What the console reads: the log page by page, what is counted, and what was given up.

use std::time::Duration;

use whatotp_domain::{AccountScope, DeliveryId, DeliveryStatus, Mode, SessionId, SessionStatus};
use whatotp_ports::{DeliveryCount, DeliveryFilter, DeliveryKind, NewDelivery, Progress, SessionState};

use super::Scene;
use crate::START;
use crate::fixtures::{
    ALICE, BOB, a_fallback, a_message, a_number, a_session, an_acceptance, an_attempt, an_event, at, free_to_send,
    home, index_of, other_account, other_mode,
};

pub async fn a_search_looks_at_so_many_and_goes_on_where_it_ended(scene: Scene) {
    let mut wanted = Vec::new();
    for n in 0..23_u64 {
        let scope = if n % 5 == 0 { other_mode() } else { home() };
        let number = if n % 4 == 1 { ALICE } else { BOB };
        let new = NewDelivery { scope, number: index_of(home(), number), ..a_message(number, at(n / 2)) };
        let id = new.id;
        scene.store.enqueue(new, None, START).await.unwrap();
        if scope == home() && number == ALICE {
            wanted.push(id);
        }
    }
    wanted.sort_unstable();
    wanted.reverse();
    for (look_at, limit) in [(1, 10), (3, 10), (4, 1), (7, 2), (23, 10), (24, 1), (100, 100)] {
        let number = Some(index_of(home(), ALICE));
        let mut filter = DeliveryFilter { number, limit, ..DeliveryFilter::default() };
        let (mut found, mut looks) = (Vec::new(), 0);
        loop {
            let page = scene.store.search_deliveries(home(), &filter, look_at).await.unwrap();
            looks += 1;
            assert!(looks < 40, "it goes on and on");
            let full = u32::try_from(page.found.len()).is_ok_and(|found| found == limit);
            assert!(!(full && page.looked_until.is_some()), "a full page ends with its last one");
            found.extend(page.found.iter().map(|one| one.id));
            filter.before = match (page.looked_until, page.found.last()) {
                (Some(until), _) => Some(until),
                (None, Some(last)) if full => Some(last.id),
                _ => break,
            };
        }
        assert_eq!(found, wanted, "{look_at} at once, {limit} on a page");
        assert!(looks >= 23 / look_at, "{looks} looks at {look_at} each: it looked further than it may");
    }
}

pub async fn a_search_sees_nothing_of_another_account(scene: Scene) {
    let theirs = NewDelivery { scope: other_account(), ..a_message(ALICE, START) };
    scene.store.enqueue(theirs, None, START).await.unwrap();
    let filter = DeliveryFilter { limit: 10, ..DeliveryFilter::default() };
    let page = scene.store.search_deliveries(home(), &filter, 1).await.unwrap();
    assert_eq!((page.found.len(), page.looked_until), (0, None));
}

pub async fn what_is_counted_is_what_was_made_in_the_range(scene: Scene) {
    let session = scene.issue(a_session(ALICE).limits(&free_to_send()).at(at(10))).await;
    let fallback = a_fallback(&session, at(11));
    scene.store.fall_back(home(), session.session.id, session.delivery, fallback.clone(), at(11)).await.unwrap();
    let messages = [9, 12, 20].map(|seconds| a_message(BOB, at(seconds)));
    for message in &messages {
        scene.enqueue(message.clone()).await;
    }
    for scope in [other_account(), other_mode()] {
        scene.store.enqueue(NewDelivery { scope, ..a_message(ALICE, at(12)) }, None, START).await.unwrap();
    }
    let [_, message, _] = messages;
    while let Ok(claimed) = scene.store.claim_due(Duration::from_secs(60), 1, at(12)).await
        && let Some(claimed) = claimed.into_iter().next()
    {
        let events = if claimed.record.id == message.id {
            vec![an_event(DeliveryStatus::Accepted, at(13)), an_event(DeliveryStatus::Read, at(17))]
        } else if claimed.record.id == fallback.id {
            vec![an_event(DeliveryStatus::Failed, at(14))]
        } else {
            Vec::new()
        };
        scene
            .store
            .progress(&claimed.lease, Progress { events, attempted: true, ..Progress::default() })
            .await
            .unwrap();
    }
    let facts = |id, seconds| DeliveryCount {
        id,
        session: None,
        is_first: true,
        template: None,
        country: None,
        status: DeliveryStatus::Queued,
        handed_over: false,
        delivered_at: None,
        error: None,
        created_at: at(seconds),
    };
    let DeliveryKind::Message(template) = message.kind else { panic!("{message:?}") };
    let expected = [
        DeliveryCount {
            template: Some(template),
            country: message.country,
            status: DeliveryStatus::Read,
            handed_over: true,
            delivered_at: Some(at(17)),
            ..facts(message.id, 12)
        },
        DeliveryCount {
            session: Some(session.session.id),
            is_first: false,
            status: DeliveryStatus::Failed,
            error: Some(131_026),
            ..facts(fallback.id, 11)
        },
        DeliveryCount {
            session: Some(session.session.id),
            country: scene.delivery(session.delivery).await.country,
            ..facts(session.delivery, 10)
        },
    ];
    let range = (at(10), at(20));
    assert_eq!(scene.store.count_deliveries(home(), range, None, 10).await.unwrap(), expected);
    let mut paged = Vec::new();
    while let Some(next) = scene
        .store
        .count_deliveries(home(), range, paged.last().map(|last: &DeliveryCount| last.id), 1)
        .await
        .unwrap()
        .pop()
    {
        paged.push(next);
    }
    assert_eq!(paged, expected);
}

pub async fn the_states_of_sessions_are_those_of_their_scope(scene: Scene) {
    let mut sessions = Vec::new();
    for n in 0..3 {
        sessions.push(scene.issue(a_session(&a_number(n)).purpose("login").at(START)).await);
    }
    scene.store.settle_attempt(an_attempt(&sessions[1], true), at(5)).await.unwrap();
    let ids: Vec<SessionId> = sessions.iter().map(|record| record.session.id).collect();
    let state = |n: usize| {
        let session = &sessions[n].session;
        SessionState {
            id: session.id,
            purpose: session.purpose.clone(),
            status: SessionStatus::Pending,
            created_at: session.created_at,
            expires_at: session.expires_at,
            finished_at: None,
        }
    };
    let nobody = SessionId::new(START, [9; 10]);
    let mut found = scene.store.session_states(home(), vec![ids[1], nobody, ids[0]]).await.unwrap();
    found.sort_by_key(|state| state.id != ids[0]);
    let verified = SessionState { status: SessionStatus::Verified, finished_at: Some(at(5)), ..state(1) };
    assert_eq!(found, [state(0), verified]);
    for scope in [other_account(), other_mode()] {
        assert_eq!(scene.store.session_states(scope, ids.clone()).await.unwrap(), []);
    }
    assert_eq!(scene.store.session_states(home(), Vec::new()).await.unwrap(), []);
}

pub async fn what_was_given_up_is_listed_until_it_is_discarded(scene: Scene) {
    let (ours, theirs) = (other_mode(), AccountScope { mode: Mode::Live, ..other_account() });
    let mut given_up = Vec::new();
    for (n, scope) in [ours, theirs, home(), ours].into_iter().enumerate() {
        let new = NewDelivery { scope, ..a_message(ALICE, at(u64::try_from(n).expect("small"))) };
        scene.store.enqueue(new.clone(), None, START).await.unwrap();
        let claimed = scene.claim_one(at(5)).await;
        let status = if n == 3 { DeliveryStatus::Expired } else { DeliveryStatus::Failed };
        let progress = Progress { events: vec![an_event(status, at(6))], attempted: true, ..Progress::default() };
        scene.store.progress(&claimed.lease, progress).await.unwrap().expect("the lease holds");
        if scope.mode == Mode::Live {
            given_up.push((scope, new.id, status));
        } else {
            assert_eq!(scene.store.find_dead_letter(new.id).await.unwrap(), None, "a trial is nobody's loss");
        }
    }
    // Of these nothing was given up: one is under way, one arrived after all, and one somebody will look at again.
    scene.enqueue(NewDelivery { scope: ours, ..a_message(BOB, at(7)) }).await;
    let claimed = scene.claim_one(at(8)).await;
    scene.store.progress(&claimed.lease, an_acceptance("wamid.1", at(8))).await.unwrap();
    for (status, due_at) in [(DeliveryStatus::Delivered, None), (DeliveryStatus::Failed, Some(at(900)))] {
        scene.enqueue(NewDelivery { scope: ours, ..a_message(BOB, at(9)) }).await;
        let claimed = scene.claim_one(at(9)).await;
        let events = vec![an_event(DeliveryStatus::Failed, at(9)), an_event(status, at(9))];
        scene.store.progress(&claimed.lease, Progress { events, due_at, ..Progress::default() }).await.unwrap();
    }

    given_up.sort_by_key(|(_, id, _)| std::cmp::Reverse(*id));
    let listed = async |before: Option<DeliveryId>, limit| {
        let letters = scene.store.list_dead_letters(before, limit).await.unwrap();
        letters.into_iter().map(|one| (one.scope, one.id, one.status)).collect::<Vec<_>>()
    };
    assert_eq!(listed(None, 10).await, given_up);
    assert_eq!(listed(None, 2).await, given_up[..2]);
    assert_eq!(listed(Some(given_up[1].1), 10).await, given_up[2..]);
    let found = scene.store.find_dead_letter(given_up[1].1).await.unwrap();
    assert_eq!(found, scene.store.list_dead_letters(None, 2).await.unwrap().pop());
    assert_eq!(scene.store.find_dead_letter(claimed.record.id).await.unwrap(), None);
    let error = scene.store.list_dead_letters(None, 10).await.unwrap().pop().unwrap().error;
    assert_eq!(error, an_event(DeliveryStatus::Failed, at(6)).error);

    let (scope, id, _) = given_up[1];
    let stranger = if scope == ours { theirs } else { ours };
    assert!(!scene.store.discard_dead_letter(stranger, id, at(10)).await.unwrap(), "it is not theirs");
    assert!(!scene.store.discard_dead_letter(ours, claimed.record.id, at(10)).await.unwrap(), "it was not given up");
    assert!(scene.store.discard_dead_letter(scope, id, at(10)).await.unwrap());
    assert!(!scene.store.discard_dead_letter(scope, id, at(11)).await.unwrap(), "once");
    assert_eq!(scene.store.find_dead_letter(id).await.unwrap(), None);
    given_up.remove(1);
    assert_eq!(listed(None, 10).await, given_up);
}
