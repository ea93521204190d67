#!/usr/bin/env python3
"""Requests per second through Umpire (recording and judging everything), nginx as a plain reverse proxy, and direct.

    cargo build --release && python3 benches/throughput/run.py [--seconds 8] [--rounds 3] [--connections 32]

Needs nginx and wrk (Debian: nginx-light, wrk); names what it lacks. Everything runs on this machine: wrk, the booking
system (nginx answering C2 with a quote of about 5 KB), and the proxy under test. Figures are to be compared within one
run only. Afterwards the capture is counted against what wrk was answered: nothing may be missing.
"""

import argparse
import json
import os
import re
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BACKEND, NGINX, UMPIRE = 18480, 18481, 18482

LUA = """
local body = [==[%s]==]
local headers = { ["Content-Type"] = "application/vnd.openactive.booking+json; version=1", ["Authorization"] = "Bearer load" }
local thread_number = 0
function setup(thread) thread:set("number", thread_number); thread_number = thread_number + 1 end
local count = 0
function request()
  count = count + 1
  local uuid = string.format("%%08x-0000-4000-8000-%%012x", os.time() %% 4294967296, number * 1000000000 + count)
  return wrk.format("PUT", "/api/openbooking/order-quotes/" .. uuid, headers, body)
end
"""


def messages(origin):
    """A C2 request and its answer from the golden recording; the Order UUID of the answer is nginx's $1."""
    entries = json.loads((ROOT / "captures/golden.har").read_text())["log"]["entries"]
    for entry in entries:
        found = re.search(r"/order-quotes/([0-9a-f-]{36})$", entry["request"]["url"])
        if found and entry["request"]["method"] == "PUT" and entry["response"]["status"] == 200:
            request = entry["request"]["postData"]["text"]
            answer = entry["response"]["content"]["text"].replace(found[1], "$1")
            swap = lambda text: text.replace("https://sandbox.example", origin)
            return swap(request), swap(answer)
    sys.exit("captures/golden.har holds no C2")


def nginx(folder, name, port, locations, upstream=""):
    config = folder / f"{name}.conf"
    config.write_text(
        f"worker_processes 1; pid {folder}/{name}.pid; error_log {folder}/{name}.log; daemon off;\n"
        f"events {{ worker_connections 1024; }}\n"
        f"http {{ access_log off; keepalive_requests 1000000; client_body_temp_path {folder}/{name}-body;\n"
        f"proxy_temp_path {folder}/{name}-proxy; fastcgi_temp_path {folder}/x; uwsgi_temp_path {folder}/y; scgi_temp_path {folder}/z;\n"
        f"{upstream} server {{ listen 127.0.0.1:{port}; {locations} }} }}\n"
    )
    return subprocess.Popen(["nginx", "-p", str(folder), "-c", str(config)])


def backend(folder, answer):
    # A parameter of nginx's configuration holds at most 4 KB, so the answer is put together from pieces.
    pieces = [answer[at : at + 2000] for at in range(0, len(answer), 2000)]
    sets = "".join("set $p%d '%s';\n" % (n, piece.replace("'", "\\'")) for n, piece in enumerate(pieces))
    whole = "".join(f"${{p{n}}}" for n in range(len(pieces)))
    location = (
        "location ~ ^/api/openbooking/order-quotes/(.+)$ { default_type 'application/vnd.openactive.booking+json; version=1';\n"
        f"{sets} return 200 \"{whole}\"; }}"
    )
    return nginx(folder, "backend", BACKEND, location)


def wrk(folder, port, seconds, connections, lua):
    script = folder / "put.lua"
    script.write_text(lua)
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", str(script), f"http://127.0.0.1:{port}"]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1])
    count = int(re.search(r"(\d+) requests in", out)[1])
    p50, p99 = (re.search(rf"{p}%\s+(\S+)", out)[1] for p in (50, 99))
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)|Socket errors: (.*)", out)
    if bad:
        sys.exit(f"port {port}: {bad[0]}")
    return rate, count, p50, p99


def peak_memory(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) // 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--umpire", default=str(ROOT / "target/release/umpire"))
    options = parser.parse_args()
    lacking = [tool for tool in ("nginx", "wrk") if not shutil.which(tool)] + [
        path for path in [options.umpire] if not os.path.exists(path)
    ]
    if lacking:
        sys.exit(f"lacking: {', '.join(lacking)}")
    folder = Path(tempfile.mkdtemp(prefix="umpire-throughput-"))
    request, answer = messages(f"http://127.0.0.1:{BACKEND}")
    lua = LUA % request
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
    capture = folder / "load.db"
    log = open(folder / "umpire.log", "w")
    umpire = subprocess.Popen(
        [options.umpire, "proxy", "--to", f"http://127.0.0.1:{BACKEND}/api/openbooking", "--listen", f"127.0.0.1:{UMPIRE}"]
        + ["--capture", str(capture), "--ui", "json"],
        stdout=log,
        stderr=log,
    )
    processes.append(umpire)
    try:
        time.sleep(1.5)
        print(f"PUT of {len(request)} bytes, answers of about {len(answer) + 34} bytes, {options.connections} connections")
        rates, answered, answered_all = {}, 0, 0
        for number in range(options.rounds):
            for name, port in [("direct", BACKEND), ("nginx", NGINX), ("umpire", UMPIRE)]:
                rate, count, p50, p99 = wrk(folder, port, options.seconds, options.connections, lua)
                rates.setdefault(name, []).append(rate)
                answered_all += count if name == "umpire" else 0
                print(f"round {number + 1}  {name:7} {rate:9.0f} requests/s   p50 {p50:>8}   p99 {p99:>8}")
        memory = peak_memory(umpire.pid)
        began = time.time()
        umpire.terminate()
        umpire.wait(timeout=60)
        behind = time.time() - began
        kept = sqlite3.connect(capture).execute("select count(*) from exchange").fetchone()[0]
        ratio = [mine / theirs for mine, theirs in zip(rates["umpire"], rates["nginx"])]
        print(f"umpire / nginx, round by round: {', '.join(f'{r:.2f}' for r in ratio)}; median {statistics.median(ratio):.2f}")
        print(f"{answered_all} answered, {kept} in the capture, {capture.stat().st_size / kept:.0f} bytes each")
        print(f"peak memory {memory} MB; stopped, with everything judged and flushed, after {behind:.1f} s")
        if kept < answered_all:
            sys.exit("exchanges are missing from the capture")
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(timeout=30)
        shutil.rmtree(folder, ignore_errors=True)


main()
