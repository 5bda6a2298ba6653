"""Sends HL7 v2 with `hl7` and `hl7apy` to a real `causeway serve` and checks what came of it. Started by `mllp`."""

import argparse
import asyncio
import collections
import hashlib
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import hl7
import hl7.client
import hl7.mllp
from hl7apy.parser import parse_message

import mllp_messages

TOKEN = "mllp-clients"
SENDER = "ZV801"
#: Ends of a message that say that it was translated and is in the record.
DONE = {"translated", "delivered"}
#: Messages of each run whose page is read one by one.
SAMPLE = 100


class Wrong(Exception):
    """Something that must not be."""


def expect(holds, text):
    if not holds:
        raise Wrong(text)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """`causeway serve` on a directory of its own: closed, with an MLLP listener."""

    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        self.http_port, self.port = free_port(), free_port()
        token = hashlib.sha256(TOKEN.encode()).hexdigest()
        self.config = folder / "causeway.toml"
        self.config.write_text(
            f'listen = "127.0.0.1:{self.http_port}"\ndata_directory = "{folder / "data"}"\n'
            f'[[organisation]]\ncode = "{SENDER}"\ntoken_sha256 = "{token}"\noperator = true\n'
            f'[[mllp]]\nlisten = "127.0.0.1:{self.port}"\nsender = "{SENDER}"\n'
        )
        self.process = None
        self.start()

    def start(self):
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen([self.program, "serve", "--config", self.config], stderr=log, stdout=log)
        self.http = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=60)
        for _ in range(300):
            try:
                self.get("/health")
                return
            except OSError:
                expect(self.process.poll() is None, f"the server ended: {(self.folder / 'log').read_text()}")
                self.http.close()
                time.sleep(0.1)
        raise Wrong("the server did not start")

    def stop(self, how=signal.SIGTERM):
        self.http.close()
        self.process.send_signal(how)
        self.process.wait(60)

    def get(self, path):
        headers = {"Authorization": f"Bearer {TOKEN}", "Accept": "application/json"}
        try:
            self.http.request("GET", path, headers=headers)
            answer = self.http.getresponse()
        except http.client.RemoteDisconnected:
            # The server closes a connection on which nothing was asked for a while.
            self.http.close()
            self.http.request("GET", path, headers=headers)
            answer = self.http.getresponse()
        body = answer.read()
        expect(answer.status == 200, f"GET {path}: {answer.status}")
        return body.decode()

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def metric(self, name):
        """Sums of a metric by its labels' text."""
        found = re.findall(rf"^causeway_{name}(?:{{(.*?)}})? (\S+)$", self.get("/metrics"), re.M)
        return {labels: float(value) for labels, value in found}

    def wait_idle(self):
        """Waits until nothing is left to do."""
        while sum(v for k, v in self.metric("queue_items").items() if 'state="parked"' not in k) > 0:
            expect(self.process.poll() is None, "the server ended")
            time.sleep(0.02)

    def messages(self):
        """Everything that it keeps, as its list shows it."""
        path, rows = "/messages", []
        while path:
            page = json.loads(self.get(path))
            rows += page["messages"]
            path = page["next"]
        return rows


class Outgoing:
    """The messages of a run, made beforehand: making them is not what is measured."""

    def __init__(self, make, run, count):
        made = [make(run, at) for at in range(count)]
        self.facts = [facts for facts, _ in made]
        if make is mllp_messages.of_hl7:
            self.texts = [str(message) for _, message in made]
            self.frames = None
        else:
            self.frames = [message.to_mllp().encode() for _, message in made]
            self.texts = [frame[1:-2].decode() for frame in self.frames]

    def digests(self, wanted=None):
        texts = self.texts if wanted is None else [self.texts[at] for at in wanted]
        return collections.Counter(hashlib.sha256(text.encode()).hexdigest() for text in texts)


# Senders. Each gives the answers in the order in which they came.


def hl7_one_by_one(port, out, _):
    answers = []
    with hl7.client.MLLPClient("127.0.0.1", port) as client:
        for text in out.texts:
            answers.append(client.send_message(text))
    return answers


async def pipeline(port, texts, outstanding, answered):
    """Sends with `hl7.mllp`, so many unanswered; tells of each answer as it comes."""
    reader, writer = await hl7.mllp.open_hl7_connection("127.0.0.1", port)
    room = asyncio.Semaphore(outstanding)

    async def send():
        for text in texts:
            await room.acquire()
            writer.writemessage(text)
            await writer.drain()

    sending = asyncio.ensure_future(send())
    try:
        for _ in texts:
            answered(await reader.readmessage())
            room.release()
        await sending
    finally:
        sending.cancel()
        writer.close()


def hl7_pipelined(port, out, outstanding):
    answers = []
    asyncio.run(pipeline(port, out.texts, outstanding, answers.append))
    return answers


def hl7apy_over_socket(port, out, outstanding):
    """`hl7apy` writes the frames (`to_mllp`) and reads the answers; it has no client of its own."""
    buffer, answers, sent = b"", [], 0
    with socket.create_connection(("127.0.0.1", port)) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while len(answers) < len(out.frames):
            more = out.frames[sent : len(answers) + outstanding]
            line.sendall(b"".join(more))
            sent += len(more)
            got = line.recv(65536)
            expect(got, "the server closed the connection")
            *whole, buffer = (buffer + got).split(b"\x1c\r")
            answers += whole
    return answers


# Readers of an acknowledgement: its code and the control id that it answers. After the run, for `hl7apy` needs
# milliseconds for each.


def read_hl7(answer):
    if not isinstance(answer, hl7.Message):
        expect(answer[:1] == b"\x0b" and answer[-2:] == b"\x1c\r", "an answer without its frame")
        answer = hl7.parse(answer[1:-2].decode())
    return str(answer["MSA.F1"]), str(answer["MSA.F2"])


def read_hl7apy(answer):
    expect(answer[:1] == b"\x0b", "an answer without its frame")
    message = parse_message(answer[1:].decode(), find_groups=False)
    return message.msa.msa_1.value, message.msa.msa_2.value


def check_answers(answers, facts, read):
    expect(len(answers) == len(facts), f"{len(answers)} answers for {len(facts)} messages")
    for at, (answer, asked) in enumerate(zip(answers, facts)):
        said = read(answer)
        expect(said == (asked.code, asked.control_id), f"answer {at + 1} is {said}")


def check_kept(rows, digests):
    """Everything is there, once, byte for byte, and nothing else."""
    kept = collections.Counter(row["sha256"] for row in rows)
    expect(kept == digests, f"kept: {len(digests - kept)} missing, {len(kept - digests)} too many")


def check_translated(server, rows, rejected=0):
    states = collections.Counter(row["state"] for row in rows)
    expect(sum(states[s] for s in DONE) == len(rows), f"states {dict(states)}")
    expect(all(v == 0 for k, v in server.metric("queue_items").items()), "work is left, or parked")
    items = server.metric("source_items_total")
    expect(sum(items.values()) > 0, "no source item was counted")
    for outcome in ("unexplained", "rejected"):
        count = sum(v for k, v in items.items() if f'outcome="{outcome}"' in k)
        expect(count == rejected, f"{count:.0f} source items {outcome}")
    for row in rows[:: max(1, len(rows) // SAMPLE)]:
        translation = json.loads(server.get(f"/messages/{row['id']}"))["translation"]
        expect(translation and translation["errors"] == 0, f"message {row['id']} has errors")
        expect(translation["ledger"].get("unexplained", 0) == 0, f"message {row['id']} has unexplained items")
        expect(len(translation["bundles"]) == 1, f"message {row['id']} has no bundle")


RUNS = {
    "hl7": ("hl7 MLLPClient, one by one", "A1", mllp_messages.of_hl7, hl7_one_by_one, read_hl7, False),
    "hl7-pipelined": ("hl7.mllp, pipelined", "A2", mllp_messages.of_hl7, hl7_pipelined, read_hl7, True),
    "hl7apy": ("hl7apy, one by one", "B1", mllp_messages.of_hl7apy, hl7apy_over_socket, read_hl7apy, False),
    "hl7apy-pipelined": ("hl7apy, pipelined", "B2", mllp_messages.of_hl7apy, hl7apy_over_socket, read_hl7apy, True),
}


def measured(server, name, count, outstanding):
    title, run, make, send, read, pipelined = RUNS[name]
    out = Outgoing(make, run, count)
    before, started = server.cpu_seconds(), time.monotonic()
    answers = send(server.port, out, outstanding if pipelined else 1)
    acknowledged = time.monotonic() - started
    # The client reads its answers within this time too: it has the same cores.
    server.wait_idle()
    through, cpu = time.monotonic() - started, server.cpu_seconds() - before
    check_answers(answers, out.facts, read)
    rows = server.messages()
    check_kept(rows, out.digests())
    check_translated(server, rows)
    print(
        f"{title:28} {count:>6} {count / acknowledged:>9.0f}/s {count / through:>9.0f}/s {cpu:>8.1f} s "
        f"{count / cpu:>9.0f}/s",
        flush=True,
    )


def killed(server, count, outstanding):
    """SIGKILL midway, restart. The sender sends again what it has no answer to, and what was answered last, as if those
    answers had been lost."""
    out = Outgoing(mllp_messages.of_hl7, "K1", count)
    answers = []

    def answered(answer):
        answers.append(answer)
        if len(answers) == count // 2:
            server.process.kill()

    try:
        asyncio.run(pipeline(server.port, out.texts, outstanding, answered))
        raise Wrong("the server was killed, and the sender did not notice")
    except (OSError, asyncio.IncompleteReadError):
        server.process.wait(60)
    check_answers(answers, out.facts[: len(answers)], read_hl7)
    server.start()
    server.wait_idle()
    kept = collections.Counter(row["sha256"] for row in server.messages())
    promised = out.digests(range(len(answers)))
    expect(not promised - kept, f"{len(promised - kept)} acknowledged messages are lost")
    expect(max(kept.values()) == 1, "a message is kept twice")
    unanswered = len(kept) - len(promised)

    rest, again = [], max(0, len(answers) - outstanding)
    asyncio.run(pipeline(server.port, out.texts[again:], outstanding, rest.append))
    check_answers(rest, out.facts[again:], read_hl7)
    server.wait_idle()
    rows = server.messages()
    check_kept(rows, out.digests())
    check_translated(server, rows)
    print(
        f"SIGKILL after {len(answers)} acknowledgements of {count}: 0 lost, 0 double; {len(answers) - again} answered and "
        f"{unanswered} unanswered ones that it had kept were sent again, and known",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--causeway", required=True)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--outstanding", type=int, default=64)
    parser.add_argument("--only", action="append", choices=[*RUNS, "kill"], default=[])
    options = parser.parse_args()
    wanted = options.only or [*RUNS, "kill"]
    print("acknowledged: each after it is durable; through: translated and in the record; per core: by the server's CPU")
    print(f"{'':28} {'sent':>6} {'acknowledged':>11} {'through':>11} {'CPU':>10} {'per core':>11}", flush=True)
    failed = False
    for name in wanted:
        folder = pathlib.Path(tempfile.mkdtemp(prefix="causeway-mllp-"))
        server = None
        try:
            server = Server(options.causeway, folder)
            if name == "kill":
                killed(server, options.messages, options.outstanding)
            else:
                measured(server, name, options.messages, options.outstanding)
        except Wrong as wrong:
            failed = True
            print(f"FAILED: {name}: {wrong}", flush=True)
        finally:
            if server and server.process.poll() is None:
                server.stop()
            shutil.rmtree(folder, ignore_errors=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
