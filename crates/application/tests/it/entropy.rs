//! Without randomness nothing is made: there is no weaker source to fall back on.

use whatotp_application::{Failure, NewKey};
use whatotp_domain::{MessageTtl, Mode, ScopeSet};
use whatotp_ports::{AccountStore, TemplateStore};
use whatotp_testkit::fixtures::{a_claim, a_template, an_account, home};
use whatotp_testkit::{FailingEntropy, START};

use crate::messages::a_message;
use crate::stage::{Stage, a_send, accepted};

#[tokio::test]
async fn no_code_is_issued_and_nothing_stored() {
    let stage = Stage::with([]).await;
    let failure = stage.with_entropy(FailingEntropy).send_otp(a_send()).await.unwrap_err();
    assert!(matches!(failure, Failure::Entropy(_)), "{failure}");
    assert!(stage.deliveries().await.is_empty());
    assert_eq!(stage.next_due().await, None);
}

#[tokio::test]
async fn no_code_is_sent_again() {
    let stage = Stage::with([accepted()]).await;
    let id = stage.send().await.session.id;
    stage.pass(30);
    let failure = stage
        .with_entropy(FailingEntropy)
        .resend_otp(home(), id, whatotp_domain::Asked::default(), None)
        .await
        .unwrap_err();
    assert!(matches!(failure, Failure::Entropy(_)), "{failure}");
    assert_eq!(stage.deliveries().await.len(), 1);
    assert_eq!(stage.look(id).await.session.sends, 1);
}

#[tokio::test]
async fn no_message_is_stored() {
    let stage = Stage::with([]).await;
    stage.store.insert_template(home(), a_template("order_update", START)).await.unwrap();
    let app = stage.with_entropy(FailingEntropy);
    let failure = app.send_message(a_message(MessageTtl::DEFAULT)).await.unwrap_err();
    assert!(matches!(failure, Failure::Entropy(_)), "{failure}");
    assert_eq!(stage.next_due().await, None);
}

#[tokio::test]
async fn no_account_and_no_key_is_made_and_no_answer_kept() {
    let stage = Stage::empty();
    let app = stage.with_entropy(FailingEntropy);
    assert!(matches!(app.set_up().await.unwrap_err(), Failure::Entropy(_)));
    assert!(stage.store.list_accounts().await.unwrap().is_empty());
    let new = NewKey {
        account: an_account(1).id,
        mode: Mode::Test,
        name: String::new(),
        scopes: ScopeSet::all(),
        allowed_ips: Vec::new(),
        expires_at: None,
    };
    assert!(matches!(app.create_key(new).await.unwrap_err(), Failure::Entropy(_)));
    let claim = a_claim("a key", START);
    assert!(matches!(app.keep_answer(&claim, 200, b"an answer").await.unwrap_err(), Failure::Entropy(_)));
    assert_eq!(stage.app.earlier(&claim).await.unwrap(), None);
}
