#!/usr/bin/env python3
"""Kills a real `causeway serve` (SIGKILL) again and again under load over all doors at once, and counts what became of
what it had acknowledged. Nothing but Python's own library is needed.

    tests/long/kill_rounds.py [--program target/release/causeway] [--rounds 100] [--acknowledged 200000] [--seed 1]

Doors: HTTP, MLLP, MESH (to the exchange's own mailbox, and to another's), SCAIP, FHIR messaging, NRL producer. What was
not answered when the process died is sent again in the next round, as its sender would. At the end the exchange works
off what waits, is stopped, and its files are read:

    lost     acknowledged, and no message of that id (or pointer)
    changed  the digest that is kept differs from that of what was sent, or, of SAMPLED messages, the original that the
             exchange gives out
    doubled  the same bytes stand in two messages
    undone   a message for the record that is not translated

Then `causeway verify` compares every page, content (with its digest), audit entry, and the record with the exchange.
Exit: 0 nothing of that, 1 something, 2 the run itself went wrong.
"""
import argparse
import base64
import collections
import hashlib
import hmac
import http.client
import json
import multiprocessing
import os
import pathlib
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time

SENDER, KEY, PASSWORD, OWN_SERVICE = "ZV801", "a-key-of-the-rounds", "a-password-of-the-rounds", "2000099991"
#: People whose alarm units are known. An alarm of a unit that nobody has is kept, and answered with "not treated".
RESIDENTS = 8
#: Originals that are asked for again.
SAMPLED = 1_000
#: Connections by door.
DOORS = {"http": 4, "mllp": 2, "mesh": 2, "mesh-box": 1, "scaip": 1, "messaging": 1, "nrl": 1}
FORK = multiprocessing.get_context("fork")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def nhs_number(number):
    """A number of the 999 range with its check digit."""
    while True:
        nine = f"999{number % 1_000_000:06d}"
        check = 11 - sum(int(d) * (10 - at) for at, d in enumerate(nine)) % 11
        if check != 10:
            return nine + str(0 if check == 11 else check)
        number += 2_000


def admission(key, person):
    return (
        f"MSH|^~\\&|KILL|{SENDER}|TIE|{SENDER}|20261012194500||ADT^A31^ADT_A05|{key}|P|2.4\r"
        "EVN|A31|202610121945\r"
        f"PID|1||KR{person}^^^KIL^PI~{nhs_number(person)}^^^NHS^NH||LARKSPUR^EDITH||1942{person % 12 + 1:02d}09|2\r"
        "PV1|1|N\r"
    ).encode()


def alarm(key, person):
    return f"<mrq><ref>{key}</ref><cid>{4470000 + person % RESIDENTS}</cid><dty>0005</dty><stc>0010</stc></mrq>".encode()


def resident(number):
    return json.dumps({
        "$schema": "https://fhir.causeway.example/schema/dscr-record-0.1.json", "recordUid": f"r{number}", "version": 1,
        "provider": {"cqcLocationId": "1-9990000201", "name": "Steady Steps Home Care"},
        "subject": {"nhsNumber": nhs_number(900_000 + 17 * number), "familyName": "Larkspur", "givenName": "Edith",
                    "dateOfBirth": f"1942-03-{number + 1:02d}", "address": {"line1": "14 Heron Close", "postcode": "ZZ99 3VZ"},
                    "localIdentifiers": [{"system": "https://fhir.causeway.example/Id/telecare-controller",
                                          "value": str(4470000 + number)}]}}).encode()


def referral(key, person):
    entry = [
        ("urn:uuid:5f3c7a52-0000-4000-8000-000000000001", {
            "resourceType": "MessageHeader", "id": key,
            "eventCoding": {"system": "https://fhir.nhs.uk/CodeSystem/message-events-bars", "code": "servicerequest-request"},
            "source": {"endpoint": "https://sender.example/fhir"},
            "focus": [{"reference": "ServiceRequest/" + key}]}),
        ("https://sender.example/fhir/ServiceRequest/" + key, {
            "resourceType": "ServiceRequest", "id": key, "status": "active", "intent": "order",
            "code": {"text": "Visit at home"}, "subject": {"reference": f"Patient/p-{person}"}}),
        (f"https://sender.example/fhir/Patient/p-{person}", {
            "resourceType": "Patient", "id": f"p-{person}",
            "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": nhs_number(person)}],
            "name": [{"family": "Larkspur", "given": ["Edith"]}], "birthDate": f"1942-{person % 12 + 1:02d}-09"}),
    ]
    bundle = {"resourceType": "Bundle", "type": "message", "id": key,
              "entry": [{"fullUrl": url, "resource": resource} for url, resource in entry]}
    return json.dumps(bundle).encode()


def pointer(key, person):
    ods = "https://fhir.nhs.uk/Id/ods-organization-code"
    return json.dumps({
        "resourceType": "DocumentReference", "id": f"{SENDER}-{key}", "status": "current",
        "type": {"coding": [{"system": "http://snomed.info/sct", "code": "736253002", "display": "Mental health crisis plan"}]},
        "category": [{"coding": [{"system": "http://snomed.info/sct", "code": "734163000", "display": "Care plan"}]}],
        "subject": {"identifier": {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": nhs_number(person)}},
        "custodian": {"identifier": {"system": ods, "value": SENDER}},
        "author": [{"identifier": {"system": ods, "value": SENDER}}],
        "content": [{"attachment": {"contentType": "application/pdf", "url": f"https://example.org/{key}.pdf"}}],
    }).encode()


BODY = {"http": admission, "mllp": admission, "mesh": admission, "mesh-box": admission, "scaip": alarm,
        "messaging": referral, "nrl": pointer}


class Http:
    """A door that is spoken to by HTTP. `put` gives the id that the server answered with, or None where it refused."""

    def __init__(self, door, ports):
        self.door = door
        self.connection = http.client.HTTPConnection("127.0.0.1", ports["http"], timeout=60)
        self.nonce, self.count = os.urandom(16).hex(), 0

    def token(self, mailbox):
        self.count += 1
        at = time.strftime("%Y%m%d%H%M", time.gmtime())
        text = f"{mailbox}:{self.nonce}:{self.count}:{PASSWORD}:{at}"
        mac = hmac.new(KEY.encode(), text.encode(), hashlib.sha256).hexdigest()
        return f"NHSMESH {mailbox}:{self.nonce}:{self.count}:{at}:{mac}"

    def put(self, key, body):
        method, path, headers = getattr(self, self.door.replace("-", "_"))(key)
        self.connection.request(method, path, body, headers)
        answer = self.connection.getresponse()
        text = answer.read()
        if self.door == "nrl" and (answer.status == 201 or b"DUPLICATE_REJECTED" in text):
            return f"{SENDER}-{key}"
        if self.door == "messaging" and answer.status == 409 and b"processed before" in text:
            return ""
        if answer.status not in (200, 201, 202):
            raise Refused(f"{self.door}: {answer.status} {text[:300]!r}")
        if self.door in ("mesh", "mesh-box"):
            return json.loads(text)["message_id"]
        return json.loads(text)["id"] if self.door == "http" else ""

    def http(self, key):
        return "POST", "/messages", {"Content-Type": "x-application/hl7-v2+er7", "Causeway-Sender": SENDER,
                                     "Idempotency-Key": key}

    def mesh(self, key, to="OWN"):
        return "POST", "/messageexchange/A1/outbox", {
            "Authorization": self.token("A1"), "Accept": "application/vnd.mesh.v2+json", "Mex-To": to,
            "Mex-WorkflowID": "ADT", "Mex-LocalID": key, "Content-Type": "x-application/hl7-v2+er7"}

    def mesh_box(self, key):
        return self.mesh(key, "B1")

    def messaging(self, key):
        def coded(value):
            return base64.b64encode(json.dumps(value).encode()).decode()
        target = {"system": "https://fhir.nhs.uk/id/dos-service-id", "value": OWN_SERVICE}
        asker = {"resourceType": "Organization", "identifier": [{"value": SENDER}]}
        number = hashlib.md5(key.encode(), usedforsecurity=False).hexdigest()
        request = f"{number[:8]}-{number[8:12]}-4{number[13:16]}-8{number[17:20]}-{number[20:32]}"
        return "POST", "/fhir/$process-message", {
            "Content-Type": "application/fhir+json", "Accept": "application/fhir+json; version=1.0.0",
            "Causeway-Sender": SENDER, "X-Request-Id": request, "X-Correlation-Id": request,
            "NHSD-Target-Identifier": coded(target), "NHSD-End-User-Organisation": coded(asker),
            "NHSD-Requesting-Software": "rounds"}

    def nrl(self, key):
        return "PUT", "/producer/FHIR/R4/DocumentReference", {
            "Content-Type": "application/fhir+json", "Causeway-Sender": SENDER, "X-Request-Id": key}


class Refused(Exception):
    """The exchange answered, and not with an acknowledgement."""


class Framed:
    """A door of frames over TCP."""

    def __init__(self, door, ports):
        self.door = door
        self.socket = socket.create_connection(("127.0.0.1", ports[door]), timeout=60)

    def put(self, key, body):
        start, end = (b"\x0b", b"\x1c\r") if self.door == "mllp" else (b"", b"</mrs>")
        self.socket.sendall(b"\x0b" + body + end if self.door == "mllp" else body)
        text = b""
        while not text.endswith(end):
            piece = self.socket.recv(65536)
            if not piece:
                raise ConnectionError("closed")
            text += piece
        good = b"MSA|AA|" + key.encode() in text if self.door == "mllp" else b"<snu>0</snu>" in text
        if not good:
            raise Refused(f"{self.door}: {text[:300]!r}")
        return ""


def client(door, ports, keys, pending, counter, out):
    """Sends until the server dies. Gives back what was acknowledged, and what hung."""
    acknowledged, refused = [], None
    try:
        link = (Framed if door in ("mllp", "scaip") else Http)(door, ports)
        while True:
            if pending is None:
                number = next(keys)
                # SCAIP has room for a short reference only.
                pending = f"{door[0] if door != 'mesh-box' else 'b'}{number:x}", number % 2_000
            key, person = pending
            body = BODY[door](key, person)
            name = link.put(key, body)
            acknowledged.append((key, name, hashlib.sha256(body).hexdigest()))
            counter.value += 1
            pending = None
    except Refused as error:
        refused = str(error)
    except (OSError, http.client.HTTPException):
        pass
    out.send((door, acknowledged, pending, refused))
    out.close()


def configuration(folder, ports):
    mailbox = '[[mesh.mailbox]]\nid = "{}"\npassword = "%s"\nods_code = "{}"\n' % PASSWORD
    text = f"""listen = "127.0.0.1:{ports['http']}"
data_directory = "{folder / 'data'}"
open = true
[[mllp]]
listen = "127.0.0.1:{ports['mllp']}"
sender = "{SENDER}"
format = "hl7v2"
[[scaip]]
listen = "127.0.0.1:{ports['scaip']}"
sender = "ZT901"
format = "telecare-alarm"
[messaging]
services = ["{OWN_SERVICE}"]
[mesh]
shared_key = "{KEY}"
same_local_id_is_retry = true
{mailbox.format("A1", SENDER)}{mailbox.format("B1", "ZZ902")}{mailbox.format("OWN", "ZZ999")}broker = true
"""
    file = folder / "causeway.toml"
    file.write_text(text)
    file.chmod(0o600)
    return file


class Server:
    def __init__(self, program, folder, ports):
        self.ports = ports
        with open(folder / "log", "ab") as log:
            self.process = subprocess.Popen([program, "serve", "--config", folder / "causeway.toml"], stdout=log, stderr=log)
        deadline = time.monotonic() + 120
        while True:
            try:
                self.get("/health")
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    sys.exit(f"the exchange did not start; see {folder / 'log'}")
                time.sleep(0.02)

    def get(self, path):
        return self.get_bytes(path).decode()

    def get_bytes(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.ports["http"], timeout=60)
        connection.request("GET", path, headers={"Accept": "application/json"})
        text = connection.getresponse().read()
        connection.close()
        return text

    def waiting(self):
        lines = [line for line in self.get("/metrics").splitlines() if line.startswith("causeway_queue_items{")]
        return sum(int(line.split()[-1]) for line in lines if 'state="parked"' not in line)

    def take(self, sender, media_type, body):
        connection = http.client.HTTPConnection("127.0.0.1", self.ports["http"], timeout=60)
        connection.request("POST", "/messages", body, {"Content-Type": media_type, "Causeway-Sender": sender})
        if connection.getresponse().status != 202:
            sys.exit("a resident's record was not taken")
        connection.close()

    def stop(self, how):
        self.process.send_signal(how)
        self.process.wait()


def given_out(server, acknowledged, chance):
    """How many of some originals are not what was sent."""
    named = [(name, digest) for door, _, name, digest in acknowledged if door == "http"]
    changed = 0
    for name, digest in chance.sample(named, min(SAMPLED, len(named))):
        changed += hashlib.sha256(server.get_bytes(f"/messages/{name}/original")).hexdigest() != digest
    return changed


def examine(folder, acknowledged, changed, say):
    """What the files hold against what was acknowledged."""
    database = sqlite3.connect(f"file:{folder / 'data' / 'exchange' / 'causeway.db'}?mode=ro", uri=True)
    # What is kept is packed: that it is what its digest says is for `verify` to find.
    rows = database.execute("SELECT m.id, m.state, lower(hex(m.sha256)), lower(hex(p.sha256)) FROM message m "
                            "JOIN part p ON p.owner = m.seq AND p.role = 'body'")
    by_id, by_digest, states = {}, collections.Counter(), {}
    for name, state, digest, found in rows:
        changed += found != digest
        by_id[name], states[found] = found, state
        by_digest[found] += 1
    pointers = dict(sqlite3.connect(f"file:{folder / 'data' / 'pointers.sqlite'}?mode=ro", uri=True).execute(
        "SELECT id, resource FROM pointer"))
    lost, undone = [], []
    for door, key, name, digest in acknowledged:
        if door == "nrl":
            kept = pointers.get(name)
            if kept is None:
                lost.append((door, key))
            elif json.loads(kept)["content"][0]["attachment"]["url"] != f"https://example.org/{key}.pdf":
                changed += 1
            continue
        if name and name not in by_id or not name and not by_digest[digest]:
            lost.append((door, key))
        elif name and by_id[name] != digest:
            changed += 1
        elif door != "mesh-box" and states[digest] not in ("translated", "delivered", "routed"):
            undone.append((door, key, states[digest]))
    doubled = [digest for digest, count in by_digest.items() if count > 1]
    kinds = database.execute("SELECT door || ' ' || kind, count(*) FROM message GROUP BY 1 ORDER BY 1").fetchall()
    say("kept: " + ", ".join(f"{kind} {count}" for kind, count in kinds) + f", pointers {len(pointers)}")
    say(f"lost {len(lost)} {lost[:5] or ''}")
    say(f"changed {changed}")
    say(f"doubled {len(doubled)} {doubled[:5] or ''}")
    say(f"undone {len(undone)} {undone[:5] or ''}")
    return not (lost or changed or doubled or undone)


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=root / "target/release/causeway", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--acknowledged", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--damage", action="store_true", help="control: remove a message and change another at the end")
    options = parser.parse_args()
    chance = random.Random(options.seed)
    each = -(-options.acknowledged // options.rounds)
    begun = time.monotonic()

    def say(text):
        print(f"{time.monotonic() - begun:7.1f} s  {text}", flush=True)

    with tempfile.TemporaryDirectory(prefix="kill-rounds-") as name:
        folder = pathlib.Path(name)
        ports = {door: free_port() for door in ("http", "mllp", "scaip")}
        configuration(folder, ports)
        server = Server(options.program, folder, ports)
        for number in range(RESIDENTS):
            server.take("1-9990000201", "application/json", resident(number))
        while server.waiting() > 0:
            time.sleep(0.1)
        server.stop(signal.SIGTERM)
        slots = [(door, number) for door, count in DOORS.items() for number in range(count)]
        lanes = [iter(range(at + 1, 1 << 40, len(slots))) for at in range(len(slots))]
        pending, resent, acknowledged, refusals = [None] * len(slots), 0, [], []
        for number in range(1, options.rounds + 1):
            server = Server(options.program, folder, ports)
            counters = [FORK.Value("q", 0, lock=False) for _ in slots]
            running = []
            for at, (door, _) in enumerate(slots):
                ours, theirs = FORK.Pipe(duplex=False)
                arguments = (door, ports, lanes[at], pending[at], counters[at], theirs)
                process = FORK.Process(target=client, args=arguments)
                process.start()
                theirs.close()
                running.append((at, process, ours))
            resent += sum(one is not None for one in pending)
            limit = time.monotonic() + 120
            enough = int(each * (1 + 0.1 * chance.random()))
            while sum(counter.value for counter in counters) < enough and time.monotonic() < limit:
                time.sleep(0.005)
            time.sleep(chance.random() / 20)
            server.stop(signal.SIGKILL)
            for at, process, ours in running:
                begun_with = pending[at] is not None
                door, done, pending[at], refused = ours.recv()
                process.join()
                acknowledged += [(door, *one) for one in done]
                # The children's lanes are copies of ours: what they took from them is taken here too.
                for _ in range(len(done) + (pending[at] is not None) - begun_with):
                    next(lanes[at])
                if refused:
                    refusals.append(refused)
            if number % 10 == 0 or number == options.rounds:
                say(f"round {number}: acknowledged {len(acknowledged)}, sent again {resent}, refused {len(refusals)}")
        by_door = collections.Counter(one[0] for one in acknowledged)
        say("acknowledged by door: " + ", ".join(f"{door} {by_door[door]}" for door in DOORS))
        for one in sorted(set(refusals))[:5]:
            say(f"refused: {one}")
        server = Server(options.program, folder, ports)
        while (left := server.waiting()) > 0:
            say(f"{left} wait")
            time.sleep(10)
        changed = given_out(server, acknowledged, chance)
        server.stop(signal.SIGTERM)
        if options.damage:
            with sqlite3.connect(folder / "data/exchange/causeway.db") as database:
                database.execute("UPDATE part SET bytes = CAST(bytes || 'x' AS BLOB) WHERE id = (SELECT min(id) FROM part WHERE role = 'body')")
                database.execute("DELETE FROM part WHERE id = (SELECT max(id) FROM part WHERE role = 'body')")
        good = examine(folder, acknowledged, changed, say)
        verified = subprocess.run([options.program, "verify", "--data", folder / "data"], capture_output=True, text=True)
        say("verify: " + verified.stdout.strip().splitlines()[-1])
        good &= verified.returncode == 0 and len(acknowledged) >= options.acknowledged and not refusals
        missing = [door for door in DOORS if not by_door[door]]
        if missing:
            say(f"doors that acknowledged nothing: {missing}")
        say(f"{'good' if good and not missing else 'BAD'}: {len(acknowledged)} acknowledged in {options.rounds} rounds")
        sys.exit(0 if good and not missing else 1)


if __name__ == "__main__":
    main()
