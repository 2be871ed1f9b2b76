"""Which names say that what stands under them is a secret.

A name is split into words at ``_``, ``-``, ``.``, white space, digits and camel humps, and judged by whole words, so
that ``author``, ``authored_by``, ``tokenizer``, ``keyword``, ``monkey`` and ``passage`` are none. A few words
(``password``, ``token``, ...) also count at the end of a word, because shells and databases write ``PGPASSWORD``
and ``githubtoken``. Three kinds of word are told apart:

- *strong* (``token``, ``password``, ``secret``, ``credentials``, ...): secret wherever they stand in the name;
- *weak* (``auth``, ``session``, ``webhook``, ...): secret as the last word, or before one such as ``key`` or ``url``;
- ``key``, ``pass``, ``pat`` and some more: secret only behind certain words, as in ``api_key``, ``db_pass`` and ``slack_url``;
  ``key``, ``sort_key``, ``pass`` and ``url`` are not.

A last word that speaks *about* the secret (``token_count``, ``password_file``, ``secret_name``, ``auth_type``) makes
the name harmless, and so does vocabulary of language models (``max_tokens``, ``pad_token``).
"""

from __future__ import annotations

import itertools
import re

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_NAME = re.compile(r"[\w .-]{1,128}")  # anything else is a path, a sequence, a sentence


def _set_of(words: str) -> frozenset[str]:
    return frozenset(words.split())


_STRONG = _set_of(
    "token tokens password passwords passwd pwd passphrase passcode secret secrets credential credentials cred creds "
    "authorization bearer jwt cookie cookies otp totp apikey apikeys"
)
_STRONG_ENDINGS = (
    "password", "passwd", "passphrase", "secret", "token", "apikey", "accesskey", "secretkey", "privatekey",
    "sessionid", "sessid", "webhookurl",
)  # fmt: skip
_WEAK = {
    "auth": _set_of("key header headers value string data code cookie"),
    "oauth": _set_of("key header value code"),
    "authentication": _set_of("key header value string code"),
    "session": _set_of("key id cookie value"),
    "sessions": frozenset[str](),
    "webhook": _set_of("url urls uri uris endpoint address link path key target"),
    "webhooks": _set_of("url urls uri uris"),
}
_KEY_OWNERS = _set_of(
    "api access private secret signing encryption encrypt decryption hmac ssh pgp gpg master shared account "
    "subscription auth session license deploy"
)
_BEHIND = {
    "key": _KEY_OWNERS,
    "keys": _KEY_OWNERS,
    "pass": _set_of(
        "db database sql mysql mariadb postgres postgresql pg mongo redis rabbitmq amqp smtp imap mail email ftp sftp ssh "
        "ldap http proxy user admin root login account"
    ),
    "pat": _set_of("github gitlab azure devops access"),
    "string": _set_of("connection conn"),
    "signature": frozenset({"access"}),
    "url": _set_of("hook slack discord teams"),
}
_ABOUT = _set_of(
    "count counts number size sizes length len bytes seconds minutes hours days ms ttl timeout age expiry expires "
    "expiration type types kind mode method scheme enabled disabled required present used file files filename path "
    "dir env var variable provider status policy limit index name names column columns field class version "
    "location source"
)
_VOCABULARY = _set_of("pad mask cls sep eos bos unk stop vocab per")
_COUNTED = _VOCABULARY | _set_of("max min n num total special input output prompt completion")
_SIGNATURES = _set_of("sig signature hmac")
_QUERY_ONLY = frozenset({"key", "code"})


def is_secret_name(name: str) -> bool:
    """Whether the value under ``name`` is to be taken for a secret."""
    words = _words(name)
    if not words:
        return False
    if _is_weak_secret(words):
        return True
    if words[-1] in _ABOUT or _is_vocabulary(words):
        return False
    if any(word in _STRONG or word.endswith(_STRONG_ENDINGS) for word in words):
        return True
    return any(before in _BEHIND.get(word, ()) for before, word in itertools.pairwise(words))


def is_secret_parameter(name: str) -> bool:
    """Whether a query parameter of a URL is to be taken for a secret: also signatures, codes and bare keys."""
    words = _words(name)
    if not words:
        return False
    return words[-1] in _SIGNATURES or (len(words) == 1 and words[0] in _QUERY_ONLY) or is_secret_name(name)


def _words(name: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(name)] if _NAME.fullmatch(name) else []


def _is_weak_secret(words: list[str]) -> bool:
    *before, last = words
    if last in _WEAK:
        return True
    return bool(before) and before[-1] in _WEAK and last in _WEAK[before[-1]]


def _is_vocabulary(words: list[str]) -> bool:
    if "per" in words or words[-1] == "token":
        return any(word in _VOCABULARY for word in words)
    return words[-1] == "tokens" and any(word in _COUNTED for word in words)
