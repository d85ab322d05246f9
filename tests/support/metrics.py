"""The metrics of a running operator, as Prometheus reads them."""

from __future__ import annotations

import urllib.request

from prometheus_client.parser import text_string_to_metric_families

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]
"""The value of each sample, by its name and its labels."""


def read(address: str) -> Samples:
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=60) as answer:
        families = list(text_string_to_metric_families(answer.read().decode()))
    samples = [sample for family in families for sample in family.samples]
    return {(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples}


def value(samples: Samples, name: str, /, **labels: str) -> float:
    """The sum of the samples with these labels."""
    wanted = set(labels.items())
    return sum(number for (each, has), number in samples.items() if each == name and wanted <= has)
