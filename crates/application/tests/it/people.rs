//! Who logs in to the console, and how.

use std::sync::Arc;
use std::time::Duration;

use whatotp_application::{
    Application, ChangeMember, FollowLink, LinkFollowed, LogIn, LogInAnswer, LoggedIn, MemberChanged, NotInvited,
    PasswordChanged,
};
use whatotp_domain::{Actor, AuditAction, EmailAddress, Password, PasswordError, Role, User};
use whatotp_ports::{AuditFilter, UserStore as _};
use whatotp_testkit::TEST_MASTER_KEY;
use whatotp_vault::{Keyring, LinkToken, MasterKeys, PasswordHash, TotpSecret};

use crate::stage::{Stage, policy};

const ADA: &str = "ada@example.org";
const GRACE: &str = "grace@example.org";
const PASSWORD: &str = "seven quiet otters paint";
/// The hash of `password`, with 4 MiB in one pass.
const WEAK: &str = "$argon2id$v=19$m=4096,t=1,p=1$c2l4dGVlbiBieXRlIHNsdA$3YBTn3AQq2jjG440BM0k3wy5KMdcZv3KXBuAQbYxTwo";
const OTHER_PASSWORD: &str = "nine loud herons whistle";

fn email(text: &str) -> EmailAddress {
    EmailAddress::parse(text).unwrap()
}

fn typed(text: &str) -> Password {
    Password::typed(text).unwrap()
}

fn chosen(text: &str) -> Password {
    Password::choose(text).unwrap()
}

fn following(token: LinkToken, address: Option<&str>) -> FollowLink {
    FollowLink {
        token,
        name: Some("Ada".to_owned()),
        email: address.map(email),
        password: chosen(PASSWORD),
        user_agent: "a browser".to_owned(),
    }
}

async fn joined(stage: &Stage, follow: FollowLink) -> LoggedIn {
    match stage.app.follow_link(follow).await.unwrap() {
        LinkFollowed::Joined(joined) => *joined,
        other => panic!("nobody joined: {other:?}"),
    }
}

/// The first user, on an empty installation.
async fn first(stage: &Stage) -> LoggedIn {
    let token = stage.app.bootstrap_link().await.unwrap().unwrap();
    joined(stage, following(token, Some(ADA))).await
}

/// Somebody whom the first user invited.
async fn invited(stage: &Stage, by: &User, role: Role) -> LoggedIn {
    let (_, token) = stage.app.invite(by, &email(GRACE), role).await.unwrap().unwrap();
    joined(stage, following(token, None)).await
}

async fn log_in_with(stage: &Stage, address: &str, password: &str, code: Option<&str>) -> LogInAnswer<LoggedIn> {
    let code = code.map(str::to_owned);
    let attempt = LogIn { email: email(address), password: typed(password), code, user_agent: String::new() };
    stage.app.log_in(attempt).await.unwrap()
}

async fn log_in(stage: &Stage, password: &str) -> LogInAnswer<LoggedIn> {
    log_in_with(stage, ADA, password, None).await
}

fn let_in(answer: LogInAnswer<LoggedIn>) -> LoggedIn {
    match answer {
        LogInAnswer::Yes(session) => session,
        other => panic!("not let in: {other:?}"),
    }
}

async fn is_open(stage: &Stage, session: &LoggedIn) -> bool {
    stage.app.whose_session(&session.token).await.unwrap().is_some()
}

#[tokio::test]
async fn the_first_user_owns_the_default_account_and_runs_the_platform() {
    let stage = Stage::empty();
    let LoggedIn { user, session, token } = first(&stage).await;
    assert_eq!((user.role, user.operator, user.has_totp), (Role::Owner, true, false));
    assert_eq!(user.account, stage.app.default_account().await.unwrap());
    assert_eq!(user.email.as_str(), ADA);
    let (found, same) = stage.app.whose_session(&token).await.unwrap().unwrap();
    assert_eq!((found, same), (user.clone(), session));
    assert_eq!(stage.app.bootstrap_link().await.unwrap().map(drop), None);
    assert_eq!(stage.app.first_bootstrap_link().await.unwrap().map(drop), None);
    assert_eq!(stage.app.list_users(None).await.unwrap(), [user]);
}

#[tokio::test]
async fn a_link_for_the_first_user_is_offered_once_by_itself_and_works_for_an_hour() {
    let stage = Stage::empty();
    let offered = stage.app.first_bootstrap_link().await.unwrap().unwrap();
    assert_eq!(stage.app.first_bootstrap_link().await.unwrap().map(drop), None);
    stage.pass(3600);
    let late = stage.app.follow_link(following(offered.clone(), Some(ADA))).await.unwrap();
    assert!(matches!(late, LinkFollowed::LinkIsOver), "{late:?}");
    stage.app.sweep().await.unwrap();
    assert_eq!(stage.app.first_bootstrap_link().await.unwrap().map(drop), None, "not even when it is swept");
    let asked_for = stage.app.bootstrap_link().await.unwrap().unwrap();
    let nameless = FollowLink { name: None, ..following(asked_for.clone(), Some(ADA)) };
    assert!(matches!(stage.app.follow_link(nameless).await.unwrap(), LinkFollowed::Missing("name")));
    let nobody = stage.app.follow_link(following(asked_for.clone(), None)).await.unwrap();
    assert!(matches!(nobody, LinkFollowed::Missing("email")), "{nobody:?}");
    joined(&stage, following(asked_for, Some(ADA))).await;
}

#[tokio::test]
async fn an_invitation_makes_a_member_under_the_address_that_was_invited() {
    let stage = Stage::empty();
    let owner = first(&stage).await.user;
    let (invitation, token) = stage.app.invite(&owner, &email(GRACE), Role::Support).await.unwrap().unwrap();
    assert_eq!(stage.app.list_invitations(owner.account).await.unwrap(), std::slice::from_ref(&invitation));
    let other = stage.app.follow_link(following(token.clone(), Some(ADA))).await.unwrap();
    assert!(matches!(other, LinkFollowed::OtherEmail), "{other:?}");
    let (renewed, newer) = stage.app.renew_invitation(&owner, invitation.id).await.unwrap().unwrap();
    assert_eq!(renewed.id, invitation.id);
    assert!(matches!(stage.app.follow_link(following(token, None)).await.unwrap(), LinkFollowed::LinkIsOver));
    let member = joined(&stage, following(newer.clone(), Some("GRACE@example.org"))).await.user;
    assert_eq!((member.role, member.operator, member.account), (Role::Support, false, owner.account));
    assert_eq!(member.email.as_str(), GRACE);
    assert!(matches!(stage.app.follow_link(following(newer, None)).await.unwrap(), LinkFollowed::LinkIsOver));
    assert_eq!(stage.app.list_invitations(owner.account).await.unwrap(), []);

    let (again, token) = stage.app.invite(&owner, &email(GRACE), Role::Viewer).await.unwrap().unwrap();
    assert!(matches!(stage.app.follow_link(following(token, None)).await.unwrap(), LinkFollowed::EmailTaken));
    assert!(stage.app.withdraw_invitation(&owner, again.id).await.unwrap());
    assert!(!stage.app.withdraw_invitation(&owner, again.id).await.unwrap());
}

#[tokio::test]
async fn an_easy_password_is_refused_and_the_link_still_works() {
    let stage = Stage::empty();
    let token = stage.app.bootstrap_link().await.unwrap().unwrap();
    for easy in
        ["passwordpassword", "aaaaaaaaaaaaaaaaaaaa", "123456789012345", "ada@example.org", "qwertyuiopasdfghjkl"]
    {
        let follow = FollowLink { password: chosen(easy), ..following(token.clone(), Some(ADA)) };
        let refused = stage.app.follow_link(follow).await.unwrap();
        assert!(matches!(refused, LinkFollowed::Refused(PasswordError::TooCommon)), "{easy}: {refused:?}");
    }
    joined(&stage, following(token, Some(ADA))).await;
}

#[tokio::test]
async fn a_right_password_opens_a_session_and_anything_else_is_just_wrong() {
    let stage = Stage::empty();
    let before = first(&stage).await;
    assert!(matches!(log_in(&stage, OTHER_PASSWORD).await, LogInAnswer::Wrong));
    assert!(matches!(log_in_with(&stage, GRACE, PASSWORD, None).await, LogInAnswer::Wrong));
    let session = let_in(log_in_with(&stage, "ADA@Example.org", PASSWORD, None).await);
    assert_ne!(session.token.expose(), before.token.expose());
    assert!(is_open(&stage, &session).await && is_open(&stage, &before).await);
    stage.app.log_out(&session.session).await.unwrap();
    assert!(!is_open(&stage, &session).await && is_open(&stage, &before).await);
}

#[tokio::test]
async fn ten_failures_make_everybody_wait_whether_the_address_is_anyones_or_not() {
    let stage = Stage::empty();
    first(&stage).await;
    for address in [ADA, GRACE] {
        for _ in 0..10 {
            assert!(matches!(log_in_with(&stage, address, "wrong", None).await, LogInAnswer::Wrong));
        }
        let until = stage.now().plus(Duration::from_secs(30));
        let waits = log_in_with(&stage, address, PASSWORD, None).await;
        assert!(matches!(waits, LogInAnswer::Wait(moment) if moment == until), "{waits:?}");
    }
    stage.pass(30);
    let_in(log_in(&stage, PASSWORD).await);
    // A right password ends the row.
    assert!(matches!(log_in(&stage, "wrong").await, LogInAnswer::Wrong));
    let_in(log_in(&stage, PASSWORD).await);
    assert!(stage.app.forget_failed_log_ins(&email(GRACE)).await.unwrap());
    assert!(matches!(log_in_with(&stage, GRACE, PASSWORD, None).await, LogInAnswer::Wrong));
}

#[tokio::test]
async fn a_session_ends_when_nobody_uses_it_and_after_half_a_day_all_the_same() {
    let stage = Stage::empty();
    let session = first(&stage).await;
    stage.pass(1799);
    assert!(is_open(&stage, &session).await, "which is a use");
    stage.pass(1799);
    assert!(is_open(&stage, &session).await);
    stage.pass(1800);
    assert!(!is_open(&stage, &session).await);
    assert_eq!(stage.app.list_sessions(session.user.id).await.unwrap(), []);

    let session = let_in(log_in(&stage, PASSWORD).await);
    for _ in 0..(12 * 60 / 20 - 1) {
        stage.pass(1200);
        assert!(is_open(&stage, &session).await);
    }
    stage.pass(1199);
    assert!(is_open(&stage, &session).await);
    stage.pass(1);
    assert!(!is_open(&stage, &session).await);
    assert_eq!(stage.app.sweep().await.unwrap().console, 2);
}

#[tokio::test]
async fn a_new_token_kills_the_old_one_and_a_session_stays_as_old_as_it_is() {
    let stage = Stage::empty();
    let LoggedIn { user, session, token } = first(&stage).await;
    stage.pass(60);
    let renewed = stage.app.refresh_session(user.clone(), session.clone(), &token).await.unwrap().unwrap();
    assert_eq!(stage.app.whose_session(&token).await.unwrap(), None);
    assert!(is_open(&stage, &renewed).await);
    assert_eq!(renewed.session.created_at, session.created_at);
    assert!(stage.app.refresh_session(user, session, &token).await.unwrap().is_none(), "it is dead already");
}

#[tokio::test]
async fn a_password_that_is_typed_again_counts_for_ten_minutes_in_a_session_with_a_new_token() {
    let stage = Stage::empty();
    let LoggedIn { user, session, token } = first(&stage).await;
    assert!(session.is_fresh(stage.now()));
    stage.pass(600);
    assert!(!session.is_fresh(stage.now()));
    let wrong = stage.app.reauthenticate(user.clone(), session.clone(), &token, typed("wrong"), None).await.unwrap();
    assert!(matches!(wrong, LogInAnswer::Wrong));
    let right = stage.app.reauthenticate(user, session, &token, typed(PASSWORD), None).await.unwrap();
    let renewed = let_in(right);
    assert!(renewed.session.is_fresh(stage.now()));
    assert_eq!(stage.app.whose_session(&token).await.unwrap(), None);
    let (_, found) = stage.app.whose_session(&renewed.token).await.unwrap().unwrap();
    assert_eq!(found.authenticated_at, stage.now());
}

#[tokio::test]
async fn a_changed_password_ends_the_other_sessions() {
    let stage = Stage::empty();
    let one = first(&stage).await;
    let other = let_in(log_in(&stage, PASSWORD).await);
    let (app, me) = (&stage.app, &one);
    let change = |present: &str, new: &str| {
        let (present, new) = (typed(present), chosen(new));
        async move { app.change_password(&me.user, &me.session, present, new).await.unwrap() }
    };
    assert_eq!(change("wrong", OTHER_PASSWORD).await, PasswordChanged::Wrong);
    assert_eq!(change(PASSWORD, "passwordpassword").await, PasswordChanged::Refused(PasswordError::TooCommon));
    assert!(is_open(&stage, &other).await);
    assert_eq!(change(PASSWORD, OTHER_PASSWORD).await, PasswordChanged::Yes);
    assert!(is_open(&stage, &one).await && !is_open(&stage, &other).await);
    assert!(matches!(log_in(&stage, PASSWORD).await, LogInAnswer::Wrong));
    let_in(log_in(&stage, OTHER_PASSWORD).await);
}

#[tokio::test]
async fn a_forgotten_password_is_set_by_a_link_that_works_once() {
    let stage = Stage::empty();
    let session = first(&stage).await;
    let dead = stage.app.reset_link(&session.user, Actor::CommandLine).await.unwrap();
    let token = stage.app.reset_link(&session.user, Actor::CommandLine).await.unwrap();
    for _ in 0..10 {
        log_in(&stage, "wrong").await;
    }
    let follow =
        |token: LinkToken| FollowLink { password: chosen(OTHER_PASSWORD), name: None, ..following(token, None) };
    assert!(matches!(stage.app.follow_link(follow(dead)).await.unwrap(), LinkFollowed::LinkIsOver));
    assert!(matches!(stage.app.follow_link(follow(token.clone())).await.unwrap(), LinkFollowed::PasswordSet));
    assert!(matches!(stage.app.follow_link(follow(token)).await.unwrap(), LinkFollowed::LinkIsOver));
    assert!(!is_open(&stage, &session).await);
    let_in(log_in(&stage, OTHER_PASSWORD).await);
    let late = stage.app.reset_link(&session.user, Actor::CommandLine).await.unwrap();
    stage.pass(3600);
    assert!(matches!(stage.app.follow_link(follow(late)).await.unwrap(), LinkFollowed::LinkIsOver));
}

#[tokio::test]
async fn a_hash_of_less_work_is_made_anew_when_its_password_comes_by() {
    let stage = Stage::empty();
    let user = first(&stage).await.user;
    let stored = || async { stage.store.find_user(user.id).await.unwrap().unwrap().password };
    let todays = stored().await;
    let_in(log_in(&stage, PASSWORD).await);
    assert_eq!(stored().await, todays);
    let weak = PasswordHash::from_stored(WEAK.to_owned());
    stage.store.set_password(user.id, weak.clone(), None).await.unwrap();
    assert!(matches!(log_in(&stage, "wrong").await, LogInAnswer::Wrong));
    assert_eq!(stored().await, weak);
    let_in(log_in(&stage, "password").await);
    assert_ne!(stored().await, weak);
    assert!(!stored().await.is_outdated() && stored().await.matches(&typed("password")));
}

/// What the authenticator app shows now.
fn code_of(stage: &Stage, secret: &TotpSecret) -> String {
    secret.code_at(stage.now().unix_seconds().try_into().unwrap())
}

#[tokio::test]
async fn a_second_factor_is_asked_for_once_it_was_shown_to_work_and_each_code_counts_once() {
    let stage = Stage::empty();
    let mine = first(&stage).await;
    let other = let_in(log_in(&stage, PASSWORD).await);
    let offer = stage.app.offer_totp(&mine.user).await.unwrap();
    assert!(offer.url.starts_with("otpauth://totp/WhatOTP:ada%40example.org?secret="), "{}", *offer.url);
    let_in(log_in(&stage, PASSWORD).await);
    assert_eq!(stage.app.confirm_totp(&mine.user, &mine.session, "000000").await.unwrap(), None);
    let code = code_of(&stage, &offer.secret);
    let codes = stage.app.confirm_totp(&mine.user, &mine.session, &code).await.unwrap().unwrap();
    assert_eq!(codes.len(), 10);
    assert!(is_open(&stage, &mine).await && !is_open(&stage, &other).await);

    assert!(matches!(log_in(&stage, PASSWORD).await, LogInAnswer::CodeRequired));
    assert!(matches!(log_in(&stage, "wrong").await, LogInAnswer::Wrong), "whoever guesses learns nothing of it");
    let used = log_in_with(&stage, ADA, PASSWORD, Some(&code)).await;
    assert!(matches!(used, LogInAnswer::Wrong), "it was used to set it up");
    stage.pass(30);
    let code = code_of(&stage, &offer.secret);
    let_in(log_in_with(&stage, ADA, PASSWORD, Some(&format!("{} {}", &code[..3], &code[3..]))).await);
    assert!(matches!(log_in_with(&stage, ADA, PASSWORD, Some(&code)).await, LogInAnswer::Wrong));

    let shouted = codes[0].to_uppercase();
    let_in(log_in_with(&stage, ADA, PASSWORD, Some(&shouted)).await);
    assert!(matches!(log_in_with(&stage, ADA, PASSWORD, Some(&codes[0])).await, LogInAnswer::Wrong));
    assert_eq!(stage.app.recovery_codes_left(&mine.user).await.unwrap(), 9);
    assert!(stage.app.remove_totp(&mine.user, Actor::CommandLine).await.unwrap());
    let_in(log_in(&stage, PASSWORD).await);
}

#[tokio::test]
async fn guesses_at_the_second_factor_make_one_wait_too() {
    let stage = Stage::empty();
    let mine = first(&stage).await;
    let offer = stage.app.offer_totp(&mine.user).await.unwrap();
    let code = code_of(&stage, &offer.secret);
    stage.app.confirm_totp(&mine.user, &mine.session, &code).await.unwrap().unwrap();
    for _ in 0..10 {
        // What asks for the code neither counts nor wipes the slate.
        assert!(matches!(log_in(&stage, PASSWORD).await, LogInAnswer::CodeRequired));
        assert!(matches!(log_in_with(&stage, ADA, PASSWORD, Some("000000")).await, LogInAnswer::Wrong));
    }
    assert!(matches!(log_in(&stage, PASSWORD).await, LogInAnswer::Wait(_)));
}

#[tokio::test]
async fn members_are_changed_by_those_who_may_and_the_last_owner_stays() {
    let stage = Stage::empty();
    let owner = first(&stage).await.user;
    let admin = invited(&stage, &owner, Role::Admin).await;
    let app = &stage.app;
    let change = |by: &User, whom: &User, change| {
        let (by, id) = (by.clone(), whom.id);
        async move { app.change_member(&by, id, change).await.unwrap() }
    };
    let make = ChangeMember::Role;
    assert_eq!(change(&admin.user, &owner, ChangeMember::Remove).await, MemberChanged::OwnersOnly);
    assert_eq!(change(&admin.user, &admin.user, make(Role::Owner)).await, MemberChanged::OwnersOnly);
    assert_eq!(
        stage.app.invite(&admin.user, &email("x@example.org"), Role::Owner).await.unwrap().map(drop),
        Err(NotInvited::OwnersOnly)
    );
    for last in [make(Role::Viewer), ChangeMember::Disabled(true), ChangeMember::Remove] {
        assert_eq!(change(&owner, &owner, last).await, MemberChanged::LastOwner);
    }
    assert!(matches!(change(&owner, &admin.user, ChangeMember::Disabled(true)).await, MemberChanged::Done(_)));
    assert!(!is_open(&stage, &admin).await);
    assert!(matches!(log_in_with(&stage, GRACE, PASSWORD, None).await, LogInAnswer::Wrong));
    assert!(matches!(change(&owner, &admin.user, ChangeMember::Disabled(false)).await, MemberChanged::Done(_)));
    let back = let_in(log_in_with(&stage, GRACE, PASSWORD, None).await);
    assert!(matches!(change(&owner, &admin.user, make(Role::Owner)).await, MemberChanged::Done(_)));
    let (promoted, _) = stage.app.whose_session(&back.token).await.unwrap().unwrap();
    assert_eq!(promoted.role, Role::Owner, "at once");
    assert!(matches!(change(&promoted, &owner, ChangeMember::Remove).await, MemberChanged::Done(_)));
    assert_eq!(change(&promoted, &owner, ChangeMember::Remove).await, MemberChanged::NotFound);
}

#[tokio::test]
async fn nothing_of_a_person_is_readable_in_the_database_or_the_audit_log() {
    let stage = Stage::empty();
    let session = first(&stage).await;
    let offer = stage.app.offer_totp(&session.user).await.unwrap();
    stage.app.invite(&session.user, &email(GRACE), Role::Viewer).await.unwrap().unwrap();
    stage.app.reset_link(&session.user, Actor::CommandLine).await.unwrap();
    let entries = stage.app.audit_entries(&AuditFilter::default(), None, 100).await.unwrap();
    assert!(entries.iter().any(|entry| entry.text.action == AuditAction::UserRegistered.as_str()));
    let mut all = format!("{entries:?}").into_bytes();
    for file in std::fs::read_dir(stage.directory.path()).unwrap() {
        all.extend(std::fs::read(file.unwrap().path()).unwrap());
    }
    let secret = offer.secret.to_base32();
    let plain = [ADA, GRACE, PASSWORD, session.token.expose(), secret.as_str()].map(str::as_bytes);
    for secret in plain.into_iter().chain([&offer.secret.as_bytes()[..]]) {
        assert!(!all.windows(secret.len()).any(|bytes| bytes == secret), "{secret:?}");
    }
}

#[tokio::test]
async fn everything_that_is_sealed_of_people_is_sealed_anew_by_a_rotation() {
    let stage = Stage::empty();
    let session = first(&stage).await;
    stage.app.offer_totp(&session.user).await.unwrap();
    stage.app.invite(&session.user, &email(GRACE), Role::Viewer).await.unwrap().unwrap();
    let keys = format!("U656jOB0TExY80bJ/wtevk27nICOhEk6JaHnV+e9UKM=\n{TEST_MASTER_KEY}");
    let newer = Keyring::new(MasterKeys::parse(&keys).unwrap());
    let app = Application::new(stage.app.ports().clone(), Arc::new(newer), policy());
    let rotated = app.rotate_keys(|_| {}).await.unwrap();
    assert_eq!((rotated.resealed, rotated.unopened, rotated.is_complete), (4, 0, true));
    assert_eq!(app.list_users(None).await.unwrap(), std::slice::from_ref(&session.user));
    assert_eq!(app.list_invitations(session.user.account).await.unwrap()[0].email.as_str(), GRACE);
    let found = app.find_user_by_email(&email(ADA)).await.unwrap();
    assert_eq!(found, Some(session.user), "what is looked up keeps its key");
}
