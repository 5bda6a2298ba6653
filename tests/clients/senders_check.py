"""Translates what a library wrote and compares: `senders_check.py CAUSEWAY NAME TEXTS MESSAGES`.

A text arrives where the value of the observation, and the note, hold its characters in order, line ends being line feeds. It
is told where an issue names the field, or the answer is not AA. Anything else is printed and fails.

Two libraries write a text as it is, without escaping anything, and HAPI and hl7apy leave what reads like an escape as it is: what then
stands in the message is another text by HL7 v2 (2.7), which is what is asked for. Behind a field separator it is in another field, and is asked for anywhere in the bundle.
"""

import base64
import json
import pathlib
import re
import subprocess
import sys
import tempfile


AS_IT_IS = {"simple-hl7", "medplum", "hapi", "hl7apy"}


def by_the_standard(text):
    """What a text says that was written as it is."""
    return text.replace("\\T\\", "&").replace("\\.br\\", "\n")


def stands_anywhere(text, resources):
    whole = json.dumps(resources, ensure_ascii=False)
    return all(word in whole for word in re.findall(r"\w+", text))


def lines(text):
    return re.sub(r"\r\n|\r", "\n", text)


def main(causeway, name, texts, messages):
    texts, messages = json.load(open(texts)), json.load(open(messages))
    assert len(texts) == len(messages), f"{name}: {len(messages)} messages of {len(texts)}"
    arrived = told = refused = otherwise = 0
    lost = []
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for number, (text, message) in enumerate(zip(texts, messages)):
            if message is None:
                refused += 1
                continue
            raw = base64.b64decode(message)
            path = folder / f"m{number}.hl7"
            path.write_bytes(raw)
            subprocess.run([causeway, "translate", "--format", "hl7v2", "--out", folder / "out", path],
                           capture_output=True, check=False)
            read = lambda ending: (folder / "out" / f"m{number}.{ending}").read_bytes()
            bundle = folder / "out" / f"m{number}.r4.json"
            resources = [e["resource"] for e in json.loads(bundle.read_text())["entry"]] if bundle.exists() else []
            found = [r for r in resources if r["resourceType"] == "Observation"]
            value = found[0].get("valueString", "") if found else ""
            notes = [n["text"] for r in found for n in r.get("note", [])]
            said = [p for i in json.loads(read("issues.json"))["issue"] for p in i.get("location", [])]
            good = b"MSA|AA" in read("ack.hl7")
            for field, got in (("OBX-5", value), ("NTE-3", "\n".join(notes))):
                if lines(got) == lines(text):
                    arrived += 1
                elif name in AS_IT_IS and (lines(got) == by_the_standard(lines(text))
                                           or "|" in text and stands_anywhere(text, resources)):
                    otherwise += 1
                elif not good or any(place.startswith(field) for place in said):
                    told += 1
                else:
                    lost.append((number, field, text, got))
    print(f"{name}: {arrived} arrived, {told} told, {otherwise} as the library wrote them, {len(lost)} lost without a word, {refused} texts not written by the library")
    for number, field, text, got in lost:
        print(f"  text {number}, {field}: {text!r} became {got!r}")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
