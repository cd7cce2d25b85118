use whatotp_domain::AuditText;
use whatotp_vault::{AuditHead, AuditPoint};

use crate::support::{NOW, ring};

fn an_entry() -> AuditText {
    AuditText {
        id: "evt_1".to_owned(),
        at: NOW,
        account: Some("acc_1".to_owned()),
        actor: "system".to_owned(),
        action: "key.created".to_owned(),
        subject: "key_1".to_owned(),
        detail: "by hand".to_owned(),
    }
}

#[test]
fn an_entry_is_chained_to_the_one_before_it() {
    let key = ring(&["a"]).audit_key();
    let first = key.link(&AuditPoint::START, &an_entry());
    let second = key.link(&first, &an_entry());
    assert_eq!((first.seq, second.seq), (1, 2));
    assert_ne!(first.mac, second.mac);
    let moved = AuditPoint { seq: 7, ..first };
    assert_ne!(key.link(&moved, &an_entry()).mac, second.mac, "its number counts too");
    assert_ne!(ring(&["b"]).audit_key().link(&AuditPoint::START, &an_entry()).mac, first.mac);
}

#[test]
fn every_word_of_an_entry_counts_and_where_it_stands() {
    let key = ring(&["a"]).audit_key();
    let mac = |change: fn(&mut AuditText)| {
        let mut entry = an_entry();
        change(&mut entry);
        *key.link(&AuditPoint::START, &entry).mac.as_bytes()
    };
    let macs = [
        mac(|_| {}),
        mac(|entry| entry.id.push('x')),
        mac(|entry| entry.at = whatotp_domain::Timestamp::from_unix_ms(1)),
        mac(|entry| entry.account = None),
        mac(|entry| entry.account = Some(String::new())),
        mac(|entry| entry.actor.push('x')),
        mac(|entry| entry.action.push('x')),
        mac(|entry| entry.subject.push('b')),
        mac(|entry| (entry.subject, entry.detail) = ("key_1b".to_owned(), "y hand".to_owned())),
        mac(|entry| entry.detail.push('x')),
    ];
    assert_eq!(macs.iter().collect::<std::collections::HashSet<_>>().len(), macs.len());
}

#[test]
fn the_seal_of_a_head_is_told_by_no_entry() {
    let key = ring(&["a"]).audit_key();
    let first = key.link(&AuditPoint::START, &an_entry());
    let head = AuditHead { newest: first, ..AuditHead::EMPTY };
    let cut = AuditHead { anchor: first, newest: first };
    let seals = [key.seal(&AuditHead::EMPTY), key.seal(&head), key.seal(&cut), first.mac, AuditPoint::START.mac];
    let distinct: std::collections::HashSet<_> = seals.iter().map(|seal| *seal.as_bytes()).collect();
    assert_eq!(distinct.len(), seals.len());
}

#[test]
fn a_new_key_on_top_leaves_the_chain_as_it_is() {
    let (before, after) = (ring(&["a"]).audit_key(), ring(&["c", "b", "a"]).audit_key());
    assert_eq!(before.link(&AuditPoint::START, &an_entry()), after.link(&AuditPoint::START, &an_entry()));
    assert_eq!(format!("{before:?}"), "AuditKey([REDACTED])");
}
