"""Take secrets out of what is written into the event log: by the name they stand under and by their shape.

By name: the value under a mapping's key, in a ``NAME=value`` or ``name: value`` pair, behind an option ``--name``, or
of a URL's parameter, where :mod:`dnadesign.usr.contract.secret_names` says that the name is a secret's. By shape,
anywhere in any string, keys included: user and password of a URL, webhook addresses, Bearer and Basic credentials,
private keys, and the tokens of well-known services; also behind percent signs (``https%3A%2F%2F``). Passwords behind a
short option are known of a few commands. Sequences, hashes, ids and file paths have none of these
shapes. What an arbitrary name hides cannot be known: do not put secrets into arguments at all.

All patterns take linear time: each starts at a boundary, and what repeats is bounded or possessive.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import unquote

from dnadesign.usr.contract.command_secrets import password_items, without_passwords
from dnadesign.usr.contract.secret_names import is_secret_name, is_secret_parameter

REDACTED = "[REDACTED]"

_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    r"(?:.*?-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|.*\Z)",
    re.DOTALL,
)
_SCHEME = r"(?<![A-Za-z0-9+.-])([A-Za-z][A-Za-z0-9+.-]{0,30}://)"
_USER_INFO = re.compile(_SCHEME + r"(?:[^\s/?#\"'<>@]*+@)++")
_TOKEN_SCHEME = re.compile(  # notification tools put tokens where the host would stand
    r"(?<![A-Za-z0-9+.-])((?:slack|discord|tgram|msteams|workflows?|wxteams|webex|gchat|pover|pbul|gotifys?|ntfys?"
    r"|rockets?|mmosts?|opsgenie|pagerduty|pagertree|twilio|sendgrid|mailgun|ifttt|zulip|signals?|whatsapp|matrixs?"
    r"|hassios?|splunk|victorops|dingtalk|lark|feishu|wecombot|line)://)[^\s\"'<>]++",
    re.IGNORECASE,
)
_WEBHOOK_HOST = re.compile(
    r"((?:hooks\.slack(?:-gov)?\.com|discord(?:app)?\.com/api(?:/v\d{1,3})?/webhooks|webhook\.office\.com"
    r"|outlook\.office(?:365)?\.com/webhook|logic\.azure\.com|api\.powerplatform\.com|api\.telegram\.org"
    r"|maker\.ifttt\.com|webhook\.site|ntfy\.sh)(?::\d{1,5})?/)[^\s\"'<>]++",
    re.IGNORECASE | re.ASCII,
)
_HTTP_URL = re.compile(r"(?<![A-Za-z0-9+.-])(https?://[^\s\"'<>/?#]++)([^\s\"'<>]++)", re.IGNORECASE)
_HOOK_LABEL = re.compile(r"(?:[^@]*@)?(?:web)?hooks?\.", re.IGNORECASE)
_HOOK_SEGMENT = re.compile(r"/(?:web)?hooks?/", re.IGNORECASE)
_BEARER = re.compile(r"(?<![A-Za-z0-9])(bearer(?:\s{1,4}|%20))[A-Za-z0-9._~+/=-]{6,}+", re.IGNORECASE)
_BASIC = re.compile(r"(?<![A-Za-z0-9])(basic(?:\s{1,4}|%20))([A-Za-z0-9+/_-]{4,}+)={0,2}", re.IGNORECASE)
_TOKEN = re.compile(
    r"(?<![A-Za-z0-9])(?:gh[oprsu]_[A-Za-z0-9]{16,}+|github_pat_\w{16,}+|gl(?:pat|rt|dt|ptt|ft|soat|cbt|imt)-[\w-]{16,}+"
    r"|xox[a-z]-[A-Za-z0-9-]{8,}+|xapp-[A-Za-z0-9-]{16,}+"
    r"|sk-(?:[a-z0-9]{1,10}-){0,3}[A-Za-z0-9_]{16,}+[\w-]*+|[rs]k_(?:live|test)_[A-Za-z0-9]{8,}+"
    r"|whsec_[A-Za-z0-9+/=_-]{8,}+|AIza[\w-]{35}|ya29\.[\w-]{20,}+|SG\.[\w-]{16,}+\.[\w-]{16,}+"
    r"|hf_[A-Za-z0-9]{20,}+|npm_[A-Za-z0-9]{30,}+|pypi-[\w-]{16,}+|tk_[a-z0-9]{29}(?![a-z0-9])"
    r"|hvs\.[\w-]{16,}+|dckr_pat_[\w-]{16,}+|sntrys_[\w=+/.-]{16,}+|gsk_[A-Za-z0-9]{16,}+|lin_api_[A-Za-z0-9]{16,}+"
    r"|ATATT3[\w=-]{16,}+|sq0atp-[\w-]{16,}+|nvapi-[\w-]{16,}+|figd_[\w-]{16,}+|AGE-SECRET-KEY-1[A-Z0-9]{16,}+"
    r"|do[opr]_v1_[0-9a-f]{32,}+|dapi[0-9a-f]{32}|shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}"
    r"|\d{8,10}:[\w-]{35}(?![\w-])|eyJ[\w-]{8,}+(?:\.[\w-]*+){1,4})",
    re.ASCII,
)
_ACCESS_KEY_ID = re.compile(r"(?<![A-Za-z0-9])A(?:KIA|SIA|ROA|IDA)[A-Z0-9]{16}(?![A-Za-z0-9])")
_RESIDUES = frozenset("ACDEFGHIKLMNPQRSTVWYX")

_ESCAPED = re.compile(r"[^\s\"'<>]++")
_ESCAPED_TIMES = 3  # a URL in a URL in a URL
_ESCAPED_AGAIN = re.compile(r"%(?:25)+(?=[0-9A-Fa-f]{2})")  # the sign itself, however often

_NAME = re.compile(
    r"(?<![A-Za-z0-9_])(?P<option>--)?+(?P<name>[A-Za-z][A-Za-z0-9_.-]{0,127}+)"
    r"(?P<sep>\\{0,3}[\"']?\s{0,4}(?:=>|:=|[=:])\s{0,4}|(?(option)\s{1,4}(?![\s-])|(?!)))"
)
_QUOTED = re.compile(
    r"(?P<open>\\{1,3}[\"'])[^\"'\\]*+|(?P<double>\")(?:[^\"\\]|\\.)*+|(?P<single>')(?:[^'\\]|\\.)*+",
    re.DOTALL,
)
_LINE = re.compile(r"[^\r\n\"']++")
_BARE = re.compile(r"(?:[^\s,;&\"'<>]|[,;](?!\s|\Z|[A-Za-z_][A-Za-z0-9_.-]{0,63}\s?[=:]))++")
_WHOLE_LINE = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie"})
_SCALAR = re.compile(r"bool|u?int(?:8|16|32|64)|float(?:16|32|64)|(?:large_)?string|binary|date32")
_NESTED = re.compile(r"(?:(?:large_)?list|struct|fixed_size_list)<|timestamp\[")
_HEX = re.compile(r"[0-9a-f]*")
_SHORT = 63  # characters of a text that is worth remembering; hashes, which are new each time, are longer
_NO_SECRET = frozenset({"", "none", "null", "true", "false"})


def redact(value: object, *, keep_numbers: bool = False) -> object:
    """``value`` with every secret in it replaced by ``[REDACTED]``; doing it again changes nothing.

    Args:
        value: A string, or mappings and lists of such, nested; anything else is returned as it is.
        keep_numbers: Numbers are no secrets, whatever their name; for metrics.
    """
    if isinstance(value, str):
        return redact_text(value)
    if value is None or isinstance(value, (int, float)):
        return value
    if isinstance(value, Mapping):
        return _redact_mapping(value, keep_numbers)
    if isinstance(value, (list, tuple)):
        return _redact_list(list(value), keep_numbers)
    return value


def _redact_mapping(value: Mapping[object, object], keep_numbers: bool) -> dict[object, object]:
    named = _name_of_pair(value)
    found: dict[object, object] = {}
    for key, item in value.items():
        is_secret, shown = _of_key(key) if isinstance(key, str) else (False, key)
        secret = is_secret or (named is not None and key == "value")
        number = 2
        while shown in found:  # two keys that differed in their secrets only
            shown, number = f"{redact_text(str(key))} ({number})", number + 1
        found[shown] = _hidden(item, keep_numbers) if secret else redact(item, keep_numbers=keep_numbers)
    return found


def _of_key(key: str) -> tuple[bool, str]:
    """Whether a key names a secret, and the key without secrets of its own."""
    return _of_short_key(key) if len(key) <= _SHORT else (is_secret_name(key), redact_text(key))


@lru_cache(maxsize=1024)  # all events have the same few keys
def _of_short_key(key: str) -> tuple[bool, str]:
    return is_secret_name(key), redact_text(key)


def _name_of_pair(value: Mapping[object, object]) -> str | None:
    """The secret's name in ``{"name": "Authorization", "value": ...}``."""
    for label in ("name", "key"):
        name = value.get(label)
        if "value" in value and isinstance(name, str) and is_secret_name(name):
            return name
    return None


def _redact_list(items: list[object], keep_numbers: bool) -> list[object]:
    pairs = bool(items) and all(isinstance(i, (list, tuple)) and len(i) == 2 for i in items)
    found: list[object] = []
    previous: object = None
    passwords = password_items(items)
    for number, item in enumerate(items):
        if number in passwords:
            found.append(passwords[number] + REDACTED)
        elif (
            pairs and isinstance(item, (list, tuple)) and isinstance(item[0], str) and is_secret_name(item[0])
        ):
            found.append([item[0], _hidden(item[1], keep_numbers)])
        elif _is_secret_option(previous) and isinstance(item, str) and not item.startswith("-"):
            found.append(_hidden(item, keep_numbers))
        else:
            found.append(redact(item, keep_numbers=keep_numbers))
        previous = item
    return found


def _is_secret_option(item: object) -> bool:
    return isinstance(item, str) and item.startswith("-") and "=" not in item and is_secret_name(item)


def _hidden(value: object, keep_numbers: bool) -> object:
    if value is None or isinstance(value, bool) or (keep_numbers and isinstance(value, (int, float))):
        return value
    if isinstance(value, str):
        return value if _is_harmless(value) else REDACTED
    return value if value in ({}, [], ()) else REDACTED


def _is_harmless(text: str) -> bool:
    """Whether a secret's name stands over nothing, or over the type of a column of that name."""
    return text.lower() in _NO_SECRET or bool(_SCALAR.fullmatch(text) or _NESTED.match(text))


def redact_text(text: str) -> str:
    """``text`` with every secret in it replaced by ``[REDACTED]``; doing it again changes nothing."""
    return _redact_short(text) if len(text) <= _SHORT else _redact_any(text)


def _redact_any(text: str) -> str:
    once = _redacted(text)
    while once != text:  # what stood in a secret's place may have kept another from being told
        text, once = once, _redacted(once)
    return text


_redact_short = lru_cache(maxsize=1024)(_redact_any)  # all events have the same few names


def _redacted(text: str) -> str:
    if _HEX.fullmatch(text):
        return text  # a hash or an id: no secret can be told by its digits alone
    text = _without_addresses(text)
    if "%" in text:
        text = _ESCAPED.sub(_without_escaped, text)
    return _without_tokens(text)


def _without_addresses(text: str) -> str:
    """Without private keys, and without the secrets of URLs and webhooks."""
    if "-----BEGIN" in text:
        text = _PRIVATE_KEY.sub(REDACTED, text)
    if "://" in text:
        text = _USER_INFO.sub(rf"\1{REDACTED}@", text)
        text = _TOKEN_SCHEME.sub(rf"\1{REDACTED}", text)
        text = _HTTP_URL.sub(_without_hook, text)
    if "/" in text:
        text = _WEBHOOK_HOST.sub(rf"\1{REDACTED}", text)
    return text


def _without_tokens(text: str) -> str:
    """Without passwords, named secrets, credentials and the tokens of services."""
    text = without_passwords(text, REDACTED)
    text = _redact_pairs(text)
    text = _BEARER.sub(rf"\1{REDACTED}", text)
    text = _BASIC.sub(_without_basic, text)
    text = _TOKEN.sub(REDACTED, text)
    return _ACCESS_KEY_ID.sub(_without_access_key, text)


def _without_escaped(found: re.Match[str]) -> str:
    """A word that hides a secret behind percent signs is shown without them, and without the secret."""
    plain = word = found[0]
    for _ in range(_ESCAPED_TIMES):
        escaped, plain = plain, unquote(_ESCAPED_AGAIN.sub("%", plain))
        if plain == escaped:
            break
        shown = _without_tokens(_without_addresses(plain))
        if shown != plain:
            return shown
    return word


def _without_hook(url: re.Match[str]) -> str:
    origin, rest = url[1], url[2]
    if _HOOK_LABEL.match(origin.partition("://")[2]) and len(rest) > 1:
        return f"{origin}/{REDACTED}"
    hook = _HOOK_SEGMENT.search(rest)
    if hook is None or hook.end() == len(rest):
        return url[0]
    return f"{origin}{rest[: hook.end()]}{REDACTED}"


def _without_basic(credentials: re.Match[str]) -> str:
    """Basic credentials are base64 of ``user:password``; other words behind "basic" are just words."""
    text = credentials[2].replace("-", "+").replace("_", "/")
    try:
        plain = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        return credentials[0]
    return f"{credentials[1]}{REDACTED}" if b":" in plain else credentials[0]


def _without_access_key(found: re.Match[str]) -> str:
    """An access key id may look like a peptide of 20 residues; it then stays, as one in 700 keys do."""
    return found[0] if _RESIDUES.issuperset(found[0]) else REDACTED


def _redact_pairs(text: str) -> str:
    pieces: list[str] = []
    done = 0
    for pair in _NAME.finditer(text):
        if pair.start() < done or not _names_secret(pair):
            continue
        span = _secret_span(pair)
        if span is not None:
            pieces += (text[done : span[0]], REDACTED)
            done = span[1]
    return "".join((*pieces, text[done:])) if pieces else text


def _names_secret(pair: re.Match[str]) -> bool:
    before = pair.string[pair.start() - 1 : pair.start()]
    in_query = before in {"?", "&"} and pair["sep"] == "="
    return is_secret_parameter(pair["name"]) if in_query else is_secret_name(pair["name"])


def _secret_span(pair: re.Match[str]) -> tuple[int, int] | None:
    """Where the pair's value stands, without its quotes; None where it is no secret."""
    text, start = pair.string, pair.end()
    quoted = _QUOTED.match(text, start)
    if quoted is not None:
        opened = quoted["open"] or quoted["double"] or quoted["single"]
        span = (start + len(opened), quoted.end())
    else:
        whole_line = ":" in pair["sep"] and pair["name"].lower() in _WHOLE_LINE
        bare = (_LINE if whole_line else _BARE).match(text, start)
        if bare is None or (":" in pair["sep"] and text.startswith(("//", ":"), start)):
            return None  # the scheme of a URL, or a qualified name such as Token::parse
        span = bare.span()
    is_type = ":" in pair["sep"] and _NESTED.match(text, start)
    return None if is_type or _is_harmless(text[slice(*span)]) else span
