#!/usr/bin/env bash
# Mutated inputs over adapters: no panic, no item without an outcome. And the other way: changed R4 bundles into every format
# that is written: no panic, nothing lost without its name, no number or date that the bundle has not. Takes hours; not part
# of ./test.
#
#   tests/long/mutants.sh [EACH] [ADAPTER[,ADAPTER]...|all] [SEED] [back]     (default: 120000, all, 1)
#
#   EACH   inputs for each adapter, made of its cases in fixtures/; bundles of all cases with `back`
#
# The first panic or unexplained item ends it. Several runs with other seeds go side by side.
set -euo pipefail
cd "$(dirname "$0")/../.."
each=${1:-120000} adapters=${2:-all} seed=${3:-1} back=${4:-}
echo "$each ${back:-mutated inputs} for each of: $adapters, seed $seed"
cargo build --release --locked --quiet -p causeway-tests --example mutate
exec nice -n 15 target/release/examples/mutate "$each" "$adapters" "$seed" $back
