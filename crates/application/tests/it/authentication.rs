use std::net::IpAddr;
use std::sync::Arc;

use whatotp_application::{Authenticated, NewKey, TemplateRef};
use whatotp_domain::{ApiKey, ApiKeySecret, Mode, Scope, ScopeSet};
use whatotp_testkit::SeededEntropy;
use whatotp_testkit::fixtures::{an_account, at, home, just_before};
use whatotp_vault::key_hash;

use crate::stage::Stage;

fn a_key() -> NewKey {
    NewKey {
        account: an_account(1).id,
        mode: Mode::Test,
        name: "login service".to_owned(),
        scopes: ScopeSet::new([Scope::OtpSend]),
        allowed_ips: Vec::new(),
        expires_at: None,
    }
}

async fn create(stage: &Stage, new: NewKey) -> (ApiKey, ApiKeySecret) {
    stage.app.create_key(new).await.unwrap().expect("the account is there")
}

async fn authenticate(stage: &Stage, secret: &ApiKeySecret, ip: &str) -> Authenticated {
    stage.app.authenticate(&key_hash(secret), ip.parse::<IpAddr>().unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_key_opens_its_own_scope() {
    let stage = Stage::with([]).await;
    let (key, secret) = create(&stage, a_key()).await;
    assert_eq!((key.scope, key.hint.clone()), (home(), secret.hint()));
    assert_eq!(authenticate(&stage, &secret, "203.0.113.7").await, Authenticated::Yes(Arc::new(key)));
}

#[tokio::test]
async fn a_key_that_nobody_made_is_unknown() {
    let stage = Stage::with([]).await;
    let bytes = whatotp_ports::random(&SeededEntropy::new(7)).unwrap();
    let stranger = ApiKeySecret::mint(Mode::Test, &bytes);
    assert_eq!(authenticate(&stage, &stranger, "203.0.113.7").await, Authenticated::Unknown);
}

#[tokio::test]
async fn a_revoked_key_is_as_unknown_as_any() {
    let stage = Stage::with([]).await;
    let (key, secret) = create(&stage, a_key()).await;
    let revoked = stage.app.revoke_key(key.id).await.unwrap().unwrap();
    assert_eq!(revoked.revoked_at, Some(at(0)));
    assert_eq!(authenticate(&stage, &secret, "203.0.113.7").await, Authenticated::Unknown);
    stage.pass(1);
    assert_eq!(stage.app.revoke_key(key.id).await.unwrap().unwrap().revoked_at, Some(at(0)), "once is enough");
}

#[tokio::test]
async fn a_key_is_good_until_its_expiry_and_not_a_millisecond_longer() {
    let stage = Stage::with([]).await;
    let (_, secret) = create(&stage, NewKey { expires_at: Some(at(60)), ..a_key() }).await;
    stage.clock.set(just_before(at(60)));
    assert!(matches!(authenticate(&stage, &secret, "203.0.113.7").await, Authenticated::Yes(_)));
    stage.clock.set(at(60));
    assert_eq!(authenticate(&stage, &secret, "203.0.113.7").await, Authenticated::Expired);
}

#[tokio::test]
async fn a_key_is_good_from_its_networks_only() {
    let stage = Stage::with([]).await;
    let allowed_ips = ["203.0.113.0/24", "2001:db8::/32"].map(|net| net.parse().unwrap()).to_vec();
    let (_, secret) = create(&stage, NewKey { allowed_ips, ..a_key() }).await;
    for (ip, allowed) in [("203.0.113.7", true), ("2001:db8::1", true), ("203.0.114.7", false), ("2001:db9::1", false)]
    {
        let answer = authenticate(&stage, &secret, ip).await;
        assert_eq!(matches!(answer, Authenticated::Yes(_)), allowed, "{ip}");
        assert_eq!(answer == Authenticated::IpNotAllowed, !allowed, "{ip}");
    }
}

#[tokio::test]
async fn a_key_of_no_account_is_not_made() {
    let stage = Stage::with([]).await;
    assert!(stage.app.create_key(NewKey { account: an_account(9).id, ..a_key() }).await.unwrap().is_none());
}

#[tokio::test]
async fn the_first_start_makes_one_account_with_a_key_and_templates_and_the_second_nothing() {
    let stage = Stage::empty();
    let first = stage.app.set_up().await.unwrap().expect("there was no account");
    assert!(stage.app.set_up().await.unwrap().is_none());
    assert_eq!(stage.app.default_account().await.unwrap(), first.account);
    let Authenticated::Yes(key) = authenticate(&stage, &first.key, "127.0.0.1").await else {
        panic!("the key of the first start opens")
    };
    assert_eq!((key.scope.account, key.scope.mode), (first.account, Mode::Test));
    assert_eq!(key.scopes, ScopeSet::all());
    let by_name = TemplateRef::Name("order_update".to_owned());
    assert!(stage.app.find_template(key.scope, &by_name).await.unwrap().is_some());
    assert_eq!(stage.app.list_templates(key.scope, None, 10).await.unwrap().len(), 3);
    assert_eq!(stage.app.list_keys(None).await.unwrap().len(), 1);
    stage.app.check().await.unwrap();
}

#[tokio::test]
async fn a_command_without_an_account_finds_one_or_makes_it() {
    let stage = Stage::empty();
    let made = stage.app.default_account().await.unwrap();
    assert_eq!(stage.app.default_account().await.unwrap(), made);
    assert!(stage.app.set_up().await.unwrap().is_none(), "it is not a first start any more");
    assert!(stage.app.list_keys(Some(made)).await.unwrap().is_empty());
}
