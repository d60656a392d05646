"""Which files a snapshot leaves out for what stands in them, and which ordinary ones it keeps."""

from __future__ import annotations

import random
import sysconfig
import time
from pathlib import Path
from typing import Final

import pytest

from gittrack.capture.secret_files import secret_in

_RANDOM: Final = random.Random(11)  # noqa: S311 - the same made-up values each time
_BASE64: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
STRONG: Final = "9fQ2x7Lw0ZkT4mVb8Rs1"
BODY: Final = "\n".join("".join(_RANDOM.choices(_BASE64, k=64)) for _ in range(6))
BEGIN: Final = "-----BEGIN "


def _pem(kind: str, headers: str = "") -> str:
    return f"{BEGIN}{kind}-----\n{headers}{BODY}\n-----END {kind}-----\n"


SECRET: Final = {
    "train.py": f'API_KEY = "{STRONG}"\n',
    "deep/train.py": "import os\n" * 300 + f"client = Client(api_key='{STRONG}')\n",
    "app.js": f'const token = "{STRONG}";\n',
    "run.sh": f"export DB_PASSWORD={STRONG}\n",
    "login.sh": f"curl -s -u ada:{STRONG} https://data.ada.org/x\n",
    "notes.md": f"The password: {STRONG}\n",
    "settings.yaml": "db:\n  password: correcthorse\n",
    "settings.ini": "[db]\npasswd = tr0ub4dor\n",
    "settings.toml": f'secret_key = "{STRONG}"\n',
    "settings.json": '{"db": {"password": "tr0ub4dor"}}',
    "pod.yaml": f"env:\n  - name: DB_PASSWORD\n    value: {STRONG}\n",
    "settings.xml": "<server><password>tr0ub4dor</password></server>\n",
    "docker.json": '{"auths": {"r.ada.org": {"auth": "YWRhOmNvcnJlY3Rob3JzZQ=="}}}',
    "kube.yaml": "users:\n- user:\n    client-key-data: " + "LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVkt" + "Q" * 80 + "\n",
    "users.csv": "name,password\nada,tr0ub4dor\n",
    "nb.ipynb": f'{{"source": ["api_key = \\"{STRONG}\\"\\n"]}}',
    "url.py": f'URI = "postgres://ada:{STRONG}@db.ada.org/x"\n',
    "plain.py": 'URI = "postgres://ada:correcthorse@db.ada.org/x"\n',
    "server.key": _pem("RSA PRIVATE KEY"),
    "old.pem": _pem("RSA PRIVATE KEY", "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n"),
    "anything": "x\n" * 9 + _pem("OPENSSH PRIVATE KEY"),
    "key.asc": _pem("PGP PRIVATE KEY BLOCK", "Version: GnuPG v2\n\n"),
    "key.py": 'KEY = """' + _pem("EC PRIVATE KEY") + '"""\n',
    "parts.py": f'KEY = ("{BEGIN}PRIVATE KEY-----\\n"\n    "{BODY[:64]}\\n")\n',
    "service.json": '{"private_key": "' + _pem("PRIVATE KEY").replace("\n", "\\n") + '"}',
    "windows.txt": _pem("PRIVATE KEY").replace("\n", "\r\n"),
    "putty.txt": "PuTTY-User-Key-File-3: ssh-rsa\nEncryption: none\n",
    "wandb_api_key.txt": STRONG + "\n",
    ".env": "LR=1\n",
    "id_rsa": "x",
    "minified.json": '{"a": [' + "1234," * 9000 + f'1], "apiKey": "{STRONG}"}}',
}
ORDINARY: Final = {
    "test_login.py": 'password = "hunter2"\nconnect(user="ada", password="secret", token="test-token")\n',
    "doc.md": "export HF_TOKEN=YOUR_API_KEY\n--api-key <token>\nhttps://user:password@host/x  `token=xxxxxxxx`\n",
    "example.yaml": "password: changeme\ntoken: ${TOKEN}\napi_key: <your key>\nsecret: '{{ secrets.X }}'\npwd: ???\n",
    "ci.yml": "env:\n  GH_TOKEN: ${{ secrets.GITHUB_TOKEN }}\n  PASSWORD: $PASSWORD\nsecrets: inherit\n",
    "package.json": '{"dependencies": {"cookie": "^1.0.12", "jwt": "~10.20.30"}}',
    "lock.yaml": "cookie:\n  version: 10.20.30-beta12\n",
    "model.py": "self.reg_token = nn.Parameter(torch.empty(1, 4)) if n\nreg_token = x.transpose(1, 2).view(2)\n",
    "login.py": "self.user, self.password = user, password\nheaders = {'Authorization': f'Bearer {token}'}\n",
    "check.py": f'if text.startswith("{BEGIN}PRIVATE KEY-----"):\n    raise ValueError("no private keys, please")\n',
    "aws.md": "AKIAIOSFODNN7" + "EXAMPLE wJalrXUtnFEMI/K7MDENG/bPxRfiCY" + "EXAMPLEKEY\n",
    "public.pem": _pem("CERTIFICATE") + _pem("PUBLIC KEY"),
    "grid.asc": "ncols 4\nnrows 6\n1 2 3 4\n",
    "tokens.csv": "token,count\nhello2world,3\n",
    "data.csv": "name,score\nada,9fQ2x7Lw0ZkT4mVb8Rs1\n",
    "tokenizer.json": '{"pad_token": "<pad>", "unk_token": "[UNK]", "eos_token": "</s>", "token_type": "a1b2c3d4e5f6"}',
    ".env.example": "API_KEY=\nDB_PASSWORD=changeme\n",
    "weights.bin": "\0" + STRONG,
}  # fmt: skip


@pytest.mark.parametrize("name", SECRET)
def test_a_file_with_a_secret_is_known(name: str) -> None:
    assert secret_in(name, SECRET[name].encode()) is not None


@pytest.mark.parametrize("name", ORDINARY)
def test_an_ordinary_file_is_kept(name: str) -> None:
    assert secret_in(name, ORDINARY[name].encode()) is None


@pytest.mark.parametrize("name", sorted(SECRET.keys() - {".env", "id_rsa"}))
def test_what_was_committed_before_does_not_count_and_what_is_new_does(name: str) -> None:
    known = SECRET[name].encode()
    assert secret_in(name, known + b"\nx = 1\n", known=known) is None
    assert secret_in(name, known, known=b"x = 1\n") is not None


def test_the_line_is_told() -> None:
    assert secret_in("a/train.py", f'x = 1\n\nTOKEN = "{STRONG}"\n'.encode()) == "line 3"
    assert secret_in("x", b"x\n" + SECRET["server.key"].encode()) == "line 2"


def test_text_of_windows_is_read() -> None:
    assert secret_in("notes.txt", SECRET["train.py"].encode("utf-16")) == "line 1"


def test_of_the_standard_library_at_most_one_file_in_a_hundred_is_left_out() -> None:
    library = Path(sysconfig.get_path("stdlib"))
    files = [path for path in sorted(library.rglob("*.py")) if "site-packages" not in path.parts][::3]
    assert len(files) > 300
    left_out = [path for path in files if secret_in(path.name, path.read_bytes())]
    assert len(left_out) <= 0.01 * len(files), left_out


@pytest.mark.parametrize(
    "line",
    [
        "loss = criterion(model(batch), target)  # one step\n",
        '    "pad_token": "<pad>", "token_type": 0,\n',
        "password = get_password(name)\n",
        "eyJ-eyJ-eyJ-",
        "-----BEGIN PRIVATE KEY-----\n",
        "https://a:b@",
        "machine machine login ",
        "a" * 20 + " ",
        "token=" * 3,
    ],
)
def test_a_long_text_of_whatever_is_read_in_time(line: str) -> None:
    data = (line * (1 + (1 << 18) // len(line))).encode()
    start = time.process_time()
    secret_in("data.txt", data)
    assert time.process_time() - start < 5, "the work grows faster than the text"


def test_ten_mebibytes_of_code_are_read_in_a_second() -> None:
    library = Path(sysconfig.get_path("stdlib"))
    code = b"".join(path.read_bytes() for path in sorted(library.rglob("*.py"))[:1500] if path.stat().st_size < 200_000)
    code = (code * (1 + (10 << 20) // len(code)))[: 10 << 20]
    assert secret_in("warm.py", b"api_key = 1\n") is None
    start = time.process_time()
    assert secret_in("code.py", code) is None
    assert time.process_time() - start < 4, "a second on a machine that does nothing else"
