#!/usr/bin/env bash
# What the access decision costs: `$everything` of a person with 1,000 resources with the gate and without it, by turns.
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo build --release --locked -q -p causeway
python3 tests/long/decision_cost.py "${CARGO_TARGET_DIR:-target}/release/causeway" "${1:-1000}" "${2:-60}"
