"""The published `mesh-client` package, unmodified, over TLS: a walk through what a mailbox's owner does, and cycles
per second against several servers in turns. Started by `tests/clients/mesh`, which makes the servers.

    mesh.py walk URL CA KEY [--megabytes N]
    mesh.py rate CA KEY --server NAME=URL=PID … [--seconds N] [--clients 1,8] [--bytes N] [--rounds N]

A cycle is four requests: send a message, list the inbox, download the message, acknowledge it.
"""
import argparse
import hashlib
import math
import multiprocessing
import os
import sys
import time
import uuid

from mesh_client import MeshClient

SENDER, RECIPIENT, PASSWORD = "X26ABC1", "X26ABC2", "password"
WORKFLOW, OTHER_WORKFLOW = "TEST_WORKFLOW", "TEST_WORKFLOW2"
REQUESTS = ("send", "list", "download", "acknowledge")
TICKS = os.sysconf("SC_CLK_TCK")


def client(url, mailbox, ca, key, **more):
    return MeshClient(url, mailbox, PASSWORD, shared_key=key.encode(), verify=ca, **more)


# --- the walk


class Pattern:
    """A file of any size that needs no memory, with its SHA-256. Its blocks differ, so that one out of place shows."""

    BLOCK = 64 * 1024

    def __init__(self, size):
        self.size, self.at, self.digest = size, 0, hashlib.sha256()
        # Where the client looks for the length of what is no file.
        self._content_length = size
        self.rest = b""

    def read(self, count=-1):
        count = self.size - self.at if count is None or count < 0 else min(count, self.size - self.at)
        out = bytearray()
        while len(out) < count:
            if not self.rest:
                number = (self.at + len(out)) // self.BLOCK
                self.rest = hashlib.shake_128(number.to_bytes(8, "big")).digest(self.BLOCK)
            piece, self.rest = self.rest[: count - len(out)], self.rest[count - len(out) :]
            out += piece
        self.at += count
        self.digest.update(out)
        return bytes(out)


def check(what, good):
    print(f"  {'ok  ' if good else 'FAIL'}  {what}", flush=True)
    if not good:
        raise SystemExit(f"walk failed: {what}")


def walk(url, ca, key, megabytes):
    small = 20 * 1024 * 1024
    with client(url, SENDER, ca, key, max_chunk_size=small) as sender, client(url, RECIPIENT, ca, key) as recipient:
        sender.ping()
        check("handshake", sender.handshake() == b"hello" and recipient.handshake() == b"hello")
        for left in recipient.list_messages():
            recipient.acknowledge_message(left)

        local = f"walk-{uuid.uuid4()}"
        body = b"a message of the walk"
        first = sender.send_message(
            RECIPIENT, body, workflow_id=WORKFLOW, local_id=local, subject="Walk", filename="walk.txt"
        )
        second = sender.send_message(RECIPIENT, b"another", workflow_id=OTHER_WORKFLOW)
        check("send", first and second and first != second)
        check("list, in the order of sending", recipient.list_messages() == [first, second])
        check("filter by workflow", recipient.list_messages(workflow_filter=OTHER_WORKFLOW) == [second])
        check("filter all but a workflow", recipient.list_messages(workflow_filter=f"!{OTHER_WORKFLOW}") == [first])

        message = recipient.retrieve_message(first)
        check("download", message.read() == body)
        told = (message.sender, message.recipient, message.workflow_id, message.subject, message.filename)
        check("its headers", told == (SENDER, RECIPIENT, WORKFLOW, "Walk", "walk.txt"))
        check("its local id", message.local_id == local)

        tracked = sender.track_message(message_id=first)
        check("track by message id: accepted", tracked["status"] == "accepted" and tracked["local_id"] == local)
        message.acknowledge()
        recipient.acknowledge_message(second)
        check("acknowledge: the inbox is empty", recipient.list_messages() == [])
        check("acknowledge again", recipient.acknowledge_message(first) is None)
        check("track: acknowledged", sender.track_message(message_id=first)["status"] == "acknowledged")
        # The client has no call for it any more; its own session asks.
        by_local = sender._session.get(f"{sender.mailbox_url}/outbox/tracking/{local}")
        by_local.raise_for_status()
        found = by_local.json()
        check("track by local id", found["messageId"] == first and found["status"].lower() == "acknowledged")

        size = megabytes * 1024 * 1024
        for name, compress in (("as it is", False), ("compressed on the way", True)):
            # The second is there for the coding, not for its size.
            source = Pattern(size if not compress else min(size, 3 * small))
            chunks = math.ceil(source.size / small)
            started = time.monotonic()
            sent = sender.send_message(
                RECIPIENT, source, workflow_id=WORKFLOW, filename="large.bin", compress=compress
            )
            middle = time.monotonic()
            got, count = hashlib.sha256(), 0
            message = recipient.retrieve_message(sent)
            while piece := message.read(1024 * 1024):
                got.update(piece)
                count += len(piece)
            ended = time.monotonic()
            mb = source.size / 1e6
            rates = f"{mb / (middle - started):.0f} MB/s up, {mb / (ended - middle):.0f} MB/s down"
            check(
                f"file of {mb:.0f} MB in {chunks} chunks, {name}: same SHA-256 ({rates})",
                count == source.size and got.digest() == source.digest.digest(),
            )
            message.acknowledge()
    print("walk: all good")


# --- the rate


def cpu_of(pid):
    """Seconds of processor time that a process and its threads have used."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def work(url, ca, key, body, seconds, start, results):
    with client(url, SENDER, ca, key) as sender, client(url, RECIPIENT, ca, key) as recipient:
        clock = time.perf_counter

        def cycle():
            at = [clock()]
            sent = sender.send_message(RECIPIENT, body, workflow_id=WORKFLOW)
            at.append(clock())
            listed = recipient.list_messages()
            at.append(clock())
            message = recipient.retrieve_message(sent)
            content = message.read()
            at.append(clock())
            recipient.acknowledge_message(sent)
            at.append(clock())
            if sent not in listed or len(content) != len(body):
                raise RuntimeError("the message is not in the inbox, or not as it was sent")
            return at

        try:
            for _ in range(5):
                cycle()
            start.wait()
            times, used = [], time.process_time()
            end = clock() + seconds
            while clock() < end:
                at = cycle()
                times.append([b - a for a, b in zip(at, at[1:])])
            results.put((times, time.process_time() - used))
        except Exception as error:  # noqa: BLE001 - told to the parent, whatever it is
            start.abort()
            results.put((repr(error), 0.0))


def turn(server, ca, key, clients, body, seconds):
    """One server's turn: (cycles per second, latencies by request, server's and clients' CPU seconds per cycle)."""
    _, url, pid = server
    start, results = multiprocessing.Barrier(clients + 1), multiprocessing.Queue()
    crowd = [
        multiprocessing.Process(target=work, args=(url, ca, key, body, seconds, start, results))
        for _ in range(clients)
    ]
    for one in crowd:
        one.start()
    try:
        start.wait(timeout=60)
    except Exception:  # noqa: BLE001 - what went wrong is in the results
        pass
    before = cpu_of(pid)
    got = [results.get(timeout=seconds + 60) for _ in crowd]
    server_cpu = cpu_of(pid) - before
    for one in crowd:
        one.join()
    for times, _ in got:
        if isinstance(times, str):
            raise SystemExit(f"{url}: a client failed: {times}")
    cycles = sum(len(times) for times, _ in got)
    latencies = [[row[i] for times, _ in got for row in times] for i in range(len(REQUESTS))]
    return cycles / seconds, latencies, server_cpu / cycles, sum(used for _, used in got) / cycles


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(share * len(values)))]


def rate(servers, ca, key, clients, seconds, size, rounds):
    """Turns of all servers, in their order and back, so that whatever else the machine does meets them alike. The
    first is the ceiling; the last has one turn a round, for it takes the longest."""
    body = os.urandom(size // 2).hex().encode()
    null, order = servers[0][0], [*servers, *reversed(servers[:-1])]
    ours = next(name for name, _, _ in servers if name == "causeway")
    for count in clients:
        turns = {name: [] for name, _, _ in servers}
        for _ in range(rounds):
            for server in order:
                turns[server[0]].append(turn(server, ca, key, count, body, seconds))
        mean = {name: sum(t[0] for t in list_) / len(list_) for name, list_ in turns.items()}
        print(f"\n{count} client{'s' if count > 1 else ''}, message of {len(body)} bytes, turns of {seconds:g} s")
        print(f"| server | cycles/s (each turn) | of {null} | CPU ms per cycle: server, clients | "
              + " | ".join(f"{r} p50 / p99 ms" for r in REQUESTS) + " |")
        print("|---|---|---|---|" + "---|" * len(REQUESTS))
        for name, list_ in turns.items():
            each = ", ".join(f"{t[0]:.0f}" for t in list_)
            server_cpu = 1000 * sum(t[2] for t in list_) / len(list_)
            client_cpu = 1000 * sum(t[3] for t in list_) / len(list_)
            cells = []
            for i in range(len(REQUESTS)):
                values = [v for t in list_ for v in t[1][i]]
                cells.append(f"{1000 * percentile(values, 0.5):.2f} / {1000 * percentile(values, 0.99):.2f}")
            print(f"| {name} | {mean[name]:.0f} ({each}) | {mean[name] / mean[null]:.0%} | "
                  f"{server_cpu:.2f}, {client_cpu:.2f} | " + " | ".join(cells) + " |")
        others = [name for name, _, _ in servers if name != ours]
        print(f"{count}: " + ", ".join(f"{ours} / {name} = {mean[ours] / mean[name]:.2f}" for name in others),
              flush=True)


def main():
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("walk")
    one.add_argument("url")
    one.add_argument("ca")
    one.add_argument("key")
    one.add_argument("--megabytes", type=int, default=200)
    two = commands.add_parser("rate")
    two.add_argument("ca")
    two.add_argument("key")
    two.add_argument("--server", action="append", required=True)
    two.add_argument("--seconds", type=float, default=5)
    two.add_argument("--clients", default="1,8")
    two.add_argument("--bytes", type=int, default=5000)
    two.add_argument("--rounds", type=int, default=1)
    given = parser.parse_args()
    if given.command == "walk":
        walk(given.url, given.ca, given.key, given.megabytes)
    else:
        servers = [tuple(s.split("=")) for s in given.server]
        clients = [int(c) for c in given.clients.split(",")]
        rate(servers, given.ca, given.key, clients, given.seconds, given.bytes, given.rounds)


if __name__ == "__main__":
    multiprocessing.set_start_method("fork")
    sys.exit(main())
