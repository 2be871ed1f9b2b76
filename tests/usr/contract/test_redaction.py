from __future__ import annotations

import base64
import hashlib
import string
import time
import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dnadesign.usr.contract.redaction import REDACTED, redact, redact_text
from dnadesign.usr.contract.secret_names import is_secret_name
from tests.examples import examples

SECRET = "s3cr3tValue"

SECRET_NAMES = """
token access_token accessToken TOKEN x-api-token githubtoken GITHUB_TOKEN tokens password Password db.password passwd
PGPASSWORD password2 pwd passphrase secret clientSecret client-secret AWS_SECRET_ACCESS_KEY api_key apiKey APIKey apikey
X-Api-Key authorization Proxy-Authorization auth basic_auth authToken auth_header oauth credential credentials
db_credentials webhook webhook_url webhookUrl slackWebhook webhooks private_key privateKey access_key accessKeyId session
session_id sessionid sessionKey cookie Set-Cookie signing_key jwt bearer
db_pass mysql_pass SMTP_PASS userPass github_pat connection_string connectionString SharedAccessSignature hook_url slack_url
discord_url
"""

HARMLESS_NAMES = """
author authors authored_by authority authentic tokenizer tokenized key keys key_col sort_key primary_key public_key
monkey keyword keywords keyboard passage passenger compass bypass secretary secretion secreted_fraction signature
token_count max_tokens n_tokens tokens_per_batch pad_token password_file token_file secret_name auth_type auth_mode
session_seconds webhook_id webhook_name cookie_path hash_key namespace rows id sequence length source created_at
actor run_id registry_hash batch_sha256 design accession obsession profession Sessions_count on_conflict
pass qc_pass pass_rate passed n_pass path pattern url source_url string query_string pass_user slack_channel
"""


@pytest.mark.parametrize("name", SECRET_NAMES.split())
def test_a_secrets_name_hides_its_value_wherever_the_two_stand(name: str) -> None:
    for value in (
        {name: SECRET},
        {"deep": [{"er": {name: SECRET}}]},
        {name: [SECRET]},
        {name: {"inner": SECRET}},
        {"name": name, "value": SECRET},
        [[name, SECRET], ["Accept", "text/plain"]],
        ["run", f"--{name}", SECRET],
        f"{name}={SECRET}",
        f"{name}: {SECRET}",
        f"set {name} = '{SECRET}' now",
        f"tool --{name}={SECRET} --verbose",
        f"tool --{name} {SECRET} --verbose",
        f'{{"{name}": "{SECRET}", "rows": 3}}',
        f'{{\\"{name}\\": \\"{SECRET}\\"}}',
        f"https://example.org/x?rows=3&{name}={SECRET}",
    ):
        assert SECRET not in repr(redact(value)), value


@pytest.mark.parametrize("name", HARMLESS_NAMES.split())
def test_a_harmless_name_shows_its_value(name: str) -> None:
    assert not is_secret_name(name)
    for value in (
        {name: "value"},
        [f"--{name}", "value"],
        f"{name}=value",
        f"{name}: value",
        f"tool --{name} value",
    ):
        assert redact(value) == value


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://user:p4ss@example.org/x", f"https://{REDACTED}@example.org/x"),
        ("postgresql://u:p@ss@db:5432/x", f"postgresql://{REDACTED}@db:5432/x"),
        ("https://ghp-like-user@example.org", f"https://{REDACTED}@example.org"),
        ("https://x.org/?next=https://a:b@y.org/", f"https://x.org/?next=https://{REDACTED}@y.org/"),
        ("https://x.org/p?sig=abc&se=2026-11-22", f"https://x.org/p?sig={REDACTED}&se=2026-11-22"),
        ("https://x.org/p?X-Amz-Signature=abc#top", f"https://x.org/p?X-Amz-Signature={REDACTED}"),
        ("https://x.org/p?key=AAA&sort_key=name", f"https://x.org/p?key={REDACTED}&sort_key=name"),
        ("https://x.org/p?code=abc&page=2", f"https://x.org/p?code={REDACTED}&page=2"),
        ("https://hooks.slack.com/services/T0/B0/abc", f"https://hooks.slack.com/{REDACTED}"),
        ("post to hooks.slack.com/workflows/T/A/1 now", f"post to hooks.slack.com/{REDACTED} now"),
        ("https://discord.com/api/webhooks/1/abc", f"https://discord.com/api/webhooks/{REDACTED}"),
        ("https://ptb.discordapp.com/api/v10/webhooks/1/a", f"https://ptb.discordapp.com/api/v10/webhooks/{REDACTED}"),
        ("https://corp.webhook.office.com/webhookb2/a@b/c", f"https://corp.webhook.office.com/{REDACTED}"),
        ("https://prod-1.westus.logic.azure.com:443/workflows/a?sig=b",
         f"https://prod-1.westus.logic.azure.com:443/{REDACTED}"),
        ("https://api.telegram.org/bot1:a/sendMessage", f"https://api.telegram.org/{REDACTED}"),
        ("https://ntfy.sh/my-topic", f"https://ntfy.sh/{REDACTED}"),
        ("http://127.0.0.1:8080/hooks/abcdef", f"http://127.0.0.1:8080/hooks/{REDACTED}"),
        ("https://hooks.example.org/abcdef", f"https://hooks.example.org/{REDACTED}"),
        ("https://chat.example.org/team/webhook/a/b?c=d", f"https://chat.example.org/team/webhook/{REDACTED}"),
        ("slack://TokenA/TokenB/TokenC", f"slack://{REDACTED}"),
        ("tgram://123456789:abc/42", f"tgram://{REDACTED}"),
        ("Authorization: Bearer abc.def-123", f"Authorization: {REDACTED}"),
        ("sent Bearer abc.def-123 off", f"sent Bearer {REDACTED} off"),
        ("Basic dXNlcjpwYXNz", f"Basic {REDACTED}"),
        ("curl -H 'Authorization: Basic dXNlcjpwYXNz' https://x.org", f"curl -H 'Authorization: {REDACTED}' https://x.org"),
        ("Cookie: a=b; c=d\nAccept: */*", f"Cookie: {REDACTED}\nAccept: */*"),
        ("Server=x;Password=abc;Database=y", f"Server=x;Password={REDACTED};Database=y"),
        ("AccountKey=abc==;EndpointSuffix=x", f"AccountKey={REDACTED};EndpointSuffix=x"),
        ("password=a,b,c, rows=3", f"password={REDACTED}, rows=3"),
        ('{"token": "with \\" quote", "n": 3}', f'{{"token": "{REDACTED}", "n": 3}}'),
        ("https%3A%2F%2Fhooks.slack.com%2Fservices%2FT0%2FB0%2Fabc", f"https://hooks.slack.com/{REDACTED}"),
        ("https%253A%252F%252Fhooks.slack.com%252Fservices%252FT0%252Fabc", f"https://hooks.slack.com/{REDACTED}"),
        ("to hooks.slack.com%2fservices%2fT0%2fabc now", f"to hooks.slack.com/{REDACTED} now"),
        ("https://x.org/?next=https%3A%2F%2Fdiscord.com%2Fapi%2Fwebhooks%2F1%2Fabc",
         f"https://x.org/?next=https://discord.com/api/webhooks/{REDACTED}"),
        ("https%3A%2F%2Fuser%3Ap4ss%40example.org%2Fx", f"https://{REDACTED}@example.org/x"),
        ("https://x.org/%3Ftoken%3Dabc", f"https://x.org/?token={REDACTED}"),
        ("https%3A%2F%2Fhooks.example.org%2Fabc", f"https://hooks.example.org/{REDACTED}"),
        ("mysql -uroot -pS3cret lab", f"mysql -uroot -p{REDACTED} lab"),
        ("run /usr/bin/mysqldump -pS3cret lab > x\nls -pX", f"run /usr/bin/mysqldump -p{REDACTED} lab > x\nls -pX"),
        ("mariadb -p'a b' -P3306", f"mariadb -p{REDACTED} -P3306"),
        ('mysql "-h" db -p"a;b" lab', f'mysql "-h" db -p{REDACTED} lab'),
        ("mysql -p lab", "mysql -p lab"),
        ("sshpass -p S3cret ssh host -p22", f"sshpass -p {REDACTED} ssh host -p {REDACTED}"),
        ("sshpass -pS3cret ssh host", f"sshpass -p {REDACTED} ssh host"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nrest", f"{REDACTED}\nrest"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE cut", REDACTED),
    ],
)  # fmt: skip
def test_secrets_are_taken_out_by_their_shape_and_the_rest_stays(text: str, shown: str) -> None:
    assert redact_text(text) == shown


TOKENS = [
    "ghp_" + "a1" * 18,
    "github_pat_" + "A1b2" * 10,
    "glpat-abcdefgh12345678",
    "xoxb-123456789-abcdefABCDEF",
    "sk-abcdefghijklmnop1234",
    "sk-proj-" + "aB3_" * 12,
    "sk_live_abcdefgh1234",
    "whsec_" + base64.b64encode(bytes(range(24))).decode(),
    "AKIAIOSFODNN7EXAMPLE",
    "AIza" + "a" * 35,
    "hf_" + "aB" * 17,
    "npm_" + "aB" * 18,
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dBjftJeZ4CVP",
    "123456789:" + "Aa-" * 11 + "Bc",
    "dapi" + "0f" * 16,
    "tk_" + "a1b2c" * 5 + "a1b2",
    "hvs." + "CAES" * 6,
    "dckr_pat_" + "aB3-" * 6,
    "glrt-" + "aB3_" * 5,
    "gsk_" + "aB3d" * 8,
    "lin_api_" + "aB3d" * 8,
    "ATATT3" + "xF-f" * 8,
    "sq0atp-" + "aB3_" * 6,
    "nvapi-" + "aB3_" * 8,
    "figd_" + "aB3-" * 6,
    "AGE-SECRET-KEY-1" + "QZ7X" * 10,
]


@pytest.mark.parametrize("token", TOKENS)
def test_tokens_of_well_known_services_are_found_anywhere(token: str) -> None:
    for value in (
        token,
        f"use {token}, please",
        f"({token})",
        {"note": [f"x {token}"]},
        {token: 1},
        f"a/{token}/b",
    ):
        assert token not in repr(redact(value)), value


@pytest.mark.parametrize(
    "text",
    [
        "ACGT" * 50_000,
        "acgtn" * 50_000,
        "MKAKIALLKDERTYNMKLHGFDSWVACDEFGHIKLMNPQRSTVWY" * 500,
        "AKIALLKDERTYNMKLHGFD",  # a peptide of 20 residues that begins like an access key id
        hashlib.sha256(b"x").hexdigest(),
        hashlib.sha256(b"y").hexdigest()[:40],
        str(uuid.UUID(int=2**127 - 1)),
        uuid.UUID(int=3**70).hex,
        "/data/projects/token_ring/hooks/pre-commit",
        "/data/auth/session/run-7.log",
        "C:\\data\\secrets\\x.csv",
        "s3://bucket/prefix/records.parquet",
        "https://example.org/genomes/NC_000913.3?format=fasta&strand=1",
        "densegen__token:string,densegen__session:list<struct<password:string>>",
        "densegen:plan-a:0001",
        "2026-11-22T20:03:20.254129Z",
        "run7:0/4:000012",
        "Basic information about basic leucine zippers",
        "bearer of news",
        "git@example.org:group/project.git",
        "sk-learn-pipeline-2026",
        "Token::parse, token :: x",
        "token=None, secret=null, password=",
        "a: b, c = d, e",
        "TTGACA-N17-TATAAT",
        "lacI|-35|O1:25",
        "mkdir -p data/run; docker -p80:80; ssh -p22 host",
        "100%25 of C%3A%5Cdata, https://example.org/a%20b?x=%2Fy",
    ],
)
def test_sequences_hashes_ids_paths_and_plain_words_stay_as_they_are(text: str) -> None:
    assert redact_text(text) == text
    assert redact({"value": [text], "text": text}) == {"value": [text], "text": text}


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["mysql", "-uroot", "-pS3cret", "lab"], ["mysql", "-uroot", f"-p{REDACTED}", "lab"]),
        (["/usr/bin/mysqldump", "-pS3cret"], ["/usr/bin/mysqldump", f"-p{REDACTED}"]),
        (["nice", "mariadb-dump", "-pS3cret"], ["nice", "mariadb-dump", f"-p{REDACTED}"]),
        (["mysql", "-p", "lab"], ["mysql", "-p", "lab"]),
        (["sshpass", "-p", "S3cret", "ssh"], ["sshpass", "-p", REDACTED, "ssh"]),
        (["sshpass", "-p"], ["sshpass", "-p"]),
        (["mkdir", "-parents"], ["mkdir", "-parents"]),
    ],
)
def test_a_password_behind_a_short_option_is_found_in_a_list_of_arguments(
    arguments: list[str], shown: list[str]
) -> None:
    assert redact({"command": arguments}) == {"command": shown}


def test_a_key_that_is_a_path_or_a_sequence_is_no_name() -> None:
    by_key = {
        "/data/token_ring/x.csv": 1,
        "C:\\secrets\\x": "a",
        "ACGT" * 5000: [2],
        "tokens/session.json": "b",
    }
    assert redact(by_key) == by_key


def test_booleans_nulls_and_empty_values_are_no_secrets_and_numbers_of_metrics_are_none() -> None:
    harmless: dict[str, object] = {
        "use_auth": True,
        "token": None,
        "password": "",
        "credentials": {},
        "cookies": [],
    }
    assert redact(harmless) == harmless
    assert redact({"token": 12345}) == {"token": REDACTED}
    assert redact({"token": 12345, "session": 1.5}, keep_numbers=True) == {"token": 12345, "session": 1.5}
    assert redact({"token": "abc"}, keep_numbers=True) == {"token": REDACTED}


def test_keys_that_differ_only_in_their_secrets_all_stay() -> None:
    found = redact({"https://u:a@x.org": 1, "https://u:b@x.org": 2, "https://u:c@x.org": 3})
    assert isinstance(found, dict)
    assert sorted(found.values()) == [1, 2, 3]
    assert all(REDACTED in key for key in found)


def test_what_is_no_text_comes_back_as_it_is() -> None:
    thing = object()
    assert redact(thing) is thing
    assert redact((1, 2.5, None)) == [1, 2.5, None]


FRAGMENTS = st.sampled_from(
    ["token", "=", ":", " ", '"', "'", "\\", "://", "@", "?", "&", "/", ",", ";", "--", "Bearer ", "Basic ", "\n",
     "hooks/", "https", "slack", "password", "Authorization", "-----BEGIN PRIVATE KEY-----", "ghp_", "abc", "1",
     REDACTED, "hooks.slack.com/", "é", "mysql ", "sshpass ", " -p", "%3A", "%2F", "%25", "%", "x" * 70]
)  # fmt: skip


@given(st.lists(FRAGMENTS, max_size=30).map("".join) | st.text())
def test_doing_it_again_changes_nothing(text: str) -> None:
    once = redact_text(text)
    assert redact_text(once) == once


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | FRAGMENTS, inner, max_size=4),
    max_leaves=15,
)


@given(JSON_VALUES)
def test_any_json_value_keeps_its_kind_and_size(value: object) -> None:
    found = redact(value)
    assert redact(found) == found
    if isinstance(value, (dict, list)):
        assert isinstance(found, (dict, list))
        assert len(found) == len(value)


@given(
    prefix=st.text(string.ascii_letters + " .,([", max_size=20).map(lambda text: text + " "),
    secret=st.text(string.ascii_letters + string.digits, min_size=6, max_size=40).filter(
        lambda text: not text.lower().startswith(("none", "null", "true", "false"))
    ),
    name=st.sampled_from(["token", "API_KEY", "db-password", "clientSecret"]),
    pair=st.sampled_from(["{0}={1}", "{0}: {1}", '"{0}": "{1}"', "--{0} {1}", "?a=b&{0}={1}"]),
    suffix=st.sampled_from(["", " and more", ", x=1", "\nnext"]),
)
def test_a_secret_pair_is_found_in_any_surroundings(
    prefix: str, secret: str, name: str, pair: str, suffix: str
) -> None:
    shown = redact_text(prefix + pair.format(name, f"q9Z{secret}7x") + suffix)
    assert f"q9Z{secret}7x" not in shown
    assert REDACTED in shown


@settings(max_examples=examples(30), deadline=None)
@given(piece=st.lists(FRAGMENTS, min_size=1, max_size=4).map("".join))
def test_the_time_taken_grows_with_the_length_only(piece: str) -> None:
    def seconds(length: int) -> float:
        text = (piece * (length // len(piece) + 1))[:length]
        best = 1.0
        for _ in range(3):
            start = time.process_time()
            redact_text(text)
            best = min(best, time.process_time() - start)
        return best

    # Ten times the length may take ten times as long; quadratic patterns would take a hundred times.
    assert seconds(100_000) < 40 * max(seconds(10_000), 0.001)


@pytest.mark.parametrize("times", [1, 3, 50, 100_000])
def test_a_secret_that_is_escaped_many_times_is_hidden_and_what_hides_none_stays(times: int) -> None:
    sign = "%" + "25" * times
    slash = f"{sign}2F"
    hidden = redact_text(f"https{sign}3A{slash}{slash}hooks.slack.com{slash}services{slash}T0{slash}abc")
    assert hidden == f"https://hooks.slack.com/{REDACTED}"
    assert redact_text(hidden) == hidden
    harmless = "%" + "25" * times + "41"
    assert redact_text(harmless) == harmless
