#!/usr/bin/env python3
"""Holds a real `causeway serve` under clients that mean no good, and tells what it cost. Python's own library only.

    tests/long/hostile.py [--program target/release/causeway] [--results 85000] [--seconds 60]

    readers   twelve at once read all of one person with very many results          memory at most 500 MB above the start
    senders   eight at once send the most expensive messages known                  memory at most 1.5 GB
    clients   512 idle, 512 that ask and do not read, 512 whose body never ends     a signed-in caller's p99 at most 1 s

Exit: 0 all within these bounds, 1 not, 2 the run itself went wrong.
"""
import argparse
import gzip
import hashlib
import http.client
import json
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import time

TOKEN, OTHER = "a-token-of-the-run", "another-token-of-the-run"
READERS_MB, SENDERS_MB, P99_SECONDS = 500, 1536, 1.0
#: Results of one message.
RESULTS = 5_000


class Server:
    def __init__(self, program, folder):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        digest = [hashlib.sha256(token.encode()).hexdigest() for token in (TOKEN, OTHER)]
        config = folder / "causeway.toml"
        config.write_text(
            f'listen = "127.0.0.1:{self.port}"\ndata_directory = "{folder / "data"}"\n'
            f'[[organisation]]\ncode = "ZV801"\noperator = true\ntoken_sha256 = "{digest[0]}"\n'
            f'[[organisation]]\ncode = "ZV802"\ntoken_sha256 = "{digest[1]}"\n')
        config.chmod(0o600)
        with open(folder / "log", "ab") as log:
            self.process = subprocess.Popen([program, "serve", "--config", config], stdout=log, stderr=log)
        for _ in range(1200):
            try:
                if self.ask("GET", "/health")[0] == 200:
                    return
            except OSError:
                time.sleep(0.1)
        sys.exit("the exchange did not start")

    def ask(self, method, path, body=None, headers=None, token=TOKEN, timeout=600):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        all_headers = {"Authorization": f"Bearer {token}", "Accept": "application/json", **(headers or {})}
        try:
            connection.request(method, path, body, all_headers)
            answer = connection.getresponse()
            size = 0
            kept = b""
            while piece := answer.read(1 << 16):
                size += len(piece)
                kept = kept or piece
            return answer.status, kept, size
        finally:
            connection.close()

    def memory(self, which):
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(text.split(f"{which}:")[1].split()[0]) // 1024

    def from_now(self):
        """Begins the high-water mark anew; megabytes in use now."""
        pathlib.Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")
        return self.memory("VmRSS")

    def settled(self, seconds=3600):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            lines = self.ask("GET", "/metrics")[1].decode().splitlines()
            left = [line for line in lines if line.startswith("causeway_queue_items{") and 'state="parked"' not in line]
            if sum(int(line.split()[-1]) for line in left) == 0:
                return
            time.sleep(1)
        sys.exit("the exchange did not work off what it had")


def results(count, number):
    head = (f"MSH|^~\\&|LAB|ZV801|TIE|ZV801|20261012194500||ORU^R01^ORU_R01|H{number}|P|2.4\r"
            "PID|1||HR1^^^LAB^PI~9990000018^^^NHS^NH||LARKSPUR^EDITH||19420309|2\rOBR|1|||1^Many^L|||20261012190000\r")
    rows = (f"OBX|{at}|NM|{at}^Test {at}^L||{at % 90}.5|mmol/L|1-5|N|||F\r" for at in range(1, count + 1))
    return (head + "".join(rows)).encode()


def together(count, work):
    """Runs so many at once; what they gave back."""
    out, threads = [], [threading.Thread(target=lambda at=at: out.append(work(at))) for at in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return out


def readers(server, options):
    # A message of more results than that becomes larger than twenty times what was sent, and is refused.
    for number in range(-(-options.results // RESULTS)):
        body = results(min(RESULTS, options.results), number)
        status, told, _ = server.ask("POST", "/messages", body, {"Content-Type": "x-application/hl7-v2+er7"})
        if status != 202:
            sys.exit(f"the results were not taken: {status} {told[:200]}")
    server.settled()
    found = json.loads(server.ask("GET", "/people/")[1])["people"][0]
    begun = server.from_now()
    paths = [f"/people/{found['id']}", f"/fhir/Patient/{found['display_patient']}/$everything"]
    accepts = ["text/html", "application/fhir+json"]
    answers = together(12, lambda at: server.ask("GET", paths[at % 2], headers={"Accept": accepts[at % 2]}))
    used = server.memory("VmHWM") - begun
    statuses = sorted(answer[0] for answer in answers)
    most = max(answer[2] for answer in answers)
    print(f"readers: 12 of a person with {options.results} results: {statuses}, largest answer {most:,} bytes, "
          f"{used} MB above {begun} MB (bound {READERS_MB})", flush=True)
    return used <= READERS_MB and set(statuses) <= {200, 503}


def senders(server):
    empty = gzip.compress(b"person_id,event\n" + b"\n" * 12_000_000, 9)
    edifact = b"UNB+UNOC:3+A+B+261012:1200+1'" + b"INV+MQ+1:2:3'" * 300_000
    hl7 = results(1, 99) + b"OBX|1|ST|1^^^^^||&&&&&&&&|||||||F\r" * 150_000
    members = b'{"$schema":"https://fhir.causeway.example/schema/dscr-record-0.1.json","recordUid":"r",' + \
        b",".join(b'"x":[0,0,0,0]' for _ in range(400_000)) + b"}"
    shapes = [(empty, "text/csv", {"Content-Encoding": "gzip"}), (edifact, "application/edifact", {}),
              (hl7, "x-application/hl7-v2+er7", {}), (members, "application/json", {})]
    begun = server.from_now()

    def send(at):
        body, kind, more = shapes[at % 4]
        try:
            return server.ask("POST", "/messages", body, {"Content-Type": kind, **more})[0]
        except OSError as error:
            return type(error).__name__
    statuses = together(8, send)
    server.settled()
    used = server.memory("VmHWM")
    print(f"senders: 8 hostile: {statuses}, {used} MB at most, {begun} MB before (bound {SENDERS_MB})", flush=True)
    return used <= SENDERS_MB and server.ask("GET", "/health")[0] in (200, 503)


def clients(server, options):
    said = {
        "idle": b"",
        "slow-reading": b"GET /adapters HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\r\n" * 400,
        "slow-writing": (b"POST /messages HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + OTHER.encode()
                         + b"\r\nContent-Length: 900000\r\n\r\nM"),
    }
    held = []
    for bytes_ in said.values():
        for _ in range(512):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", server.port))
            held.append([one, bytes_])
    ended = threading.Event()

    def keep():
        while not ended.is_set():
            for one in held:
                try:
                    sent = one[0].send(one[1][:65536]) if one[1] else 0
                    # Whoever writes slowly sends a byte now and again.
                    one[1] = one[1][sent:] or (b"M" if one[1] is not said["idle"] else b"")
                except BlockingIOError:
                    pass
                except OSError:
                    # It was sent away, and comes again.
                    one[0].close()
                    one[0] = socket.socket()
                    one[0].setblocking(False)
                    one[0].connect_ex(("127.0.0.1", server.port))
            ended.wait(1)
    keeper = threading.Thread(target=keep)
    keeper.start()
    time.sleep(10)
    times, wrong, until = [], [], time.monotonic() + options.seconds
    while time.monotonic() < until:
        for path in ("/messages?limit=5", "/health"):
            asked = time.monotonic()
            try:
                status = server.ask("GET", path, timeout=60)[0]
            except OSError as error:
                status = type(error).__name__
            if status != 200:
                wrong.append(status)
            times.append(time.monotonic() - asked)
        time.sleep(0.05)
    ended.set()
    keeper.join()
    for one, _ in held:
        one.close()
    times.sort()
    p99 = times[int(len(times) * 0.99)]
    print(f"clients: 1536 held: {len(times)} requests, median {times[len(times) // 2]:.3f} s, p99 {p99:.3f} s (bound {P99_SECONDS}), "
          f"not 200: {len(wrong)} {sorted(set(map(str, wrong)))}", flush=True)
    return p99 <= P99_SECONDS and not wrong


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=root / "target/release/causeway", type=pathlib.Path)
    parser.add_argument("--results", type=int, default=85_000)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--only", choices=["readers", "senders", "clients"])
    options = parser.parse_args()
    good = True
    with tempfile.TemporaryDirectory(prefix="hostile-") as name:
        server = Server(options.program, pathlib.Path(name))
        try:
            if options.only in (None, "clients"):
                good &= clients(server, options)
            if options.only in (None, "readers"):
                good &= readers(server, options)
            if options.only in (None, "senders"):
                good &= senders(server)
        finally:
            server.process.terminate()
            server.process.wait()
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
