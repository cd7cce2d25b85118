use std::collections::HashSet;

use whatotp_domain::{
    CannedReplyId, CommentId, DeliveryId, SessionId, Ticket, TicketChange, TicketId, TicketLink, TicketPriority,
    TicketSide, TicketStatus, UserId,
};
use whatotp_ports::{CannedReply, TicketChanged, TicketComment, TicketFilter, TicketRecord};

use super::Scene;
use super::scene::race;
use crate::START;
use crate::fixtures::{a_comment, a_ticket, an_account, at, sealed};

fn somebody(number: u8) -> UserId {
    UserId::new(START, [number; 10])
}

async fn opened(scene: &Scene, account: u8, second: u64) -> TicketRecord {
    let record = a_ticket(an_account(account).id, at(second));
    let first = a_comment(TicketSide::Customer, at(second));
    scene.store.insert_ticket(record.clone(), first).await.expect("a ticket is stored");
    record
}

async fn changed(scene: &Scene, of: &Ticket, change: TicketChange, comment: Option<TicketComment>) -> TicketRecord {
    let changed = scene.store.change_ticket(of.account, of.id, change, comment, at(1_000)).await.unwrap();
    let Some(TicketChanged::Done { after, .. }) = changed else { panic!("{changed:?}") };
    *after
}

pub async fn a_ticket_comes_back_as_it_was_with_its_comments(scene: Scene) {
    let home = an_account(1).id;
    let links = [
        None,
        Some(TicketLink::Session(SessionId::new(START, [4; 10]))),
        Some(TicketLink::Message(DeliveryId::new(START, [4; 10]))),
    ];
    for (second, link) in (0..).zip(links) {
        let mut record = a_ticket(home, at(second));
        record.ticket.link = link;
        record.ticket.priority = TicketPriority::ALL[usize::try_from(second).expect("small")];
        let first = a_comment(TicketSide::Customer, at(second));
        scene.store.insert_ticket(record.clone(), first.clone()).await.unwrap();
        let id = record.ticket.id;
        for account in [Some(home), None] {
            assert_eq!(scene.store.find_ticket(account, id).await.unwrap().as_ref(), Some(&record));
        }
        assert_eq!(scene.store.list_comments(home, id).await.unwrap(), [first]);
    }
    assert_eq!(scene.store.find_ticket(None, TicketId::new(START, [9; 10])).await.unwrap(), None);
}

pub async fn nobody_else_can_see_or_change_a_ticket(scene: Scene) {
    let record = opened(&scene, 1, 0).await;
    let (id, other) = (record.ticket.id, an_account(2).id);
    assert_eq!(scene.store.find_ticket(Some(other), id).await.unwrap(), None);
    assert_eq!(scene.store.list_comments(other, id).await.unwrap(), []);
    let comment = Some(a_comment(TicketSide::Customer, at(1)));
    let changed = scene.store.change_ticket(other, id, TicketChange::Commented, comment, at(1)).await.unwrap();
    assert_eq!(changed, None);
    assert_eq!(scene.store.find_ticket(None, id).await.unwrap(), Some(record.clone()));
    assert_eq!(scene.store.list_comments(record.ticket.account, id).await.unwrap().len(), 1);
}

pub async fn a_ticket_goes_on_as_the_rules_say(scene: Scene) {
    let mut expected = opened(&scene, 1, 0).await;
    let account = expected.ticket.account;
    let triaged = |status, priority, assignee| TicketChange::Triaged { status, priority, assignee };
    let steps = [
        (TicketChange::Answered, Some(TicketSide::Platform)),
        (TicketChange::Commented, Some(TicketSide::Customer)),
        (TicketChange::Noted, Some(TicketSide::Platform)),
        (triaged(None, Some(TicketPriority::Urgent), Some(Some(somebody(7)))), None),
        (TicketChange::Closed, None),
        (TicketChange::Reopened, None),
        (triaged(Some(TicketStatus::Closed), None, Some(None)), None),
        (TicketChange::Commented, Some(TicketSide::Customer)),
    ];
    let mut comments = 1;
    for (second, (change, side)) in (10..).zip(steps) {
        let mut comment = side.map(|side| a_comment(side, at(second)));
        if let Some(comment) = &mut comment {
            comment.is_internal = change == TicketChange::Noted;
            comments += 1;
        }
        let (id, now) = (expected.ticket.id, at(second));
        let changed = scene.store.change_ticket(account, id, change, comment.clone(), now).await.unwrap();
        let before = expected.ticket.clone();
        expected.ticket = before.after(change, now);
        assert_eq!(changed, Some(TicketChanged::Done { before, after: Box::new(expected.clone()) }));
        assert_eq!(scene.store.find_ticket(Some(account), id).await.unwrap(), Some(expected.clone()));
        let stored = scene.store.list_comments(account, id).await.unwrap();
        assert_eq!(stored.len(), comments, "{change:?}");
        if comment.is_some() {
            assert_eq!(stored.last(), comment.as_ref(), "the newest is the last");
        }
    }
}

pub async fn tickets_are_listed_newest_first_and_filtered(scene: Scene) {
    let mut all = Vec::new();
    for second in 0..12 {
        let record = opened(&scene, if second % 4 == 3 { 2 } else { 1 }, second).await;
        let status = TicketStatus::ALL[usize::try_from(second % 3).expect("small")];
        let priority = TicketPriority::ALL[usize::try_from(second % 4).expect("small")];
        let assignee = (second % 2 == 0).then(|| somebody(7));
        let change = TicketChange::Triaged { status: Some(status), priority: Some(priority), assignee: Some(assignee) };
        all.insert(0, changed(&scene, &record.ticket, change, None).await);
    }
    let none = TicketFilter { limit: 5, ..TicketFilter::default() };
    let home = Some(an_account(1).id);
    for filter in [
        none.clone(),
        TicketFilter { account: home, ..none.clone() },
        TicketFilter { status: Some(TicketStatus::Closed), ..none.clone() },
        TicketFilter { priority: Some(TicketPriority::High), ..none.clone() },
        TicketFilter { assignee: Some(None), ..none.clone() },
        TicketFilter { assignee: Some(Some(somebody(7))), ..none.clone() },
        TicketFilter { assignee: Some(Some(somebody(8))), ..none.clone() },
        TicketFilter { account: home, status: Some(TicketStatus::Open), assignee: Some(None), ..none.clone() },
    ] {
        let fits = |record: &&TicketRecord| {
            let ticket = &record.ticket;
            filter.account.is_none_or(|account| ticket.account == account)
                && filter.status.is_none_or(|status| ticket.status == status)
                && filter.priority.is_none_or(|priority| ticket.priority == priority)
                && filter.assignee.is_none_or(|assignee| ticket.assignee == assignee)
        };
        let expected: Vec<_> = all.iter().filter(fits).cloned().collect();
        let mut listed: Vec<TicketRecord> = Vec::new();
        loop {
            let before = listed.last().map(|record| record.ticket.id);
            let page = scene.store.list_tickets(&TicketFilter { before, ..filter.clone() }).await.unwrap();
            assert!(page.len() <= 5);
            if page.is_empty() {
                break;
            }
            listed.extend(page);
            assert!(listed.len() <= expected.len(), "the pages go on and on");
        }
        assert_eq!(listed, expected, "{filter:?}");
    }
}

pub async fn racing_comments_are_all_kept_up_to_the_limit(scene: Scene) {
    let ticket = opened(&scene, 1, 0).await.ticket;
    let calls = (0..Ticket::MAX_COMMENTS + 20).map(|number| {
        let (store, ticket) = (scene.store.clone(), ticket.clone());
        async move {
            let (change, side) = match number % 3 {
                0 => (TicketChange::Commented, TicketSide::Customer),
                1 => (TicketChange::Answered, TicketSide::Platform),
                _ => (TicketChange::Noted, TicketSide::Platform),
            };
            let comment = Some(a_comment(side, at(5)));
            store.change_ticket(ticket.account, ticket.id, change, comment, at(5)).await.unwrap().unwrap()
        }
    });
    let full = race(calls).await.into_iter().filter(|changed| *changed == TicketChanged::Full).count();
    assert_eq!(full, 21, "the first comment counts too");
    let stored = scene.store.find_ticket(None, ticket.id).await.unwrap().unwrap().ticket;
    assert_eq!(stored.comments, Ticket::MAX_COMMENTS);
    let comments = scene.store.list_comments(ticket.account, ticket.id).await.unwrap();
    let ids: HashSet<CommentId> = comments.iter().map(|comment| comment.id).collect();
    assert_eq!(ids.len(), usize::try_from(Ticket::MAX_COMMENTS).expect("small"));
    changed(&scene, &stored, TicketChange::Closed, None).await;
}

pub async fn old_tickets_are_purged_with_their_comments(scene: Scene) {
    let mut tickets = Vec::new();
    for second in 0..5 {
        let ticket = opened(&scene, 1, second).await.ticket;
        let closing = scene.store.change_ticket(ticket.account, ticket.id, TicketChange::Closed, None, at(10 + second));
        closing.await.unwrap();
        tickets.push(ticket);
    }
    let open = opened(&scene, 1, 0).await.ticket;
    let reopened = tickets[0].clone();
    changed(&scene, &reopened, TicketChange::Reopened, None).await;
    for (limit, deleted) in [(2, 2), (10, 1), (10, 0)] {
        assert_eq!(scene.store.purge_tickets(at(14), limit).await.unwrap(), deleted);
    }
    for ticket in &tickets[1..4] {
        assert_eq!(scene.store.find_ticket(None, ticket.id).await.unwrap(), None);
        assert_eq!(scene.store.list_comments(ticket.account, ticket.id).await.unwrap(), []);
    }
    for ticket in [&reopened, &tickets[4], &open] {
        assert!(scene.store.find_ticket(None, ticket.id).await.unwrap().is_some());
        assert_eq!(scene.store.list_comments(ticket.account, ticket.id).await.unwrap().len(), 1);
    }
}

pub async fn canned_replies_come_back_and_are_deleted_once(scene: Scene) {
    let reply = |second: u64| CannedReply {
        id: CannedReplyId::new(at(second), [5; 10]),
        title: format!("reply \"{second}\" — né"),
        body: "Please look at\n\n\t'the docs'. 嗨".to_owned(),
        created_at: at(second),
    };
    for second in 0..3 {
        scene.store.insert_canned_reply(reply(second)).await.unwrap();
    }
    assert_eq!(scene.store.list_canned_replies().await.unwrap(), [reply(2), reply(1), reply(0)]);
    assert!(scene.store.delete_canned_reply(reply(1).id).await.unwrap());
    assert!(!scene.store.delete_canned_reply(reply(1).id).await.unwrap());
    assert_eq!(scene.store.list_canned_replies().await.unwrap(), [reply(2), reply(0)]);
}

/// What is sealed on a ticket: used by the claims about master keys.
pub(super) async fn a_sealed_ticket(scene: &Scene) -> (TicketRecord, TicketComment) {
    let record = TicketRecord { subject: sealed("a subject"), ..a_ticket(an_account(1).id, START) };
    let first = TicketComment { body: sealed("a comment"), ..a_comment(TicketSide::Customer, START) };
    scene.store.insert_ticket(record.clone(), first.clone()).await.expect("a ticket is stored");
    (record, first)
}
