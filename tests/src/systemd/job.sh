#!/bin/sh
# Says what it is, for the ground truth, and ends. Arguments: the tree it belongs to, what it is, its unit.
. /run/replica-truth/say
truth "$1" "$2" "$3"
