"""Who may import whom: cli -> facade -> operations -> storage -> contract, and two doors into usr."""

import ast

from tests.architecture.source_tree import Import, Module, imports, within

USR = "dnadesign.usr"
DOORS = {
    "dnadesign.densegen": "dnadesign.densegen.adapters.outputs.usr_writer",
    "dnadesign.notify": "dnadesign.notify.adapters.usr_events",
}

# What a layer of usr may import of usr, besides itself. The facade is every module that lies directly in usr.
USR_LAYERS = {
    "contract": frozenset[str](),
    "storage": frozenset({"contract"}),
    "formats": frozenset({"contract", "storage"}),
    "operations": frozenset({"contract", "storage", "formats"}),
    "facade": frozenset({"contract", "storage", "operations"}),
    "testing": frozenset({"contract", "storage", "operations", "formats", "facade", "names"}),
    "names": frozenset({"contract", "storage", "operations", "facade"}),
    "cli": frozenset({"contract", "formats", "facade", "names"}),
}
# The same within a tool. Operations reach the world through ports of the contract, never through an adapter.
# Assembly, every module that lies directly in the tool, puts the others together.
TOOL_LAYERS = {
    "contract": frozenset[str](),
    "operations": frozenset({"contract"}),
    "adapters": frozenset({"contract", "operations"}),
    "assembly": frozenset({"contract", "adapters", "operations"}),
    "cli": frozenset({"contract", "adapters", "operations", "assembly"}),
}

# What the contract may not load: it opens no file, asks no database, reads no YAML.
NOT_IN_CONTRACT = (
    "duckdb", "yaml", "ruamel", "io", "shutil", "tempfile", "subprocess", "fcntl", "glob", "mmap",
    "pathlib.Path", "pathlib.PosixPath", "pyarrow.parquet", "pyarrow.dataset", "pyarrow.fs",
)  # fmt: skip
ALLOWED_OF = {
    "os": {"environ", "fsdecode", "fspath", "getpid", "PathLike", "uname"},
    "socket": {"gethostname"},
}
FILE_CALLS = frozenset(
    ["read_text", "read_bytes", "write_text", "write_bytes", "mkdir", "unlink", "iterdir", "rglob", "is_file"]
)


def import_problems(module: Module) -> list[str]:
    """Every import of a module that its place does not allow."""
    found = imports(module)
    problems = [
        f"{module.name}:{item.line}: imports {item.target}, which {reason}"
        for item in found
        if within(item.target, "dnadesign") and (reason := _refusal(module, item.target))
    ]
    return problems + _local_import_problems(module, found) + _lazy_import_problems(module)


def _lazy_import_problems(module: Module) -> list[str]:
    """Other operations that an operation reaches through the package, whose modules are loaded on first use."""
    return [
        f"{module.name}:{node.lineno}: uses {node.attr}, which is another operation"
        for node in ast.walk(module.tree)
        if within(module.name, f"{USR}.operations")
        and isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "_ops"
        and not node.attr.startswith("_")
    ]


def _refusal(module: Module, target: str) -> str | None:
    """Why a module may not import the target, or None where it may."""
    if within(module.name, USR):
        return _refused_in_usr(module, target)
    for tool, door in DOORS.items():
        if within(module.name, tool):
            return _refused_in_tool(module, tool, door, target)
    if module.name == "dnadesign":
        return "the package itself does without" if not within(target, "dnadesign._version") else None
    return None  # demo.py stands above everything


def _refused_in_usr(module: Module, target: str) -> str | None:
    if not within(target, USR):
        allowed = _is_shared(target) or target == "dnadesign.__version__"
        return None if allowed else "is none of usr's business"
    own, other = _usr_layer(module.name), _usr_layer(target)
    if own == other == "operations" and not _shared(module.name, target):
        return "is another operation: what two of them need belongs into operations/_*.py or below"
    if own in {other, "names"} or other in USR_LAYERS[own]:
        return "is the command line" if other == "cli" != own else None
    return f"is not below {own}"


def _is_shared(target: str) -> bool:
    """Whether a name belongs to the little that all three tools have: the version, and the streams of a process."""
    return any(within(target, name) for name in ("dnadesign._version", "dnadesign._streams"))


def _usr_layer(name: str) -> str:
    """The layer of a name in usr; a plain name taken from ``dnadesign.usr`` belongs to its public face."""
    head = name.removeprefix(USR).lstrip(".").split(".")[0]
    if not head or not head.islower() or head.startswith("__"):
        return "names"
    return head if head in USR_LAYERS else "facade"


def _shared(name: str, target: str) -> bool:
    package = f"{USR}.operations."
    if not target.startswith(package) or name == package[:-1]:
        return True  # the package itself, which names its modules for type checkers
    verb = target.removeprefix(package).split(".")[0]
    return verb.startswith("_") or verb == name.removeprefix(package).split(".")[0]


def _refused_in_tool(module: Module, tool: str, door: str, target: str) -> str | None:
    if within(target, USR):
        if module.name != door:
            return f"only {door} may see"
        is_submodule = _usr_layer(target) not in {"names", "facade"} or target.count(".") > USR.count(".") + 1
        return "is not public: take the name from dnadesign.usr" if is_submodule else None
    if not within(target, tool):
        return None if _is_shared(target) else "belongs to another tool"
    own, other = _tool_layer(module.name, tool), _tool_layer(target, tool)
    if own is None or other is None or own == other or other in TOOL_LAYERS[own]:
        return None
    return f"is not below {own}"


def _tool_layer(name: str, tool: str) -> str | None:
    head = name.removeprefix(tool).lstrip(".").split(".")[0]
    return None if not head else head if head in TOOL_LAYERS else "assembly"


def _local_import_problems(module: Module, found: list[Import]) -> list[str]:
    lines = module.text.splitlines()
    return [
        f"{module.name}:{item.line}: imports {item.target} inside a function without a reason beside it"
        for item in found
        if item.local and not _has_reason(lines, item.line - 1)
    ]


def _has_reason(lines: list[str], at: int) -> bool:
    """Whether a comment stands on the line, or right above it or the imports that it follows."""
    if "#" in lines[at]:
        return True
    above = at - 1
    while lines[above].lstrip().startswith(("import ", "from ")):
        above -= 1
    return lines[above].lstrip().startswith("#")


def contract_problems(module: Module) -> list[str]:
    """What a module of the contract does that reaches outside of the process's memory."""
    problems = [
        f"{module.name}:{item.line}: the contract may not import {item.target}"
        for item in imports(module)
        if any(within(item.target, banned) for banned in NOT_IN_CONTRACT) or _not_allowed_name(item.target)
    ]
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            used = f"{node.value.id}.{node.attr}"
            if _not_allowed_name(used):
                problems.append(f"{module.name}:{node.lineno}: the contract may not use {used}")
        if isinstance(node, ast.Call) and _touches_files(node.func):
            problems.append(f"{module.name}:{node.lineno}: the contract may not touch files")
    return problems


def _not_allowed_name(target: str) -> bool:
    head, _, name = target.partition(".")
    return bool(name) and head in ALLOWED_OF and name not in ALLOWED_OF[head]


def _touches_files(function: ast.expr) -> bool:
    if isinstance(function, ast.Name):
        return function.id == "open"
    return isinstance(function, ast.Attribute) and function.attr in FILE_CALLS


def cycles(all_modules: list[Module]) -> list[list[str]]:
    """Groups of modules that import one another when loaded; lazy package faces apart."""
    names = {module.name for module in all_modules}
    graph = {
        module.name: {
            target
            for item in imports(module)
            if not item.local
            and not module.is_package
            and (target := _known(item.target, names)) != module.name
        }
        for module in all_modules
    }
    return [sorted(group) for group in _strong_components(graph) if len(group) > 1]


def _known(target: str, names: set[str]) -> str:
    """The module that an imported name lies in."""
    while target and target not in names:
        target = target.rpartition(".")[0]
    return target


def _strong_components(graph: dict[str, set[str]]) -> list[set[str]]:
    reach = {name: _reachable(name, graph) for name in graph}
    groups: list[set[str]] = []
    for name in graph:
        group = {other for other in reach[name] if name in reach.get(other, set())}
        if group and group not in groups:
            groups.append(group)
    return groups


def _reachable(start: str, graph: dict[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        for target in graph.get(waiting.pop(), set()) - seen:
            seen.add(target)
            waiting.append(target)
    return seen
