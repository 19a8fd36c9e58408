"""Plans, the engine that drives them, and the records that let an operation be resumed."""
