#!/usr/bin/env python3
"""Processor time per exchange of each of Umpire's threads under load, from the threads' own counters.

    cargo build --release && python3 benches/throughput/threads.py [--seconds 8] [--rounds 3] [BINARY …]

Needs nginx and wrk. The load is that of run.py: `--connections` connections as fast as they go, each exchange a C2 with an
answer of about 5 KB. Several binaries take turns, round by round, so that what the machine does meanwhile hits all alike.

    BINARY  ─► proxy under load ─► /proc/PID/task/*/stat before and after ─► µs per exchange: wire (user, kernel), recorder, judge, …
"""

import argparse
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from run import BACKEND, LUA, ROOT, UMPIRE, backend, messages, peak_memory, wrk

# A thread of the runtime is named by tokio; what carries traffic is called the wire here.
WIRE = ("tokio-rt-worker", "tokio-runtime-w", "umpire")


def times(pid):
    """Seconds of processor time, in the program and in the kernel, by name of thread."""
    hertz, found = os.sysconf("SC_CLK_TCK"), {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            text = (task / "stat").read_text()
        except OSError:  # It has ended.
            continue
        name = text[text.index("(") + 1 : text.rindex(")")]
        fields = text[text.rindex(")") + 2 :].split()
        name = "wire" if name.startswith(WIRE) else name
        user, kernel = found.get(name, (0, 0))
        found[name] = (user + int(fields[11]) / hertz, kernel + int(fields[12]) / hertz)
    return found


def measure(binary, folder, lua, options):
    """Requests per second, µs per exchange by thread, peak memory in MB, and bytes per exchange in the capture."""
    capture = folder / "load.db"
    umpire = subprocess.Popen(
        [binary, "proxy", "--to", f"http://127.0.0.1:{BACKEND}/api/openbooking", "--listen", f"127.0.0.1:{UMPIRE}"]
        + ["--capture", str(capture), "--ui", "json", "--grace-seconds", "1"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        time.sleep(2)
        before = times(umpire.pid)
        rate, count, _, _ = wrk(folder, UMPIRE, options.seconds, options.connections, lua)
        after, memory = times(umpire.pid), peak_memory(umpire.pid)
    finally:
        umpire.terminate()
        umpire.wait(timeout=120)
    kept = sqlite3.connect(capture).execute("select count(*) from exchange").fetchone()[0]
    if kept < count:
        sys.exit(f"{count} answered, {kept} in the capture")
    size = sum(path.stat().st_size for path in folder.glob("load.db*")) / kept
    for path in folder.glob("load.db*"):
        path.unlink()
    spent = {}
    for name, (user, kernel) in after.items():
        user_before, kernel_before = before.get(name, (0, 0))
        spent[name] = ((user - user_before) * 1e6 / count, (kernel - kernel_before) * 1e6 / count)
    return rate, spent, memory, size


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binaries", nargs="*", default=[str(ROOT / "target/release/umpire")], metavar="BINARY")
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=32)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="umpire-threads-"))
    folder.chmod(0o755)
    request, answer = messages(f"http://127.0.0.1:{BACKEND}")
    lua = LUA % (request.replace("%", "%%"), "%s")
    system = backend(folder, answer)
    measured = {binary: [] for binary in options.binaries}
    try:
        time.sleep(1)
        for number in range(options.rounds):
            for binary in options.binaries:
                rate, spent, memory, size = measure(binary, folder, lua, options)
                measured[binary].append((rate, spent, memory))
                told = ", ".join(f"{name} {user:.1f}+{kernel:.1f}" for name, (user, kernel) in sorted(spent.items()) if user + kernel >= 0.5)
                print(f"{number + 1} {binary}: {rate:.0f} requests/s, {memory} MB, {size:.0f} bytes each; µs in program+kernel: {told}", flush=True)
        for binary, rounds in measured.items():
            names = sorted({name for _, spent, _ in rounds for name in spent})
            middle = lambda name, part: statistics.median(spent.get(name, (0, 0))[part] for _, spent, _ in rounds)
            told = ", ".join(f"{name} {middle(name, 0):.1f}+{middle(name, 1):.1f}" for name in names if middle(name, 0) + middle(name, 1) >= 0.5)
            rate = statistics.median(rate for rate, _, _ in rounds)
            print(f"medians {binary}: {rate:.0f} requests/s, {max(memory for _, _, memory in rounds)} MB; µs in program+kernel: {told}")
    finally:
        system.terminate()
        system.wait(timeout=30)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
