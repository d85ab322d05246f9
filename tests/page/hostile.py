"""Names and messages that try to become markup, scripts, addresses or another order of letters."""

from __future__ import annotations

from typing import Any

from headgate.insight import Ref
from headgate.page.knowledge import Details, DriftedObject, ManagedObject, ReportedEvent, Snapshot
from tests.page.fleets import NOW, condition, ks, ref, repo, snapshot

TEXTS = (
    "<script>window.owned=1</script>",
    "</main><script>window.owned=1</script>",
    "\"><img src=x onerror='window.owned=1'>",
    "' onmouseover='window.owned=1' x='",
    "<svg/onload=window.owned=1>",
    "javascript:window.owned=1",
    "data:text/html,<script>window.owned=1</script>",
    "</title><script>window.owned=1</script>",
    "{{ 7 * 7 }}{% include 'document.html' %}",
    "<style>*{display:none}</style>",
    "<base href='https://evil.example/'>",
    "<meta http-equiv=refresh content='0;url=https://evil.example/'>",
    "<iframe src=https://evil.example></iframe><form action=https://evil.example>",
    "\u202egnp.exe\u2066\u2069\u200f",
    "שלום עולם \u05d0\u05d1\u05d2 مرحبا",
    "a\u0000b\u001b[31mc\u0007\u009b",
    "zero\u200bwidth\ufeffjoiner\u2060",
    "line\u2028separator\u2029\r\ndata: evil\n\nevent: morph\ndata: <main>",
    "\ud800 lone surrogate",
    "x" * 4000,
    "Z\u0351\u036b\u0343\u036a\u0302\u036b\u033d\u034f\u0334\u0319\u0324\u031ealgo",
    "<!-- comment --><![CDATA[ x ]]>",
    "&lt;script&gt;&#x3c;b&#62;",
    "%3Cscript%3E/../../etc/passwd?x=1#y",
    "${alert(1)} `alert(1)`",
)


def objects() -> list[dict[str, Any]]:
    """Raw objects in which each of the texts stands wherever an author or a server can put one."""
    found: list[dict[str, Any]] = []
    for number, text in enumerate(TEXTS):
        waiting = condition("Ready", "False", text, text)
        found += [
            repo(
                f"r{number}",
                condition("Ready", "False", "GitOperationFailed", text),
                url=text,
                ref={"branch": text},
            ),
            ks(
                f"k{number}",
                condition("Ready", "False", "BuildFailed", f"{text}.yaml:3: {text}"),
                condition(text, text, text, text),
                source=text,
                path=text,
                interval=text,
                serviceAccountName=text,
                targetNamespace=text,
                revision=f"{text}@sha1:{text}",
            ),
            ks(f"w{number}", waiting, needs=(text, f"k{number}"), source=f"r{number}"),
            ks(text, waiting, namespace=text, needs=(f"k{number}",)),
        ]
        suspended = ks(f"s{number}", suspend=True)
        suspended["metadata"]["annotations"] = {"headgate.dev/suspend-reason": text}
        found.append(suspended)
    return found


def hostile() -> Snapshot:
    """All of them, and what the reconciler says of the objects."""
    base = snapshot([])
    details = {}
    for number, text in enumerate(TEXTS):
        details[ref(f"k{number}")] = Details(
            inventory=(ManagedObject(Ref(text, text, text, text), text, text, text),),
            inventory_count=1,
            events=(ReportedEvent(NOW, "Warning", text, text, text),),
            drifts=(DriftedObject(Ref(text, text, text, text), NOW, text),),
        )
    return Snapshot.of(objects(), at=NOW, details=details, operator=base.operator)


def paths() -> list[str]:
    """The pages on which they stand."""
    found = [
        "/",
        "/?q=%3Cscript%3Ewindow.owned%3D1%3C%2Fscript%3E&state=%22%3E%3Csvg%2Fonload%3Dx%3E",
        "/graph",
        "/work",
    ]
    for number in range(len(TEXTS)):
        found += [
            f"/kustomizations/shop/k{number}",
            f"/kustomizations/shop/w{number}",
            f"/kustomizations/shop/s{number}",
        ]
        found.append(f"/sources/GitRepository/shop/r{number}")
    return found
