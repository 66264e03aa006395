"""One module a group of commands. What a command needs is imported when it runs: help is quick."""
