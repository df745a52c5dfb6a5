"""Logs: what every process of ours writes, one line per event on standard error. The supervisor adds time and name."""

import logging
import sys

import structlog

QUIET = ("alembic", "uvicorn.access", "uvicorn.error", "httpx", "httpcore", "rumqttd")


def configure(*, timestamps: bool) -> None:
    """Set up structlog and the standard library's logging alike. `timestamps`: nobody else writes them."""
    stamps: list[structlog.typing.Processor] = (
        [structlog.processors.TimeStamper(fmt="%Y-%m-%dT%H:%M:%SZ", utc=True)] if timestamps else []
    )
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        *stamps,
        structlog.processors.format_exc_info,
    ]
    line = structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0, pad_level=False)
    structlog.configure(
        processors=[*shared, line],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    out = logging.StreamHandler()
    out.setFormatter(structlog.stdlib.ProcessorFormatter(processor=line, foreign_pre_chain=shared))
    logging.basicConfig(level=logging.INFO, handlers=[out], force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
