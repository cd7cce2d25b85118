# What one can do here. `just` lists it; install just with your system's packages or `cargo install just --locked`.

_default:
    @just --list --unsorted

# Start the server as a newcomer would: SQLite, sandbox, no configuration
run *ARGS:
    cargo run --release -- {{ ARGS }}

# Everything CI runs; with a NAME, only the tests whose name contains it
test *NAME:
    ./scripts/test.sh {{ if NAME == "" { "" } else { "test -- " + NAME } }}

# Formatting, clippy and the documentation, every warning an error
lint:
    ./scripts/test.sh fmt clippy docs

# Format the code in place
fmt:
    cargo fmt --all

# Build the crates' documentation and open it
docs:
    cargo doc --workspace --no-deps --open

# Licences, banned crates and sources of the dependencies
deny:
    cargo deny --offline check licenses bans sources

# The browser test alone
e2e:
    ./scripts/test.sh e2e

# Who may depend on whom, and the other rules of the house that a test can hold
arrows:
    cargo nextest run --package whatotp-testkit --test it arrows

# Bring the configured database up to date
migrate *ARGS:
    cargo run --release -- migrate {{ ARGS }}
