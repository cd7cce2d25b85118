//! The rules of the house that the compiler does not know: who may depend on whom, and what no file may hold.
//!
//! The arrows are those of `docs/ARCHITECTURE.md`. `deny.toml` holds the same rules for crates from outside; it cannot
//! tell a normal dependency from a test's, and not everyone has it installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use whatotp_domain::AuditAction;

/// What each crate may depend on among our own. `whatotp`, the wiring list, may depend on everything.
const ARROWS: [(&str, &[&str]); 11] = [
    ("whatotp-domain", &[]),
    ("whatotp-vault", &["whatotp-domain"]),
    ("whatotp-ports", &["whatotp-domain", "whatotp-vault"]),
    ("whatotp-application", &["whatotp-domain", "whatotp-vault", "whatotp-ports"]),
    ("whatotp-redis", &["whatotp-domain", "whatotp-vault", "whatotp-ports"]),
    ("whatotp-storage", &["whatotp-domain", "whatotp-vault", "whatotp-ports"]),
    ("whatotp-system", &["whatotp-domain", "whatotp-vault", "whatotp-ports"]),
    ("whatotp-whatsapp", &["whatotp-domain", "whatotp-vault", "whatotp-ports"]),
    // Stands in for Meta, so it must not share a mistake with the client that it tests.
    ("whatotp-simulator", &[]),
    ("whatotp-testkit", &["whatotp-domain", "whatotp-vault", "whatotp-ports"]),
    // Talks to binaries over sockets, and starts a PostgreSQL and a Redis as the tests do. One of its servers is ours with
    // stores that only remember.
    (
        "whatotp-bench",
        &["whatotp", "whatotp-application", "whatotp-domain", "whatotp-ports", "whatotp-testkit", "whatotp-vault"],
    ),
];
const WIRING: &str = "whatotp";

/// Crates whose every public item is explained, because others are written against them.
const DOCUMENTED: [&str; 3] = ["whatotp-domain", "whatotp-vault", "whatotp-ports"];

/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 6] = ["common", "helper", "helpers", "manager", "util", "utils"];

const LEFT_OVERS: [&str; 5] = ["TODO", "FIXME", "todo!", "unimplemented!", "dbg!("];

#[test]
fn a_crate_depends_only_on_those_further_in() {
    let crates = workspace_crates();
    let mut wrong = Vec::new();
    for member in &crates {
        if member.name == WIRING {
            continue;
        }
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == member.name) else {
            wrong.push(format!("{} is new: give it its place here and in docs/ARCHITECTURE.md", member.name));
            continue;
        };
        for dependency in member.dependencies.iter().filter(|dependency| dependency.ships) {
            let ours = crates.iter().any(|other| other.name == dependency.name);
            if ours && !allowed.contains(&dependency.name.as_str()) {
                wrong.push(format!("{} must not depend on {}", member.name, dependency.name));
            }
        }
    }
    assert_none("arrows that point outwards", &wrong);
}

#[test]
fn a_framework_stays_in_its_one_crate() {
    let mut wrong = Vec::new();
    for member in workspace_crates() {
        for dependency in &member.dependencies {
            let home = match dependency.name.as_str() {
                name if name.starts_with("diesel") => "whatotp-storage",
                // Somebody else's server, which posts webhooks: it speaks HTTP both ways.
                _ if member.name == "whatotp-simulator" => continue,
                // Has a server that says hello.
                "actix-web" if member.name == "whatotp-bench" => continue,
                name if name.starts_with("actix") => WIRING,
                // Tests speak HTTP as well; what ships does so in one place.
                "redis" => "whatotp-redis",
                "reqwest" if dependency.ships => "whatotp-whatsapp",
                _ => continue,
            };
            if member.name != home {
                wrong.push(format!("{} depends on {}, which belongs to {home}", member.name, dependency.name));
            }
        }
    }
    assert_none("frameworks out of place", &wrong);
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace() {
    let wrong: Vec<String> = workspace_crates()
        .into_iter()
        .filter(|member| {
            let manifest = read(&member.directory.join("Cargo.toml"));
            let mut lines = manifest.lines().map(str::trim).skip_while(|line| *line != "[lints]").skip(1);
            lines.find(|line| !line.is_empty()) != Some("workspace = true")
        })
        .map(|member| member.name)
        .collect();
    assert_none("crates without `[lints] workspace = true`", &wrong);
}

#[test]
fn the_inner_crates_explain_every_public_item() {
    let wrong: Vec<String> = workspace_crates()
        .into_iter()
        .filter(|member| DOCUMENTED.contains(&member.name.as_str()))
        .filter(|member| {
            let source = read(&member.directory.join("src/lib.rs"));
            let mut code = source.lines().filter(|line| !line.is_empty() && !line.starts_with("//"));
            code.next() != Some("#![deny(missing_docs)]")
        })
        .map(|member| member.name)
        .collect();
    assert_none("crates that do not begin with `#![deny(missing_docs)]`", &wrong);
}

#[test]
fn no_left_overs_in_the_code() {
    let mut wrong = Vec::new();
    for file in files_below(&root().join("crates")) {
        // This file has to name them.
        if file.extension().is_none_or(|extension| extension != "rs") || file.ends_with("tests/it/arrows.rs") {
            continue;
        }
        for (line, number) in read(&file).lines().zip(1..) {
            if let Some(left_over) = LEFT_OVERS.iter().find(|left_over| line.contains(**left_over)) {
                wrong.push(format!("{}:{number}: {left_over}", shown(&file)));
            }
        }
    }
    assert_none("left-overs", &wrong);
}

#[test]
fn every_action_of_the_audit_log_is_written_down_somewhere() {
    let files = ["crates/api/src", "crates/application/src"].map(|directory| files_below(&root().join(directory)));
    let code: Vec<String> = files
        .iter()
        .flatten()
        .filter(|file| file.extension().is_some_and(|extension| extension == "rs"))
        .map(|file| read(file))
        .collect();
    let is_written = |action: &AuditAction| {
        let name = format!("AuditAction::{action:?}");
        let whole = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric());
        code.iter().any(|text| text.match_indices(&name).any(|(at, _)| whole(&text[at + name.len()..])))
    };
    let dead = AuditAction::ALL.iter().filter(|action| !is_written(action));
    assert_none("actions that nobody can do", &dead.map(ToString::to_string).collect::<Vec<_>>());
}

#[test]
fn every_file_is_named_after_what_is_in_it() {
    let crates = root().join("crates");
    let wrong: Vec<String> = files_below(&crates)
        .iter()
        .filter_map(|file| file.strip_prefix(&crates).ok())
        .filter(|file| {
            file.iter().any(|part| {
                let stem = Path::new(part).file_stem().and_then(|stem| stem.to_str());
                stem.is_some_and(|stem| EMPTY_NAMES.contains(&stem))
            })
        })
        .map(|file| file.display().to_string())
        .collect();
    assert_none("names that say nothing", &wrong);
}

#[test]
fn the_repository_holds_no_key_and_names_no_place_it_was_written_at() {
    // Put together here, so that this file does not hold what it looks for.
    let registries = [["crates", "io"], ["npmjs", "org"], ["npmjs", "com"], ["pypi", "org"], ["pythonhosted", "org"]]
        .map(|parts| parts.join("."));
    let workplace = ["", "work", ""].join("/");

    let mut wrong = Vec::new();
    for file in tracked_files() {
        // What is not text, or is deleted but not yet committed, has nothing to say.
        let Ok(text) = fs::read_to_string(&file) else { continue };
        for (line, number) in text.lines().zip(1..) {
            let mut report = |what: &str| wrong.push(format!("{}:{number}: {what}", shown(&file)));
            if holds_api_key(line) {
                report("an API key in full: tests make theirs when they run");
            }
            // Cargo.lock names the default registry's index, the same on every machine.
            let line = line.replace(&format!("{}-index", registries[0]), "");
            if let Some(registry) = registries.iter().find(|registry| line.contains(registry.as_str())) {
                report(registry);
            }
            if names_directory(&line, &workplace) {
                report(&workplace);
            }
        }
    }
    assert_none("lines that must not be published", &wrong);
}

#[test]
fn a_key_is_seen_in_any_line_and_its_mere_shape_is_not() {
    for mode in ["live", "test"] {
        let key = format!("sk_{mode}_wa1_{}", "0aZ".repeat(12));
        assert!(holds_api_key(&key));
        assert!(holds_api_key(&format!("curl -H 'Authorization: Bearer {key}' sk_test_wa1_…")));
        assert!(holds_api_key(&format!("sk_test_wa1_{key}")));
        assert!(!holds_api_key(&key[..key.len() - 1]));
    }
    assert!(!holds_api_key("sk_test_wa1_… or sk_live_wa1_<30 random base62 + 6 base62 of CRC-32>"));
    assert!(names_directory("see /tmp/x", "/tmp/") && !names_directory("see src/tmp/x", "/tmp/"));
}

struct Crate {
    name: String,
    directory: PathBuf,
    dependencies: Vec<Dependency>,
}

struct Dependency {
    name: String,
    /// Whether the product is built with it; otherwise it is a test's.
    ships: bool,
}

fn workspace_crates() -> Vec<Crate> {
    let arguments = ["metadata", "--format-version", "1", "--offline", "--no-deps"];
    let json = output_of(Command::new(env!("CARGO")).args(arguments));
    let metadata: serde_json::Value = serde_json::from_str(&json).expect("cargo metadata prints JSON");
    let text = |value: &serde_json::Value| value.as_str().expect("a string in cargo metadata").to_owned();

    let packages = metadata["packages"].as_array().expect("cargo metadata lists packages");
    packages
        .iter()
        .map(|package| Crate {
            name: text(&package["name"]),
            directory: Path::new(&text(&package["manifest_path"])).parent().expect("a manifest's directory").to_owned(),
            dependencies: package["dependencies"]
                .as_array()
                .expect("a package lists its dependencies")
                .iter()
                .map(|dependency| Dependency { name: text(&dependency["name"]), ships: dependency["kind"] != "dev" })
                .collect(),
        })
        .collect()
}

/// Everything git knows; nothing where the source is not a clone, since then there is nothing to commit.
fn tracked_files() -> Vec<PathBuf> {
    if !root().join(".git").exists() {
        return Vec::new();
    }
    let listed = output_of(Command::new("git").args(["ls-files", "-z"]));
    listed.split_terminator('\0').map(|file| root().join(file)).collect()
}

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", shown(directory)));
    entries
        .map(|entry| entry.expect("a directory entry").path())
        .flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] })
        .collect()
}

/// Whether a whole key is in the line: a prefix and at least 36 characters of base62 (30 of entropy, 6 of checksum).
fn holds_api_key(line: &str) -> bool {
    ["sk_live_wa1_", "sk_test_wa1_"].iter().any(|prefix| {
        line.split(prefix).skip(1).any(|rest| rest.chars().take_while(char::is_ascii_alphanumeric).count() >= 36)
    })
}

/// Whether the line names that directory at the root, rather than one of the same name further down.
fn names_directory(line: &str, directory: &str) -> bool {
    line.match_indices(directory).any(|(at, _)| {
        !line[..at].ends_with(|before: char| before.is_alphanumeric() || matches!(before, '_' | '-' | '.'))
    })
}

fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().expect("the workspace's root")
}

fn shown(file: &Path) -> String {
    file.strip_prefix(root()).unwrap_or(file).display().to_string()
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", shown(file)))
}

fn output_of(command: &mut Command) -> String {
    let output = command.current_dir(root()).output().expect("the program starts");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn assert_none(what: &str, wrong: &[String]) {
    assert!(wrong.is_empty(), "{what}:\n  {}", wrong.join("\n  "));
}
