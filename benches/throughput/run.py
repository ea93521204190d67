#!/usr/bin/env python3
"""Requests per second and latency through Umpire (recording and judging everything) and through its peers, in one run.

    cargo build --release && python3 benches/throughput/run.py [--seconds 8] [--rounds 3] [--connections 32]

Needs nginx and wrk (Debian: nginx-light, wrk). Takes along what it finds of haproxy, mitmdump (recording) and lint-http
(linting and recording; `--lint-http PATH` names its binary), and names what it lacks. Everything runs on this machine:
wrk, the booking system (nginx answering C2 with a quote of about 5 KB), and the proxy under test. Figures are to be
compared within one run only.

    load       `--connections` connections as fast as they go, round by round
    steady     about `--rate` requests a second to Umpire: how far verdicts are behind when the load stops
    quiet      one connection to each, a hundred requests a second, in turn: what a proxy adds to the latency
    stream     when the first byte of an answer of 100 MB arrives

Afterwards the capture is counted against what wrk was answered: nothing may be missing.
"""

import argparse
import http.client
import json
import os
import re
import shutil
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BACKEND, NGINX, UMPIRE, HAPROXY, MITMDUMP, LINT_HTTP = range(18480, 18486)

LUA = """
local body = [==[%s]==]
local headers = { ["Content-Type"] = "application/vnd.openactive.booking+json; version=1", ["Authorization"] = "Bearer load" }
local thread_number = 0
function setup(thread) thread:set("number", thread_number); thread_number = thread_number + 1 end
local count = 0
function request()
  count = count + 1
  local uuid = string.format("%%%%08x-0000-4000-8000-%%%%012x", os.time() %%%% 4294967296, number * 1000000000 + count)
  return wrk.format("PUT", "%s/api/openbooking/order-quotes/" .. uuid, headers, body)
end
"""


LARGE = 100_000_000


def messages(origin):
    """A C2 request and its answer from the golden recording; the Order UUID of the answer is nginx's $1."""
    entries = json.loads((ROOT / "captures/golden.har").read_text())["log"]["entries"]
    for entry in entries:
        found = re.search(r"/order-quotes/([0-9a-f-]{36})$", entry["request"]["url"])
        if found and entry["request"]["method"] == "PUT" and entry["response"]["status"] == 200:
            request = entry["request"]["postData"]["text"]
            answer = entry["response"]["content"]["text"].replace(found[1], "$1")
            # Traffic that is right: the places are held for an hour from now on.
            expires = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
            answer = re.sub(r'("leaseExpires": ?)"[^"]*"', rf'\1"{expires}"', answer)
            swap = lambda text: text.replace("https://sandbox.example", origin)
            return swap(request), swap(answer)
    sys.exit("captures/golden.har holds no C2")


def nginx(folder, name, port, locations, upstream="", tls=""):
    """Listens with TLS and HTTP/2 where `tls` says with which certificate."""
    config = folder / f"{name}.conf"
    config.write_text(
        f"worker_processes 1; pid {folder}/{name}.pid; error_log {folder}/{name}.log; daemon off;\n"
        f"events {{ worker_connections 1024; }}\n"
        f"http {{ access_log off; keepalive_requests 1000000; client_body_temp_path {folder}/{name}-body;\n"
        f"proxy_temp_path {folder}/{name}-proxy; fastcgi_temp_path {folder}/x; uwsgi_temp_path {folder}/y; scgi_temp_path {folder}/z;\n"
        f"{upstream} server {{ listen 127.0.0.1:{port}{' ssl http2' if tls else ''}; {tls} {locations} }} }}\n"
    )
    return subprocess.Popen(["nginx", "-p", str(folder), "-c", str(config)])


def backend(folder, answer, port=BACKEND, tls=""):
    """The booking system; its answers say which version of HTTP they were asked for in."""
    # A parameter of nginx's configuration holds at most 4 KB, so the answer is put together from pieces.
    pieces = [answer[at : at + 2000] for at in range(0, len(answer), 2000)]
    sets = "".join("set $p%d '%s';\n" % (n, piece.replace("'", "\\'")) for n, piece in enumerate(pieces))
    whole = "".join(f"${{p{n}}}" for n in range(len(pieces)))
    location = (
        "location ~ ^/api/openbooking/order-quotes/(.+)$ { default_type 'application/vnd.openactive.booking+json; version=1';\n"
        f"add_header X-Protocol $server_protocol; {sets} return 200 \"{whole}\"; }}"
    )
    with open(folder / "large", "wb") as large:
        large.truncate(LARGE)
    return nginx(folder, "backend", port, location + f" location /large {{ root {folder}; }}", tls=tls)


def wrk(folder, port, seconds, connections, lua):
    script = folder / "put.lua"
    # lint-http is a forward proxy: it is asked for the whole URL.
    script.write_text(lua % (f"http://127.0.0.1:{BACKEND}" if port == LINT_HTTP else ""))
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", str(script), f"http://127.0.0.1:{port}"]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1])
    count = int(re.search(r"(\d+) requests in", out)[1])
    p50, p99 = (re.search(rf"^\s+{p}%\s+(\S+)", out, re.M)[1] for p in (50, 99))
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)|Socket errors: (.*)", out)
    if bad:
        sys.exit(f"port {port}: {bad[0]}")
    return rate, count, p50, p99


def paced(everybody, request, seconds, rate=100):
    """Latencies in milliseconds, sorted, of requests sent one by one to each in turn, at a rate that keeps nobody busy.

    In turn, so that what the machine does meanwhile hits all alike.
    """
    body = request.encode()
    connections, took = {}, {name: [] for name, _ in everybody}
    for name, port in everybody:
        connections[name] = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connections[name].connect()
        connections[name].sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    fields = {"Content-Type": "application/vnd.openactive.booking+json; version=1", "Authorization": "Bearer load"}
    began = time.perf_counter()
    for number in range(seconds * rate):
        for place, (name, port) in enumerate(everybody):
            origin = f"http://127.0.0.1:{BACKEND}" if port == LINT_HTTP else ""
            due = began + (number + place / len(everybody)) / rate
            time.sleep(max(0, due - time.perf_counter()))
            sent = time.perf_counter()
            connection = connections[name]
            connection.request("PUT", f"{origin}/api/openbooking/order-quotes/{uuid.uuid4()}", body, fields)
            answer = connection.getresponse()
            answer.read()
            took[name].append((time.perf_counter() - sent) * 1000)
            if answer.status != 200:
                sys.exit(f"{name}: {answer.status}")
    for connection in connections.values():
        connection.close()
    return {name: sorted(all) for name, all in took.items()}


def peak_memory(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) // 1024


def peers(folder, options):
    """Name, port and process of each peer that is there; names of those that are not."""
    here, lacking = [], []
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    if haproxy := shutil.which("haproxy"):
        (folder / "haproxy.cfg").write_text(
            "global\n nbthread 1\ndefaults\n mode http\n timeout connect 5s\n timeout client 60s\n timeout server 60s\n"
            f"listen booking\n bind 127.0.0.1:{HAPROXY}\n server booking 127.0.0.1:{BACKEND}\n"
        )
        here.append(("haproxy", HAPROXY, subprocess.Popen([haproxy, "-db", "-f", str(folder / "haproxy.cfg")], **quiet)))
    else:
        lacking.append("haproxy")
    if mitmdump := shutil.which(options.mitmdump):
        command = [mitmdump, "--mode", f"reverse:http://127.0.0.1:{BACKEND}", "-p", str(MITMDUMP), "-q"]
        here.append(("mitmdump", MITMDUMP, subprocess.Popen([*command, "-w", str(folder / "mitm.flows")], **quiet)))
    else:
        lacking.append("mitmdump")
    if lint_http := shutil.which(options.lint_http):
        (folder / "lint.toml").write_text(
            f'[general]\nlisten = "127.0.0.1:{LINT_HTTP}"\ncaptures = "{folder}/lint.jsonl"\nttl_seconds = 300\n'
            "captures_seed = false\ncaptures_include_body = true\n"
            f'[tls]\nenabled = false\nca_cert_path = "{folder}/lint.crt"\nca_key_path = "{folder}/lint.key"\n'
        )
        command = [lint_http, "run", "--config", str(folder / "lint.toml")]
        here.append(("lint-http", LINT_HTTP, subprocess.Popen(command, cwd=folder, **quiet)))
    else:
        lacking.append("lint-http")
    return here, lacking


def first_byte(port):
    """Milliseconds until the first byte of the body of a large answer is there; the least of several tries."""

    def one():
        began = time.perf_counter()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/large", timeout=30) as answer:
            answer.read(1)
            took = time.perf_counter() - began
            while answer.read(1 << 20):
                pass
        return took * 1000

    return statistics.median(one() for _ in range(5))


class Told:
    """Counts the exchanges that Umpire has told, reading each line once: what waits must not take the processor."""

    def __init__(self, log):
        self.lines, self.count, self.rest = open(log, "rb"), 0, b""

    def wait_for(self, count, since):
        """Seconds from `since` until so many exchanges have been told."""
        while time.time() - since < 600:
            lines = (self.rest + self.lines.read()).split(b"\n")
            self.rest = lines.pop()
            self.count += sum(line.startswith(b'{"event":"exchange"') for line in lines)
            if self.count >= count:
                return time.time() - since
            time.sleep(0.1)
        sys.exit("not everything was judged in ten minutes")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--rate", type=int, default=5_000)
    parser.add_argument("--umpire", default=str(ROOT / "target/release/umpire"))
    parser.add_argument("--mitmdump", default="mitmdump")
    parser.add_argument("--lint-http", default="lint-http")
    options = parser.parse_args()
    lacking = [tool for tool in ("nginx", "wrk") if not shutil.which(tool)] + [
        path for path in [options.umpire] if not os.path.exists(path)
    ]
    if lacking:
        sys.exit(f"lacking: {', '.join(lacking)}")
    folder = Path(tempfile.mkdtemp(prefix="umpire-throughput-"))
    folder.chmod(0o755)
    request, answer = messages(f"http://127.0.0.1:{BACKEND}")
    lua = LUA % (request.replace("%", "%%"), "%s")
    processes = [backend(folder, answer)]
    processes.append(
        nginx(
            folder,
            "proxy",
            NGINX,
            "location / { proxy_pass http://booking; proxy_http_version 1.1; proxy_set_header Connection ''; }",
            f"upstream booking {{ server 127.0.0.1:{BACKEND}; keepalive 64; }}",
        )
    )
    capture, log = folder / "load.db", folder / "umpire.log"
    umpire = subprocess.Popen(
        [options.umpire, "proxy", "--to", f"http://127.0.0.1:{BACKEND}/api/openbooking", "--listen", f"127.0.0.1:{UMPIRE}"]
        + ["--capture", str(capture), "--ui", "json"],
        stdout=open(log, "w"),
        stderr=subprocess.DEVNULL,
    )
    processes.append(umpire)
    told = Told(log)
    others, lacking = peers(folder, options)
    processes += [process for _, _, process in others]
    if lacking:
        print(f"without {', '.join(lacking)}, which are not there")
    everybody = [("direct", BACKEND), ("nginx", NGINX), ("umpire", UMPIRE)] + [(name, port) for name, port, _ in others]
    try:
        time.sleep(4)
        print(f"PUT of {len(request)} bytes, answers of about {len(answer) + 34} bytes")
        rates, answered = {}, 0

        def run(label, name, port, connections, seconds, script=lua):
            nonlocal answered
            rate, count, p50, p99 = wrk(folder, port, seconds, connections, script)
            answered += count if name == "umpire" else 0
            print(f"{label:8} {name:9} {rate:9.0f} requests/s   p50 {p50:>8}   p99 {p99:>8}", flush=True)
            return rate

        def settle():
            """What Umpire still has to judge must not disturb the next one."""
            return told.wait_for(answered, time.time())

        quiet = paced(everybody, request, 2 * options.seconds)
        answered += len(quiet["umpire"])
        for percent in (50, 99):
            at = {name: took[len(took) * percent // 100] for name, took in quiet.items()}
            added = ", ".join(f"{name} {ms - at['direct']:.2f}" for name, ms in at.items() if name != "direct")
            print(f"quiet    p{percent} direct {at['direct']:.2f} ms; added: {added}")
        settle()
        for name, port in everybody[:3]:
            print(f"stream: first byte of {LARGE // 1_000_000} MB after {first_byte(port):.1f} ms  {name}")
        answered += 5
        settle()
        paused = lua + f"\nfunction delay() return {max(1, options.connections * 1000 // options.rate)} end\n"
        run("steady", "umpire", UMPIRE, options.connections, 2 * options.seconds, paused)
        print(f"         all judged {settle():.1f} s after the load had stopped")
        for number in range(options.rounds):
            for name, port in everybody:
                rate = run(f"load {number + 1}", name, port, options.connections, options.seconds)
                rates.setdefault(name, []).append(rate)
                if name == "umpire":
                    print(f"         all judged {settle():.1f} s after the load had stopped")
        for name in rates:
            ratio = [mine / theirs for mine, theirs in zip(rates["umpire"], rates[name])]
            if name != "umpire":
                print(f"umpire / {name}, round by round: {', '.join(f'{r:.2f}' for r in ratio)}; median {statistics.median(ratio):.2f}")
        memory = peak_memory(umpire.pid)
        umpire.terminate()
        umpire.wait(timeout=60)
        kept = sqlite3.connect(capture).execute("select count(*) from exchange").fetchone()[0]
        print(f"{answered} answered, {kept} in the capture, {capture.stat().st_size / kept:.0f} bytes each; peak memory {memory} MB")
        if kept < answered:
            sys.exit("exchanges are missing from the capture")
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(timeout=30)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
