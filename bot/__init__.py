"""Everything that knows Slack exists.

`listeners` are every way in: read the payload, call one use case, acknowledge. `views` draw, and do
nothing else. `notifier` is the one place that posts or redraws messages unasked. `app` builds and
connects the parts. This package imports `workflows`; never the other way round.
"""
