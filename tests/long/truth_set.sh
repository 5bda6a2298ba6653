#!/usr/bin/env bash
# The truth set of 2,000 generated people, told by seven formats, through the real adapters into the record: false joins, recall by
# kind, planted disagreements that are shown, medicines that stand right. Ends with 1 where the rules of
# tests/src/truth.rs (`Judged::holds`) are broken. A small part of it is in ./test (tests/it/truth.rs).
#
#   tests/long/truth_set.sh [PEOPLE] [SEED]     [2000 7]
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo run --locked --release -q -p causeway-tests --example truth -- "${1:-2000}" "${2:-7}"
