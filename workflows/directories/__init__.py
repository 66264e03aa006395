"""Where access really lives: W&B over SCIM, and a dictionary for tests. Only here httpx is known.

`scim` and `graphql` are protocols, `wandb*` is the dialect; `dialect` is what a start has found out
about one server.
"""
