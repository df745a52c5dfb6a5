"""Ids: names of elements that two places must agree on."""

TREND = "trend"
TREND_PLACE = "trend-place"
TREND_GRAPH = "trend-graph"
TREND_TABLE = "trend-table"
TREND_TICK = "trend-tick"
PAGE_CONFIG = "page-config"
MAIN = "main"
