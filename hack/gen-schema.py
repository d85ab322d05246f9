#!/usr/bin/env python3
"""Makes operator/headgate/kustomize/schema/builtin.json from the OpenAPI document of Kubernetes.

    hack/gen-schema.py swagger.json [more.json ...]

Each argument is a Swagger 2.0 document in JSON (``api/openapi-spec/swagger.json`` of a Kubernetes release), or
the compiled form that kustomize ships (``kyaml/openapi/kubernetesapi/data/*.json.gz``, unpacked or not). The
committed file comes from the v1.21.2 that kustomize v5 ships, and kustomize's own ``kustomizationapi/swagger.json``.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from typing import Any

from headgate.kustomize.schema.openapi import distil

TARGET = Path(__file__).parent.parent / "operator/headgate/kustomize/schema/builtin.json"

# Kinds that are newer than the document, but whose scope kustomize knows.
NEWER = {
    "admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy": False,
    "admissionregistration.k8s.io/v1/ValidatingAdmissionPolicyBinding": False,
}


def read(path: Path) -> dict[str, Any]:
    data = path.read_bytes()
    return json.loads(gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data)


def scopes(document: dict[str, Any]) -> dict[str, bool]:
    """The scopes that kustomize's compiled form lists in addition to the definitions."""
    return {
        f"{resource['apiVersion']}/{resource['kind']}": resource["scope"] == "Namespaced"
        for resource in document.get("resources", ())
        if resource.get("scope")
    }


def main(paths: list[str]) -> None:
    if not paths:
        sys.exit(__doc__)
    documents = [read(Path(path)) for path in paths]
    definitions = {name: schema for document in documents for name, schema in document["definitions"].items()}
    urls = {url: methods for document in documents for url, methods in document.get("paths", {}).items()}
    table = distil({"definitions": definitions, "paths": urls})
    for document in documents:
        table["namespaced"].update(scopes(document))
    table["namespaced"].update(NEWER)
    for part in ("names", "kinds", "namespaced"):
        table[part] = dict(sorted(table[part].items()))
    TARGET.write_text(json.dumps(table, separators=(",", ":")) + "\n")
    print(
        f"{TARGET}: {len(table['nodes'])} nodes, {len(table['kinds'])} kinds, {TARGET.stat().st_size} bytes"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
