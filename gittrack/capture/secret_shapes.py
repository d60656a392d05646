"""What known credentials look like, wherever they stand in a text: pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gittrack.capture.lazy import Lazy

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

REDACTED = "[redacted]"

# Not inside a longer word; fixed length, so that a long run of letters is walked once.
_EDGE = r"(?<![A-Za-z0-9_])"
_MIXED = r"(?=[A-Za-z_-]{0,80}[0-9])[A-Za-z0-9_-]{24,}(?![A-Za-z0-9_-])"
_TOKENS = (
    r"gh[pousr]_[A-Za-z0-9]{20,}",
    r"github_pat_[A-Za-z0-9_]{20,}",
    r"gl(?:pat|dt|rt|rtr|ptt|cbt|ft|imt|agent|oas|soat|ffct|feat)-[\w-]{16,}",
    r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])",
    r"LTAI[A-Za-z0-9]{20}(?![A-Za-z0-9])",
    r"sk-ant-[\w-]{16,}",
    r"sk-(?:proj|svcacct|admin|or-v1|lf|None)-[\w-]{16,}",
    r"sk-(?=[A-Za-z]*[0-9])(?=[0-9]*[A-Za-z])[A-Za-z0-9]{20,}",
    r"(?:hf|api_org)_[A-Za-z0-9]{20,}",
    r"xox[abceoprs](?:\.xox[bp])?-[\w-]{10,}",
    r"xapp-[0-9]-[\w-]{10,}",
    r"AIza[\w-]{30,}",
    r"ya29\.[\w-]{20,}",
    r"1//0[\w-]{40,}",
    r"GOCSPX-[\w-]{20,}",
    r"npm_[A-Za-z0-9]{30,}",
    r"pypi-[\w-]{40,}",
    r"do[opr]_v1_[a-f0-9]{40,}",
    r"SG\.[\w-]{16,}\.[\w-]{16,}",
    r"(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{16,}",
    r"whsec_[A-Za-z0-9+/=]{20,}",
    r"dapi[a-f0-9]{32}(?:-[0-9])?(?![A-Za-z0-9])",
    r"wandb_v1_[A-Za-z0-9_]{20,}",
    rf"(?:r8|gsk|lin_api|lin_oauth|tgp_v1|pcsk|ntn|KGAT|rpa|jina|glsa|sgp|sbp|figd|nfp|fm2|pul|rubygems)_{_MIXED}",
    r"lsv2_(?:pt|sk)_[A-Za-z0-9_]{24,}",
    r"sntry[su]_[\w=+/-]{24,}",
    r"pscale_(?:tkn|pw|oauth)_[\w.=-]{24,}",
    r"(?:pplx|xai|nvapi|PMAK|tvly|csk|NRAK|HRKU|CFPAT|xkeysib|pul|FLWSECK_TEST)-(?=[A-Za-z_-]{0,80}[0-9])[\w-]{24,}",
    r"pat-(?:na|eu)[0-9]-[a-f0-9-]{32,}",
    r"dp\.(?:pt|st|ct|sa|scim|audit)\.[A-Za-z0-9._-]{32,}",
    r"dt0[a-z][0-9]{2}\.[A-Z0-9]{16,}\.[A-Z0-9]{32,}",
    r"sq0(?:atp|csp|idp)-[\w-]{22,}",
    r"SK[a-f0-9]{32}(?![A-Za-z0-9])",
    r"key-[a-f0-9]{32}(?![A-Za-z0-9])",
    r"hv[sbr]\.[\w-]{20,}",
    r"[A-Za-z0-9]{14}\.atlasv1\.[\w=-]{40,}",
    r"pat[A-Za-z0-9]{14}\.[a-f0-9]{40,}",
    r"[A-Za-z0-9_~.]{3}[0-9]Q~[\w~.-]{30,}",
    r"[sp]k\.eyJ[\w-]{20,}\.[\w-]{16,}",
    r"dckr_(?:pat|oat)_[\w-]{16,}",
    r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}",
    r"AT(?:ATT3|CTT3|BB)[\w=-]{24,}",
    r"AKCp[A-Za-z0-9]{60,}",
    r"AGE-SECRET-KEY-1[A-Z0-9]{20,}",
    r"[0-9]{8,10}:AA[\w-]{30,}",
    # A private key in base64, as a kubeconfig has it; a certificate and a public key begin in another way.
    r"LS0tLS1CRUdJTi(?!BDRVJU|BQVUJM)[A-Za-z0-9+/]{40,}={0,2}",
)
# Looking for a literal is thirty times faster than the pattern, and most lines hold none of these.
_TOKEN_HINTS = tuple(
    b"""
    ghp_ gho_ ghu_ ghs_ ghr_ github_pat_ glpat- gldt- glrt- glrtr- glptt- glcbt- glft- glimt- glagent- gloas-
    glsoat- glffct- glfeat- AKIA ASIA ABIA ACCA LTAI sk- sk_ rk_ pk_ hf_ api_org_ xox xapp- AIza ya29. 1//0 GOCSPX-
    eyJ npm_ pypi- _v1_ SG. whsec_ dapi r8_ gsk_ lin_ pcsk_ ntn_ KGAT_ rpa_ jina_ glsa_ sgp_ sbp_ figd_ nfp_ fm2_
    pul rubygems_ lsv2_ sntry pscale_ pplx- xai- nvapi- PMAK- tvly- csk- NRAK- HRKU- CFPAT- xkeysib- FLWSECK_
    SK key- pat dp. dt0 sq0 hvs. hvb. hvr. .atlasv1. Q~ k.eyJ dckr_ shp ATATT3 ATCTT3 ATBB AKCp AGE-SECRET :AA LS0tLS1C
    """.split()
)
_TOKEN = Lazy(_EDGE + "(?P<secret>" + "|".join(_TOKENS) + ")")
# In a binary file anything may stand right before and behind.
_WITHIN = Lazy("(?P<secret>" + "|".join(_TOKENS).replace("(?![A-Za-z0-9])", "") + ")")
_DISCORD_FORM = r"(?P<secret>[MNO][A-Za-z0-9]{22,27}\.[\w-]{6}\.[\w-]{27,})"
_DISCORD = Lazy(_EDGE + _DISCORD_FORM)
_DISCORD_WITHIN = Lazy(_DISCORD_FORM)
# Matches its beginning too, where the rest is missing, so that a long run of beginnings ('eyJ-eyJ-…') is walked once.
_JSON = r"(?:(?P<secret>eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*)|eyJ[\w-]{8,})"
_JSON_TOKEN = Lazy(_EDGE + _JSON)
_JSON_WITHIN = Lazy(_JSON)

_PRIVATE_KEY = Lazy(
    r"(?P<secret>-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    r".*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\Z)"
    r"|PuTTY-User-Key-File-[0-9]:.*?(?:Private-MAC: ?[0-9a-f]*|\Z))",
    re.DOTALL,
)
_HOOK = Lazy(
    r"https://(?:hooks\.slack\.com/(?:services|workflows|triggers)|(?:\w+\.)?discord(?:app)?\.com/api/webhooks|"
    r"[\w-]+\.webhook\.office\.com/webhookb2|hooks\.zapier\.com/hooks)/(?!\[redacted\])(?P<secret>[^\s\"'<>\\]+)"
)
# 'Basic' and 'Token' are also ordinary words: they count only behind the header's name.
_BEARER = Lazy(r"\b[Bb]earer\s+(?=[A-Za-z._~+/=-]{0,400}[0-9])(?P<secret>[A-Za-z0-9._~+/=-]{8,})")
_SCHEME = r"(?:(?:basic|bearer|digest|token|negotiate|ntlm|apikey|key)\s+)"
_HEADER = Lazy(
    rf"(?i)\b(?:proxy-)?authorization\\?[\"']?\s*[:=]\s*\\?[\"']?(?!{_SCHEME}?\[redacted\]){_SCHEME}?"
    r"(?P<secret>[^\s\"'\\,}]+)"
)
_NETRC = Lazy(r"\bmachine\s+\S+\s+login\s+\S+\s+password\s+(?!\[redacted\])(?P<secret>\S+)")
_LOGIN = Lazy(
    r"\bcurl\s(?:[^\n]{0,200}?\s)?(?:-u|--user|--proxy-user)[ =]?[\"']?[^\s:\"'/]{1,100}:"
    r"(?!\[redacted\])(?P<secret>[^\s\"']+)"
)
# What a service gives to log in with, as `login(key="…")`, `wandb login …` and `"wandb", "login", "…"` have it.
_KEY = r"(?P<secret>(?=[A-Za-z_-]{0,80}[0-9])[\w-]{20,300})(?![\w-])"
_LOGIN_CALL = Lazy(
    rf"\blogin\(\s*(?:[^()]{{0,120}}?[\s,])??(?:(?:key|token|api_?key)\s?=\s?)?[rbfuRBFU]{{0,2}}\\?[\"']{_KEY}"
)
_LOGIN_COMMAND = Lazy(
    r"\b(?:wandb|comet|neptune|hf|huggingface-cli|modal|swanlab|replicate|kaggle|databricks)[\s\"',]{1,4}(?:auth\s)?login"
    rf"[\s\"',]{{1,4}}(?:-\S{{1,200}}\s{{1,4}}|https?://\S{{1,200}}\s{{1,4}}){{0,4}}{_KEY}"
)
_SIGNATURE = Lazy(r"[?&;\"']sig=(?P<secret>[A-Za-z0-9%+/]{30,}={0,2})")
_ORACLE = Lazy(r"jdbc:oracle:\w{1,10}:[^/\s]{1,80}/(?!\[redacted\])(?P<secret>[^@\s]{1,200})@")
# Each with the words without which it is nowhere in a text.
_BY_WORD = (
    (("-----BEGIN", "PuTTY-User-Key"), _PRIVATE_KEY),
    (("earer",), _BEARER),
    (("uthorization", "UTHORIZATION"), _HEADER),
    (("hook",), _HOOK),
    (("machine",), _NETRC),
    (("curl",), _LOGIN),
    (("login(",), _LOGIN_CALL),
    (("login",), _LOGIN_COMMAND),
    (("sig=",), _SIGNATURE),
    (("jdbc:oracle",), _ORACLE),
)
WORDS = tuple(word for words, _ in _BY_WORD for word in words)


# What users have added. It only ever grows: a process that records in two repositories keeps the secrets of both.
_own: dict[str, re.Pattern[str]] = {}


def add_patterns(patterns: Iterable[str]) -> None:
    """Redact from now on what these regular expressions match too; ValueError, with the first that is none."""
    for pattern in patterns:
        try:
            _own[pattern] = re.compile(pattern)
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(f"{pattern!r:.120} is no regular expression ({error})") from None


def redact_shapes(text: str) -> str:
    """Return `text` with `[redacted]` for each credential whose form is known, or that the user told of."""
    for pattern in _patterns(text):
        text = pattern.re.sub(_redacted, text)
    for own in _own.values():
        text = own.sub(_not_nothing, text)
    return text


def tokens_in(text: str) -> Iterator[str]:
    """Yield each thing in `text` that has the form of a credential, or stands where one does."""
    for pattern in _patterns(text):
        for found in pattern.re.finditer(text):
            if found["secret"]:
                yield found["secret"]


def credentials_within(text: str) -> Iterator[tuple[int, str]]:
    """Yield each credential of a known form in `text`, though other letters stand right before it, with its place."""
    data = text.encode("utf-8", "replace")
    patterns = [_WITHIN, _JSON_WITHIN] if any(hint in data for hint in _TOKEN_HINTS) else []
    patterns += [_DISCORD_WITHIN] if text.count(".") > 1 else []
    for pattern in patterns:
        yield from ((found.start(), found["secret"]) for found in pattern.re.finditer(text) if found["secret"])


def is_told_of(text: str) -> bool:
    """Whether one of the user's own patterns is in `text`."""
    return any(found.group() for own in _own.values() for found in own.finditer(text))


def has_own_patterns() -> bool:
    """Whether the user told of any."""
    return bool(_own)


def _patterns(text: str) -> Iterator[Lazy]:
    """The patterns that may be in `text`, as far as looking for their words can tell."""
    data = text.encode("utf-8", "replace")  # where looking for a word is several times faster
    if any(hint in data for hint in _TOKEN_HINTS):
        yield _TOKEN
        yield _JSON_TOKEN
    if b"." in data:
        yield _DISCORD
    for words, pattern in _BY_WORD:
        if any(word in text for word in words):
            yield pattern


def _redacted(found: re.Match[str]) -> str:
    start, end = found.span("secret")
    if start < 0:
        return found.group()
    whole, begin = found.group(), found.start()
    return whole[: start - begin] + REDACTED + whole[end - begin :]


def _not_nothing(found: re.Match[str]) -> str:
    return REDACTED if found.group() else ""


def is_credential(text: str) -> bool:
    """Whether the whole of `text` has the form of a credential."""
    found = _JSON_TOKEN.re.fullmatch(text)
    return _TOKEN.re.fullmatch(text) is not None or (found is not None and found["secret"] is not None)
