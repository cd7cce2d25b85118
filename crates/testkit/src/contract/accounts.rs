use whatotp_domain::{AccountScope, ApiKey, ApiKeyId, Mode, ScopeSet};
use whatotp_vault::{KeyHash, Kid};

use super::Scene;
use crate::START;
use crate::fixtures::{an_account, an_api_key, at, home, other_account, other_mode};

pub async fn accounts_are_listed_oldest_first(scene: Scene) {
    // Two are there from the beginning.
    for number in [4, 3] {
        scene.store.insert_account(an_account(number)).await.unwrap();
    }
    let listed = scene.store.list_accounts().await.unwrap();
    assert_eq!(listed, [1, 2, 3, 4].map(an_account));
}

pub async fn an_installation_is_bound_to_its_first_master_key(scene: Scene) {
    let [first, second] = ["0123abcd", "abcd0123"].map(|kid| Kid::parse(kid).unwrap());
    assert_eq!(scene.store.bind_master_key(first).await.unwrap(), first);
    assert_eq!(scene.store.bind_master_key(second).await.unwrap(), first);
    assert_eq!(scene.store.bind_master_key(first).await.unwrap(), first);
}

pub async fn a_key_is_found_by_its_hash_with_everything_in_it(scene: Scene) {
    let (full, full_hash) = an_api_key(home(), START);
    let (key, bare_hash) = an_api_key(other_mode(), START);
    let bare = ApiKey { scopes: ScopeSet::all(), allowed_ips: Vec::new(), expires_at: None, ..key };
    insert(&scene, &full, full_hash).await;
    insert(&scene, &bare, bare_hash).await;
    assert_eq!(scene.store.find_key(&full_hash).await.unwrap(), Some(full));
    assert_eq!(scene.store.find_key(&bare_hash).await.unwrap(), Some(bare));
    assert_eq!(scene.store.find_key(&KeyHash::from_bytes([9; 32])).await.unwrap(), None);
}

pub async fn a_key_of_no_account_is_not_stored(scene: Scene) {
    let nobody = AccountScope { account: an_account(9).id, mode: Mode::Test };
    let (key, hash) = an_api_key(nobody, START);
    assert!(!scene.store.insert_key(key, hash).await.unwrap());
    assert_eq!(scene.store.find_key(&hash).await.unwrap(), None);
    assert_eq!(scene.store.list_keys(None).await.unwrap(), []);
}

pub async fn keys_are_listed_newest_first_of_one_account_or_all(scene: Scene) {
    let mut keys = Vec::new();
    for (second, scope) in [(2, home()), (4, other_account()), (1, other_mode()), (3, home())] {
        let (key, hash) = an_api_key(scope, at(second));
        insert(&scene, &key, hash).await;
        keys.push(key);
    }
    keys.sort_by_key(|key| std::cmp::Reverse(key.created_at));
    assert_eq!(scene.store.list_keys(None).await.unwrap(), keys);
    for account in [home().account, other_account().account] {
        let expected: Vec<ApiKey> = keys.iter().filter(|key| key.scope.account == account).cloned().collect();
        assert_eq!(scene.store.list_keys(Some(account)).await.unwrap(), expected, "both of its modes, and no other's");
    }
    assert_eq!(scene.store.list_keys(Some(an_account(9).id)).await.unwrap(), []);
}

pub async fn a_revoked_key_is_still_found_and_keeps_its_first_moment(scene: Scene) {
    let (key, hash) = an_api_key(home(), START);
    let (other, other_hash) = an_api_key(home(), START);
    insert(&scene, &key, hash).await;
    insert(&scene, &other, other_hash).await;
    let revoked = ApiKey { revoked_at: Some(at(5)), ..key.clone() };
    for now in [at(5), at(9)] {
        assert_eq!(scene.store.revoke_key(key.id, now).await.unwrap(), Some(revoked.clone()));
        assert_eq!(scene.store.find_key(&hash).await.unwrap(), Some(revoked.clone()));
    }
    assert!(scene.store.list_keys(None).await.unwrap().contains(&revoked));
    assert_eq!(scene.store.find_key(&other_hash).await.unwrap(), Some(other), "no other key is revoked");
    let unknown = ApiKeyId::new(START, [0xFF; 10]);
    assert_eq!(scene.store.revoke_key(unknown, at(5)).await.unwrap(), None);
}

pub async fn a_key_and_its_successor_are_stored_in_one_step(scene: Scene) {
    let (old, old_hash) = an_api_key(home(), START);
    let (key, endless_hash) = an_api_key(home(), START);
    let endless = ApiKey { expires_at: None, ..key };
    for (old, hash) in [(old, old_hash), (endless, endless_hash)] {
        insert(&scene, &old, hash).await;
        let (new, new_hash) = an_api_key(home(), at(1));
        assert!(scene.store.replace_key(old.id, at(5), new.clone(), new_hash).await.unwrap());
        let ended = ApiKey { expires_at: Some(at(5)), ..old.clone() };
        assert_eq!(scene.store.find_key(&hash).await.unwrap(), Some(ended.clone()));
        assert_eq!(scene.store.find_key(&new_hash).await.unwrap(), Some(new));
        let (third, third_hash) = an_api_key(home(), at(2));
        assert!(scene.store.replace_key(old.id, at(1_000_000), third, third_hash).await.unwrap());
        assert_eq!(scene.store.find_key(&hash).await.unwrap(), Some(ended), "its end never moves away");
    }
}

pub async fn a_key_that_is_over_has_no_successor(scene: Scene) {
    let (key, hash) = an_api_key(home(), START);
    insert(&scene, &key, hash).await;
    let revoked = scene.store.revoke_key(key.id, at(1)).await.unwrap();
    let (new, new_hash) = an_api_key(home(), at(2));
    for id in [key.id, ApiKeyId::new(START, [0xFF; 10])] {
        assert!(!scene.store.replace_key(id, at(3), new.clone(), new_hash).await.unwrap());
    }
    assert_eq!(scene.store.find_key(&new_hash).await.unwrap(), None);
    assert_eq!(scene.store.find_key(&hash).await.unwrap(), revoked);
}

pub async fn the_last_use_of_a_key_only_moves_forward(scene: Scene) {
    let (key, hash) = an_api_key(home(), START);
    let (other, other_hash) = an_api_key(home(), START);
    insert(&scene, &key, hash).await;
    insert(&scene, &other, other_hash).await;
    for (used, known) in [(at(5), at(5)), (at(3), at(5)), (at(70), at(70))] {
        scene.store.note_key_use(key.id, used).await.unwrap();
        let found = scene.store.find_key(&hash).await.unwrap().unwrap();
        assert_eq!(found.last_used_at, Some(known));
    }
    assert_eq!(scene.store.find_key(&other_hash).await.unwrap(), Some(other));
}

async fn insert(scene: &Scene, key: &ApiKey, hash: KeyHash) {
    assert!(scene.store.insert_key(key.clone(), hash).await.expect("insert_key answers"));
}
