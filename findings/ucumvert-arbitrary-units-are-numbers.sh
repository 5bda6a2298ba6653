#!/usr/bin/env bash
# ucumvert 0.3.2 with Pint 0.25.3 (PyPI): an arbitrary unit converts to a plain number and equals every other one.
#
# UCUM (section 3.2, "arbitrary units") says that a unit such as [IU] or [CFU] is commensurable with no other unit, so that
# an assay's units can't be turned into a count. Here 1 [IU]/mL equals 1 per mL, and 1 [IU] equals 1 [CFU], without an
# error. A unit that is an annotation alone, {score}, gives a parser's token in place of a quantity.
# Seen: True True Token
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv venv
venv/bin/pip -q install ucumvert==0.3.2 pint==0.25.3
cat >see.py <<'P'
from ucumvert import PintUcumRegistry
of = PintUcumRegistry().from_ucum
print(of("[IU]/mL") == of("1/mL"), of("[IU]") == of("[CFU]"), type(of("{score}")).__name__)
P
seen=$(venv/bin/python see.py); echo "seen: $seen"
[ "$seen" = "True True Token" ]
