"""Stand-ins for Slack and W&B on loopback, and the demo that tells the bot's story with them.

Tests and the demo share them; nothing in `bot` or `workflows` imports this package.
`python -m sandbox` is the demo.
"""
