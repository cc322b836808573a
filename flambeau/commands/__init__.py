"""python -m flambeau info | warmup | summary | trace: one command a file, each with main(arguments)."""

COMMANDS = ("info", "warmup", "summary", "trace")
