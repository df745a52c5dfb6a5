"""Charts: the Dash application that draws the trends, and what a page needs to mount it."""

from collections.abc import Mapping
from dataclasses import dataclass

from dash import Dash
from fastapi import FastAPI
from markupsafe import Markup

from perception.sensor_kind import SensorKind
from presentation.console.trend import mount_trend
from presentation.desk import Desk
from presentation.markup import el

BUNDLE = "plotly-cartesian.min.js"
"""Plotly without maps, 3-D and statistics: a third of the whole. Loaded first, so that Dash asks for no other.

Where the set-up could not fetch it, Dash loads the whole plotly.js of its own accord.
"""


@dataclass(frozen=True, slots=True)
class Mount:
    """The element that Dash fills, and the scripts that make it do so; `own`: the script of ours that serves both."""

    entry: Markup
    own: Markup
    library: Markup

    @property
    def scripts(self) -> Markup:
        """Return all the scripts of a page with a chart."""
        return self.library + self.own


class ChartApp(Dash):  # type: ignore[misc]  # the library ships no types
    """Dash without a page of its own: it is mounted in pages that we write."""

    def mount(self, asset: Mapping[str, str]) -> Mount:
        """Return what a page needs to show the chart: the scripts that Dash's own index page would load."""
        plotly = el("script", src=asset[BUNDLE]) if BUNDLE in asset else Markup()
        scripts = f"{self._generate_config_html()}{self._generate_scripts_html()}{self._generate_renderer()}"
        return Mount(
            entry=el("div", id="react-entry-point"),
            own=el("script", src=asset["station.js"], defer=True),
            library=plotly + Markup(scripts),  # noqa: S704 - made by Dash from our settings alone
        )


def create_charts(server: FastAPI, desk: Desk, kinds: Mapping[str, SensorKind]) -> ChartApp:
    """Return the Dash application on the server, with all its callbacks.

    Its WebSocket is switched off, since no callback uses it; without that every page would open one.
    """
    app = ChartApp(
        __name__,
        server=server,
        assets_folder="",
        include_assets_files=False,
        suppress_callback_exceptions=True,
        update_title=None,
        add_log_handler=False,
        serve_locally=True,
    )
    app.backend.websocket_capability = False
    mount_trend(app, desk, kinds)
    return app
