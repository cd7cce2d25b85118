use std::sync::Arc;
use std::time::Duration;

use whatotp_domain::{Counts, Dimension, Timestamp};
use whatotp_ports::{Traffic, TrafficKey};

use super::Scene;
use super::scene::race;
use crate::START;
use crate::fixtures::an_account;

const HOUR: Duration = Duration::from_secs(3600);

fn of(account: u8, dimension: Dimension, key: &str) -> TrafficKey {
    TrafficKey { account: an_account(account).id, dimension, key: key.to_owned() }
}

fn traffic(of: &TrafficKey, part: &str, slot: Timestamp, (sent, verified): (u64, u64)) -> Traffic {
    Traffic { of: of.clone(), part: part.to_owned(), slot, counts: Counts { sent, verified } }
}

/// What is kept under these keys, in an order of its own.
async fn read(scene: &Scene, keys: &[TrafficKey]) -> Vec<Traffic> {
    let mut found = scene.store.read_traffic(keys.to_vec()).await.expect("read_traffic answers");
    found.sort_by(|one, other| (&one.of, &one.part, one.slot).cmp(&(&other.of, &other.part, other.slot)));
    found
}

pub async fn traffic_is_added_up_and_read_by_its_key_only(scene: Scene) {
    let (germany, austria) = (of(1, Dimension::Country, "DE"), of(1, Dimension::Country, "AT"));
    let (other, ip) = (of(2, Dimension::Country, "DE"), of(1, Dimension::ClientIp, "DE"));
    let later = START.plus(HOUR);
    let first = vec![
        traffic(&germany, "", START, (3, 0)),
        traffic(&germany, "", later, (1, 1)),
        traffic(&austria, "", START, (9, 9)),
        traffic(&other, "", START, (7, 0)),
        traffic(&ip, "DE", START, (1, 0)),
        traffic(&ip, "AT", START, (2, 0)),
    ];
    scene.store.add_traffic(first).await.unwrap();
    // The same row twice in one call, and both counts.
    let second = vec![traffic(&germany, "", START, (2, 1)), traffic(&germany, "", START, (0, 4))];
    scene.store.add_traffic(second).await.unwrap();
    scene.store.add_traffic(Vec::new()).await.unwrap();
    let expected = [traffic(&germany, "", START, (5, 5)), traffic(&germany, "", later, (1, 1))];
    assert_eq!(read(&scene, std::slice::from_ref(&germany)).await, expected);
    assert_eq!(read(&scene, std::slice::from_ref(&other)).await, [traffic(&other, "", START, (7, 0))]);
    let both = read(&scene, &[ip.clone(), austria.clone()]).await;
    let expected =
        [traffic(&austria, "", START, (9, 9)), traffic(&ip, "AT", START, (2, 0)), traffic(&ip, "DE", START, (1, 0))];
    assert_eq!(both, expected);
    assert_eq!(read(&scene, &[of(2, Dimension::Prefix, "DE")]).await, []);
    assert_eq!(read(&scene, &[]).await, []);
}

pub async fn racing_additions_of_traffic_lose_nothing(scene: Scene) {
    let keys: Vec<TrafficKey> = (0..20).map(|number| of(1, Dimension::Prefix, &format!("{number:02}"))).collect();
    let answers = race((0..10).map(|place| {
        let (store, mut keys) = (Arc::clone(&scene.store), keys.clone());
        // Each in an order of its own.
        keys.rotate_left(place);
        async move {
            let rows = keys.iter().map(|key| traffic(key, "", START, (1, 0))).collect();
            store.add_traffic(rows).await
        }
    }))
    .await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    let expected: Vec<Traffic> = keys.iter().map(|key| traffic(key, "", START, (10, 0))).collect();
    assert_eq!(read(&scene, &keys).await, expected);
}

pub async fn old_traffic_is_purged_dimension_by_dimension(scene: Scene) {
    let (country, prefix) = (of(1, Dimension::Country, "DE"), of(2, Dimension::Prefix, "ab"));
    let slots: Vec<Timestamp> = (0..5).map(|hour| START.plus(HOUR * hour)).collect();
    let rows =
        |key: &TrafficKey| -> Vec<Traffic> { slots.iter().map(|slot| traffic(key, "", *slot, (1, 0))).collect() };
    scene.store.add_traffic([rows(&country), rows(&prefix)].concat()).await.unwrap();
    let purge = |limit| scene.store.purge_traffic(Dimension::Prefix, slots[3], limit);
    assert_eq!(purge(2).await.unwrap(), 2, "not more than asked for");
    assert_eq!(purge(10).await.unwrap(), 1);
    assert_eq!(purge(10).await.unwrap(), 0);
    assert_eq!(read(&scene, std::slice::from_ref(&prefix)).await, rows(&prefix)[3..]);
    assert_eq!(read(&scene, std::slice::from_ref(&country)).await, rows(&country));
}
