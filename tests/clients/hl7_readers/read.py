"""Reads each file named with hl7apy, unmodified, and holds its segments and PID-5 to the text."""

import sys

from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.parser import parse_message

bad = 0
for name in sys.argv[1:]:
    with open(name, encoding="utf-8", newline="") as file:
        text = file.read()
    try:
        message = parse_message(text, validation_level=VALIDATION_LEVEL.TOLERANT, find_groups=False)
        lines = [line for line in text.split("\r") if line]
        names = [segment.name for segment in message.children]
        if names != [line[:3] for line in lines]:
            raise ValueError(f"segments read: {names}")
        pid = next(line for line in lines if line.startswith("PID"))
        family = pid.split("|")[5].split("~")[0].split("^")[0] if pid.count("|") >= 5 else ""
        read = message.pid.pid_5[0].to_er7().split("^")[0] if message.pid.pid_5 else ""
        if read != family:
            raise ValueError("PID-5 reads otherwise")
    except Exception as error:  # what a reader raises is what is looked for
        bad += 1
        print(f"BAD {name}: {type(error).__name__}: {error}")
print(f"{len(sys.argv) - 1} messages, {bad} not read")
sys.exit(bool(bad))
