#!/usr/bin/env python3
"""Resident memory of Umpire while a million exchanges are recorded and judged.

    cargo build --release && python3 benches/throughput/memory.py [--exchanges 1000000] [--connections 32]

Needs nginx and wrk. wrk sends as fast as it is answered, so judging falls behind and reads back from the capture; the run
ends when all is judged. Prints the highest resident memory as it goes.
"""

import argparse
import sqlite3
import subprocess
import sys
import tempfile
import shutil
import time
from pathlib import Path

from run import LUA, ROOT, backend, messages, peak_memory, wrk

SYSTEM, UMPIRE = 18495, 18496


def told(log, seen):
    """Exchanges that have been told since the place in the log that `seen` has."""
    with open(log, errors="replace") as lines:
        lines.seek(seen["at"])
        for line in lines:
            if not line.endswith("\n"):
                break
            seen["at"] += len(line.encode())
            seen["count"] += line.startswith('{"event":"exchange"')
    return seen["count"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exchanges", type=int, default=1_000_000)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--umpire", default=str(ROOT / "target/release/umpire"))
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="umpire-memory-"))
    folder.chmod(0o755)
    request, answer = messages(f"http://127.0.0.1:{SYSTEM}")
    lua = LUA % (request.replace("%", "%%"), "%s")
    capture, log = folder / "million.db", folder / "umpire.log"
    command = [options.umpire, "proxy", "--to", f"http://127.0.0.1:{SYSTEM}/api/openbooking"]
    command += ["--listen", f"127.0.0.1:{UMPIRE}", "--capture", str(capture), "--ui", "json"]
    processes = [backend(folder, answer, SYSTEM)]
    umpire = subprocess.Popen(command, stdout=open(log, "w"), stderr=subprocess.DEVNULL)
    processes.append(umpire)
    try:
        time.sleep(2)
        answered, began, seen = 0, time.time(), {"at": 0, "count": 0}
        while answered < options.exchanges:
            rate, count, _, _ = wrk(folder, UMPIRE, 20, options.connections, lua)
            answered += count
            judged = told(log, seen)
            print(f"{time.time() - began:5.0f} s: {answered} answered ({rate:.0f}/s), {judged} judged, {peak_memory(umpire.pid)} MB", flush=True)
        while (judged := told(log, seen)) < answered:
            time.sleep(20)
            print(f"{time.time() - began:5.0f} s: {judged} judged, {peak_memory(umpire.pid)} MB", flush=True)
        memory = peak_memory(umpire.pid)
        umpire.terminate()
        umpire.wait(timeout=120)
        kept = sqlite3.connect(capture).execute("select count(*) from exchange").fetchone()[0]
        print(f"{answered} answered, {kept} in the capture ({capture.stat().st_size / 1e9:.1f} GB), all judged; peak memory {memory} MB")
        if kept < answered:
            sys.exit("exchanges are missing from the capture")
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(timeout=120)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
