use whatotp_domain::{AccountId, Countries, Country, Quota, Timestamp};
use whatotp_ports::{AccountRules, Block, BlockKey, BlockKind};

use super::Scene;
use crate::START;
use crate::fixtures::{an_account, at};

fn country(code: &str) -> Country {
    Country::parse(code).expect("a test's country is one")
}

fn some_rules() -> AccountRules {
    let allowed = [country("DE"), country("AT"), country("001")].into();
    let countries = Countries { allowed, denied: [country("CH")].into() };
    AccountRules { countries, quota: Quota { per_day: Some(1), per_month: Some(u32::MAX) }, suspended: true }
}

fn a_block(account: Option<u8>, kind: BlockKind, key: &str, until: Option<Timestamp>) -> Block {
    let account = account.map(|number| an_account(number).id);
    let key = BlockKey { account, kind, key: key.to_owned() };
    Block { key, until, reason: "too \"many\" — olá".to_owned(), created_at: START }
}

pub async fn the_rules_of_an_account_take_the_place_of_those_before(scene: Scene) {
    let (one, two) = (an_account(1).id, an_account(2).id);
    assert_eq!(scene.store.list_rules().await.unwrap(), []);
    for rules in [some_rules(), AccountRules::default(), some_rules()] {
        assert!(scene.store.set_rules(two, rules.clone()).await.unwrap());
        assert_eq!(scene.store.list_rules().await.unwrap(), [(two, rules)]);
    }
    assert!(scene.store.set_rules(one, AccountRules::default()).await.unwrap());
    let expected = [(one, AccountRules::default()), (two, some_rules())];
    assert_eq!(scene.store.list_rules().await.unwrap(), expected);
}

pub async fn an_account_that_does_not_exist_has_no_rules(scene: Scene) {
    let nobody = AccountId::new(START, [9; 10]);
    assert!(!scene.store.set_rules(nobody, some_rules()).await.unwrap());
    assert_eq!(scene.store.list_rules().await.unwrap(), []);
}

pub async fn blocks_come_back_as_they_were_newest_first(scene: Scene) {
    let mut expected = Vec::new();
    let kinds = BlockKind::ALL.into_iter().flat_map(|kind| [(None, kind), (Some(1), kind), (Some(2), kind)]);
    for (second, (account, kind)) in (0..).zip(kinds) {
        let until = (second % 2 == 0).then(|| at(5_000 + second));
        let block = Block { created_at: at(second), ..a_block(account, kind, "+4915112", until) };
        scene.store.put_block(block.clone()).await.unwrap();
        expected.insert(0, block);
    }
    assert_eq!(scene.store.list_blocks().await.unwrap(), expected);
}

pub async fn a_block_takes_the_place_of_the_one_with_its_key(scene: Scene) {
    let first = a_block(None, BlockKind::Prefix, "+49", Some(at(10)));
    scene.store.put_block(first.clone()).await.unwrap();
    let second = Block { until: None, reason: "for good".to_owned(), created_at: at(5), ..first };
    scene.store.put_block(second.clone()).await.unwrap();
    assert_eq!(scene.store.list_blocks().await.unwrap(), [second]);
}

pub async fn a_block_is_ended_once_and_no_other_with_it(scene: Scene) {
    let endless = a_block(None, BlockKind::Country, "DE", None);
    let timed = a_block(Some(1), BlockKind::Country, "DE", Some(at(100)));
    for block in [&endless, &timed] {
        scene.store.put_block(block.clone()).await.unwrap();
    }
    assert!(!scene.store.end_block(timed.key.clone(), at(100)).await.unwrap(), "it is over by itself");
    assert!(scene.store.end_block(timed.key.clone(), at(50)).await.unwrap());
    assert!(!scene.store.end_block(timed.key.clone(), at(60)).await.unwrap());
    let never = a_block(Some(2), BlockKind::Country, "DE", None).key;
    assert!(!scene.store.end_block(never, at(50)).await.unwrap());
    let left = scene.store.list_blocks().await.unwrap();
    assert_eq!(left, [endless.clone(), Block { until: Some(at(50)), ..timed }]);
    assert!(scene.store.end_block(endless.key, at(50)).await.unwrap());
}

pub async fn blocks_that_have_ended_are_purged(scene: Scene) {
    for second in 0..5 {
        let block = a_block(None, BlockKind::Prefix, &format!("+4915{second}"), Some(at(second)));
        scene.store.put_block(block).await.unwrap();
    }
    scene.store.put_block(a_block(None, BlockKind::Prefix, "+1", None)).await.unwrap();
    let purge = |limit| scene.store.purge_blocks(at(3), limit);
    assert_eq!(purge(2).await.unwrap(), 2, "not more than asked for");
    assert_eq!(purge(10).await.unwrap(), 1);
    assert_eq!(purge(10).await.unwrap(), 0);
    let left = scene.store.list_blocks().await.unwrap();
    assert_eq!(left.iter().map(|block| block.until).collect::<Vec<_>>(), [None, Some(at(3)), Some(at(4))]);
}
