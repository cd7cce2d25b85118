//! Another master key, while everything goes on.

use std::sync::Arc;

use whatotp_application::{Application, Failure, OtpVerified, Ports, SendOtp};
use whatotp_domain::{MessageTtl, Metadata, SessionStatus};
use whatotp_ports::{MasterKeyStore, SealedTable, SenderStore};
use whatotp_testkit::TEST_MASTER_KEY;
use whatotp_testkit::fixtures::{a_claim, a_sender, home, sealed};
use whatotp_vault::{Keyring, Kid, MasterKeys};

use crate::live::a_new_sender;
use crate::messages::{a_message, queue, send};
use crate::stage::{Stage, a_send_of, accepted, policy};

const SECOND: &str = "U656jOB0TExY80bJ/wtevk27nICOhEk6JaHnV+e9UKM=";
const THIRD: &str = "v8k9MYa08mmZo0RHqmXUzUyeB9UVUXo4/5ELz94aIwQ=";

/// These keys, the first of them active.
fn ring(keys: &[&str]) -> Keyring {
    Keyring::new(MasterKeys::parse(&keys.join("\n")).unwrap())
}

fn kid(key: &str) -> Kid {
    ring(&[key]).active_kid()
}

/// A process with this key file.
async fn started(ports: &Ports, keys: &[&str]) -> Result<Application, Failure> {
    let mut keyring = ring(keys);
    Application::bind_master_keys(ports, &mut keyring, true).await?;
    Ok(Application::new(ports.clone(), Arc::new(keyring), policy()))
}

/// Every key that something sealed names.
async fn kids(stage: &Stage) -> Vec<Kid> {
    let mut kids = Vec::new();
    for table in SealedTable::ALL {
        let rows = stage.store.sealed_rows(table, None, 100).await.unwrap();
        kids.extend(rows.iter().flat_map(|row| &row.values).map(|(_, sealed)| sealed.kid().unwrap()));
    }
    kids
}

#[tokio::test]
async fn a_rotation_seals_everything_with_the_first_key_and_all_of_it_opens_without_the_old_one() {
    let stage = Stage::with([accepted()]).await;
    let first = started(stage.app.ports(), &[TEST_MASTER_KEY]).await.unwrap();
    let metadata = Metadata::new([("order".to_owned(), "42".to_owned())].into()).unwrap();
    let session = stage.send_as(SendOtp { metadata: metadata.clone(), ..a_send_of(home()) }).await.session.id;
    queue(&stage, MessageTtl::DEFAULT).await;
    let message =
        send(&stage, whatotp_application::SendMessage { metadata: metadata.clone(), ..a_message(MessageTtl::DEFAULT) })
            .await;
    first.put_sender(a_new_sender(1)).await.unwrap();
    let claim = a_claim("a key", stage.now());
    first.keep_answer(&claim, 200, b"an answer").await.unwrap();
    let before = kids(&stage).await;
    assert_eq!(
        before.len(),
        10,
        "two of the session, one of its delivery, two and three of messages, a token, an answer"
    );
    assert!(before.iter().all(|one| *one == kid(TEST_MASTER_KEY)));

    let second = started(stage.app.ports(), &[SECOND, TEST_MASTER_KEY]).await.unwrap();
    let mut tables = Vec::new();
    let rotated = second.rotate_keys(|state| tables.push((state.table, state.resealed))).await.unwrap();
    assert_eq!((rotated.resealed, rotated.unopened, rotated.is_complete), (10, 0, true));
    assert_eq!(tables.iter().map(|(_, resealed)| resealed).sum::<u64>(), 10);
    assert!(kids(&stage).await.iter().all(|one| *one == kid(SECOND)));
    let old = rotated.uses[&kid(TEST_MASTER_KEY)];
    assert_eq!(
        (old.values, old.index, old.codes_until.is_some()),
        (0, true, true),
        "the session of before still lives"
    );

    let alone = Application::new(stage.app.ports().clone(), Arc::new(ring(&[SECOND])), policy());
    let view = alone.message_status(home(), message).await.unwrap().unwrap();
    assert_eq!((view.to, view.metadata), (a_message(MessageTtl::DEFAULT).to, metadata.clone()));
    let view = alone.otp_status(home(), session).await.unwrap().unwrap();
    assert_eq!((view.to, view.metadata), (a_send_of(home()).to, metadata));
    assert_eq!(alone.check_senders().await.unwrap().len(), 1);
    let whatotp_application::Earlier::Answer { body, .. } = alone.earlier(&claim).await.unwrap().unwrap() else {
        panic!()
    };
    assert_eq!(body, b"an answer");
    assert_eq!(rotated.retired, [], "numbers are looked up by the old one");
    assert_eq!(second.rotate_keys(|_| {}).await.unwrap().resealed, 0, "once is enough");
}

#[tokio::test]
async fn a_code_of_before_a_rotation_is_right_after_it() {
    let stage = Stage::with([accepted()]).await;
    started(stage.app.ports(), &[TEST_MASTER_KEY]).await.unwrap();
    let id = stage.send().await.session.id;
    let code = stage.outgoing.last().says;
    let second = started(stage.app.ports(), &[SECOND, TEST_MASTER_KEY]).await.unwrap();
    second.rotate_keys(|_| {}).await.unwrap();
    let verified = second.verify_otp(crate::stage::a_verify(id, &code)).await.unwrap();
    assert!(matches!(verified, OtpVerified::Verified(_)), "{verified:?}");
}

#[tokio::test]
async fn a_key_that_seals_or_derives_is_not_dropped_and_one_that_does_nothing_is() {
    let stage = Stage::with([accepted()]).await;
    let ports = stage.app.ports();
    started(ports, &[TEST_MASTER_KEY]).await.unwrap();
    // Both places of a new key: known first, and then the one that seals.
    started(ports, &[TEST_MASTER_KEY, SECOND]).await.unwrap();
    let second = started(ports, &[SECOND, TEST_MASTER_KEY]).await.unwrap();
    let sent = second.send_otp(a_send_of(home())).await.unwrap();
    let whatotp_application::OtpSent::Sent(view) = sent else { panic!("{sent:?}") };

    let refused = started(ports, &[THIRD, TEST_MASTER_KEY]).await.err().unwrap();
    assert!(matches!(refused, Failure::DroppedMasterKey(missing) if missing == kid(SECOND)), "{refused}");
    assert!(refused.to_string().contains("a key id still in use cannot be dropped"), "{refused}");
    let refused = started(ports, &[THIRD, SECOND]).await.err().unwrap();
    assert!(matches!(refused, Failure::OtherMasterKey { bound, .. } if bound == kid(TEST_MASTER_KEY)), "{refused}");

    let third = started(ports, &[THIRD, SECOND, TEST_MASTER_KEY]).await.unwrap();
    let rotated = third.rotate_keys(|_| {}).await.unwrap();
    assert_eq!(rotated.uses[&kid(SECOND)].codes_until, Some(view.session.expires_at));
    assert_eq!(rotated.retired, [], "its code may still be asked for");
    assert!(started(ports, &[THIRD, TEST_MASTER_KEY]).await.is_err());

    stage.clock.set(view.session.expires_at);
    assert_eq!(third.rotate_keys(|_| {}).await.unwrap().retired, [kid(SECOND)]);
    let without = started(ports, &[THIRD, TEST_MASTER_KEY]).await.unwrap();
    let id = view.session.id;
    let late = without.verify_otp(crate::stage::a_verify(id, "123456")).await.unwrap();
    assert!(matches!(late, OtpVerified::Finished(SessionStatus::Expired)), "{late:?}");
    let inbox =
        without.sandbox_inbox(home().account, whatotp_application::InboxQuery { limit: 10, ..Default::default() });
    assert!(inbox.await.unwrap().is_empty(), "a code that cannot be derived any more is not shown");
}

#[tokio::test]
async fn a_process_that_still_seals_with_a_retired_key_says_so() {
    let stage = Stage::with([]).await;
    let ports = stage.app.ports();
    started(ports, &[TEST_MASTER_KEY]).await.unwrap();
    let laggard = started(ports, &[SECOND, TEST_MASTER_KEY]).await.unwrap();
    let third = started(ports, &[THIRD, SECOND, TEST_MASTER_KEY]).await.unwrap();
    assert_eq!(third.rotate_keys(|_| {}).await.unwrap().retired, [kid(SECOND)]);
    started(ports, &[THIRD, TEST_MASTER_KEY]).await.unwrap();
    laggard.sweep().await.unwrap();
    assert!(started(ports, &[THIRD, TEST_MASTER_KEY]).await.is_err());
}

#[tokio::test]
async fn a_value_that_does_not_open_stays_as_it_is_and_keeps_its_key() {
    let stage = Stage::with([]).await;
    let ports = stage.app.ports();
    started(ports, &[TEST_MASTER_KEY]).await.unwrap();
    // Sealed for another place.
    let record = whatotp_ports::SenderRecord { access_token: sealed("moved"), ..a_sender(1) };
    stage.store.put_sender(record.clone()).await.unwrap();
    let second = started(ports, &[SECOND, TEST_MASTER_KEY]).await.unwrap();
    let rotated = second.rotate_keys(|_| {}).await.unwrap();
    assert_eq!((rotated.resealed, rotated.unopened), (0, 1));
    assert_eq!(rotated.uses[&kid(TEST_MASTER_KEY)].values, 1);
    assert_eq!(stage.store.list_senders().await.unwrap(), [record]);
    assert_eq!(second.key_uses().await.unwrap(), rotated.uses);
}
