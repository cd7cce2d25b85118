use std::sync::Arc;

use whatotp_domain::{LogInTries, Role};
use whatotp_ports::{Joined, MemberChange, UserRecord};
use whatotp_vault::{EmailIndex, PasswordHash};

use super::Scene;
use super::scene::{count, race};
use crate::START;
use crate::fixtures::{
    a_console_session, a_user, an_account, an_invitation, at, link_hash, recovery_hash, sealed, session_hash,
};

/// Stores a user with what a new one has, and a session.
pub(super) async fn join(scene: &Scene, user: UserRecord, number: u8) -> UserRecord {
    scene.store.put_link(an_invitation(number, START)).await.unwrap();
    let (session, hash) = a_console_session(&user, number, START);
    let joined = scene.store.join(link_hash(number), user.clone(), session, hash, START).await.unwrap();
    assert_eq!(joined, Joined::Yes);
    user
}

pub async fn a_user_is_found_by_id_and_by_address_with_everything_in_it(scene: Scene) {
    assert!(!scene.store.has_users().await.unwrap());
    let full = join(&scene, a_user(1), 1).await;
    let bare = UserRecord {
        account: an_account(2).id,
        role: Role::Viewer,
        operator: true,
        totp: None,
        totp_pending: None,
        last_login_at: None,
        disabled_at: Some(at(9)),
        ..a_user(2)
    };
    let bare = join(&scene, bare, 2).await;
    assert!(scene.store.has_users().await.unwrap());
    for user in [&full, &bare] {
        assert_eq!(scene.store.find_user(user.id).await.unwrap().as_ref(), Some(user));
        assert_eq!(scene.store.find_user_by_email(&user.email_index).await.unwrap().as_ref(), Some(user));
    }
    assert_eq!(scene.store.find_user(a_user(3).id).await.unwrap(), None);
    assert_eq!(scene.store.find_user_by_email(&a_user(3).email_index).await.unwrap(), None);
    assert_eq!(scene.store.list_users(None).await.unwrap(), [full.clone(), bare.clone()]);
    assert_eq!(scene.store.list_users(Some(an_account(2).id)).await.unwrap(), [bare]);
    assert_eq!(scene.store.list_users(Some(an_account(9).id)).await.unwrap(), []);
}

pub async fn a_new_password_ends_the_other_sessions(scene: Scene) {
    let (one, other) = (join(&scene, a_user(1), 1).await, join(&scene, a_user(2), 2).await);
    let (second, hash) = a_console_session(&one, 11, at(1));
    assert!(scene.store.begin_console_session(second.clone(), hash).await.unwrap());
    let new = PasswordHash::from_stored("new".to_owned());
    scene.store.set_password(one.id, new.clone(), Some(second.id)).await.unwrap();
    assert_eq!(scene.store.find_user(one.id).await.unwrap().unwrap().password, new);
    assert_eq!(scene.store.find_console_session(&session_hash(1)).await.unwrap(), None);
    assert!(scene.store.find_console_session(&hash).await.unwrap().is_some());
    assert!(scene.store.find_console_session(&session_hash(2)).await.unwrap().is_some(), "nobody else's");
    assert_eq!(scene.store.find_user(other.id).await.unwrap(), Some(other));
    scene.store.set_password(one.id, new, None).await.unwrap();
    assert_eq!(scene.store.find_console_session(&hash).await.unwrap(), None);
}

pub async fn a_new_hash_takes_the_place_of_the_one_it_was_made_for(scene: Scene) {
    let user = join(&scene, a_user(1), 1).await;
    let [newer, other] = ["newer", "other"].map(|text| PasswordHash::from_stored(text.to_owned()));
    scene.store.rehash_password(user.id, other, newer.clone()).await.unwrap();
    assert_eq!(scene.store.find_user(user.id).await.unwrap(), Some(user.clone()), "the password was changed meanwhile");
    scene.store.rehash_password(user.id, user.password.clone(), newer.clone()).await.unwrap();
    assert_eq!(scene.store.find_user(user.id).await.unwrap(), Some(UserRecord { password: newer, ..user }));
    assert!(scene.store.find_console_session(&session_hash(1)).await.unwrap().is_some(), "it is the same password");
}

pub async fn a_member_is_changed_and_removed_in_their_own_account_only(scene: Scene) {
    let (owner, member) = (join(&scene, a_user(1), 1).await, join(&scene, a_user(2), 2).await);
    let (home, away) = (owner.account, an_account(2).id);
    let stranger = scene.store.set_role(away, member.id, Role::Viewer).await.unwrap();
    let disabled = scene.store.set_disabled(away, member.id, Some(at(1))).await.unwrap();
    let removed = scene.store.remove_user(away, member.id).await.unwrap();
    assert_eq!([stranger, disabled, removed], [MemberChange::NotFound; 3]);
    assert_eq!(scene.store.find_user(member.id).await.unwrap(), Some(member.clone()));

    assert_eq!(scene.store.set_role(home, member.id, Role::Viewer).await.unwrap(), MemberChange::Done);
    assert_eq!(scene.store.set_disabled(home, member.id, Some(at(1))).await.unwrap(), MemberChange::Done);
    let changed = UserRecord { role: Role::Viewer, disabled_at: Some(at(1)), ..member.clone() };
    assert_eq!(scene.store.find_user(member.id).await.unwrap(), Some(changed.clone()));
    assert_eq!(scene.store.find_console_session(&session_hash(2)).await.unwrap(), None, "their sessions are over");
    let (session, hash) = a_console_session(&member, 12, at(2));
    assert!(!scene.store.begin_console_session(session.clone(), hash).await.unwrap(), "and no new one begins");
    assert_eq!(scene.store.set_disabled(home, member.id, None).await.unwrap(), MemberChange::Done);
    assert!(scene.store.begin_console_session(session, hash).await.unwrap());

    assert!(scene.store.set_operator(member.id, true).await.unwrap());
    assert!(scene.store.find_user(member.id).await.unwrap().unwrap().operator);
    assert!(!scene.store.set_operator(a_user(9).id, true).await.unwrap());

    assert_eq!(scene.store.remove_user(home, member.id).await.unwrap(), MemberChange::Done);
    assert_eq!(scene.store.find_user(member.id).await.unwrap(), None);
    assert_eq!(scene.store.find_console_session(&hash).await.unwrap(), None);
    assert_eq!(scene.store.remove_user(home, member.id).await.unwrap(), MemberChange::NotFound);
    assert_eq!(scene.store.find_user(owner.id).await.unwrap(), Some(owner));
}

pub async fn the_last_owner_who_can_log_in_stays(scene: Scene) {
    let (owner, second) = (join(&scene, a_user(1), 1).await, join(&scene, a_user(2), 2).await);
    let home = owner.account;
    assert_eq!(scene.store.set_disabled(home, second.id, Some(at(1))).await.unwrap(), MemberChange::Done);
    let demoted = scene.store.set_role(home, owner.id, Role::Admin).await.unwrap();
    let disabled = scene.store.set_disabled(home, owner.id, Some(at(1))).await.unwrap();
    let removed = scene.store.remove_user(home, owner.id).await.unwrap();
    assert_eq!([demoted, disabled, removed], [MemberChange::LastOwner; 3]);
    assert_eq!(scene.store.find_user(owner.id).await.unwrap(), Some(owner.clone()));
    assert_eq!(scene.store.set_role(home, owner.id, Role::Owner).await.unwrap(), MemberChange::Done, "nothing is lost");
    assert_eq!(scene.store.remove_user(home, second.id).await.unwrap(), MemberChange::Done, "they could not log in");
    let third = join(&scene, a_user(3), 3).await;
    assert_eq!(scene.store.remove_user(home, owner.id).await.unwrap(), MemberChange::Done);
    assert_eq!(scene.store.list_users(Some(home)).await.unwrap(), [third]);
}

pub async fn of_owners_who_leave_at_once_one_stays(scene: Scene) {
    for number in 1..=6 {
        join(&scene, a_user(number), number).await;
    }
    let left = race((1..=6).map(|number| {
        let (store, user) = (Arc::clone(&scene.store), a_user(number));
        async move {
            match number % 3 {
                0 => store.set_role(user.account, user.id, Role::Viewer).await.unwrap(),
                1 => store.set_disabled(user.account, user.id, Some(at(1))).await.unwrap(),
                _ => store.remove_user(user.account, user.id).await.unwrap(),
            }
        }
    }))
    .await;
    assert_eq!(count(&left, |one| *one == MemberChange::Done), 5, "{left:?}");
    assert_eq!(count(&left, |one| *one == MemberChange::LastOwner), 1);
    let working = scene.store.list_users(None).await.unwrap();
    assert_eq!(count(&working, |user| user.role == Role::Owner && user.disabled_at.is_none()), 1);
}

pub async fn tries_to_log_in_are_counted_whoever_has_the_address(scene: Scene) {
    let email = EmailIndex::from_bytes([7; 32]);
    assert_eq!(scene.store.log_in_tries(&email).await.unwrap(), LogInTries::default());
    for second in 0..10 {
        assert_eq!(scene.store.charge_log_in(&email, at(second)).await.unwrap(), None);
    }
    assert_eq!(scene.store.charge_log_in(&email, at(20)).await.unwrap(), Some(at(39)));
    let tries = LogInTries { failures: 10, last_at: at(9) };
    assert_eq!(scene.store.log_in_tries(&email).await.unwrap(), tries);
    assert_eq!(scene.store.charge_log_in(&EmailIndex::from_bytes([8; 32]), at(20)).await.unwrap(), None);
    scene.store.refund_log_in(&email).await.unwrap();
    assert_eq!(scene.store.log_in_tries(&email).await.unwrap(), LogInTries { failures: 9, ..tries });
    assert!(scene.store.forget_log_ins(&email).await.unwrap());
    assert!(!scene.store.forget_log_ins(&email).await.unwrap());
    scene.store.refund_log_in(&email).await.unwrap();
    assert_eq!(scene.store.log_in_tries(&email).await.unwrap(), LogInTries::default());
}

pub async fn of_a_hundred_racing_tries_ten_are_looked_at(scene: Scene) {
    let email = EmailIndex::from_bytes([7; 32]);
    let charged = race((0..100).map(|_| {
        let store = Arc::clone(&scene.store);
        async move { store.charge_log_in(&email, START).await.unwrap() }
    }))
    .await;
    assert_eq!(count(&charged, Option::is_none), 10, "{charged:?}");
    assert_eq!(count(&charged, |until| *until == Some(at(30))), 90);
}

pub async fn old_tries_are_purged(scene: Scene) {
    let emails = [1, 2, 3].map(|number| EmailIndex::from_bytes([number; 32]));
    for (email, second) in emails.iter().zip([1, 2, 3]) {
        scene.store.charge_log_in(email, at(second)).await.unwrap();
    }
    assert_eq!(scene.store.purge_log_ins(at(2), 1).await.unwrap(), 1);
    assert_eq!(scene.store.purge_log_ins(at(2), 10).await.unwrap(), 1);
    assert_eq!(scene.store.purge_log_ins(at(2), 10).await.unwrap(), 0);
    assert!(scene.store.forget_log_ins(&emails[2]).await.unwrap());
}

pub async fn a_second_factor_counts_once_it_was_shown_to_work(scene: Scene) {
    let user = UserRecord { totp: None, totp_pending: None, ..a_user(1) };
    let user = join(&scene, user, 1).await;
    let (kept, hash) = a_console_session(&user, 11, at(1));
    scene.store.begin_console_session(kept.clone(), hash).await.unwrap();
    let found = || async { scene.store.find_user(user.id).await.unwrap().unwrap() };
    let [first, second] = ["first", "second"].map(sealed);
    for offered in [&first, &second] {
        scene.store.offer_totp(user.id, offered.clone()).await.unwrap();
    }
    assert_eq!((found().await.totp, found().await.totp_pending), (None, Some(second.clone())));
    let codes: Vec<_> = (1..=3).map(recovery_hash).collect();
    let confirm = |secret| scene.store.confirm_totp(user.id, secret, 100, codes.clone(), kept.id);
    assert!(!confirm(first.clone()).await.unwrap(), "another was offered since");
    assert!(scene.store.find_console_session(&session_hash(1)).await.unwrap().is_some());
    assert!(confirm(second.clone()).await.unwrap());
    assert!(!confirm(second.clone()).await.unwrap());
    assert_eq!((found().await.totp, found().await.totp_pending), (Some(second.clone()), None));
    assert_eq!(scene.store.find_console_session(&session_hash(1)).await.unwrap(), None);
    assert!(scene.store.find_console_session(&hash).await.unwrap().is_some());
    assert_eq!(scene.store.count_recovery_codes(user.id).await.unwrap(), 3);

    scene.store.offer_totp(user.id, first.clone()).await.unwrap();
    assert_eq!(found().await.totp, Some(second), "the one that works goes on working");
    assert!(scene.store.remove_totp(user.id).await.unwrap());
    assert!(!scene.store.remove_totp(user.id).await.unwrap());
    assert_eq!((found().await.totp, found().await.totp_pending), (None, None));
    assert_eq!(scene.store.count_recovery_codes(user.id).await.unwrap(), 0);
}

pub async fn a_step_is_used_once_and_none_before_it(scene: Scene) {
    let user = join(&scene, a_user(1), 1).await;
    for (step, used) in [(100, true), (100, false), (99, false), (101, true), (100, false)] {
        assert_eq!(scene.store.use_totp_step(user.id, step).await.unwrap(), used, "{step}");
    }
    let racing = race((0..20).map(|_| {
        let store = Arc::clone(&scene.store);
        async move { store.use_totp_step(user.id, 102).await.unwrap() }
    }))
    .await;
    assert_eq!(count(&racing, |used| *used), 1);
}

pub async fn a_recovery_code_is_used_once(scene: Scene) {
    let user = join(&scene, a_user(1), 1).await;
    let (session, _) = a_console_session(&user, 1, START);
    let secret = sealed("next factor 1");
    let codes: Vec<_> = (1..=10).map(recovery_hash).collect();
    assert!(scene.store.confirm_totp(user.id, secret, 1, codes, session.id).await.unwrap());
    assert!(!scene.store.use_recovery_code(user.id, &recovery_hash(11)).await.unwrap());
    assert!(!scene.store.use_recovery_code(a_user(2).id, &recovery_hash(1)).await.unwrap());
    let racing = race((0..20).map(|number| {
        let store = Arc::clone(&scene.store);
        async move { store.use_recovery_code(user.id, &recovery_hash(1 + number % 2)).await.unwrap() }
    }))
    .await;
    assert_eq!(count(&racing, |used| *used), 2, "each of the two codes once");
    assert_eq!(scene.store.count_recovery_codes(user.id).await.unwrap(), 8);
}
