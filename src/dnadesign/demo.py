"""The demo behind ``make demo``: one design run, end to end, with the commands that a user would type.

It makes its folder anew each time, runs ``dense``, ``usr`` and ``notify`` as programs of their own, and plays the
webhook's receiver itself, on loopback.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

DATASET = "designs/demo"
MARK = ".made-by-demo"
COLUMNS = "sequence,densegen__plan,densegen__gc_total"  # no wider than a terminal
WIDTH = 100
_WEBHOOK = "DEMO_WEBHOOK"


class Receiver:
    """A webhook receiver on loopback that keeps what it is sent."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            """Answers every POST with 204."""

            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                """Keep the message."""
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                receiver.messages.append(json.loads(body))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing on stderr."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hook"

    def __enter__(self) -> Receiver:
        """Begin to listen."""
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


def main() -> int:
    """Run the demo in ``demo-run`` of the current folder, or in the folder given as the only argument."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "demo-run")
    if folder.exists() and not (folder / MARK).exists():
        print(f"{folder} is there and was not made by the demo; name another folder", file=sys.stderr)
        return 3
    shutil.rmtree(folder, ignore_errors=True)
    root = folder / "datasets"
    with Receiver() as receiver:
        steps = [
            (
                "A workspace: a commented config and binding sites of CRP, LexA and CpxR",
                f"dense init {folder}",
            ),
            (
                "Design 36 promoters of 60 bp, written to a dataset as they come",
                f"dense run -c {folder}/config.yaml",
            ),
            (
                "Check the dataset: every id, every key, every column type",
                f"usr validate {DATASET} --root {root}",
            ),
            (
                "Sequences and some of their metadata, merged (usr schema shows all columns)",
                f"usr head {DATASET} --root {root} -n 4 --columns {COLUMNS}",
            ),
            ("The last events", f"usr events tail {DATASET} --root {root} -n 3"),
            (
                "The last one again, as programs read it (cut here; the line is whole in the log)",
                f"usr events tail {DATASET} --root {root} -n 1 --format json",
            ),
            (
                "Tell a webhook what happened to the run",
                f"notify usr-events watch --dataset {DATASET} --root {root} --url-env {_WEBHOOK} "
                f"--state-dir {folder}/notify",
            ),
        ]
        for number, (what, command) in enumerate(steps, start=1):
            print(f"\n[{number}/{len(steps)}] {what}\n$ {command}", flush=True)
            status = _run(command, receiver.url)
            if number == 1 and status == 0:
                (folder / MARK).touch()
            if status != 0:
                print(f"\nthe command above failed with exit status {status}", file=sys.stderr)
                return status
        _show(receiver)
    print(f"\nThe dataset is in {root / DATASET}. Look around: usr info {DATASET} --root {root}")
    return 0 if receiver.messages else 1


def _run(command: str, webhook: str) -> int:
    """Run one of the console scripts beside this interpreter; long lines of JSON are cut."""
    program, *arguments = shlex.split(command)
    script = Path(sys.executable).with_name(program)
    environment = os.environ | {_WEBHOOK: webhook}
    if "json" not in arguments:
        return subprocess.run([str(script), *arguments], env=environment, check=False).returncode
    done = subprocess.run(
        [str(script), *arguments], env=environment, check=False, stdout=subprocess.PIPE, text=True
    )
    for line in done.stdout.splitlines():
        print(line if len(line) <= WIDTH else f"{line[: WIDTH - 1]}…", flush=True)
    return done.returncode


def _show(receiver: Receiver) -> None:
    print(f"\nThe receiver at 127.0.0.1 got {len(receiver.messages)} messages:")
    for message in receiver.messages:
        data = message.get("data", {})
        print(f"  {message.get('time', '')[11:19]}  {message.get('type', '?'):<40}  {data.get('title', '')}")


if __name__ == "__main__":
    sys.exit(main())
