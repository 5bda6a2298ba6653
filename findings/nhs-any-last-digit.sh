#!/usr/bin/env bash
# nhs 2.0.0 (PyPI, "function for validating NHS numbers") never looks at the tenth digit.
#
# NHS Data Dictionary, NHS NUMBER: the tenth digit is a modulus 11 check of the nine before it, so that of ten numbers with
# the same beginning one at most is valid. This function works out the check digit, refuses the beginnings that can't have
# one (those where it would be 10), and compares it with nothing: a number with one wrong last digit is valid, and so are two
# neighbouring digits that changed places. nhssums 0.1.2 (PyPI), asked the same, takes one of ten; but its check of a list
# wants integers, and says "not valid", no more, of a good number that is text, as records hold it.
# Seen: nhs 10 of 10, transposed True; nhssums 1 of 10, transposed False, as text False
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv v; v/bin/pip -q install nhs==2.0.0 nhssums==0.1.2
cat > see.py <<'PY'
import nhs, nhssums
numbers = [f"999000001{last}" for last in range(10)]  # 9990000018 is the valid one
transposed = "9990000108"
print("nhs", sum(map(nhs.validate, numbers)), nhs.validate(transposed))
print("nhssums", sum(nhssums.is_valid([int(n) for n in numbers])), *nhssums.is_valid([int(transposed), "9990000018"]))
PY
seen=$(v/bin/python see.py); echo "$seen"
[ "$seen" = "nhs 10 True
nhssums 1 False False" ]
