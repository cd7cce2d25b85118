//! The access tokens of senders, which are other people's secrets.

use std::path::Path;

use whatotp_application::NewSender;
use whatotp_testkit::fixtures::sender_id;

use crate::live::{a_new_sender, token};
use crate::stage::{Stage, accepted_as};

/// Whether these bytes stand in any file of the directory.
fn is_in_files(directory: &Path, text: &str) -> bool {
    let files = std::fs::read_dir(directory).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap());
    files.into_iter().any(|file| file.windows(text.len()).any(|window| window == text.as_bytes()))
}

#[tokio::test]
async fn a_token_is_in_no_file_of_the_database_and_opens_after_a_restart() {
    let stage = Stage::live([accepted_as("a"), accepted_as("b")]).await;
    stage.app.put_sender(NewSender { name: "planted name".to_owned(), ..a_new_sender(1) }).await.unwrap();
    stage.send().await;
    assert_eq!(stage.outgoing.last().token, Some(token(1)));
    assert!(is_in_files(stage.directory.path(), "planted name"), "what is not sealed is found");
    assert!(!is_in_files(stage.directory.path(), &token(1)));

    let stage = stage.restarted();
    stage.pass(30);
    stage.send().await;
    assert_eq!((stage.outgoing.last().sender, stage.outgoing.last().token), (Some(sender_id(1)), Some(token(1))));
    assert!(!is_in_files(stage.directory.path(), &token(1)));
}

#[tokio::test]
async fn a_new_token_is_used_from_then_on_and_its_sender_keeps_its_age() {
    let stage = Stage::live([accepted_as("a")]).await;
    let before = stage.app.list_senders().await.unwrap().remove(0);
    stage.pass(30);
    stage.app.put_sender(NewSender { access_token: "another token".into(), ..a_new_sender(1) }).await.unwrap();
    stage.send().await;
    assert_eq!(stage.outgoing.last().token.as_deref(), Some("another token"));
    let after = stage.app.list_senders().await.unwrap().remove(0);
    assert_eq!(after.created_at, before.created_at);
    assert_ne!(after.access_token.as_bytes(), before.access_token.as_bytes());
}

#[tokio::test]
async fn a_token_that_was_moved_to_another_sender_does_not_open() {
    let stage = Stage::live([]).await.with_senders(2).await;
    let mut senders = stage.app.list_senders().await.unwrap();
    senders[1].access_token = senders[0].access_token.clone();
    stage.app.ports().senders.put_sender(senders[1].clone()).await.unwrap();
    let failure = stage.but(|_same| {}).check_senders().await.unwrap_err();
    assert!(matches!(failure, whatotp_application::Failure::Sealed(_)), "{failure}");
}

#[test]
fn a_new_sender_prints_without_its_token() {
    let printed = format!("{:?}", a_new_sender(1));
    assert!(printed.contains("sender 1") && !printed.contains(&token(1)), "{printed}");
}
