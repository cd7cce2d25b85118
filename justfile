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

# The server against its own openapi.json
schemathesis:
    ./scripts/test.sh schemathesis

# Random input for what reads input: a minute each, or one TARGET for so many SECONDS. Needs nightly and cargo-fuzz
fuzz TARGET="" SECONDS="60":
    #!/usr/bin/env bash
    set -euo pipefail
    # No sanitizer: unsafe code is forbidden, so there is nothing for it to find.
    for target in {{ if TARGET == "" { "api_key code forwarded json_body phone signature webhook" } else { TARGET } }}; do
        mkdir -p "fuzz/corpus/$target"
        nice cargo +nightly fuzz run --sanitizer none "$target" "fuzz/corpus/$target" "fuzz/seeds/$target" -- \
            -max_total_time={{ SECONDS }} -max_len=4096 -timeout=10
    done

# What a release build does beside a server that only says hello, as ratios of one run
bench *ARGS:
    cargo build --release -p whatotp -p whatotp-bench
    target/release/whatotp-bench {{ ARGS }}

# What the steps of a request take that touch neither socket nor database; with a NAME, only those
micro *NAME:
    cargo bench -p whatotp-bench --bench micro -- {{ NAME }}

# The browser test alone
e2e:
    ./scripts/test.sh e2e

# Who may depend on whom, and the other rules of the house that a test can hold
arrows:
    cargo nextest run --package whatotp-testkit --test it arrows

# Bring the configured database up to date
migrate *ARGS:
    cargo run --release -- migrate {{ ARGS }}
