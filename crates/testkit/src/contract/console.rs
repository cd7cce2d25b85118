use std::sync::Arc;

use whatotp_domain::ConsoleSession;
use whatotp_ports::{Joined, LinkRecord, UserRecord};
use whatotp_vault::PasswordHash;

use super::Scene;
use super::scene::{count, race};
use super::users::join;
use crate::START;
use crate::fixtures::{
    a_bootstrap_link, a_console_session, a_reset_link, a_user, an_account, an_invitation, at, link_hash, session_hash,
};

const HOUR: u64 = 3600;

pub async fn a_session_is_found_by_its_token_with_its_user(scene: Scene) {
    let user = join(&scene, a_user(1), 1).await;
    let (session, hash) = a_console_session(&user, 2, at(5));
    assert!(scene.store.begin_console_session(session.clone(), hash).await.unwrap());
    let logged_in = UserRecord { last_login_at: Some(at(5)), ..user.clone() };
    assert_eq!(scene.store.find_console_session(&hash).await.unwrap(), Some((session.clone(), logged_in)));
    assert_eq!(scene.store.find_console_session(&session_hash(9)).await.unwrap(), None);
    let (nobodys, hash) = a_console_session(&a_user(9), 9, at(5));
    assert!(!scene.store.begin_console_session(nobodys, hash).await.unwrap());
    assert_eq!(scene.store.find_console_session(&hash).await.unwrap(), None);
    let (first, _) = a_console_session(&user, 1, START);
    assert_eq!(scene.store.list_console_sessions(user.id).await.unwrap(), [session, first]);
    assert_eq!(scene.store.list_console_sessions(a_user(9).id).await.unwrap(), []);
}

pub async fn the_last_use_of_a_session_only_moves_forward(scene: Scene) {
    let user = join(&scene, a_user(1), 1).await;
    let (session, hash) = a_console_session(&user, 1, START);
    for (used, known) in [(at(60), at(60)), (at(30), at(60)), (at(120), at(120))] {
        scene.store.touch_console_session(session.id, used).await.unwrap();
        let expected = ConsoleSession { last_seen_at: known, ..session.clone() };
        assert_eq!(scene.store.find_console_session(&hash).await.unwrap().unwrap().0, expected);
    }
}

pub async fn a_session_with_a_new_token_is_not_opened_by_the_old_one(scene: Scene) {
    let user = join(&scene, a_user(1), 1).await;
    let (session, old) = a_console_session(&user, 1, START);
    let (new, newer) = (session_hash(21), session_hash(22));
    assert!(scene.store.renew_console_session(session.id, old, new, None).await.unwrap());
    assert!(!scene.store.renew_console_session(session.id, old, newer, Some(at(9))).await.unwrap());
    assert_eq!(scene.store.find_console_session(&old).await.unwrap(), None);
    assert_eq!(scene.store.find_console_session(&newer).await.unwrap(), None);
    assert_eq!(scene.store.find_console_session(&new).await.unwrap().unwrap().0, session);
    assert!(scene.store.renew_console_session(session.id, new, newer, Some(at(9))).await.unwrap());
    let fresh = ConsoleSession { authenticated_at: at(9), ..session };
    assert_eq!(scene.store.find_console_session(&newer).await.unwrap().unwrap().0, fresh);
}

pub async fn a_session_is_ended_by_its_own_user_only(scene: Scene) {
    let (one, other) = (join(&scene, a_user(1), 1).await, join(&scene, a_user(2), 2).await);
    let (session, hash) = a_console_session(&one, 1, START);
    assert!(!scene.store.end_console_session(other.id, session.id).await.unwrap());
    assert!(scene.store.find_console_session(&hash).await.unwrap().is_some());
    assert!(scene.store.end_console_session(one.id, session.id).await.unwrap());
    assert!(!scene.store.end_console_session(one.id, session.id).await.unwrap());
    assert_eq!(scene.store.find_console_session(&hash).await.unwrap(), None);
    let (more, hash) = a_console_session(&other, 12, START);
    scene.store.begin_console_session(more, hash).await.unwrap();
    assert_eq!(scene.store.end_console_sessions(one.id).await.unwrap(), 0);
    assert_eq!(scene.store.end_console_sessions(other.id).await.unwrap(), 2);
    assert_eq!(scene.store.list_console_sessions(other.id).await.unwrap(), []);
}

pub async fn sessions_that_are_over_are_purged(scene: Scene) {
    let user = join(&scene, a_user(1), 1).await;
    for (number, made) in [(2, at(10)), (3, at(20)), (4, at(30))] {
        let (session, hash) = a_console_session(&user, number, made);
        scene.store.begin_console_session(session, hash).await.unwrap();
    }
    let (first, _) = a_console_session(&user, 1, START);
    scene.store.touch_console_session(first.id, at(100)).await.unwrap();
    assert_eq!(scene.store.purge_console_sessions(at(10), START, 1).await.unwrap(), 1);
    assert_eq!(scene.store.purge_console_sessions(at(10), START, 10).await.unwrap(), 1, "one unused, one old");
    assert_eq!(scene.store.purge_console_sessions(at(10), START, 10).await.unwrap(), 0);
    assert_eq!(scene.store.list_console_sessions(user.id).await.unwrap().len(), 2);
}

pub async fn the_first_user_comes_in_once(scene: Scene) {
    assert!(!scene.store.has_bootstrap_link().await.unwrap());
    assert!(scene.store.put_link(a_bootstrap_link(1, START)).await.unwrap());
    assert!(scene.store.put_link(a_bootstrap_link(2, START)).await.unwrap());
    assert_eq!(scene.store.find_link(&link_hash(1)).await.unwrap(), None, "the newer link takes its place");
    assert_eq!(scene.store.find_link(&link_hash(2)).await.unwrap(), Some(a_bootstrap_link(2, START)));
    assert!(scene.store.has_bootstrap_link().await.unwrap());
    assert_eq!(try_join(&scene, 1, 1, START).await, Joined::LinkIsOver);
    assert_eq!(try_join(&scene, 2, 1, at(HOUR)).await, Joined::LinkIsOver, "its time is over");
    assert!(!scene.store.has_users().await.unwrap());
    assert_eq!(try_join(&scene, 2, 1, at(HOUR - 1)).await, Joined::Yes);
    assert!(scene.store.find_console_session(&session_hash(1)).await.unwrap().is_some());
    assert_eq!(try_join(&scene, 2, 2, START).await, Joined::LinkIsOver);
    assert!(!scene.store.has_bootstrap_link().await.unwrap());
    assert!(!scene.store.put_link(a_bootstrap_link(3, START)).await.unwrap(), "there is a user");
    assert_eq!(scene.store.find_link(&link_hash(3)).await.unwrap(), None);
}

pub async fn of_those_who_race_for_one_link_one_joins(scene: Scene) {
    scene.store.put_link(a_bootstrap_link(1, START)).await.unwrap();
    for link in [1, 2] {
        let joined = race((0..10).map(|number| {
            let scene = scene.clone();
            async move { try_join(&scene, link, 10 * link + number, START).await }
        }))
        .await;
        assert_eq!(count(&joined, |one| *one == Joined::Yes), 1, "{joined:?}");
        assert_eq!(scene.store.list_users(None).await.unwrap().len(), usize::from(link));
        scene.store.put_link(an_invitation(2, START)).await.unwrap();
    }
}

pub async fn an_address_belongs_to_one_user(scene: Scene) {
    join(&scene, a_user(1), 1).await;
    scene.store.put_link(an_invitation(2, START)).await.unwrap();
    let taken = UserRecord { email_index: a_user(1).email_index, ..a_user(2) };
    let (session, hash) = a_console_session(&taken, 2, START);
    let joined = scene.store.join(link_hash(2), taken, session, hash, START).await.unwrap();
    assert_eq!(joined, Joined::EmailTaken);
    assert_eq!(scene.store.find_user(a_user(2).id).await.unwrap(), None);
    assert_eq!(scene.store.find_console_session(&hash).await.unwrap(), None);
    assert_eq!(try_join(&scene, 2, 2, START).await, Joined::Yes, "the link can still be used");
}

pub async fn a_forgotten_password_is_set_once(scene: Scene) {
    let user = join(&scene, a_user(1), 1).await;
    let new = |text: &str| PasswordHash::from_stored(text.to_owned());
    scene.store.put_link(a_reset_link(&user, 2, START)).await.unwrap();
    scene.store.put_link(a_reset_link(&user, 3, START)).await.unwrap();
    scene.store.put_link(an_invitation(4, START)).await.unwrap();
    for (link, now) in [(2, START), (3, at(HOUR)), (4, START), (5, START)] {
        assert_eq!(scene.store.reset_password(link_hash(link), new("no"), now).await.unwrap(), None, "{link}");
    }
    assert_eq!(try_join(&scene, 3, 9, START).await, Joined::LinkIsOver, "nobody joins by it");
    assert!(scene.store.find_console_session(&session_hash(1)).await.unwrap().is_some());
    let reset = UserRecord { password: new("yes"), ..user };
    assert_eq!(scene.store.reset_password(link_hash(3), new("yes"), at(5)).await.unwrap(), Some(reset.clone()));
    assert_eq!(scene.store.find_console_session(&session_hash(1)).await.unwrap(), None);
    assert_eq!(scene.store.reset_password(link_hash(3), new("again"), at(5)).await.unwrap(), None);
    assert_eq!(scene.store.find_user(reset.id).await.unwrap(), Some(reset));
}

pub async fn invitations_are_listed_renewed_and_withdrawn_in_their_account_only(scene: Scene) {
    let (home, away) = (an_account(1).id, an_account(2).id);
    let [older, newer] = [an_invitation(1, at(1)), an_invitation(2, at(2))];
    for link in [&older, &newer] {
        scene.store.put_link(link.clone()).await.unwrap();
    }
    scene.store.put_link(a_bootstrap_link(3, at(3))).await.unwrap();
    scene.store.put_link(a_reset_link(&a_user(1), 4, at(4))).await.unwrap();
    assert_eq!(scene.store.list_invitations(home).await.unwrap(), [newer.clone(), older.clone()]);
    assert_eq!(scene.store.list_invitations(away).await.unwrap(), []);

    assert_eq!(scene.store.renew_invitation(away, older.id, link_hash(9), at(9)).await.unwrap(), None);
    let renewed = LinkRecord { hash: link_hash(9), expires_at: at(9), ..older.clone() };
    let answer = scene.store.renew_invitation(home, older.id, link_hash(9), at(9)).await.unwrap();
    assert_eq!(answer, Some(renewed.clone()));
    assert_eq!(scene.store.find_link(&link_hash(1)).await.unwrap(), None);
    assert_eq!(scene.store.find_link(&link_hash(9)).await.unwrap(), Some(renewed));

    assert!(!scene.store.withdraw_invitation(away, newer.id).await.unwrap());
    assert!(scene.store.withdraw_invitation(home, newer.id).await.unwrap());
    assert!(!scene.store.withdraw_invitation(home, newer.id).await.unwrap());
    assert_eq!(try_join(&scene, 2, 2, START).await, Joined::LinkIsOver);
    let reset = a_reset_link(&a_user(1), 4, at(4));
    assert!(!scene.store.withdraw_invitation(home, reset.id).await.unwrap(), "it is no invitation");
    assert_eq!(scene.store.find_link(&link_hash(4)).await.unwrap(), Some(reset));
}

pub async fn links_whose_time_is_over_are_purged(scene: Scene) {
    for link in [a_bootstrap_link(1, START), a_reset_link(&a_user(1), 2, START), a_reset_link(&a_user(2), 3, at(1))] {
        scene.store.put_link(link).await.unwrap();
    }
    scene.store.put_link(an_invitation(4, START)).await.unwrap();
    assert_eq!(scene.store.purge_links(at(HOUR), 10).await.unwrap(), 1);
    assert_eq!(scene.store.purge_links(at(HOUR + 1), 10).await.unwrap(), 1);
    assert!(scene.store.has_bootstrap_link().await.unwrap(), "the first start is remembered");
    assert!(scene.store.find_link(&link_hash(4)).await.unwrap().is_some());
    assert_eq!(scene.store.purge_links(at(8 * 86_400), 10).await.unwrap(), 1);
}

/// Lets the user of this number follow a link.
async fn try_join(scene: &Scene, link: u8, user: u8, now: whatotp_domain::Timestamp) -> Joined {
    let user = a_user(user);
    let number = user.email_index.as_bytes()[0];
    let (session, hash) = a_console_session(&user, number, now);
    Arc::clone(&scene.store).join(link_hash(link), user, session, hash, now).await.unwrap()
}
