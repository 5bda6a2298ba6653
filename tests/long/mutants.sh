#!/usr/bin/env bash
# Mutated inputs over all adapters: no panic, no item without an outcome. Takes hours; not part of ./test.
#
#   tests/long/mutants.sh [TOTAL] [SEED]     (default: 2000000, 1)
#
# Each adapter gets its equal share of the inputs, made of its cases in fixtures/. The first panic or unexplained item ends it.
set -euo pipefail
cd "$(dirname "$0")/../.."
total=${1:-2000000} seed=${2:-1}
adapters=$(find crates/adapters -mindepth 1 -maxdepth 1 -type d | wc -l)
each=$(((total + adapters - 1) / adapters))
echo "$total mutated inputs over $adapters adapters, $each each, seed $seed"
cargo build --release --locked --quiet -p causeway-tests --example mutate
exec nice target/release/examples/mutate "$each" all "$seed"
