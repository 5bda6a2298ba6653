#!/usr/bin/env bash
# The truth of the ledger at random (crates/adapter/src/contract/at_random.rs): other values, values of other messages, separators,
# repetitions, over every case of fixtures/ and the given corpora. Ends with 1 where an item's claim is untrue.
#
#   tests/long/ledger.sh [MUTANTS] [SEED]     [50000 1]
set -euo pipefail
cd "$(dirname "$0")/../.."
corpora="${CAUSEWAY_CORPORA:-../shared/corpora}"
folders=()
for folder in "$corpora"/*/in; do
  [ ! -d "$folder" ] || folders+=("$folder")
done
[ ${#folders[@]} -gt 0 ] || echo "SKIPPED: the given corpora: they are not here" >&2
cargo build --release --locked --quiet -p causeway-tests --example ledger
exec nice -n 15 target/release/examples/ledger "${1:-50000}" "${2:-1}" "${folders[@]}"
