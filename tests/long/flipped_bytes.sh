#!/usr/bin/env bash
# Flips 200 seeded bytes, one at a time, in databases, logs and seals of an exchange that was killed, and asks `causeway verify`:
# each is found, or nothing that exchange and record say has changed. `./test` does the same for a few of them.
set -euo pipefail
cd "$(dirname "$0")/../.."
CAUSEWAY_FLIPS="${1:-200}" cargo test -p causeway --test keep --locked flipped_bytes -- --nocapture
