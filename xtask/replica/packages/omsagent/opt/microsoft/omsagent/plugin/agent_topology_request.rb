# The demo's actor, which is this script's ruby, plays it.
