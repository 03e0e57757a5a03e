"""Fitted estimators in notebooks: a report below the diagram of scikit-learn."""


class ShownInNotebooks:
    """An estimator whose HTML form also shows its training, if it is fitted."""

    @property
    def _repr_html_(self):
        # (there is no such attribute if the configuration asks for text)
        diagram = super()._repr_html_
        return lambda: diagram() + self._report_html()

    def _repr_mimebundle_(self, **kwargs):
        bundle = super()._repr_mimebundle_(**kwargs)
        if "text/html" in bundle:
            bundle["text/html"] += self._report_html()
        return bundle

    def _report_html(self):
        # the report belongs to a later chapter
        from ..plotting.report import report_html

        return report_html(self)
