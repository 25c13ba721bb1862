#!/usr/bin/python2
# The demo's actor, which is this script's python, plays it.
