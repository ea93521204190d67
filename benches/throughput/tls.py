#!/usr/bin/env python3
"""Requests per second through proxies that intercept TLS, with HTTP/2 on both sides, in one run.

    cargo build --release && python3 benches/throughput/tls.py [--seconds 4] [--rounds 3] [--hudsucker PATH]

Needs nginx, h2load and curl (Debian: nginx-light, nghttp2-client, curl) and openssl. Takes along what it finds of mitmdump
(recording) and hudsucker (passing everything; `hudsucker.rs` says how it is built), and names what it lacks.

h2load knows no proxies. So it goes through a helper, the same for all, that opens the tunnel with CONNECT and then has the
kernel pass the bytes both ways:

    h2load ─► helper ─► CONNECT ─► Umpire (recording and judging), mitmdump, hudsucker ─► nginx, TLS and HTTP/2
"""

import argparse
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path

from run import ROOT, Told, backend, messages, peak_memory

SYSTEM, UMPIRE, MITMDUMP, HUDSUCKER = range(18490, 18494)
HOST = "localhost"
KIND = "application/vnd.openactive.booking+json; version=1"


def pump(source, sink):
    """Bytes one way, through the kernel."""
    reading, writing = os.pipe()
    try:
        while count := os.splice(source.fileno(), writing, 1 << 16):
            while count:
                count -= os.splice(reading, sink.fileno(), count)
    except OSError:
        pass  # the connection is over, and the other direction will see it
    finally:
        os.close(reading)
        os.close(writing)
        for end, how in ((sink, socket.SHUT_WR), (source, socket.SHUT_RD)):
            try:
                end.shutdown(how)
            except OSError:
                pass


def tunnel(listen, proxy):
    """Whoever connects to `listen` is connected to the booking system through `proxy`."""
    door = socket.create_server(("127.0.0.1", listen), backlog=256)

    def serve(client):
        system = socket.create_connection(("127.0.0.1", proxy))
        for end in (client, system):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        system.sendall(f"CONNECT {HOST}:{SYSTEM} HTTP/1.1\r\nHost: {HOST}:{SYSTEM}\r\n\r\n".encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = system.recv(1)
            if not byte:
                return client.close()
            head += byte
        up = threading.Thread(target=pump, args=(client, system), daemon=True)
        up.start()
        pump(system, client)
        up.join()
        client.close()
        system.close()

    while True:
        threading.Thread(target=serve, args=(door.accept()[0],), daemon=True).start()


def certificates(folder):
    """An authority and a certificate of it for the booking system; what nginx wants to know of them."""
    made = lambda *arguments: subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    made("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=benchmark authority")
    made("req", *key[:-2], "-keyout", "leaf.key", "-out", "leaf.csr", "-subj", f"/CN={HOST}")
    (folder / "names").write_text(f"subjectAltName=DNS:{HOST},IP:127.0.0.1\n")
    made("x509", "-req", "-in", "leaf.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
         "-extfile", "names", "-out", "leaf.pem")
    return f"ssl_certificate {folder}/leaf.pem; ssl_certificate_key {folder}/leaf.key;"


def h2load(folder, port, seconds, connections, streams):
    """Requests per second and their number; a failed one ends the run."""
    command = ["h2load", "-t1", f"-c{connections}", f"-m{streams}", f"-D{seconds}", "-d", str(folder / "body")]
    command += ["-i", str(folder / "urls"), "--connect-to", f"127.0.0.1:{port}", "-H", ":method: PUT"]
    command += ["-H", f"content-type: {KIND}", "-H", "authorization: Bearer load"]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Application protocol: h2\n" not in out:
        sys.exit(f"port {port}: no HTTP/2\n{out}")
    rate = float(re.search(r"finished in [^,]+, ([\d.]+) req/s", out)[1])
    done, good, bad = (int(re.search(rf"(\d+) {word}", out)[1]) for word in ("done", "2xx", "4xx"))
    if not good or bad or done - good > connections * streams:
        sys.exit(f"port {port}: not all were answered with 200\n{out}")
    return rate, good


def protocols(folder, port):
    """Which version of HTTP is spoken on either side of the proxy there."""
    command = ["curl", "-sk", "-D-", "-o/dev/null", "--http2", "-x", f"http://127.0.0.1:{port}", "-X", "PUT"]
    command += ["-H", f"content-type: {KIND}", "--data-binary", f"@{folder}/body"]
    out = subprocess.run([*command, first_url(folder)], capture_output=True, text=True, check=True).stdout
    # The first status line is that of the tunnel.
    client = re.findall(r"^(HTTP/\S+) 200", out, re.M)
    system = re.search(r"^x-protocol: (\S+)", out, re.M | re.I)
    if not (client and system):
        sys.exit(f"port {port}: no answer\n{out}")
    return f"{client[-1]} with the client, {system[1]} with the booking system"


def first_url(folder):
    return (folder / "urls").read_text().split("\n", 1)[0]


def proxies(folder, options):
    """Name, port and process of each that is there; names of those that are not."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    environment = {name: value for name, value in os.environ.items() if "_proxy" not in name.lower()}
    command = [options.umpire, "proxy", "--intercept", HOST, "--listen", f"127.0.0.1:{UMPIRE}"]
    command += ["--upstream-ca", str(folder / "ca.pem"), "--capture", str(folder / "tls.db"), "--ui", "json"]
    umpire = subprocess.Popen(
        command,
        stdout=open(folder / "umpire.log", "w"),
        stderr=subprocess.DEVNULL,
        env={**environment, "UMPIRE_HOME": str(folder / "home")},
    )
    here, lacking = [("umpire", UMPIRE, umpire)], []
    if mitmdump := shutil.which(options.mitmdump):
        command = [mitmdump, "-p", str(MITMDUMP), "-q", "-w", str(folder / "mitm.flows"), "--set", f"confdir={folder}/mitm"]
        command += ["--set", f"ssl_verify_upstream_trusted_ca={folder}/ca.pem"]
        here.append(("mitmdump", MITMDUMP, subprocess.Popen(command, **quiet)))
    else:
        lacking.append("mitmdump")
    if hudsucker := shutil.which(options.hudsucker):
        here.append(("hudsucker", HUDSUCKER, subprocess.Popen([hudsucker, str(HUDSUCKER), str(folder / "ca.pem")], **quiet)))
    else:
        lacking.append("hudsucker")
    return here, lacking


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--streams", type=int, default=1, help="requests at a time on each connection")
    parser.add_argument("--umpire", default=str(ROOT / "target/release/umpire"))
    parser.add_argument("--mitmdump", default="mitmdump")
    parser.add_argument("--hudsucker", default="hudsucker")
    parser.add_argument("--tunnel", nargs=2, type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.tunnel:
        return tunnel(*options.tunnel)
    lacking = [tool for tool in ("nginx", "h2load", "curl", "openssl", options.umpire) if not shutil.which(tool)]
    if lacking:
        sys.exit(f"lacking: {', '.join(lacking)}")
    folder = Path(tempfile.mkdtemp(prefix="umpire-tls-"))
    folder.chmod(0o755)
    request, answer = messages(f"https://{HOST}:{SYSTEM}")
    (folder / "body").write_text(request)
    urls = (f"https://{HOST}:{SYSTEM}/api/openbooking/order-quotes/{uuid.uuid4()}\n" for _ in range(20_000))
    (folder / "urls").write_text("".join(urls))
    processes = [backend(folder, answer, SYSTEM, certificates(folder))]
    here, lacking = proxies(folder, options)
    processes += [process for _, _, process in here]
    if lacking:
        print(f"without {', '.join(lacking)}, which are not there")
    for _, port, _ in here:
        processes.append(subprocess.Popen([sys.executable, __file__, "--tunnel", str(port + 100), str(port)]))
    try:
        time.sleep(4)
        print(f"PUT of {len(request)} bytes, answers of about {len(answer) + 34} bytes, {options.connections} connections")
        answered, rates, told = 0, {}, Told(folder / "umpire.log")
        for name, port, _ in here:
            print(f"{name:9} {protocols(folder, port)}")
            answered += name == "umpire"
        for number in range(options.rounds):
            for name, port in [("direct", SYSTEM), *((name, port + 100) for name, port, _ in here)]:
                rate, good = h2load(folder, port, options.seconds, options.connections, options.streams)
                rates.setdefault(name, []).append(rate)
                print(f"load {number + 1}  {name:9} {rate:9.0f} requests/s", flush=True)
                if name == "umpire":
                    answered += good
                    waited = told.wait_for(answered, time.time())
                    print(f"        all judged {waited:.1f} s after the load had stopped")
        for name in rates:
            if name != "umpire":
                ratios = [mine / theirs for mine, theirs in zip(rates["umpire"], rates[name])]
                print(f"umpire / {name}, round by round: {', '.join(f'{r:.2f}' for r in ratios)}; median {statistics.median(ratios):.2f}")
        print("peak memory: " + ", ".join(f"{name} {peak_memory(process.pid)} MB" for name, _, process in here))
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(timeout=60)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
