#!/usr/bin/env python3
"""How many rows of HL7's own segment maps (HL7/v2-to-fhir, mappings/segments) the hl7v2 adapter carries.

usage: v2_maps.py FOLDER-OF-THE-MAPS PROGRAM [REASONS.tsv]

A row is a field of a segment from PID to TXA that the maps give a FHIR target; IN1 aside. Each field is filled, whatever
its type, in a message of a kind that has the segment, and translated with --explain. It counts as mapped where an item of it
reached an element of FHIR, as kept where it is only in the extension that names the item, and as left out else. Prints a
table in Markdown; fails where a field that is not mapped has no reason in REASONS.tsv, or one has a reason that is.
"""

import csv
import json
import pathlib
import re
import subprocess
import sys
import tempfile

SEGMENTS = "PID PD1 NK1 PV1 PV2 OBR OBX NTE ORC SPM AL1 DG1 PR1 MRG SCH AIS AIG AIL AIP TXA".split()
# A value of each data type, with its components filled. {n} is another number in each field.
TYPES = {
    "CX": "N{n}^^^AVH^PI^ZV801^20200101^20300101", "EI": "N{n}^PAS^1.2.3.{n}^ISO", "EIP": "N{n}&PAS^M{n}&LAB",
    "XPN": "Larkspur{n}^Edith^Mary^^Mrs^^L", "XCN": "C{n}^Ashdown{n}^Ruth^^^Dr^^^GMC", "XON": "Ward {n}^L^^^^ODS^XX^^^ZV801",
    "XAD": "{n} Marl Lane^^Ferndale^Valeshire^ZZ99 3VZ^GBR^H", "XTN": "01632960{n:03}^PRN^PH", "PL": "W{n}^B1^2^ZV801^^N^BLK^3",
    "CWE": "K{n}^Words {n}^L", "CE": "K{n}^Words {n}^L", "CNE": "K{n}^Words {n}^L", "IS": "K{n}", "ID": "Y", "ST": "Text {n}",
    "TX": "Text {n}", "FT": "Text {n}", "DT": "20260301", "DTM": "20260301101{n:03}", "TS": "20260301101500", "NM": "{n}",
    "SI": "1", "DLN": "L{n}^Valeshire^20300101", "CQ": "{n}^mL", "TQ": "1^Q8H^D5^20260301^20260302^R", "DR": "20260301^20260302",
    "NDL": "C{n}&Ashdown{n}&Ruth^20260301^20260302", "SPS": "K{n}^", "MOC": "{n}^K{n}", "PRL": "K{n}&Words&L^1^Text {n}",
    "RI": "Q8H", "FC": "01", "DLD": "19^20260301", "JCC": "K{n}^K{n}", "PT": "P", "ERL": "Text {n}", "VID": "2.8",
    "AUI": "N{n}", "CP": "{n}", "MO": "{n}", "HD": "PAS^1.2.3.{n}^ISO", "UVC": "K{n}^{n}", "OCD": "K{n}", "PLN": "N{n}^K", "ED": "Text",
}
# Fields that decide what else is read, or that only certain codes fill.
FIXED = {
    "PID-7": "19420309", "PID-8": "2", "PID-24": "Y", "PID-25": "2", "PID-30": "Y", "PID-29": "20260301", "PID-33": "20260301101500",
    "PID-15": "en", "PID-16": "M", "PID-22": "A", "PID-26": "K26^Words^L", "PV1-2": "I", "PV1-4": "21", "PV1-14": "19",
    "PV1-36": "1", "PV1-37": "19", "PV1-44": "20260301101500", "PV1-45": "20260302101500", "OBX-2": "NM", "OBX-3": "HB^Hb^L",
    "OBX-5": "98", "OBX-6": "g/L", "OBX-7": "115-165", "OBX-8": "L", "OBX-11": "F", "OBR-25": "F", "OBR-24": "HM", "OBR-5": "R",
    "ORC-1": "NW", "ORC-5": "IP", "ORC-28": "R", "AL1-2": "DA", "AL1-4": "SV", "DG1-6": "A", "DG1-3": "S72.0^Fracture^I10",
    "DG1-21": "A", "PR1-6": "P", "PR1-7": "30", "SCH-25": "Booked", "SCH-9": "30", "SCH-10": "min^minutes^ISO+", "AIS-10": "Booked",
    "AIG-14": "Booked", "AIL-12": "Booked", "AIP-12": "Booked", "AIS-4": "20260301101500", "AIG-8": "20260301101500",
    "AIL-6": "20260301101500", "AIP-6": "20260301101500", "AIS-7": "30", "AIS-8": "min", "AIG-11": "30", "AIG-12": "min",
    "AIL-9": "30", "AIL-10": "min", "AIP-9": "30", "AIP-10": "min", "TXA-2": "DS", "TXA-3": "TX", "TXA-17": "AU", "TXA-18": "R",
    "TXA-19": "AV", "SPM-1": "1", "SPM-17": "20260301^20260302", "NTE-1": "1", "NK1-3": "SON", "NK1-7": "N", "NK1-15": "1",
    "NK1-16": "19700101", "PV2-8": "20260301", "PV2-11": "3", "PD1-7": "F", "OBR-27": "1^^^20260301^20260302^R", "OBX-29": "RSLT",
    "SPM-20": "Y", "MRG-1": "OLD1^^^AVH^PI", "PV1-16": "VIP", "OBR-11": "G", "SPM-27": "K27^Words^L", "PD1-12": "Y", "PID-31": "Y",
    "TXA-1": "1", "SCH-11": "1^^M30^20260301^20260302", "PID-35": "K35^Words^L", "PD1-1": "N", "PD1-3": "Practice^^ZP401",
}
# Without these there is no message of the kind.
NEEDED = {"PV1-2", "OBX-2", "OBX-3", "OBX-5", "OBX-11", "OBR-25", "ORC-1", "AL1-2", "DG1-3", "SCH-25", "TXA-2", "MRG-1", "SPM-1"}
KINDS = {
    "ADT^A01": "PID PD1 NK1 PV1 PV2 AL1 DG1 PR1".split(), "ORU^R01": "PID ORC OBR NTE OBX SPM".split(),
    "OML^O21": "PID ORC OBR NTE SPM".split(), "ADT^A40": "PID MRG".split(), "SIU^S12": "SCH NTE PID AIS AIG AIL AIP".split(),
    "MDM^T02": "PID TXA OBX".split(), "VXU^V04": "PID ORC RXA".split(),
}


def rows(folder):
    """Fields with a target: {segment-field: (data type, targets)}."""
    found = {}
    for path in sorted(pathlib.Path(folder).rglob("*.csv")):
        named = re.search(r"_ ([A-Z0-9]{3})\[", path.name)
        if not named or named.group(1) not in SEGMENTS:
            continue
        with open(path, encoding="utf-8-sig", newline="") as file:
            table = list(csv.reader(file))
        for row in table[2:]:
            if len(row) < 11 or not re.fullmatch(r"[A-Z0-9]{3}-\d+", row[1].strip()):
                continue
            target = row[9].strip() or row[10].strip()
            if target:
                kind, targets = found.setdefault(row[1].strip(), (row[3].strip(), set()))
                targets.add(f"{path.name.split('[')[1].split(']')[0]}.{target}")
    return found


def message(event, segments, fields, number, only=None):
    """With every field, or with one and what a message can't do without."""
    lines = [f"MSH|^~\\&|PAS|ZV801|TIE|ZV801|20260301120000||{event}|C{number}|P|2.8"]
    if event.startswith("ADT"):
        lines.append("EVN||20260301120000")
    for segment in segments:
        if segment == "RXA":
            lines.append("RXA|0|1|20260301|20260301|K^Flu^L|1||||||||||||||||||")
            continue
        values = [""] * 60
        for field in fields.keys() | FIXED.keys():
            kind = fields.get(field, ("", ()))[0]
            if only and field != only and field not in NEEDED:
                continue
            name, at = field.split("-")
            if name == segment:
                values[int(at)] = FIXED.get(field) or TYPES.get(kind.split("[")[0], "Text {n}").format(n=int(at) + 100)
        if segment == "PID":
            values[3], values[5] = values[3] or "P1^^^AVH^PI", values[5] or "Larkspur^Edith"
        if segment == "OBX":
            values[1] = "1"
        while values and not values[-1]:
            values.pop()
        lines.append(segment + "|" + "|".join(values[1:]))
    return "\r".join(lines) + "\r"


def account(program, work, messages, best):
    """Translates messages and raises each field to the best that became of it."""
    for number, text in enumerate(messages):
        source = pathlib.Path(work, f"m{number}.hl7")
        source.write_text(text, encoding="utf-8", newline="")
        subprocess.run([program, "translate", "--explain", "--out", work, str(source)], check=False, capture_output=True)
        ledger = json.loads(pathlib.Path(work, f"m{number}.ledger.json").read_text(encoding="utf-8"))
        for item in ledger["items"]:
            at = re.match(r"([A-Z0-9]{3})(?:\[\d+\])?-(\d+)", item["at"])
            if not at:
                continue
            field = f"{at.group(1)}-{at.group(2)}"
            paths = item.get("to") or []
            named = [p for p in paths if not re.search(r"extension\[\d+\]\.extension\[\d+\]\.valueString$", p)]
            rank = {"mapped": 3, "mapped-with-loss": 3, "decides": 3, "structural": 1}.get(item["outcome"], 0)
            if rank == 3 and paths and not named:
                rank = 2
            best[field] = max(best.get(field, 0), rank)


def main():
    folder, program = sys.argv[1], sys.argv[2]
    reasons = {}
    if len(sys.argv) > 3:
        with open(sys.argv[3], encoding="utf-8") as file:
            reasons = dict(line.rstrip("\n").split("\t", 1) for line in file if "\t" in line and not line.startswith("#"))
    fields = rows(folder)
    best = {}
    with tempfile.TemporaryDirectory() as work:
        tried = [(event, segments, None) for event, segments in KINDS.items()]
        account(program, work, [message(*one[:2], fields, at, one[2]) for at, one in enumerate(tried)], best)
        # What another field takes the place of is tried alone.
        alone = [
            (event, segments, field) for field in fields if best.get(field, 0) < 3
            for event, segments in KINDS.items() if field.split("-")[0] in segments
        ]
        account(program, work, [message(*one[:2], fields, 100 + at, one[2]) for at, one in enumerate(alone)], best)
    words = {3: "mapped", 2: "kept by name", 1: "structural", 0: "left out"}
    counts, wrong = {}, []
    print("| segment | rows with a target | mapped | kept by name | the rest |\n|---|---|---|---|---|")
    for segment in SEGMENTS:
        own = sorted((f for f in fields if f.startswith(segment + "-")), key=lambda f: int(f.split("-")[1]))
        by = {rank: [f for f in own if best.get(f, 0) == rank] for rank in words}
        for rank, found in by.items():
            counts[rank] = counts.get(rank, 0) + len(found)
        rest = ", ".join(f.split("-")[1] for f in by[1] + by[0])
        kept = ", ".join(f.split("-")[1] for f in by[2])
        print(f"| {segment} | {len(own)} | {len(by[3])} | {kept} | {rest} |")
        for field in own:
            if best.get(field, 0) < 3 and field not in reasons:
                wrong.append(f"{field}: {words[best.get(field, 0)]}, and no reason is given ({'; '.join(sorted(fields[field][1]))[:160]})")
            if best.get(field, 0) == 3 and field in reasons:
                wrong.append(f"{field}: mapped, and a reason is given why not")
    total = sum(counts.values())
    print(f"\n{counts[3]} of {total} rows mapped: {100 * counts[3] / total:.1f} %; "
          f"{counts[2]} kept by name ({100 * (counts[3] + counts[2]) / total:.1f} % in the output), {counts[1] + counts[0]} not.")
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
