use whatotp_domain::{AccountId, SenderId, SenderQuality, WabaId};
use whatotp_ports::{Endpoint, SenderRecord};

use super::Scene;
use crate::START;
use crate::fixtures::{DAY, a_sender, an_account, at, sealed, sender_id};

pub async fn senders_come_back_as_they_were_oldest_first(scene: Scene) {
    assert_eq!(scene.store.list_senders().await.unwrap(), []);
    let mut expected = Vec::new();
    for (number, quality) in (1..).zip(SenderQuality::ALL) {
        let (shared, configured) = (number % 2 == 0, number > 2);
        // The order of age is not that of the ids.
        let created_at = at(100 - u64::from(number));
        let sender = SenderRecord { quality, shared, configured, created_at, ..a_sender(number) };
        scene.store.put_sender(sender.clone()).await.unwrap();
        expected.insert(0, sender);
    }
    assert_eq!(scene.store.list_senders().await.unwrap(), expected);
}

pub async fn a_sender_that_is_put_again_keeps_its_age_and_its_quality(scene: Scene) {
    let first = a_sender(1);
    scene.store.put_sender(first.clone()).await.unwrap();
    scene.store.put_sender(a_sender(2)).await.unwrap();
    let changed = SenderRecord {
        id: first.id.clone(),
        waba: WabaId::parse("999").expect("digits"),
        name: "another \"name\"".to_owned(),
        endpoint: Endpoint {
            base_url: "https://waba.example".to_owned(),
            api_version: "v2".to_owned(),
            messages_path: "/messages".to_owned(),
            templates_path: "/templates".to_owned(),
            auth_header: "D360-API-KEY".to_owned(),
            auth_prefix: String::new(),
        },
        access_token: sealed("another token"),
        otp_template: "another_template".to_owned(),
        shared: false,
        configured: true,
        quality: SenderQuality::Red,
        created_at: START.plus(DAY),
    };
    scene.store.put_sender(changed.clone()).await.unwrap();
    let expected = SenderRecord { quality: first.quality, created_at: first.created_at, ..changed };
    assert_eq!(scene.store.list_senders().await.unwrap(), [expected, a_sender(2)]);
}

pub async fn the_quality_of_a_sender_is_written_down_and_the_one_before_told(scene: Scene) {
    scene.store.put_sender(a_sender(1)).await.unwrap();
    scene.store.put_sender(a_sender(2)).await.unwrap();
    let mut before = a_sender(1).quality;
    for quality in SenderQuality::ALL {
        assert_eq!(scene.store.set_quality(&sender_id(1), quality).await.unwrap(), Some(before));
        let senders = scene.store.list_senders().await.unwrap();
        assert_eq!(senders, [SenderRecord { quality, ..a_sender(1) }, a_sender(2)]);
        before = quality;
    }
    assert_eq!(scene.store.set_quality(&sender_id(3), SenderQuality::Red).await.unwrap(), None);
}

pub async fn an_account_uses_its_senders_in_the_order_it_was_told(scene: Scene) {
    for number in 1..=3 {
        scene.store.put_sender(a_sender(number)).await.unwrap();
    }
    assert_eq!(routes(&scene).await, []);
    assert!(set(&scene, 1, &[3, 1, 2]).await);
    assert!(set(&scene, 2, &[2]).await);
    assert_eq!(routes(&scene).await, [(1, vec![3, 1, 2]), (2, vec![2])]);
    assert!(set(&scene, 1, &[2, 3]).await);
    assert_eq!(routes(&scene).await, [(1, vec![2, 3]), (2, vec![2])]);
    assert!(set(&scene, 1, &[1, 2, 1, 1, 3]).await, "one that is named twice has its first place");
    assert_eq!(routes(&scene).await, [(1, vec![1, 2, 3]), (2, vec![2])]);
    assert!(set(&scene, 1, &[]).await, "none at all takes it back to the shared ones");
    assert_eq!(routes(&scene).await, [(2, vec![2])]);
}

pub async fn a_route_to_what_does_not_exist_changes_nothing(scene: Scene) {
    for number in 1..=2 {
        scene.store.put_sender(a_sender(number)).await.unwrap();
    }
    assert!(set(&scene, 1, &[2, 1]).await);
    assert!(!set(&scene, 1, &[1, 3]).await, "there is no such sender");
    assert!(!set(&scene, 9, &[1]).await, "there is no such account");
    assert!(!set(&scene, 9, &[]).await);
    assert_eq!(routes(&scene).await, [(1, vec![2, 1])]);
}

pub async fn a_sender_that_is_removed_is_taken_from_every_account(scene: Scene) {
    for number in 1..=3 {
        scene.store.put_sender(a_sender(number)).await.unwrap();
    }
    set(&scene, 1, &[1, 2, 3]).await;
    set(&scene, 2, &[2]).await;
    assert!(scene.store.remove_sender(&sender_id(2)).await.unwrap());
    assert_eq!(scene.store.list_senders().await.unwrap(), [a_sender(1), a_sender(3)]);
    assert_eq!(routes(&scene).await, [(1, vec![1, 3])], "an account that had only this one has none of its own");
    assert!(!scene.store.remove_sender(&sender_id(2)).await.unwrap());
    // It may come back, as a new one.
    scene.store.put_sender(a_sender(2)).await.unwrap();
    assert!(set(&scene, 1, &[2, 1]).await);
    assert_eq!(routes(&scene).await, [(1, vec![2, 1])]);
}

async fn set(scene: &Scene, account: u8, senders: &[u8]) -> bool {
    let senders = senders.iter().map(|number| sender_id(*number)).collect();
    scene.store.set_routes(an_account(account).id, senders).await.expect("set_routes answers")
}

/// The routes, by the numbers of accounts and senders.
async fn routes(scene: &Scene) -> Vec<(u8, Vec<u8>)> {
    let account = |id: AccountId| (1..=9).find(|number| an_account(*number).id == id).expect("a known account");
    let sender = |id: SenderId| (1..=9).find(|number| sender_id(*number) == id).expect("a known sender");
    let routes = scene.store.list_routes().await.expect("list_routes answers");
    routes.into_iter().map(|(id, senders)| (account(id), senders.into_iter().map(sender).collect())).collect()
}
