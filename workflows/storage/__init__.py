"""Where it is kept: tables, repositories, the outbox, and the transaction around them."""
