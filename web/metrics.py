"""/metrics for Prometheus: gauges read from the ledger when they are asked for, so that they are right after any restart."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from engine.pipeline.ops import Gauge

__all__ = ["CONTENT_TYPE_LATEST", "written"]
PREFIX = "banso_"


class _Once(Collector):
    """The gauges of one scrape."""

    def __init__(self, gauges: list[Gauge]) -> None:
        self._gauges = gauges

    def collect(self) -> Iterator[GaugeMetricFamily]:
        for gauge in self._gauges:
            family = GaugeMetricFamily(PREFIX + gauge.name, gauge.meaning, labels=gauge.labels)
            for labels, value in gauge.values.items():
                family.add_metric(labels, value)
            yield family


def written(gauges: list[Gauge]) -> bytes:
    """The gauges in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Once(gauges))
    return generate_latest(registry)
