#!/usr/bin/env bash
# Searches what 12 roles are told of 200 generated people with restricted items, by every route, for what is withheld; with the
# gate off the same search finds it. `./test` does the same for a few people.
set -euo pipefail
cd "$(dirname "$0")/../.."
CAUSEWAY_LEAK_PEOPLE="${1:-200}" cargo test --release -p causeway-service --test it --locked \
  ig_11_no_role_is_told_of_anything_withheld -- --nocapture
