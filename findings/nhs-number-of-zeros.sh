#!/usr/bin/env bash
# nhs-number 2.2.0 and python-stdnum 2.2 (PyPI) call ten zeros a valid NHS number.
#
# 0000000000 satisfies the modulus 11 check and is what systems write where there is no number. Both checkers say yes;
# the first can say more when it is asked where the number comes from: no range has it. A check of the check digit alone
# joins all the people without a number.
# Seen: True True; region None, and False once a region is asked for
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv v; v/bin/pip -q install nhs-number==2.2.0 python-stdnum==2.2
cat > see.py <<'PY'
import nhs_number, stdnum.gb.nhs
zeros = "0000000000"
print(nhs_number.is_valid(zeros), stdnum.gb.nhs.is_valid(zeros))
print(nhs_number.NhsNumber(zeros).region, nhs_number.is_valid(zeros, for_region=nhs_number.REGION_ENGLAND))
PY
seen=$(v/bin/python see.py); echo "$seen"
[ "$seen" = "True True
None False" ]
