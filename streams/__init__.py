"""Streams move: the Faust app, its transport, the appender, recovery, and the brokers they talk to."""
