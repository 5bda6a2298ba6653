#!/usr/bin/env bash
# hl7apy 1.3.5 (PyPI) escapes the formatting escapes of a text once more when it writes what it read.
#
# HL7 v2 chapter 2.7: \.br\ in FT or TX is a line break, \X41\ a character by its number. Read and written again
# without any change, \.br\ becomes \E\.br\E\ and \X41\ becomes \E\X41\E\: the next reader shows backslashes where lines
# ended. \T\, \S\, \R\, \E\ and \H\ in the same field come through as they were, so a test with those alone passes.
# Seen: line one\E\.br\E\line two \T\ \S\ \H\bold\N\ \E\X41\E\
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
python3 -m venv v; v/bin/pip -q install hl7apy==1.3.5
cat > see.py <<'PY'
from hl7apy.parser import parse_message
text = r"line one\.br\line two \T\ \S\ \H\bold\N\ \X41" + "\\"
message = "\r".join([r"MSH|^~\&|LAB|HOSP|GP|SURGERY|20260101||ORU^R01|1|P|2.4", "PID|1||9990000018||TESTER^ANN",
                     f"OBX|1|TX|NOTE||{text}||||||F"])
print(parse_message(message, find_groups=False).obx.obx_5.to_er7())
PY
seen=$(v/bin/python see.py); echo "seen: $seen"
[ "$seen" = 'line one\E\.br\E\line two \T\ \S\ \H\bold\N\ \E\X41\E\' ]
