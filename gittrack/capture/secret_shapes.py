"""What known credentials look like, wherever they stand in a text: pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gittrack.capture.lazy import Lazy
from gittrack.capture.scalars import word_set

if TYPE_CHECKING:
    from collections.abc import Iterable

REDACTED = "[redacted]"

# Not inside a longer word; fixed length, so that a long run of letters is walked once.
_EDGE = r"(?<![A-Za-z0-9_])"
_TOKENS = (
    r"gh[pousr]_[A-Za-z0-9]{20,}",
    r"github_pat_[A-Za-z0-9_]{20,}",
    r"gl(?:pat|dt|rt|rtr|ptt|cbt|ft|imt|agent|oas|soat|ffct|feat)-[\w-]{16,}",
    r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])",
    r"sk-ant-[\w-]{16,}",
    r"sk-(?:proj|svcacct|admin|or-v1|lf|None)-[\w-]{16,}",
    r"sk-(?=[A-Za-z]*[0-9])(?=[0-9]*[A-Za-z])[A-Za-z0-9]{20,}",
    r"(?:hf|api_org)_[A-Za-z0-9]{20,}",
    r"xox[abceoprs](?:\.xox[bp])?-[\w-]{10,}",
    r"xapp-[0-9]-[\w-]{10,}",
    r"AIza[\w-]{30,}",
    r"ya29\.[\w-]{20,}",
    r"GOCSPX-[\w-]{20,}",
    r"npm_[A-Za-z0-9]{30,}",
    r"pypi-[\w-]{40,}",
    r"dop_v1_[a-f0-9]{40,}",
    r"SG\.[\w-]{16,}\.[\w-]{16,}",
    r"(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{16,}",
    r"whsec_[A-Za-z0-9+/=]{20,}",
    r"dapi[a-f0-9]{32}(?:-[0-9])?(?![A-Za-z0-9])",
    r"wandb_v1_[A-Za-z0-9_]{20,}",
    r"(?:r8|gsk|lin_api|tgp_v1|pcsk)_[A-Za-z0-9_-]{24,}(?![A-Za-z0-9_-])",
    r"(?:pplx|xai|nvapi|PMAK)-(?=[A-Za-z_-]{0,80}[0-9])[\w-]{24,}",
    r"hv[sbr]\.[\w-]{20,}",
    r"dckr_(?:pat|oat)_[\w-]{16,}",
    r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}",
    r"AT(?:ATT3|CTT3|BB)[\w=-]{24,}",
    r"AGE-SECRET-KEY-1[A-Z0-9]{20,}",
    r"[0-9]{8,10}:AA[\w-]{30,}",
)
# Matches its beginning too, where the rest is missing, so that a long run of beginnings ('eyJ-eyJ-…') is walked once.
_JSON_TOKEN = Lazy(_EDGE + r"eyJ[\w-]{8,}(\.[\w-]{8,}\.[\w-]*)?")
_TOKEN = Lazy(_EDGE + "(?:" + "|".join(_TOKENS) + ")")
# Looking for a literal is thirty times faster than the pattern, and most lines hold none of these.
_TOKEN_HINTS = tuple(
    word_set(
        """
        ghp_ gho_ ghu_ ghs_ ghr_ github_pat_ glpat- gldt- glrt- glrtr- glptt- glcbt- glft- glimt- glagent- gloas-
        glsoat- glffct- glfeat- AKIA ASIA ABIA ACCA sk- sk_ rk_ pk_ hf_ api_org_ xox xapp- AIza ya29. GOCSPX- eyJ
        npm_ pypi- _v1_ SG. whsec_ dapi r8_ gsk_ lin_api_ pcsk_ pplx- xai- nvapi- PMAK- hvs. hvb. hvr. dckr_
        shp ATATT3 ATCTT3 ATBB AGE-SECRET :AA
        """
    )
)

_PRIVATE_KEY = Lazy(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    r".*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\Z)",
    re.DOTALL,
)
_HOOK = Lazy(
    r"(https://(?:hooks\.slack\.com/(?:services|workflows|triggers)|(?:\w+\.)?discord(?:app)?\.com/api/webhooks|"
    r"[\w-]+\.webhook\.office\.com/webhookb2)/)[^\s\"'<>]+"
)
# 'Basic' and 'Token' are also ordinary words: they count only behind the header's name.
_BEARER = Lazy(r"\b([Bb]earer\s+)(?=[A-Za-z._~+/=-]*[0-9])[A-Za-z0-9._~+/=-]{8,}")
_SCHEME = r"(?:(?:basic|bearer|digest|token|negotiate|ntlm|apikey|key)\s+)"
_HEADER = Lazy(
    rf"(?i)\b((?:proxy-)?authorization[\"']?\s*[:=]\s*[\"']?)(?!{_SCHEME}?\[redacted\])({_SCHEME}?)[^\s\"',}}]+"
)


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
    if any(hint in text for hint in _TOKEN_HINTS):
        text = _TOKEN.re.sub(REDACTED, text)
        text = _JSON_TOKEN.re.sub(lambda found: REDACTED if found[1] else found[0], text)
    if "-----BEGIN" in text:
        text = _PRIVATE_KEY.re.sub(REDACTED, text)
    if "earer" in text:
        text = _BEARER.re.sub(rf"\1{REDACTED}", text)
    if "uthorization" in text or "UTHORIZATION" in text:
        text = _HEADER.re.sub(rf"\1\2{REDACTED}", text)
    if "hook" in text:
        text = _HOOK.re.sub(rf"\1{REDACTED}", text)
    for pattern in _own.values():
        text = pattern.sub(_not_nothing, text)
    return text


def _not_nothing(found: re.Match[str]) -> str:
    return REDACTED if found.group() else ""


def is_credential(text: str) -> bool:
    """Whether the whole of `text` has the form of a credential."""
    found = _JSON_TOKEN.re.fullmatch(text)
    return _TOKEN.re.fullmatch(text) is not None or (found is not None and found[1] is not None)
