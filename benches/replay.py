#!/usr/bin/env python3
"""Answers per second of `umpire replay` and of mitmdump's server replay, in one run.

    cargo build --release && python3 benches/replay.py [--seconds 8] [--connections 8] [--mitmdump PATH]

Both play captures/golden.har to the same load: the C1 of its first booking, byte for byte, over kept connections, as fast as
answers come. mitmdump comes from PyPI (mitmproxy); without it only Umpire is measured. The load is made here, by processes of
Python that write a request and read an answer of known length: where Umpire is faster than they are, its figure is theirs.
Figures are to be compared within one run only.
"""

import argparse
import json
import multiprocessing
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[1]
GOLDEN = ROOT / "captures" / "golden.har"
MITMDUMP_PORT = 18486


def recorded_request(host):
    """The first PUT of the recording as bytes."""
    entries = json.loads(GOLDEN.read_text())["log"]["entries"]
    request = next(entry["request"] for entry in entries if entry["request"]["method"] == "PUT")
    body = request["postData"]["text"].encode()
    path = urlsplit(request["url"]).path
    kept = ("content-type", "accept", "authorization")
    fields = "".join(f"{f['name']}: {f['value']}\r\n" for f in request["headers"] if f["name"].lower() in kept)
    head = f"PUT {path} HTTP/1.1\r\nHost: {host}\r\n{fields}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def answer(stream):
    """Reads one answer; its status."""
    head = b""
    while b"\r\n\r\n" not in head:
        data = stream.recv(65536)
        if not data:
            raise ConnectionError("closed")
        head += data
    head, body = head.split(b"\r\n\r\n", 1)
    lines = head.decode("latin-1").split("\r\n")
    fields = {line.split(":", 1)[0].lower(): line.split(":", 1)[1].strip() for line in lines[1:]}
    missing = int(fields["content-length"]) - len(body)
    while missing > 0:
        missing -= len(stream.recv(65536))
    return int(lines[0].split()[1])


def load(port, request, seconds, results):
    count = 0
    with socket.create_connection(("127.0.0.1", port)) as stream:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            stream.sendall(request)
            if answer(stream) != 200:
                results.put(-1)
                return
            count += 1
    results.put(count)


def measure(port, host, seconds, connections):
    request = recorded_request(host)
    results = multiprocessing.Queue()
    workers = [
        multiprocessing.Process(target=load, args=(port, request, seconds, results)) for _ in range(connections)
    ]
    for worker in workers:
        worker.start()
    counts = [results.get() for _ in workers]
    for worker in workers:
        worker.join()
    if -1 in counts:
        sys.exit(f"an answer on port {port} was not 200")
    return sum(counts) / seconds


def wait_for(port):
    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.1)
    sys.exit(f"nothing listens on port {port}")


def umpire(binary, seconds, connections):
    with tempfile.TemporaryDirectory() as folder:
        command = [binary, "replay", GOLDEN, "--listen", "127.0.0.1:0", "--ui", "plain"]
        command += ["--capture", f"{folder}/replayed.db"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as replay:
            authority = urlsplit(replay.stdout.readline().split()[1]).netloc
            sink = subprocess.Popen(["cat"], stdin=replay.stdout, stdout=subprocess.DEVNULL)
            try:
                return measure(int(authority.rsplit(":", 1)[1]), authority, seconds, connections)
            finally:
                replay.terminate()
                replay.wait()
                sink.wait()


def mitmdump(binary, seconds, connections):
    command = [binary, "-q", "--mode", "reverse:https://sandbox.example", "--listen-port", str(MITMDUMP_PORT)]
    command += ["--server-replay", GOLDEN, "--set", "server_replay_reuse=true", "--set", "connection_strategy=lazy"]
    command += ["--set", "server_replay_extra=kill"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as replay:
        try:
            wait_for(MITMDUMP_PORT)
            return measure(MITMDUMP_PORT, "sandbox.example", seconds, connections)
        finally:
            replay.terminate()
            replay.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--mitmdump", default=shutil.which("mitmdump"))
    parser.add_argument("--umpire", default=ROOT / "target" / "release" / "umpire")
    arguments = parser.parse_args()
    ours = umpire(arguments.umpire, arguments.seconds, arguments.connections)
    print(f"umpire replay             {ours:8.0f} answers/s")
    if not arguments.mitmdump:
        print("mitmdump is not there: pip install mitmproxy, or --mitmdump PATH")
        return
    theirs = mitmdump(arguments.mitmdump, arguments.seconds, arguments.connections)
    print(f"mitmdump --server-replay  {theirs:8.0f} answers/s: {ours / theirs:.1f} times as many from Umpire")


if __name__ == "__main__":
    main()
