//! Tickets and the audit log: what is kept how long, and under which key.

use std::sync::Arc;

use whatotp_application::{Application, NewTicket, TicketOpened, TicketStep, TicketStepped};
use whatotp_domain::{Actor, AuditAction, AuditEntry, Ticket, TicketPriority, TicketStatus, UserId};
use whatotp_ports::{AuditCheck, AuditFilter, SealedTable};
use whatotp_testkit::fixtures::{at, home};
use whatotp_testkit::{START, TEST_MASTER_KEY};
use whatotp_vault::{Keyring, MasterKeys};

use crate::stage::{Stage, policy};

const SECOND: &str = "U656jOB0TExY80bJ/wtevk27nICOhEk6JaHnV+e9UKM=";
const YEAR: u64 = 365 * 86_400;

async fn opened(app: &Application) -> Ticket {
    let new = NewTicket {
        account: home().account,
        by: UserId::new(START, [1; 10]),
        subject: "Nothing arrives".to_owned(),
        body: "Since this morning.".to_owned(),
        priority: TicketPriority::Normal,
        link: None,
    };
    let TicketOpened::Opened(summary) = app.open_ticket(new).await.unwrap() else { panic!("nothing is linked") };
    summary.ticket
}

async fn stepped(app: &Application, ticket: &Ticket, step: TicketStep) -> Ticket {
    let by = UserId::new(START, [2; 10]);
    let stepped = app.step_ticket(None, ticket.id, by, step).await.unwrap();
    let Some(TicketStepped::Done(summary)) = stepped else { panic!("{stepped:?}") };
    summary.ticket
}

#[tokio::test]
async fn a_ticket_is_swept_a_year_after_it_was_closed_and_not_before() {
    let stage = Stage::with([]).await;
    let ticket = opened(&stage.app).await;
    stage.clock.set(at(2 * YEAR));
    assert_eq!(stage.app.sweep().await.unwrap().tickets, 0, "it is still open");
    assert_eq!(stepped(&stage.app, &ticket, TicketStep::Close).await.status, TicketStatus::Closed);
    stage.clock.set(at(3 * YEAR));
    assert_eq!(stage.app.sweep().await.unwrap().tickets, 0);
    stage.clock.set(at(3 * YEAR + 1));
    assert_eq!(stage.app.sweep().await.unwrap().tickets, 1);
    assert!(stage.app.ticket(None, ticket.id).await.unwrap().is_none());
}

#[tokio::test]
async fn every_step_of_a_ticket_is_audited_and_says_nothing_of_what_was_written() {
    let stage = Stage::with([]).await;
    let ticket = opened(&stage.app).await;
    for step in [
        TicketStep::Answer("SECRET".to_owned()),
        TicketStep::Comment("SECRET".to_owned()),
        TicketStep::Note("SECRET".to_owned()),
        TicketStep::Triage { status: None, priority: Some(TicketPriority::Urgent), assignee: None },
        TicketStep::Close,
        TicketStep::Reopen,
    ] {
        stage.pass(1);
        stepped(&stage.app, &ticket, step).await;
    }
    let mut entries = stage.app.audit_entries(&AuditFilter::default(), None, 100).await.unwrap();
    entries.reverse();
    let told: Vec<_> = entries.iter().map(|entry| (entry.text.action.as_str(), entry.text.detail.as_str())).collect();
    let expected = [
        ("ticket.opened", ""),
        ("ticket.answered", "open to pending"),
        ("ticket.commented", "pending to open"),
        ("ticket.noted", ""),
        ("ticket.triaged", "priority normal to urgent"),
        ("ticket.closed", "open to closed"),
        ("ticket.reopened", "closed to open"),
    ];
    assert_eq!(told, expected);
    for entry in &entries {
        assert_eq!(entry.text.subject, ticket.id.to_string());
        assert_eq!(entry.text.account, Some(home().account.to_string()));
    }
}

#[tokio::test]
async fn the_audit_log_keeps_a_year_and_stays_whole() {
    let stage = Stage::with([]).await;
    for day in 0..3 {
        stage.clock.set(at(day * 86_400));
        let entry = AuditEntry {
            account: None,
            actor: Actor::CommandLine,
            action: AuditAction::BlockAdded,
            subject: "two\nlines".to_owned(),
            detail: "x".repeat(1_000),
        };
        stage.app.audit(entry).await.unwrap();
    }
    stage.clock.set(at(YEAR));
    assert_eq!(stage.app.sweep().await.unwrap().audit, 0);
    stage.clock.set(at(YEAR + 86_400));
    assert_eq!(stage.app.sweep().await.unwrap().audit, 1);
    let check = stage.app.verify_audit().await.unwrap();
    assert!(matches!(check, AuditCheck::Whole { entries: 2, .. }), "{check:?}");
    let left = stage.app.audit_entries(&AuditFilter::default(), None, 10).await.unwrap();
    assert_eq!(left[0].text.subject, "two\u{FFFD}lines", "an entry is one line");
    assert_eq!(left[0].text.detail.len(), 500);
}

#[tokio::test]
async fn a_rotation_seals_tickets_anew_and_leaves_the_audit_log_as_it_was() {
    let stage = Stage::with([]).await;
    let ticket = opened(&stage.app).await;
    let ring = || Keyring::new(MasterKeys::parse(&format!("{SECOND}\n{TEST_MASTER_KEY}")).unwrap());
    let mut keyring = ring();
    Application::bind_master_keys(stage.app.ports(), &mut keyring, true).await.unwrap();
    let active = keyring.active_kid();
    let app = Application::new(stage.app.ports().clone(), Arc::new(keyring), policy());
    let rotated = app.rotate_keys(|_| {}).await.unwrap();
    assert!(rotated.is_complete && rotated.resealed >= 2, "{rotated:?}");
    for table in [SealedTable::Tickets, SealedTable::Comments] {
        let rows = app.ports().master_keys.sealed_rows(table, None, 10).await.unwrap();
        assert_eq!(rows[0].values[0].1.kid(), Some(active));
    }
    let view = app.ticket(Some(home().account), ticket.id).await.unwrap().unwrap();
    assert_eq!(
        (view.summary.subject.as_str(), view.comments[0].body.as_str()),
        ("Nothing arrives", "Since this morning.")
    );
    stepped(&app, &ticket, TicketStep::Close).await;
    let check = app.verify_audit().await.unwrap();
    assert!(matches!(check, AuditCheck::Whole { entries: 2, .. }), "{check:?}");
}
