"""The rules of rules.tsv against servers: `compare.py NAME=URL [NAME=URL …]`.

Each server is given resources.json in a transaction, then every request. Printed: what each answers otherwise than the table
says. A difference that is named in differences.tsv (server, request, answer, why) is no failure; one that is gone is.
"""

import json
import pathlib
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

HERE = pathlib.Path(__file__).parent
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def call(url, body=None):
    headers = {"Accept": "application/fhir+json", "Prefer": "handling=strict", "Cache-Control": "no-cache"}
    if body is not None:
        # This exchange asks who sends; others pass over it.
        headers |= {"Content-Type": "application/fhir+json", "Causeway-Sender": "ZZ901"}
    request = urllib.request.Request(url, data=body, headers=headers)
    try:
        with OPENER.open(request, timeout=300) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        return error.code, None


def label(resource):
    values = [i.get("value") for i in resource.get("identifier", []) if i.get("system") == "urn:t"]
    return values[0] if values else "?" + resource["resourceType"]


def everything(base, path):
    """The first page's status, and entries of all pages."""
    status, bundle = call(f"{base}/{path}")
    entries, total = [], None
    while status == 200 and bundle:
        total = bundle.get("total", total)
        entries += bundle.get("entry", [])
        following = [l["url"] for l in bundle.get("link", []) if l["relation"] == "next"]
        if not following:
            break
        page = following[0]
        status, bundle = call(page if page.startswith("http") else f"{base}/{page}")
    return status, entries, total


def loaded(base, known):
    """Sends the resources unless they are there, and gives the id of each label."""
    ids = {}
    status, _ = call(f"{base}", (HERE / "resources.json").read_bytes())
    assert status in (200, 201, 202), f"{base}: the transaction answers {status}"
    # What is taken in behind the answer is waited for.
    deadline = time.time() + 120
    while known - ids.keys() and time.time() < deadline:
        for kind in ("Organization", "Practitioner", "Patient", "Encounter", "Observation", "Condition",
                     "RiskAssessment", "MedicationStatement"):
            for entry in everything(base, f"{kind}?_count=100")[1]:
                ids[label(entry["resource"])] = entry["resource"]["id"]
        time.sleep(0.2)
    assert not known - ids.keys(), f"{base}: {known - ids.keys()} did not arrive"
    return ids


def answer(base, path, expected):
    status, entries, total = everything(base, path)
    if status != 200:
        return str(status)
    modes = [(e.get("search", {}).get("mode", "match"), label(e["resource"])) for e in entries if "resource" in e]
    if expected.startswith("#"):
        return f"#{total}"
    if expected.startswith("="):
        return "= " + " ".join(l for mode, l in modes if mode == "match")
    if expected.startswith("+"):
        return "+ " + " ".join(sorted({l for mode, l in modes if mode in ("match", "include")}))
    return " ".join(sorted({l for mode, l in modes if mode == "match"}))


def rows(name):
    path = HERE / name
    lines = path.read_text().split("\n") if path.exists() else []
    return [line.split("\t") for line in lines if line and not line.startswith("#")]


def norm(text):
    if text[:1] == "+":
        return "+ " + " ".join(sorted(text[1:].split()))
    return text if text[:1] in ("=", "#") else " ".join(sorted(text.split()))


def main():
    rules = rows("rules.tsv")
    known = {label(e["resource"]) for e in json.loads((HERE / "resources.json").read_text())["entry"]}
    named = {(server, request): (said, why) for server, request, said, why in rows("differences.tsv")}
    failed = False
    for argument in sys.argv[1:]:
        name, base = argument.split("=", 1)
        ids = loaded(base, known)
        same = 0
        for rule, request, expected in rules:
            path = re.sub(r"\{(\w+)\}", lambda m: ids[m.group(1)], request)
            kind, _, query = path.partition("?")
            path = kind + ("?" + urllib.parse.quote(query, safe="=&:/,$_-.") if query else "")
            said = answer(base, path, expected)
            if said == norm(expected):
                same += 1
                if (name, request) in named:
                    failed = True
                    print(f"{name}: {rule}: as the table now, and differences.tsv says otherwise")
                continue
            why = named.get((name, request))
            if why and why[0] == said:
                print(f"{name}: {rule}: {said or 'nothing'} ({why[1]})")
            else:
                failed = True
                print(f"{name}: {rule}: {request} answers {said or 'nothing'}, not {expected or 'nothing'}")
        print(f"{name}: {same} of {len(rules)} as the table says")
    sys.exit(failed)


main()
