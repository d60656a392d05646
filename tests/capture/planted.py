"""Made-up secrets of every kind that a training meets, and the ways in which they stand in text and files."""

from __future__ import annotations

import base64
import json
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

HEX: Final = "0123456789abcdef"
UPPER: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
WORD: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
DASH: Final = WORD + "_-"
BASE64: Final = WORD + "+/"

# What each service puts in front, and what follows: (kind, prefix, length, alphabet).
SERVICES: Final = (
    *((f"github {letter}", f"gh{letter}_", 36, WORD) for letter in "pousr"),
    ("github fine", "github_pat_", 82, WORD),
    *((f"gitlab {kind}", f"gl{kind}-", 20, WORD) for kind in ("pat", "dt", "rt", "ptt", "cbt", "ft", "agent", "oas")),
    *((f"aws {kind}", kind, 16, UPPER) for kind in ("AKIA", "ASIA", "ABIA", "ACCA")),
    ("alibaba", "LTAI", 20, WORD),
    ("anthropic", "sk-ant-api03-", 93, WORD),
    *((f"openai {kind}", f"sk-{kind}", 48, WORD) for kind in ("", "proj-", "svcacct-", "admin-", "or-v1-")),
    ("hugging face", "hf_", 34, WORD),
    ("hugging face org", "api_org_", 34, WORD),
    *((f"slack {kind}", f"xox{kind}-", 44, WORD) for kind in "bpars"),
    ("slack app", "xapp-1-", 60, WORD),
    ("google key", "AIza", 35, WORD),
    ("google access", "ya29.", 80, WORD),
    ("google refresh", "1//0", 60, WORD),
    ("google client", "GOCSPX-", 28, WORD),
    ("npm", "npm_", 36, WORD),
    ("pypi", "pypi-AgEIcHlwaS5vcmc", 80, WORD),
    *((f"digitalocean {kind}", f"do{kind}_v1_", 64, HEX) for kind in "opr"),
    *((f"stripe {kind}", f"{kind}_", 24, WORD) for kind in ("sk_live", "rk_live", "sk_test")),
    ("stripe hook", "whsec_", 32, WORD),
    ("twilio", "SK", 32, HEX),
    ("mailgun", "key-", 32, HEX),
    ("databricks", "dapi", 32, HEX),
    ("wandb", "wandb_v1_", 70, WORD),
    *(
        (kind, kind, 40, WORD)
        for kind in (
            "r8_", "gsk_", "lin_api_", "tgp_v1_", "pcsk_", "ntn_", "rpa_", "jina_", "glsa_", "sgp_", "sbp_", "figd_",
            "nfp_", "lsv2_pt_", "lsv2_sk_", "sntrys_", "sntryu_", "pscale_tkn_", "pscale_pw_", "pplx-", "xai-",
            "nvapi-", "PMAK-", "tvly-", "csk-", "NRAK-", "HRKU-", "CFPAT-", "xkeysib-", "dp.pt.", "dp.st.",
            "sq0atp-", "sq0csp-", "hvs.", "hvb.", "dckr_pat_", "ATATT3", "ATBB", "rubygems_", "KGAT_",
        )
    ),
    *((f"shopify {kind}", f"shp{kind}_", 32, HEX) for kind in ("at", "ca", "pa", "ss")),
    ("age", "AGE-SECRET-KEY-1", 58, UPPER),
    ("artifactory", "AKCp", 69, WORD),
    ("hubspot", "pat-na1-", 32, HEX),
)  # fmt: skip
PASSWORD_NAMES: Final = (
    "password", "db_password", "DB_PASSWORD", "dbPassword", "PGPASSWORD", "MYSQL_PWD", "api_key", "apiKey", "API-KEY",
    "OPENAI_API_KEY", "WANDB_API_KEY", "AWS_SECRET_ACCESS_KEY", "aws_session_token", "client_secret", "secret_key",
    "SECRET_KEY", "HF_TOKEN", "GITHUB_TOKEN", "auth_token", "access_token", "private_key", "passphrase",
)  # fmt: skip
URLS: Final = (
    "postgres://ada:{}@db.ada.org/runs", "postgresql+psycopg2://ada:{}@db.ada.org:5432/runs?sslmode=off",
    "mongodb+srv://ada:{}@c0.ada.org/?w=majority", "redis://:{}@cache.ada.org:6379/0", "amqp://ada:{}@mq.ada.org//",
    "mysql://ada:{}@db.ada.org/runs", "https://ada:{}@git.ada.org/x.git", "https://ada.org/x?token={}&y=1",
    "https://ada.org/x?access_token={}", "https://a.blob.ada.org/x?sv=1&sig={}", "ftp://ada:{}@ada.org/x",
    "jdbc:postgresql://db.ada.org/runs?user=ada&password={}", "jdbc:sqlserver://db.ada.org;user=ada;password={};",
    "jdbc:oracle:thin:ada/{}@//db.ada.org:1521/x", "Driver=x;Server=db.ada.org;Uid=ada;Pwd={};",
    "DefaultEndpointsProtocol=https;AccountName=ada;AccountKey={};EndpointSuffix=ada.org",
    "Endpoint=sb://a.ada.org/;SharedAccessKeyName=x;SharedAccessKey={}", "https://hooks.slack.com/services/T0A/B0B/{}",
    "https://discord.com/api/webhooks/123/{}", "s3://ada:{}@bucket/x", "smtp://ada:{}@mail.ada.org:587",
)  # fmt: skip
# How code, a notebook and settings name a secret and tell it: (file, text), `{N}` the name and `{V}` the value.
FORMS: Final = (
    ("a.py", 'os.environ["{N}"] = "{V}"'),
    ("a.py", "settings['{N}']='{V}'"),
    ("a.py", 'os.environ.setdefault("{N}", "{V}")'),
    ("a.py", 'os.putenv("{N}", "{V}")'),
    ("a.py", 'key = os.getenv("{N}", "{V}")'),
    ("a.py", 'key = environ.get("{N}", "{V}")'),
    ("a.py", 'parser.add_argument("--{N}", default="{V}")'),
    ("a.py", '{N}: str = "{V}"'),
    ("a.py", '{N}: Optional[str] = "{V}"'),
    ("a.py", 'add("--{N}", "-k", type=str, help="of wandb (or not)", default="{V}")'),
    ("a.py", '{N}: str | None = "{V}"'),
    ("a.py", 'def connect({N}: str = "{V}", port: int = 1) -> None:'),
    ("a.py", 'if ({N} := "{V}"):'),
    ("a.py", '{N} = b"{V}"'),
    ("a.py", "{N} = r'{V}'"),
    ("a.py", "{N} = f'{V}'"),
    ("a.py", '{N} = """{V}"""'),
    ("a.py", 'if ready: {N} = "{V}"'),
    ("a.py", '{N} = SecretStr("{V}")'),
    ("a.py", '{N}: SecretStr = SecretStr("{V}")'),
    ("a.py", '{N}: str = Field(default="{V}")'),
    ("a.py", '{N} = (\n    "{V}"\n)'),
    ("a.py", '{N} = \\\n    "{V}"'),
    ("a.py", 'os.environ.setdefault(\n    "{N}",\n    "{V}",\n)'),
    ("a.py", 'parser.add_argument(\n    "--{N}",\n    type=str,\n    default="{V}",\n)'),
    ("a.py", 'run(["x", "--{N}", "{V}"])'),
    ("a.ipynb", "%env {N} {V}"),
    ("a.ipynb", "%env {N}={V}"),
    ("a.ipynb", "%set_env {N} {V}"),
    ("a.yaml", "db:\n  {N}:\n    {V}"),
    ("a.yaml", "db:\n  {N}: >-\n    {V}"),
    ("a.yaml", "db:\n  {N}:      {V}"),
    ("a.json", '{"{N}":\n    "{V}"}'),
    ("a.xml", "<a><{N}>{V}</{N}></a>"),
    ("a.xml", "<a>\n<{N}>\n  {V}\n</{N}></a>"),
    ("a.ts", 'const {N}: string = "{V}";'),
)
# What logs in has no name.
LOGINS: Final = (
    ("a.py", 'wandb.login(key="{V}")'),
    ("a.py", 'login(key="{V}", relogin=True)'),
    ("a.py", 'wandb.login(\n    key="{V}",\n)'),
    ("a.md", "`wandb login {V}`"),
    ("a.md", "run `wandb login --relogin {V}` first"),
    ("a.py", 'run(["wandb", "login", "{V}"])'),
    ("a.ipynb", "!wandb login {V}"),
    ("a.sh", "huggingface-cli login --token {V}"),
)
KEYS: Final = (
    "RSA PRIVATE KEY", "PRIVATE KEY", "EC PRIVATE KEY", "DSA PRIVATE KEY", "OPENSSH PRIVATE KEY",
    "ENCRYPTED PRIVATE KEY", "PGP PRIVATE KEY BLOCK",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plant:
    """A secret: the text in which it stands, and what must be nowhere afterwards."""

    kind: str
    text: str
    needles: tuple[str, ...]


class Garden:
    """Makes secrets that are never the same twice, and remembers each."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - the same in each run, and of nothing
        self.plants: list[Plant] = []

    def made(self, length: int, alphabet: str = WORD) -> str:
        """Random letters, with a digit, a capital and a small letter where the alphabet has them."""
        fixed = [char for char in ("7", "Q", "x", "4") if char in alphabet][:length]
        text = fixed + self._random.choices(alphabet, k=length - len(fixed))
        self._random.shuffle(text)
        return "".join(text)

    def plant(self, kind: str, text: str, *needles: str) -> str:
        self.plants.append(Plant(kind, text, needles))
        return text

    def credential(self, place: str, most: int = 1000) -> list[str]:
        """One of each service, known by its form alone; the first ones where not all are planted."""
        before = len(self.plants)
        found = [self._service(place, *service) for service in SERVICES]
        jwt = ".".join(
            base64.urlsafe_b64encode(part.encode()).decode().rstrip("=")
            for part in ('{"alg":"HS256","typ":"JWT"}', json.dumps({"sub": self.made(20)}), self.made(32))
        )
        sendgrid = f"SG.{self.made(22)}.{self.made(43)}"
        telegram = f"{self._random.randrange(10**9, 10**10)}:AA{self.made(33)}"
        azure = f"{self.made(3)}8Q~{self.made(34)}"
        discord = f"M{self.made(23)}.{self.made(6)}.{self.made(38)}"
        for kind, text in (
            ("jwt", jwt), ("sendgrid", sendgrid), ("telegram", telegram), ("azure", azure), ("discord", discord)
        ):  # fmt: skip
            found.append(self.plant(f"{place}: {kind}", text, text.split(".")[-1].split(":")[-1]))
        del self.plants[before + most :]
        return found[:most]

    def _service(self, place: str, kind: str, prefix: str, length: int, alphabet: str) -> str:
        body = self.made(length, alphabet)
        return self.plant(f"{place}: {kind}", prefix + body, body)

    def named(self, place: str, write: Callable[[str, str], str]) -> list[str]:
        """A random value under each secret name, as `write(name, value)` puts it."""
        found = []
        for name in PASSWORD_NAMES:
            value = self.made(20)
            found.append(self.plant(f"{place}: {name}", write(name, value), value))
        return found

    def urls(self, place: str) -> list[str]:
        found = []
        for form in URLS:
            value = self.made(36)
            found.append(self.plant(f"{place}: {form.partition('{')[0][:24]}", form.format(value), value))
        return found

    def written(self, place: str, most: int = 2) -> list[tuple[str, str]]:
        """Each form of source code and settings, each with as many of the names: (a file's name, its text)."""
        names = [name for name in PASSWORD_NAMES if "-" not in name][-most:]
        forms = [(file, form.replace("{N}", name)) for file, form in FORMS for name in names] + [*LOGINS] * most
        found = []
        for file, form in forms:
            value = self.made(40)
            found.append((file, self.plant(f"{place}: {file} {form}", form.replace("{V}", value), value)))
        return found

    def keys(self, place: str, newline: str = "\n") -> list[str]:
        """Private keys over many lines; no line of any may be found."""
        found = []
        for kind in KEYS:
            lines = [self.made(64, BASE64) for _ in range(5)]
            text = newline.join((f"-----BEGIN {kind}-----", *lines, f"-----END {kind}-----"))
            found.append(self.plant(f"{place}: {kind}", text, *lines))
        return found

    def headers(self, place: str) -> list[str]:
        found = []
        for form in ("Authorization: Bearer {}", "Authorization: token {}", "X-Api-Key: {}", "Cookie: session={}"):
            value = self.made(30)
            found.append(self.plant(f"{place}: {form[:20]}", form.format(value), value))
        login = f"ada:{self.made(20)}"
        encoded = base64.b64encode(login.encode()).decode()
        found.append(self.plant(f"{place}: basic", f"Authorization: Basic {encoded}", encoded, login))
        return found


def lost(plants: list[Plant], material: bytes) -> list[str]:
    """The kinds of those plants of which a needle is in `material`."""
    return [plant.kind for plant in plants if any(needle.encode() in material for needle in plant.needles)]
