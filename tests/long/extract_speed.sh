#!/usr/bin/env bash
# How fast a research extract leaves: 50,000 people with twenty resources each are taken into a record, dumped as SQL gives
# them, and extracted de-identified to NDJSON and Parquet. Prints resources a second, memory, and the ratio of the two.
# Usage: tests/long/extract_speed.sh [people]; takes minutes and some 6 GB of a temporary folder.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cargo build --release --locked -q -p causeway-research --example speed
target/release/examples/speed make "$folder" "${1:-50000}"
target/release/examples/speed run "$folder"
