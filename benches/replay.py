#!/usr/bin/env python3
"""Answers per second of `umpire replay` and of mitmdump's server replay, in one run.

    cargo build --release && python3 benches/replay.py [--seconds 8] [--connections 8] [--mitmdump PATH]

Both play captures/golden.har to the same load: the C1 of its first booking, byte for byte, over kept connections, as fast as
answers come. The load is made by wrk (Debian: wrk) with one thread. mitmdump comes from PyPI (mitmproxy); without it only
Umpire is measured: once with --answers-only, which does what mitmdump does, and once recording and judging all of it. Figures
are to be compared within one run only.
"""

import argparse
import json
import re
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

LUA = """
wrk.method = "PUT"
wrk.path = [==[%s]==]
wrk.body = [==[%s]==]
wrk.headers = { %s }
function response(status) if status ~= 200 then print("wrong " .. status) end end
"""


def recorded_request(host):
    """A script for wrk that sends the first PUT of the recording."""
    entries = json.loads(GOLDEN.read_text())["log"]["entries"]
    request = next(entry["request"] for entry in entries if entry["request"]["method"] == "PUT")
    kept = ("content-type", "accept", "authorization")
    fields = {field["name"]: field["value"] for field in request["headers"] if field["name"].lower() in kept}
    fields["Host"] = host
    fields = ", ".join(f"[ [==[{name}]==] ] = [==[{value}]==]" for name, value in fields.items())
    return LUA % (urlsplit(request["url"]).path, request["postData"]["text"], fields)


def measure(port, host, seconds, connections):
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(recorded_request(host))
        script.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", script.name, f"http://127.0.0.1:{port}"]
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "wrong" in printed or "Socket errors" in printed:
        sys.exit(f"not every answer on port {port} was 200:\n{printed}")
    return float(re.search(r"Requests/sec:\s+([\d.]+)", printed)[1])


def wait_for(port):
    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.1)
    sys.exit(f"nothing listens on port {port}")


def umpire(binary, seconds, connections, answers_only):
    with tempfile.TemporaryDirectory() as folder:
        command = [binary, "replay", GOLDEN, "--listen", "127.0.0.1:0", "--ui", "plain"]
        command += ["--answers-only"] if answers_only else ["--capture", f"{folder}/replayed.db"]
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
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--mitmdump", default=shutil.which("mitmdump"))
    parser.add_argument("--umpire", default=ROOT / "target" / "release" / "umpire")
    arguments = parser.parse_args()
    if not shutil.which("wrk"):
        sys.exit("wrk is not there; install it (Debian: wrk)")
    measured = (arguments.umpire, arguments.seconds, arguments.connections)
    ours = umpire(*measured, answers_only=True)
    print(f"umpire replay --answers-only          {ours:8.0f} answers/s")
    recorded = umpire(*measured, answers_only=False)
    print(f"umpire replay, recording and judging  {recorded:8.0f} answers/s")
    if not arguments.mitmdump:
        print("mitmdump is not there: pip install mitmproxy, or --mitmdump PATH")
        return
    theirs = mitmdump(arguments.mitmdump, arguments.seconds, arguments.connections)
    print(f"mitmdump --server-replay              {theirs:8.0f} answers/s")
    print(f"{ours / theirs:.1f} times as many from Umpire; {recorded / theirs:.1f} times while it records and judges")


if __name__ == "__main__":
    main()
