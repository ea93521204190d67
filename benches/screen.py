#!/usr/bin/env python3
"""The screen over a capture of a million exchanges, and while thousands arrive each second: first frame, frames, keys, memory, quitting.

    cargo build --release && python3 benches/screen.py [--exchanges 1000000] [--rate 5000] [--seconds 60] [--idle 60]

The program runs on a terminal of 120 columns and 40 rows (a pty). The capture is the quotes of the golden recording over
and over, with other Order UUIDs in their paths, so that it is there in a minute and much is wrong with it. It is shown as nobody has judged
it yet. Then `umpire proxy` is shown under load (nginx and wrk; without them that part is left out, and a line says so), and what
it recorded is checked with and without the verdicts that are kept beside it, shown as it was judged, filtered, and left idle.

A key counts as answered when what it leads to is in sight. How long frames take the program itself writes to its log.
"""

import argparse
import fcntl
import os
import pty
import re
import select
import shutil
import signal
import socket
import sqlite3
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benches/throughput"))

COLUMNS, ROWS = 120, 40
TOKEN = re.compile(r"\x1b\[(\d*)(?:;(\d*))?H|\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b.|([^\x1b])", re.S)


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


SYSTEM, UMPIRE = free_port(), free_port()


class Screen:
    """A program on a terminal of its own, and what is on it."""

    def __init__(self, command, folder):
        self.began = time.monotonic()
        self.log = folder / "screen.log"
        self.log.unlink(missing_ok=True)
        terminal, other = pty.openpty()
        fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        environment = {**os.environ, "TERM": "xterm-256color", "RUST_LOG": "umpire::tui=trace"}
        command = command + ["--log", str(self.log)]
        self.process = subprocess.Popen(
            command, stdin=other, stdout=other, stderr=subprocess.DEVNULL, cwd=folder, env=environment, start_new_session=True
        )
        os.close(other)
        self.terminal, self.cells, self.at, self.rest = terminal, {}, (0, 0), ""

    def read(self, seconds):
        """Takes in what is written within some time; False if nothing was."""
        ready, _, _ = select.select([self.terminal], [], [], max(0, seconds))
        if not ready:
            return False
        try:
            data = os.read(self.terminal, 1 << 16)
        except OSError:
            return False
        text = self.rest + data.decode(errors="ignore")
        # What is cut off in the middle waits for its rest.
        cut = text.rfind("\x1b")
        self.rest = text[cut:] if cut >= 0 and len(text) - cut < 12 and not re.search(r"[A-Za-z]", text[cut + 1 :]) else ""
        for found in TOKEN.finditer(text[: len(text) - len(self.rest)]):
            row, column, character = found[1], found[2], found[3]
            if character:
                self.cells[self.at] = character
                self.at = (self.at[0], self.at[1] + 1)
            elif found[0].endswith("H"):
                self.at = (int(row or 1) - 1, int(column or 1) - 1)
            elif found[0].endswith("2J"):
                self.cells.clear()
        return True

    def text(self):
        return "\n".join("".join(self.cells.get((row, at), " ") for at in range(COLUMNS)) for row in range(ROWS))

    def wait(self, pattern, seconds=30, goes=False):
        """How long it took until something is in sight, or isn't any more, in seconds."""
        began = time.monotonic()
        while bool(re.search(pattern, self.text())) == goes:
            if time.monotonic() - began > seconds:
                self.process.kill()
                raise SystemExit(f"{pattern!r} is not in sight after {seconds} s:\n{self.text()}")
            if not self.read(0.2) and self.process.poll() is not None:
                raise SystemExit(f"{self.process.args}: has ended, with status {self.process.returncode}")
        return time.monotonic() - began

    def press(self, key, pattern, goes=False):
        """How long a key takes until what it leads to is in sight, or what it takes away is not, in milliseconds."""
        os.write(self.terminal, key.encode())
        return self.wait(pattern, goes=goes) * 1000

    def rest_for(self, seconds):
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.read(left)

    def memory(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) // 1024

    def processor(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def quit(self, keys):
        began = time.monotonic()
        for key in keys:
            os.write(self.terminal, key.encode())
            self.read(0.1)
        while self.process.poll() is None and time.monotonic() - began < 60:
            self.read(0.02)
        took = time.monotonic() - began
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        os.close(self.terminal)
        return took

    def frames(self):
        """How long the frames took, in milliseconds."""
        text = self.log.read_text() if self.log.exists() else ""
        return sorted(int(micros) / 1000 for micros in re.findall(r"frame\b.*?micros=(\d+)", text))


def build(umpire, folder, count):
    """A capture of so many exchanges."""
    file = folder / "million.db"
    subprocess.run([umpire, "capture", "convert", str(ROOT / "captures/golden.har"), "--keep-personal-data", "-o", str(file)],
                   check=True, stdout=subprocess.DEVNULL)
    db = sqlite3.connect(file)
    db.execute("PRAGMA journal_mode = OFF")
    db.execute("PRAGMA synchronous = OFF")
    columns = [row[1] for row in db.execute("PRAGMA table_info(exchange)")]
    golden = db.execute("SELECT count(*) FROM exchange").fetchone()[0]
    uuid = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
    rows = db.execute(f"SELECT {', '.join(columns)} FROM exchange WHERE target LIKE '%order-quote%' ORDER BY n").fetchall()
    n, number, target, started = (columns.index(name) for name in ("n", "id", "target", "started"))
    marks = ", ".join("?" * len(columns))

    def copies():
        for at in range(golden, count):
            again, place = divmod(at, len(rows))
            row = list(rows[place])
            row[n], row[number] = at, at + 1
            row[target] = uuid.sub(lambda found: f"{again:08x}{found[0][8:]}", row[target])
            second, milli = divmod(at * 5, 1000)
            row[started] = f"2026-11-{1 + second // 86400:02}T{second // 3600 % 24:02}:{second // 60 % 60:02}:{second % 60:02}.{milli:03}Z"
            yield row

    db.executemany(f"INSERT INTO exchange ({', '.join(columns)}) VALUES ({marks})", copies())
    db.commit()
    db.close()
    return file


def share(values, most):
    return 100 * sum(value <= most for value in values) / max(1, len(values))


def told(what, value, aim):
    print(f"  {what:58} {value:>16}   aim {aim}", flush=True)


def frames_told(screen):
    frames = screen.frames()
    if frames:
        told(f"frames within 16 ms, of {len(frames)}", f"{share(frames, 16):.2f} %", "99 %")
        told("the longest frame", f"{frames[-1]:.1f} ms", "")


KEYS = [("5", r"p50 +p95"), ("3", r"\d+ causes?"), ("4", r"(?i)feature|never tried|Coverage of"), ("1", r"\d+ bookings?"), ("2", r"[\d,]+ exchanges? · ")]


def press_all(screen, rounds, pause):
    took = []
    for _ in range(rounds):
        for key, pattern in KEYS:
            took.append(screen.press(key, pattern))
            screen.rest_for(pause)
    return sorted(took)


def keys_told(took):
    told(f"keys answered, {len(took)} of them: median, longest", f"{statistics.median(took):.0f}, {took[-1]:.0f} ms", "50 ms")


def check(umpire, file, what):
    began = time.monotonic()
    subprocess.run([umpire, "check", str(file)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    told(f"umpire check, {what}", f"{time.monotonic() - began:.1f} s", "")


def view(umpire, folder, file, count, idle):
    grouped = f"{count:,}"
    print(f"umpire view, {grouped} exchanges, judged before:")
    screen = Screen([umpire, "view", str(file)], folder)
    screen.wait("umpire|Bookings")
    told("first frame", f"{(time.monotonic() - screen.began) * 1000:.0f} ms", "300 ms")
    screen.wait(rf"judged {grouped}|judged {count}", 300)
    told("all findings, counts and bookings are there", f"{time.monotonic() - screen.began:.1f} s", "")
    keys_told(press_all(screen, 10, 0.1))
    screen.press("A", "All .* exchanges")
    took = sorted([screen.press("G", rf"at {grouped}"), screen.press("g", r"at 1 ")])
    told("to the last, to the first, at most", f"{took[-1]:.0f} ms", "50 ms")
    os.write(screen.terminal, b"/body:nowhere\r")
    began, took = time.monotonic(), []
    while time.monotonic() - began < 5:
        took.append(screen.press("?", "any key closes this"))
        took.append(screen.press("x", "any key closes this", goes=True))
    keys_told(sorted(took))
    screen.press("/", "Filter /")
    os.write(screen.terminal, b"\x15\r")
    screen.rest_for(2)
    told("memory", f"{screen.memory()} MB", "200 MB")
    if idle:
        before = screen.processor()
        screen.rest_for(idle)
        told(f"idle, processor over {idle} s", f"{100 * (screen.processor() - before) / idle:.2f} %", "0.1 %")
    frames = screen
    told("quit", f"{screen.quit(['q', 'q', 'q']):.2f} s", "1 s")
    frames_told(frames)


def unjudged(umpire, folder, file, seconds):
    print("umpire view, not judged before:")
    screen = Screen([umpire, "view", str(file)], folder)
    screen.wait("umpire|Bookings")
    told("first frame", f"{(time.monotonic() - screen.began) * 1000:.0f} ms", "300 ms")
    screen.rest_for(2)
    keys_told(press_all(screen, max(1, seconds // 5), 0.1))
    told("memory", f"{screen.memory()} MB", "200 MB")
    told("quit", f"{screen.quit(['q', 'q', 'q']):.2f} s", "1 s")
    frames_told(screen)


def live(umpire, folder, rate, seconds):
    missing = [name for name in ("nginx", "wrk") if not shutil.which(name)]
    if missing:
        return print(f"umpire proxy under load: left out, {', '.join(missing)} is not here")
    from run import LUA, backend, messages

    print(f"umpire proxy, about {rate} exchanges/s for {seconds} s, recorded and judged:")
    request, answer = messages(f"http://127.0.0.1:{SYSTEM}")
    connections = 64
    lua = LUA % (request.replace("%", "%%"), "") + f"\nfunction delay() return {max(1, connections * 1000 // rate)} end\n"
    (folder / "put.lua").write_text(lua.replace("%%", "%"))
    system = backend(folder, answer, SYSTEM)
    command = [umpire, "proxy", "--to", f"http://127.0.0.1:{SYSTEM}/api/openbooking", "--listen", f"127.0.0.1:{UMPIRE}"]
    screen = Screen(command + ["--capture", str(folder / "live.db")], folder)
    try:
        screen.wait("umpire|Bookings")
        told("first frame", f"{(time.monotonic() - screen.began) * 1000:.0f} ms", "300 ms")
        load = subprocess.Popen(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(folder / "put.lua"), f"http://127.0.0.1:{UMPIRE}"],
                                stdout=subprocess.PIPE, text=True)
        screen.rest_for(2)
        took = []
        while load.poll() is None:
            took += press_all(screen, 1, 0.15)
        out = load.stdout.read()
        told("exchanges/s", re.search(r"Requests/sec:\s+([\d.]+)", out)[1], str(rate))
        keys_told(sorted(took))
        told("memory", f"{screen.memory()} MB", "200 MB")
        told("quit", f"{screen.quit(['q', 'y']):.2f} s", "1 s, or it says what it waits for")
        frames_told(screen)
        return folder / "live.db"
    finally:
        system.terminate()
        system.wait()
        if screen.process.poll() is None:
            screen.process.kill()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exchanges", type=int, default=1_000_000)
    parser.add_argument("--rate", type=int, default=5_000)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--idle", type=int, default=60)
    parser.add_argument("--umpire", default=str(ROOT / "target/release/umpire"))
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="umpire-screen-"))
    folder.chmod(0o755)
    try:
        began = time.monotonic()
        file = build(options.umpire, folder, options.exchanges)
        print(f"{options.exchanges} exchanges, {file.stat().st_size / 1e9:.1f} GB, made in {time.monotonic() - began:.0f} s")
        unjudged(options.umpire, folder, file, 10)
        recorded = live(options.umpire, folder, options.rate, options.seconds) or file
        kept = Path(f"{recorded}.verdicts")
        if kept.exists():
            print(f"the verdicts that the run kept take {kept.stat().st_size / 1e6:.1f} MB")
            check(options.umpire, recorded, "with the verdicts that the run kept")
            kept.unlink()
        check(options.umpire, recorded, "without kept verdicts")
        check(options.umpire, recorded, "with those that check kept")
        count = sqlite3.connect(recorded).execute("SELECT count(*) FROM exchange").fetchone()[0]
        view(options.umpire, folder, recorded, count, options.idle)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
