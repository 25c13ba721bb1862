#!/bin/sh
# Logs itself for the ground truth, and ends. Arguments: its tree, its role, its unit.
. /run/replica-truth/say
truth "$1" "$2" "$3"
