#!/usr/bin/env bash
# nhs-dmd 0.3.0b0 (PyPI), UnitExtract: "100,000units/ml" is none, and "1% w/v" is a thousandth of it.
#
# dm+d writes thousands with a comma (Nystatin 100,000units/ml oral suspension): the reader of strengths starts after the
# comma and hands on 000 units in a millilitre, without an error. The British Pharmacopoeia (General Notices, expression of
# concentrations) has "per cent w/v" as grams in 100 mL: 1% w/v lidocaine is 10 mg/mL. Here it is 1 mg in 100 ml, and a
# bare "1%" of a cream is 1 ml in 100 ml. Other ratios (250mg/5ml) come out right, so a test with those passes.
# Seen: 250 mg / 5 ml; 000 units / 1 ml; 000 units / 5 ml; 1 mg / 100 ml; 1 ml / 100 ml
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv v; v/bin/pip -q install nhs-dmd==0.3.0b0
cat > see.py <<'PY'
from dmd.units import UnitExtract
names = ["Amoxicillin 250mg/5ml oral suspension", "Nystatin 100,000units/ml oral suspension",
         "Heparin sodium 25,000units/5ml solution for injection vials", "Lidocaine 1% w/v solution for injection",
         "Hydrocortisone 1% cream"]
for name in names:
    (unit,), = UnitExtract().extract_units(name)
    print(unit.num_value, unit.num_unit, "/", unit.den_value or 1, unit.den_unit)
PY
seen=$(v/bin/python see.py); echo "$seen"
[ "$seen" = "250 mg / 5 ml
000 units / 1 ml
000 units / 5 ml
1 mg / 100 ml
1 ml / 100 ml" ]
