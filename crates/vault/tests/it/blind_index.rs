use whatotp_domain::Mode;

use crate::support::{number, ring, scope};

#[test]
fn each_account_and_mode_knows_a_number_by_another_index() {
    let ring = ring(&["a"]);
    let (one, two) = (number("+4915112345678"), number("+4915112345679"));
    let indexes = [
        ring.blind_index(scope(1, Mode::Live), &one),
        ring.blind_index(scope(1, Mode::Test), &one),
        ring.blind_index(scope(2, Mode::Live), &one),
        ring.blind_index(scope(1, Mode::Live), &two),
        ring.global_index(&one),
        ring.global_index(&two),
    ];
    let distinct: std::collections::HashSet<_> = indexes.into_iter().collect();
    assert_eq!(distinct.len(), indexes.len());
    assert_eq!(ring.blind_index(scope(1, Mode::Live), &number("+49 1511 2345678")), indexes[0]);
}

#[test]
fn a_new_key_on_top_changes_no_index() {
    let (before, after) = (ring(&["a"]), ring(&["c", "b", "a"]));
    let (scope, number) = (scope(1, Mode::Live), number("+4915112345678"));
    assert_eq!(before.blind_index(scope, &number), after.blind_index(scope, &number));
    assert_eq!(before.global_index(&number), after.global_index(&number));
    assert_eq!(before.index_kid(), after.index_kid());
    assert_ne!(ring(&["b"]).blind_index(scope, &number), before.blind_index(scope, &number));
    // Nor is a report lost that comes after a rotation.
    assert_eq!(before.message_index("wamid.1"), after.message_index("wamid.1"));
    assert_ne!(ring(&["b"]).message_index("wamid.1"), before.message_index("wamid.1"));
}

#[test]
fn a_message_and_a_number_of_the_same_letters_have_nothing_in_common() {
    let ring = ring(&["a"]);
    let text = "+4915112345678";
    let message = *ring.message_index(text).as_bytes();
    let indexes = [ring.global_index(&number(text)), ring.blind_index(scope(1, Mode::Live), &number(text))];
    for index in indexes {
        assert_ne!(*index.as_bytes(), message);
    }
    assert_ne!(ring.message_index("wamid.1"), ring.message_index("wamid.2"));
}

#[test]
fn the_tag_and_debug_show_the_beginning_only() {
    let index = ring(&["a"]).global_index(&number("+4915112345678"));
    assert_eq!(index.tag(), index.to_hex()[..8]);
    assert_eq!(format!("{index:?}"), format!("BlindIndex({}…)", &index.to_hex()[..4]));
    let message = format!("{:?}", ring(&["a"]).message_index("wamid.1"));
    assert!(
        message.starts_with("MessageIndex(") && message.ends_with("…)") && message.chars().count() == 19,
        "{message}"
    );
}

#[test]
fn the_key_that_looks_up_is_the_one_the_database_is_bound_to_wherever_it_stands() {
    let alone = ring(&["a"]);
    let (scope, number) = (scope(1, Mode::Live), number("+4915112345678"));
    for order in [["a", "b", "c"], ["b", "a", "c"], ["c", "b", "a"]] {
        let mut ring = ring(&order);
        assert!(ring.index_by(alone.index_kid()));
        assert_eq!(ring.index_kid(), alone.index_kid());
        assert_eq!(ring.blind_index(scope, &number), alone.blind_index(scope, &number), "{order:?}");
        assert_eq!(ring.message_index("wamid.1"), alone.message_index("wamid.1"), "{order:?}");
    }
    let mut without = ring(&["b", "c"]);
    assert!(!without.index_by(alone.index_kid()));
    assert_eq!(without.index_kid(), ring(&["c"]).index_kid(), "and nothing has changed");
}

#[test]
fn what_is_counted_is_known_by_another_index_in_each_account_and_dimension() {
    let ring = ring(&["a"]);
    let (live, value) = (scope(1, Mode::Live), b"+491511234".as_slice());
    let indexes = [
        ring.traffic_index(live, "prefix", value),
        ring.traffic_index(live, "client_ip", value),
        ring.traffic_index(live, "prefix", b"+491511235"),
        ring.traffic_index(scope(2, Mode::Live), "prefix", value),
        ring.blind_index(live, &number("+4915112345678")).to_hex()[..32].to_owned(),
    ];
    assert!(indexes.iter().all(|index| index.len() == 32 && index.bytes().all(|byte| byte.is_ascii_hexdigit())));
    let distinct: std::collections::HashSet<_> = indexes.iter().collect();
    assert_eq!(distinct.len(), indexes.len());
    assert_eq!(self::ring(&["b", "a"]).traffic_index(live, "prefix", value), indexes[0]);
}
