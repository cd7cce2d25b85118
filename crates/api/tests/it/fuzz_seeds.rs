//! What the fuzzer begins with (`fuzz/seeds`), through the very functions that it runs (`fuzz/src/lib.rs`).

#[expect(unreachable_pub, reason = "it is a library where the fuzzer builds it")]
#[path = "../../../../fuzz/src/lib.rs"]
mod properties;

use std::path::Path;

type Property = fn(&[u8]);

const PROPERTIES: [(&str, Property); 7] = [
    ("api_key", properties::api_key),
    ("code", properties::code),
    ("forwarded", properties::forwarded),
    ("json_body", properties::json_body),
    ("phone", properties::phone),
    ("signature", properties::signature),
    ("webhook", properties::webhook),
];

#[test]
fn what_must_hold_for_every_input_holds_for_every_seed() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds");
    for (name, property) in PROPERTIES {
        let files: Vec<_> = std::fs::read_dir(seeds.join(name)).unwrap().map(|file| file.unwrap().path()).collect();
        assert!(files.len() >= 3, "{name} begins with too little");
        for file in files {
            println!("{}", file.display());
            property(&std::fs::read(&file).unwrap());
        }
    }
    // Every target of the fuzzer is here, and has seeds.
    let mut targets: Vec<_> = std::fs::read_dir(seeds.join("../fuzz_targets"))
        .unwrap()
        .map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    targets.sort();
    assert_eq!(targets, PROPERTIES.map(|(name, _)| name));
}
