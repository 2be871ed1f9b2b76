"""Build the wheel, install it into an environment of its own with the pinned runtime requirements, and try it.

Run by `make wheel`. The environment holds none of the tools for development, and none of the extras.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
COMMANDS = sorted(PROJECT["scripts"])

# Modules that only an extra makes importable, by the module that it brings.
EXTRAS = [
    "dnaio",
    "gb_io",
    "Bio",
    "apprise",
    "dna_features_viewer",
    "deltalake",
    "lance",
    "pyiceberg",
    "orjson",
]

# Runs inside the new environment: every module can be imported, unless an extra is what it lacks.
IMPORT_ALL = """
import importlib, pkgutil, sys
import dnadesign
imported = 0
for module in pkgutil.walk_packages(dnadesign.__path__, "dnadesign."):
    if module.name.endswith(".__main__"):
        continue
    try:
        importlib.import_module(module.name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in sys.argv[1].split(","):
            raise
    imported += 1
print(f"{imported} modules of {dnadesign.__path__[0]}")
"""


def main() -> int:
    """Build, install, try; the first step that fails ends it with its own message."""
    with tempfile.TemporaryDirectory(prefix="dnadesign-wheel-") as folder:
        wheel = build()
        check_contents(wheel)
        python = install(wheel, Path(folder) / "venv")
        try_out(python, Path(folder))
    say(f"{wheel.relative_to(ROOT)} installs and works on its own")
    return 0


def build() -> Path:
    """Build the wheel afresh into dist/ and return its path."""
    shutil.rmtree(ROOT / "dist", ignore_errors=True)
    run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", "dist", "."], cwd=ROOT)
    (wheel,) = (ROOT / "dist").glob("*.whl")
    return wheel


def check_contents(wheel: Path) -> None:
    """The wheel holds every tracked file of the package, its licence, and nothing else."""
    listed = run(["git", "ls-files", "-z", "src"], cwd=ROOT).split("\0")
    expected = {name.removeprefix("src/") for name in listed if name and (ROOT / name).is_file()}
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    metadata = {name for name in names if ".dist-info/" in name}
    if missing := sorted(expected - names):
        raise SystemExit(f"the wheel lacks {missing}")
    if untracked := sorted(names - metadata - expected):
        raise SystemExit(f"the wheel holds files that git does not track: {untracked}")
    if not any(name.endswith("/licenses/LICENSE") for name in metadata):
        raise SystemExit("the wheel lacks its licence")
    say(f"{len(names)} files in {wheel.name}")


def install(wheel: Path, folder: Path) -> Path:
    """Make an environment with the runtime requirements and the wheel; return its Python."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    pip: list[str | Path] = [python, "-m", "pip", "--disable-pip-version-check"]
    run([*pip, "install", "--require-hashes", "-r", ROOT / "requirements" / "runtime.txt"])
    run([*pip, "install", "--no-deps", wheel])
    say(run([*pip, "check"]).strip())
    return python


def try_out(python: Path, folder: Path) -> None:
    """Import every module, find the data, and let every command explain itself, far away from the checkout."""
    imported = run([python, "-I", "-c", IMPORT_ALL, ",".join(EXTRAS)], cwd=folder).strip()
    if str(ROOT) in imported:
        raise SystemExit(f"the package was imported from the checkout, not from the wheel: {imported}")
    say(imported)
    code = (
        "from importlib import metadata, resources; from dnadesign._version import __version__ as v; "
        "assert metadata.version('dnadesign') == v; package = resources.files('dnadesign'); "
        "assert (package / 'py.typed').is_file(); "
        "print(len((package / 'densegen/data/ecoli_sites.csv').read_text().splitlines()) - 1, 'sites')"
    )
    say(run([python, "-I", "-c", code], cwd=folder).strip())
    for command in COMMANDS:
        shown = run([python.parent / command, "--help"], cwd=folder)
        say(f"{command} --help: {len(shown.splitlines())} lines")


def run(command: list[str | Path], *, cwd: Path | None = None) -> str:
    """Run a command and return what it wrote to stdout; if it fails, show all it wrote and stop."""
    plain = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))
    }
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=plain, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.stderr.write(done.stdout + done.stderr)
        shown = " ".join(str(part) for part in command).strip().splitlines()[0]
        raise SystemExit(f"failed with status {done.returncode}: {shown}")
    return done.stdout


def say(line: str) -> None:
    """Print a line at once, so that progress shows in a pipe too."""
    print(f"wheel: {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
