"""python -m flambeau info | warmup | summary | trace | stand-in: one command a file, each with main(arguments)."""

COMMANDS = ("info", "warmup", "summary", "trace", "stand-in")
