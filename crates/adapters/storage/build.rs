//! `embed_migrations!` reads the directory when it is compiled; cargo has to be told to do that again when it changes.
fn main() {
    println!("cargo:rerun-if-changed=../../../migrations");
}
