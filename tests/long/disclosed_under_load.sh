#!/usr/bin/env bash
# 20,000 mixed requests of four kinds of readers against the real program, killed without warning in the middle: what was given
# out is what the audit trail says was given out, request by request. `./test` does the same for a few hundred.
set -euo pipefail
cd "$(dirname "$0")/../.."
CAUSEWAY_LOAD_REQUESTS="${1:-20000}" cargo test -p causeway --test process --locked ig_17_disclosures -- --nocapture
