"""What the bot is held to, measured. Each goal is a ratio of two things measured in one run."""
